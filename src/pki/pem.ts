import { Malformed } from '../lib/reader.ts';
import { fromLatin1 } from '../lib/text.ts';
import { fromBase64, toBase64 } from './base64.ts';
import { DerReader, Tag } from './der.ts';

/** One block of a PEM file (RFC 7468, and the older form with headers). */
export interface PemBlock {
  /** What stands after BEGIN: `CERTIFICATE`, `PRIVATE KEY`, … */
  readonly label: string;
  readonly der: Uint8Array;
  /** True when the content must be decrypted first: PKCS #8 `ENCRYPTED PRIVATE KEY`, or headers that name a cipher. */
  readonly encrypted: boolean;
  /** `Name: value` lines before the content, of the older form. */
  readonly headers: ReadonlyMap<string, string>;
  /** The block as it stood, for a decoder of its own. */
  readonly text: string;
}

const MAX_BLOCKS = 4096;

/** All blocks of a file in order; what stands between them is passed over. Throws Malformed on a block that is broken. */
export function readPem(text: string): readonly PemBlock[] {
  const blocks: PemBlock[] = [];
  let at = 0;
  for (;;) {
    const begin = text.indexOf(BEGIN, at);
    if (begin < 0) return blocks;
    if (blocks.length === MAX_BLOCKS) throw new Malformed(`PEM: more than ${MAX_BLOCKS} blocks`, begin);
    const labelEnd = text.indexOf('-----', begin + BEGIN.length);
    const label = labelEnd < 0 ? '' : text.slice(begin + BEGIN.length, labelEnd);
    if (!/^[A-Z0-9][A-Z0-9 #.]{0,63}$/.test(label))
      throw new Malformed('PEM: a BEGIN line that cannot be read', begin);
    const endLine = `-----END ${label}-----`;
    const end = text.indexOf(endLine, labelEnd);
    if (end < 0) throw new Malformed(`PEM: no END line for ${label}`, begin);
    blocks.push(
      readBlock(label, text.slice(labelEnd + 5, end), text.slice(begin, end + endLine.length), begin),
    );
    at = end + endLine.length;
  }
}

/** One block, in lines of 64 characters. */
export function writePem(label: string, der: Uint8Array): string {
  const lines = toBase64(der).match(/.{1,64}/g) ?? [];
  return `${BEGIN}${label}-----\n${lines.map(line => `${line}\n`).join('')}-----END ${label}-----\n`;
}

/**
 * The certificates of a file, DER each: a single one in DER, or all that a PEM file holds, the whole chain of it.
 * Throws Malformed where there is none.
 */
export function readCertificates(file: Uint8Array): readonly Uint8Array[] {
  return readBlocks(file, ['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'], 'certificate');
}

/** The revocation lists of a file, DER each. Throws Malformed where there is none. */
export function readCrls(file: Uint8Array): readonly Uint8Array[] {
  return readBlocks(file, ['X509 CRL'], 'CRL');
}

/** The raw public keys of a file, SubjectPublicKeyInfo each. Throws Malformed where there is none. */
export function readPublicKeys(file: Uint8Array): readonly Uint8Array[] {
  return readBlocks(file, ['PUBLIC KEY'], 'public key');
}

/** The groups of a file, DHParameter in DER each. Throws Malformed where there is none. */
export function readDhBlocks(file: Uint8Array): readonly Uint8Array[] {
  return readBlocks(file, ['DH PARAMETERS'], 'group');
}

/** Whether a file is DER: one SEQUENCE from its first octet to its last. */
export function isDer(file: Uint8Array): boolean {
  if (file[0] !== Tag.SEQUENCE) return false;
  try {
    return new DerReader(file).element('file').length === file.length;
  } catch {
    return false;
  }
}

const BEGIN = '-----BEGIN ';

function readBlock(label: string, body: string, text: string, at: number): PemBlock {
  const headers = new Map<string, string>();
  let content = 0;
  while (content < body.length) {
    const end = body.indexOf('\n', content);
    const next = end < 0 ? body.length : end + 1;
    const line = body.slice(content, next).trim();
    const header = /^([A-Za-z0-9-]{1,32}): (.{0,1024})$/.exec(line);
    if (header !== null) headers.set(header[1] as string, header[2] as string);
    else if (line !== '') break;
    content = next;
  }
  const der = fromBase64(body.slice(content));
  if (der === undefined) throw new Malformed(`PEM: ${label} is no base64`, at);
  const encrypted =
    label === 'ENCRYPTED PRIVATE KEY' || (headers.get('Proc-Type')?.includes('ENCRYPTED') ?? false);
  return { label, der, encrypted, headers, text };
}

function readBlocks(file: Uint8Array, labels: readonly string[], what: string): readonly Uint8Array[] {
  if (isDer(file)) return [file];
  const found = readPem(fromLatin1(file)).filter(({ label }) => labels.includes(label));
  if (found.length === 0) throw new Malformed(`the file holds no ${what}, neither in DER nor in PEM`, 0);
  return found.map(({ label, der }) => (label === 'TRUSTED CERTIFICATE' ? firstElement(der) : der));
}

/** OpenSSL's TRUSTED CERTIFICATE has trust settings of its own after the certificate: they do not count here. */
function firstElement(der: Uint8Array): Uint8Array {
  return new DerReader(der).element('certificate');
}
