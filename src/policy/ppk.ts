import { IdType } from '../iana/ikev2.ts';
import { equal } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { fromUtf8, printable } from '../lib/text.ts';
import type { PpkConfig } from './connection.ts';
import { type Credentials, findSharedKey, type SharedKey } from './credentials.ts';
import { type Identity, parseIdentity } from './identity.ts';
import { matchesIdentity, NO_MATCH } from './identity-match.ts';

/** A post-quantum pre-shared key (RFC 8784) and the octets that it goes by between the two sides. */
export interface Ppk {
  readonly id: Uint8Array;
  readonly key: SharedKey;
}

/** The PPK that a connection names to its peer; undefined where it names none, several, or one whose secret is not there. */
export function ownPpk(credentials: Credentials, config: PpkConfig | undefined): Ppk | undefined {
  if (config?.id?.kind !== 'exact') return undefined;
  const { data: id } = config.id.identity;
  const key = findPpk(credentials, id);
  return key === undefined ? undefined : { id, key };
}

/** The PPK that goes by `id`, if a connection that asks for `config` may use it. */
export function peersPpk(
  credentials: Credentials,
  config: PpkConfig | undefined,
  id: Uint8Array,
): Ppk | undefined {
  const asked = config?.id;
  if (asked !== undefined && !fits(asked, id)) return undefined;
  const key = findPpk(credentials, id);
  return key === undefined ? undefined : { id, key };
}

/** Whether there is any PPK at all. */
export function hasPpk({ shared }: Credentials): boolean {
  return shared.some(({ use }) => use === 'ppk');
}

/** The identity of a PPK for people. */
export function formatPpkId(id: Uint8Array): string {
  return printable(id, 128);
}

function findPpk(credentials: Credentials, id: Uint8Array): SharedKey | undefined {
  const named = credentials.shared.find(
    ({ use, owners }) => use === 'ppk' && owners.some(({ data }) => equal(data, id)),
  );
  return named ?? findSharedKey(credentials, asIdentity(id), undefined, 'ppk');
}

function fits(asked: NonNullable<PpkConfig['id']>, id: Uint8Array): boolean {
  if (asked.kind === 'exact' && equal(asked.identity.data, id)) return true;
  return matchesIdentity(asked, asIdentity(id)) !== NO_MATCH;
}

/** What was written as an identity goes as its octets alone: the type follows from the form again. */
function asIdentity(id: Uint8Array): Identity {
  try {
    return parseIdentity(fromUtf8(id));
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return { type: IdType.ID_KEY_ID, data: id };
  }
}
