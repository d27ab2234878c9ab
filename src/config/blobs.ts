import { readFileSync, statSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import type { CryptoProvider } from '../crypto/provider.ts';
import { Malformed } from '../lib/reader.ts';
import { utf8 } from '../lib/text.ts';
import { type Certificate, parseCertificate } from '../pki/certificate.ts';
import { readCertificates, readPublicKeys } from '../pki/pem.ts';
import { readPublicKey } from '../pki/public-key.ts';
import type { Report } from './report.ts';
import type { Item } from './schema.ts';
import type { Position } from './section.ts';
import { explainReadError } from './source.ts';

/** Folders of a swanctl directory that settings name files in. */
export type BlobFolder = 'x509' | 'x509ca' | 'pubkey' | 'manual';

/** How the certificates and keys that settings name are come by: as files, or in the settings themselves. */
export interface BlobSource {
  /** The octets that `item` stands for, and what to call them in errors. Throws when they cannot be had. */
  read(item: Item, folder: BlobFolder): Blob;
  /** As `read`, for settings that name a file in any case. */
  readFile(item: Item, folder: BlobFolder): Blob;
}

export interface Blob {
  readonly octets: Uint8Array;
  readonly name: string;
}

/** Settings name files, in the folders of a swanctl directory unless they say where. */
export class FileBlobs implements BlobSource {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  read(item: Item, folder: BlobFolder): Blob {
    return this.readFile(item, folder);
  }

  readFile(item: Item, folder: BlobFolder): Blob {
    const name = resolve(this.#directory, folder, item.text);
    return { octets: readBlobFile(name), name };
  }
}

/** Settings hold the octets themselves: control messages do so. */
export const INLINE_BLOBS: BlobSource = {
  read: item => ({ octets: item.octets ?? utf8(item.text), name: 'what was sent' }),
  readFile(item) {
    if (!isAbsolute(item.text)) throw new Error('its path must be absolute');
    return { octets: readBlobFile(item.text), name: item.text };
  },
};

const SIZE_LIMIT = 16 * 1024 * 1024;

/** Reads a file of certificates, keys or revocation lists. Throws as node:fs does, or for its size. */
export function readBlobFile(path: string): Uint8Array {
  const size = statSync(path).size;
  if (size > SIZE_LIMIT) throw new Error(`it is larger than ${SIZE_LIMIT} octets`);
  return readFileSync(path);
}

/** All certificates of a blob, in their order; none, and a failure at `at`, when it has none that can be read. */
export function certificatesIn(
  octets: Uint8Array,
  name: string,
  at: Position,
  provider: CryptoProvider,
  report: Report,
): readonly Certificate[] {
  return readable(name, 'certificate', at, report, () =>
    readCertificates(octets).map(der => parseCertificate(der, provider)),
  );
}

/** The certificates that `item` names, each with its chain behind it; `isFile` where it is a file in any case. */
export function namedCertificates(
  item: Item,
  folder: BlobFolder,
  { blobs, provider, report }: { blobs: BlobSource; provider: CryptoProvider; report: Report },
  isFile = false,
): readonly Certificate[] {
  const blob = obtain(
    item,
    folder,
    () => (isFile ? blobs.readFile(item, folder) : blobs.read(item, folder)),
    report,
  );
  return blob === undefined ? [] : certificatesIn(blob.octets, blob.name, item.at, provider, report);
}

/** The raw public keys that `item` names, SubjectPublicKeyInfo each. */
export function namedPublicKeys(
  item: Item,
  blobs: BlobSource,
  provider: CryptoProvider,
  report: Report,
): readonly Uint8Array[] {
  const blob = obtain(item, 'pubkey', () => blobs.read(item, 'pubkey'), report);
  if (blob === undefined) return [];
  return readable(blob.name, 'public key', item.at, report, () =>
    readPublicKeys(blob.octets).map(spki => readPublicKey(spki, provider).spki),
  );
}

/** What `read` returns; nothing, and a failure, when it throws because the octets are not what they should be. */
export function readable<T>(
  name: string,
  what: string,
  at: Position,
  report: Report,
  read: () => readonly T[],
): readonly T[] {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    report.fail('config/unreadable', at, `cannot read a ${what} from "${name}": ${error.message}`);
    return [];
  }
}

/** What `read` returns; nothing, and a failure, where it cannot be had. */
export function obtain(item: Item, folder: BlobFolder, read: () => Blob, report: Report): Blob | undefined {
  try {
    return read();
  } catch (error) {
    report.fail(
      'config/unreadable',
      item.at,
      `cannot read "${item.text.slice(0, 128)}": ${explainReadError(error)}`,
      `a name without a path is looked for in ${folder}/`,
    );
    return undefined;
  }
}
