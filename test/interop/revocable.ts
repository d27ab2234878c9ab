import { copyFileSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './certificates.ts';
import { mustRun } from './lab.ts';

/** Where the lists and the responder of a `Revocable` are, in whichever namespace they are asked for. */
export const HTTP = 'http://127.0.0.1:8080';
export const OCSP = 'http://127.0.0.1:8888';

/** What of a certificate differs: where it says that its status can be had, and what there is to say. */
export interface Kind {
  readonly crl?: string;
  readonly ocsp?: string;
  /** Of RFC 5280 §5.3.1, as OpenSSL writes them. */
  readonly revoked?: string;
  /** The authority that issued it, if not the root. */
  readonly below?: string;
}

/** An authority that revokes, others below it and an OCSP signer, all by the openssl command. */
export class Revocable {
  readonly directory: string;
  readonly #database: { readonly name: string; readonly line: string }[] = [];
  readonly #kinds = new Map<string, Kind>();
  #serial = 0x1000;

  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(join(directory, 'www'), { recursive: true });
  }

  file(name: string): string {
    return join(this.directory, name);
  }

  /** The authorities that have no other above them, and the signer. */
  async begin(): Promise<void> {
    for (const name of ['ca', 'forger']) {
      await this.#openssl(
        'req',
        '-x509',
        ...KEY,
        '-keyout',
        this.file(`${name}.key`),
        '-out',
        this.file(`${name}.crt`),
        ...ROOT,
      );
    }
    await this.issue(
      'ocsp',
      {},
      'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=OCSPSigning\n',
    );
  }

  async authority(name: string, kind: Kind): Promise<void> {
    await this.issue(
      name,
      kind,
      'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n',
    );
  }

  /** A certificate for `name.lab`, and its key. */
  async issue(name: string, kind: Kind = {}, usage = END_ENTITY(name)): Promise<void> {
    this.#kinds.set(name, kind);
    const serial = (this.#serial++).toString(16).toUpperCase();
    const { below: issuer = 'ca' } = kind;
    const points = [
      ...(kind.crl === undefined ? [] : [`crlDistributionPoints=URI:${kind.crl}`]),
      ...(kind.ocsp === undefined ? [] : [`authorityInfoAccess=OCSP;URI:${kind.ocsp}`]),
    ];
    writeFileSync(this.file(`${name}.ext`), `${usage}${points.join('\n')}\n`);
    await this.#openssl(
      'req',
      ...KEY,
      '-keyout',
      this.file(`${name}.key`),
      '-out',
      this.file(`${name}.csr`),
      '-subj',
      `/C=CH/O=Lab/CN=${name}`,
    );
    await this.#openssl(
      'x509',
      '-req',
      '-in',
      this.file(`${name}.csr`),
      '-CA',
      this.file(`${issuer}.crt`),
      '-CAkey',
      this.file(`${issuer}.key`),
      '-set_serial',
      `0x${serial}`,
      '-days',
      '3650',
      '-extfile',
      this.file(`${name}.ext`),
      '-out',
      this.file(`${name}.crt`),
    );
    if (issuer !== 'ca') return;
    const [state, when] = kind.revoked === undefined ? ['V', ''] : ['R', `250101120000Z,${kind.revoked}`];
    const line = `${state}\t360101120000Z\t${when}\t${serial}\tunknown\t/C=CH/O=Lab/CN=${name}`;
    this.#database.push({ name, line });
  }

  /** A list of all that is revoked, but for those `without`, in www, signed by `by`: of last winter, or for a month. */
  async list(
    name: string,
    { by = 'ca', expired = false, number = '01', without = [] as readonly string[], extensions = '' } = {},
  ): Promise<void> {
    const entries = this.#database.filter(entry => !without.includes(entry.name));
    writeFileSync(this.file('index.txt'), entries.map(({ line }) => `${line}\n`).join(''));
    writeFileSync(this.file('index.txt.attr'), 'unique_subject = no\n');
    writeFileSync(this.file('crlnumber'), `${number}\n`);
    writeFileSync(
      this.file('ca.cnf'),
      `[ca]\ndefault_ca = lab\n[lab]\ndatabase = ${this.file('index.txt')}\ncrlnumber = ${this.file('crlnumber')}\ndefault_md = sha256\ndefault_crl_days = 30\ncrl_extensions = more\n[more]\nauthorityKeyIdentifier = keyid\n${extensions}\n`,
    );
    const dates = expired ? ['-crl_lastupdate', '20250201000000Z', '-crl_nextupdate', '20250301000000Z'] : [];
    const pem = this.file(`${name}.pem`);
    await this.#openssl(
      'ca',
      '-gencrl',
      '-config',
      this.file('ca.cnf'),
      '-keyfile',
      this.file(`${by}.key`),
      '-cert',
      this.file(`${by}.crt`),
      ...dates,
      '-out',
      pem,
    );
    await this.#openssl('crl', '-in', pem, '-outform', 'DER', '-out', join(this.directory, 'www', name));
  }

  /** The commands that serve the lists and answer for the authority. */
  get servers(): readonly (readonly string[])[] {
    const web = [
      'python3',
      '-m',
      'http.server',
      '8080',
      '--bind',
      '127.0.0.1',
      '-d',
      join(this.directory, 'www'),
    ];
    const responder = [
      'openssl',
      'ocsp',
      '-port',
      '8888',
      '-index',
      this.file('index.txt'),
      '-CA',
      this.file('ca.crt'),
      '-rkey',
      this.file('ocsp.key'),
      '-rsigner',
      this.file('ocsp.crt'),
      '-nmin',
      '5',
      '-text',
    ];
    return [web, responder];
  }

  /** Puts what a daemon that is `who` needs into a swanctl directory. */
  install(directory: string, who: string): void {
    copyFileSync(this.file(`${who}.crt`), join(directory, 'x509', 'own.crt'));
    copyFileSync(this.file(`${who}.key`), join(directory, 'private', 'own.key'));
    copyFileSync(this.file('ca.crt'), join(directory, 'x509ca', 'ca.crt'));
    const { below } = this.#kinds.get(who) ?? {};
    rmSync(join(directory, 'x509', 'above.crt'), { force: true });
    if (below !== undefined) copyFileSync(this.file(`${below}.crt`), join(directory, 'x509', 'above.crt'));
  }

  async #openssl(...args: string[]): Promise<void> {
    await mustRun('openssl', args);
  }
}

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'] as const;

const END_ENTITY = (name: string): string =>
  `basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nsubjectAltName=DNS:${name}.lab\n`;
