import { equal } from '../lib/bytes.ts';
import type { Secret } from '../lib/secret.ts';
import type { SharedKey } from '../policy/credentials.ts';
import { formatIdentity, type Identity } from '../policy/identity.ts';
import { nearest } from './nearest.ts';
import type { Report } from './report.ts';
import { OWNER, PASSPHRASE, SHARED_SECRET, TOKEN } from './schema/credentials.ts';
import { checkSections, readSection } from './schema.ts';
import type { Position, Section } from './section.ts';

/** What `secrets` holds: keys that are shared, and what decrypts files. */
export interface Secrets {
  readonly shared: readonly SharedKey[];
  readonly passphrases: readonly Passphrase[];
}

export interface Passphrase {
  readonly folder: KeyFolder;
  /** Name within the folder. */
  readonly file: string;
  readonly secret: Secret;
  readonly at: Position;
}

/** What shared keys are for, by the beginning of their section's name. */
export const SHARED_USES = ['ike', 'eap', 'xauth', 'ntlm', 'ppk'] as const;
/** Folders that hold private keys, encrypted or not. */
const KEY_FOLDERS = ['private', 'rsa', 'ecdsa', 'pkcs8', 'pkcs12'] as const;
export type KeyFolder = (typeof KEY_FOLDERS)[number];

/** Reads a `secrets` section: what each of its sections is follows from how its name begins. */
export function secretsFrom(section: Section | undefined, report: Report): Secrets {
  const shared: SharedKey[] = [];
  const first = new Map<string, SharedKey>();
  const passphrases: Passphrase[] = [];
  for (const inner of section?.sections.values() ?? []) {
    checkSections(inner, () => false, [], report);
    const use = SHARED_USES.find(prefix => inner.name.startsWith(prefix));
    const folder = KEY_FOLDERS.find(prefix => inner.name.startsWith(prefix));
    if (use !== undefined) {
      const found = sharedKey(inner, use, report);
      for (const key of found) tellOverruled(key, first, inner, report);
      shared.push(...found);
    } else if (folder !== undefined) passphrases.push(...passphrase(inner, folder, report));
    else if (inner.name.startsWith('token')) token(inner, report);
    else unknownKind(inner, report);
  }
  return { shared, passphrases };
}

function sharedKey(section: Section, use: SharedKey['use'], report: Report): readonly SharedKey[] {
  const { secret } = readSection(section, SHARED_SECRET, report, isOwner);
  const owners: Identity[] = [];
  for (const setting of section.settings.values()) {
    if (!isOwner(setting.key)) continue;
    const owner = OWNER.read(setting, report);
    if (owner !== undefined) owners.push(owner);
  }
  if (secret === undefined) return missing(section, 'secret', 'secret', report);
  if (use === 'ntlm' && secret.length !== 16) {
    report.fail(
      'config/invalid-value',
      section.settings.get('secret')?.valueAt ?? section.at,
      `secret "${section.name}" is no NT hash: it has ${secret.length} octets, not 16`,
      'give MD4 of the password in UTF-16LE as 0x… or 0s…, or use an eap secret',
    );
  }
  if (use === 'ppk' && secret.length < LEAST_PPK)
    report.warn(
      section.settings.get('secret')?.at ?? section.at,
      `secret "${section.name}" has ${secret.length} octets: against quantum computers it takes ${LEAST_PPK} random ones (RFC 8784 §6)`,
      'make it of `openssl rand -hex 32`, written with 0x before it',
    );
  return [{ name: section.name, use, secret, owners }];
}

/** 256 bits, of which Grover's algorithm leaves half. */
const LEAST_PPK = 32;

/** Of two keys that fit equally well the first counts, so that the second never does. `before` is filled, by use and owners. */
function tellOverruled(
  key: SharedKey,
  before: Map<string, SharedKey>,
  section: Section,
  report: Report,
): void {
  const whom = `${key.use} ${key.owners.map(formatIdentity).sort().join(' ')}`;
  const other = before.get(whom);
  if (other === undefined) before.set(whom, key);
  if (other === undefined || equal(other.secret.reveal(), key.secret.reveal())) return;
  const whose = key.owners.length === 0 ? 'for everybody' : 'with the same owners';
  report.warn(
    section.at,
    `secret "${key.name}" never counts: "${other.name}" ${whose} stands before it`,
    'tell them apart by their ids',
  );
}

function passphrase(section: Section, folder: KeyFolder, report: Report): readonly Passphrase[] {
  const { file, secret } = readSection(section, PASSPHRASE, report);
  if (file === undefined) return missing(section, 'file', 'file', report);
  if (secret === undefined) return missing(section, 'secret', 'secret', report);
  return [{ folder, file, secret, at: section.settings.get('file')?.valueAt ?? section.at }];
}

function token(section: Section, report: Report): void {
  readSection(section, TOKEN, report);
  report.fail(
    'local/unsupported',
    section.at,
    'keys on tokens are not supported here yet',
    'use a key in a file',
  );
}

function unknownKind(section: Section, report: Report): void {
  const kinds = [...SHARED_USES, ...KEY_FOLDERS, 'token'];
  const meant = nearest(section.name.replace(/[-_.\d].*$/, ''), kinds);
  report.fail(
    'config/unknown-key',
    section.at,
    `there is no kind of secret that "${section.name}" begins with`,
    meant === undefined ? `begin its name with one of ${kinds.join(', ')}` : `did you mean "${meant}…"?`,
  );
}

function isOwner(key: string): boolean {
  return key.startsWith('id');
}

/** A value that could not be read was told already; one that is not there is told here. */
function missing(section: Section, key: string, what: string, report: Report): [] {
  if (section.settings.get(key)?.value === undefined) {
    report.fail('config/missing', section.at, `secret "${section.name}" has no ${what}`, `add ${key} = …`);
  }
  return [];
}
