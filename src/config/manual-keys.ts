import { encryptionOf } from '../crypto/encr/registry.ts';
import { integrityOf } from '../crypto/integ/registry.ts';
import { EMPTY } from '../lib/bytes.ts';
import { Secret } from '../lib/secret.ts';
import type { DirectionKeys, IpsecAlgorithms } from '../policy/sa.ts';
import type { BlobSource } from './blobs.ts';
import { warnIfExposed } from './credentials.ts';
import type { Report } from './report.ts';
import { itemsOf } from './schema.ts';
import type { Section, Setting } from './section.ts';
import { explainReadError } from './source.ts';
import { encodedOctets, Unfit } from './value-types.ts';

interface Subject {
  readonly section: Section;
  readonly algorithms: IpsecAlgorithms;
  /** The algorithms as written. */
  readonly proposal: string;
  readonly blobs: BlobSource;
  readonly report: Report;
}

/** How long a key must be: the cipher's own, and what of it is salt. */
interface Size {
  readonly key: number;
  readonly salt: number;
}

/** The keys of one direction; undefined, and failures, where they are not exactly what the algorithms take. */
export function keysOf(subject: Subject, direction: 'in' | 'out'): DirectionKeys | undefined {
  const { encryption, keyLength, integrity } = subject.algorithms;
  const cipher = encryptionOf(encryption);
  const mac = integrityOf(integrity);
  const ofCipher = cipher && { key: bits(cipher.keywords, keyLength) / 8, salt: cipher.salt };
  const saltOfMac = mac?.primitive.kind === 'gmac' ? mac.primitive.salt : 0;
  const ofMac = mac && { key: mac.key - saltOfMac, salt: saltOfMac };
  const keys = [
    keyOf(subject, `encryption_key_${direction}`, ofCipher),
    keyOf(subject, `integrity_key_${direction}`, ofMac),
  ] as const;
  const [first, second] = keys;
  return first === undefined || second === undefined ? undefined : { encryption: first, integrity: second };
}

/** The files that the keys of a section stand in, by their settings. */
export const KEY_SETTINGS = [
  'encryption_key_in',
  'encryption_key_out',
  'integrity_key_in',
  'integrity_key_out',
] as const;

/** Algorithms of one key length send none. */
function bits(keywords: readonly { readonly keyLength: number }[], keyLength: number): number {
  return keyLength > 0 ? keyLength : (keywords[0]?.keyLength ?? 0);
}

function keyOf(subject: Subject, name: string, size: Size | undefined): Secret | undefined {
  const { section, proposal, report } = subject;
  const setting = section.settings.get(name);
  const wanted = (size?.key ?? 0) + (size?.salt ?? 0);
  if (setting?.value === undefined) {
    if (wanted === 0) return new Secret(EMPTY);
    report.fail(
      'config/missing',
      section.at,
      `manual SA "${section.name}" has no ${name}`,
      `add ${name} = 0x…: ${takes(proposal, size)}`,
    );
    return undefined;
  }
  if (wanted === 0) {
    report.fail('config/invalid-value', setting.at, `${proposal} takes no ${name}`, 'remove it');
    return undefined;
  }
  const octets = octetsOf(setting, wanted, subject);
  if (octets === undefined) return undefined;
  if (octets.length !== wanted) {
    report.fail(
      'config/invalid-value',
      setting.valueAt,
      `${takes(proposal, size)}, ${name} has ${octets.length}`,
      `give a key of just that length, such as 0x and what this prints: openssl rand -hex ${wanted}`,
    );
    octets.fill(0);
    return undefined;
  }
  if (octets.every(octet => octet === octets[0])) {
    report.warn(setting.valueAt, `all octets of ${name} are the same: whoever guesses finds it first`);
  }
  return new Secret(octets);
}

function takes(proposal: string, size: Size | undefined): string {
  const { key, salt } = size ?? { key: 0, salt: 0 };
  const parts = salt === 0 ? '' : `: ${key} of key and ${salt} of salt`;
  return `${proposal} takes ${key + salt} octets${parts}`;
}

/** `0x…` and `0s…` where they stand; else a file with the octets themselves, or with one of these forms. */
function octetsOf(setting: Setting, wanted: number, { blobs, report }: Subject): Uint8Array | undefined {
  const [item] = itemsOf(setting);
  if (item === undefined) return undefined;
  try {
    const written = item.octets === undefined ? encodedOctets(item.text) : undefined;
    if (written !== undefined) return written;
    const { octets, name } = blobs.read(item, 'manual');
    warnIfExposed(name, 'key', report);
    if (octets.length === wanted) return octets.slice();
    const text = decoder.decode(octets).trim();
    return encodedOctets(text) ?? octets.slice();
  } catch (error) {
    if (error instanceof Unfit) {
      report.fail('config/invalid-value', setting.valueAt, `${setting.key}: ${error.message}`);
      return undefined;
    }
    report.fail(
      'config/unreadable',
      setting.valueAt,
      `cannot read the file of ${setting.key}: ${explainReadError(error)}`,
      'give 0x…, 0s…, or the name of a file in manual/',
    );
    return undefined;
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
