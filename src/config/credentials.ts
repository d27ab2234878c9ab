import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import type { Secret } from '../lib/secret.ts';
import type { Instant } from '../lib/time.ts';
import type { Certificate } from '../pki/certificate.ts';
import { parseCrl } from '../pki/crl.ts';
import { issuerFault, ownFault } from '../pki/fitness.ts';
import { readCrls } from '../pki/pem.ts';
import { certificatesIn, readable, readBlobFile } from './blobs.ts';
import { Pkcs12Failure, readPkcs12 } from './pkcs12.ts';
import { readPrivateKeys, UnusableKey } from './private-key.ts';
import type { Report } from './report.ts';
import type { KeyFolder, Passphrase } from './secrets.ts';
import type { Position } from './section.ts';
import { explainReadError } from './source.ts';

/** What the folders of a swanctl directory hold, read and in the order of their names. */
export interface CredentialFiles {
  readonly certificates: readonly Certificate[];
  readonly authorities: readonly Certificate[];
  /** Revocation lists, DER. */
  readonly crls: readonly Uint8Array[];
  readonly privateKeys: readonly KeyFile[];
}

interface KeyFile {
  readonly path: string;
  readonly key: PrivateKey;
}

/** Reads the folders x509, x509ca, x509ocsp, x509crl, private, rsa, ecdsa, pkcs8 and pkcs12 of `directory`. */
export function readCredentialFiles(
  directory: string,
  passphrases: readonly Passphrase[],
  context: { readonly provider: CryptoProvider; readonly report: Report; readonly now: Instant },
): CredentialFiles {
  const folders = new CredentialFolders(directory, passphrases, context);
  const authorities = folders.certificates('x509ca');
  for (const authority of authorities) folders.checkAuthority(authority);
  const certificates = [...folders.certificates('x509'), ...folders.certificates('x509ocsp')];
  for (const folder of ['private', 'rsa', 'ecdsa', 'pkcs8'] as const) folders.readKeys(folder);
  const containers = folders.readContainers();
  for (const folder of ['x509aa', 'x509ac'] as const) folders.tellUnused(folder);
  folders.checkPassphrases();
  return {
    certificates: [...certificates.map(({ certificate }) => certificate), ...containers],
    authorities: authorities.map(({ certificate }) => certificate),
    crls: folders.crls(),
    privateKeys: folders.keys,
  };
}

interface CertificateFile {
  readonly path: string;
  readonly certificate: Certificate;
}

class CredentialFolders {
  readonly #directory: string;
  readonly #passphrases: readonly Passphrase[];
  readonly #used = new Set<Passphrase>();
  readonly #provider: CryptoProvider;
  readonly #report: Report;
  readonly #now: Instant;
  readonly keys: KeyFile[] = [];

  constructor(
    directory: string,
    passphrases: readonly Passphrase[],
    context: { readonly provider: CryptoProvider; readonly report: Report; readonly now: Instant },
  ) {
    this.#directory = directory;
    this.#passphrases = passphrases;
    this.#provider = context.provider;
    this.#report = context.report;
    this.#now = context.now;
  }

  certificates(folder: string): readonly CertificateFile[] {
    return this.#files(folder).flatMap(({ path, octets, at }) =>
      certificatesIn(octets, path, at, this.#provider, this.#report).map(certificate => ({
        path,
        certificate,
      })),
    );
  }

  crls(): readonly Uint8Array[] {
    return this.#files('x509crl').flatMap(({ path, octets, at }) =>
      readable(path, 'revocation list', at, this.#report, () =>
        readCrls(octets).map(der => parseCrl(der).der),
      ),
    );
  }

  /** What is trusted but cannot vouch for anything is not an error, yet hardly what was meant. */
  checkAuthority({ path, certificate }: CertificateFile): void {
    const fault = issuerFault(certificate, [certificate], true) ?? ownFault(certificate, this.#now, false);
    if (fault === undefined) return;
    this.#report.warn(place(path), `"${certificate.subject.text}" will vouch for nobody: ${fault.detail}`);
  }

  readKeys(folder: KeyFolder): void {
    for (const { path, name, octets, at } of this.#files(folder)) {
      this.#checkMode(path);
      try {
        for (const key of readPrivateKeys(octets, this.#passphrase(folder, name), this.#provider)) {
          this.keys.push({ path, key });
        }
      } catch (error) {
        if (!(error instanceof UnusableKey)) throw error;
        const remedy =
          error.remedy ?? (error.message.includes('no passphrase') ? missing(folder, name) : undefined);
        this.#report.fail(
          'config/unreadable',
          at,
          `cannot use the private key "${path}": ${error.message}`,
          remedy,
        );
      } finally {
        octets.fill(0);
      }
    }
  }

  /** Keys and certificates of PKCS #12 files; the certificates are returned. */
  readContainers(): readonly Certificate[] {
    return this.#files('pkcs12').flatMap(({ path, name, octets, at }) => {
      this.#checkMode(path);
      const passphrase = this.#passphrase('pkcs12', name);
      if (passphrase === undefined) {
        this.#report.fail(
          'config/missing',
          at,
          `there is no passphrase for "${path}"`,
          missing('pkcs12', name),
        );
        return [];
      }
      try {
        const content = readPkcs12(octets, passphrase);
        for (const pkcs8 of content.privateKeys) {
          for (const key of readPrivateKeys(pkcs8, undefined, this.#provider)) this.keys.push({ path, key });
          pkcs8.fill(0);
        }
        return content.certificates.flatMap(der =>
          certificatesIn(der, path, at, this.#provider, this.#report),
        );
      } catch (error) {
        if (!(error instanceof Pkcs12Failure || error instanceof UnusableKey)) throw error;
        this.#report.fail('config/unreadable', at, `cannot use "${path}": ${error.message}`, error.remedy);
        return [];
      }
    });
  }

  tellUnused(folder: 'x509aa' | 'x509ac'): void {
    const [first] = this.#files(folder);
    if (first === undefined) return;
    this.#report.warn(first.at, `attribute certificates have no effect here yet: ${folder}/ is not used`);
  }

  checkPassphrases(): void {
    for (const passphrase of this.#passphrases) {
      if (this.#used.has(passphrase)) continue;
      const { folder, file, at } = passphrase;
      this.#report.warn(at, `there is no file "${file}" in ${folder}/ that this secret would decrypt`);
    }
  }

  #passphrase(folder: KeyFolder, name: string): Secret | undefined {
    const found = this.#passphrases.find(entry => entry.folder === folder && entry.file === name);
    if (found !== undefined) this.#used.add(found);
    return found?.secret;
  }

  #files(folder: string): readonly { path: string; name: string; octets: Uint8Array; at: Position }[] {
    const path = join(this.#directory, folder);
    let names: string[];
    try {
      names = readdirSync(path).sort();
    } catch (error) {
      const isAbsent = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isAbsent) {
        this.#report.fail(
          'config/unreadable',
          place(path),
          `cannot read the folder: ${explainReadError(error)}`,
        );
      }
      return [];
    }
    return names
      .filter(name => !name.startsWith('.'))
      .flatMap(name => {
        const file = join(path, name);
        const at = place(file);
        try {
          return statSync(file).isFile() ? [{ path: file, name, octets: readBlobFile(file), at }] : [];
        } catch (error) {
          this.#report.fail('config/unreadable', at, `cannot read the file: ${explainReadError(error)}`);
          return [];
        }
      });
  }

  #checkMode(path: string): void {
    warnIfExposed(path, 'private key', this.#report);
  }
}

/** Warns when others than owner and group may read or write `path`. */
export function warnIfExposed(path: string, what: string, report: Report): void {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
  if ((mode & 0o006) === 0) return;
  report.warn(place(path), `everybody on this machine may read this ${what}`, `chmod 600 ${path}`);
}

function missing(folder: KeyFolder, name: string): string {
  return `add to secrets: ${folder}-1 { file = ${name} secret = "…" }, each on a line of its own`;
}

function place(file: string): Position {
  return { file, line: 0, column: 0 };
}
