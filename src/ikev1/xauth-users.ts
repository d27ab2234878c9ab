import { IdType } from '../iana/ikev2.ts';
import { constantTimeEqual, equal } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { fromUtf8, printable, utf8 } from '../lib/text.ts';
import type { LocalAuth } from '../policy/connection.ts';
import type { Credentials, SharedKey } from '../policy/credentials.ts';
import { Failed } from '../policy/failure.ts';
import { formatIdentity, type Identity, type IdentityPattern, parseIdentity } from '../policy/identity.ts';
import { matchesIdentity, NO_MATCH } from '../policy/identity-match.ts';

/** Identities that are a text, so that a user can have it for its name. */
const TEXTS: readonly number[] = [IdType.ID_FQDN, IdType.ID_RFC822_ADDR, IdType.ID_KEY_ID];

/** RFC 2865 §5.1 has names no longer. */
export const LONGEST_NAME = 253;

/** What a user is called, as an identity. */
export function userIdentity(name: Uint8Array): Identity {
  return { type: IdType.ID_KEY_ID, data: name.slice() };
}

/** The name of a user for people: no other user's reads the same. */
export function userName({ data }: Identity): string {
  return printable(data, LONGEST_NAME);
}

/** The name that a client gives and the secret that belongs to it. Throws Failed (`auth/no-key`, `config/missing`). */
export function xauthSecret(
  credentials: Credentials,
  local: readonly LocalAuth[],
): { readonly name: Uint8Array; readonly secret: SharedKey } {
  const name = nameOf(local);
  const keys = credentials.shared.filter(({ use }) => use === 'xauth');
  const secret = keys.find(key => isOwner(key, name)) ?? keys.find(({ owners }) => owners.length === 0);
  if (secret !== undefined) return { name, secret };
  const text = userName(userIdentity(name));
  throw new Failed({
    code: 'auth/no-key',
    summary: `there is no xauth secret for the user ${text}`,
    ours: keys.map(key => `${key.name}: ${key.owners.map(formatIdentity).join(', ') || '%any'}`),
    remedy: `add a secret to secrets { xauth… } with id = ${text}`,
  });
}

/**
 * Whether some user of that name has that password. A secret that is nobody's lets nobody in: a password belongs to a
 * person. All secrets are looked at, whichever fits, so that the time does not tell which users there are.
 */
export function isUser(credentials: Credentials, name: Uint8Array, password: Uint8Array): boolean {
  // Some clients count the zero at the end of a C string.
  const shorter = password.at(-1) === 0 ? password.subarray(0, -1) : password;
  let found = false;
  for (const key of credentials.shared) {
    if (key.use !== 'xauth') continue;
    const secret = key.secret.reveal();
    const whole = constantTimeEqual(secret, password);
    const cut = constantTimeEqual(secret, shorter);
    const named = isOwner(key, name);
    if (named && (whole || cut)) found = true;
  }
  return found;
}

/** Whether a user of that name is one that a connection is for: names are compared as the text of identities. */
export function isAskedFor(asked: IdentityPattern, name: Uint8Array): boolean {
  return matchesIdentity(asked, asIdentity(name)) !== NO_MATCH;
}

function asIdentity(name: Uint8Array): Identity {
  try {
    return parseIdentity(fromUtf8(name));
  } catch (error) {
    if (error instanceof Malformed) return userIdentity(name);
    throw error;
  }
}

function isOwner({ owners }: SharedKey, name: Uint8Array): boolean {
  return owners.some(({ type, data }) => TEXTS.includes(type) && equal(data, name));
}

/** As configured for the round of XAUTH, the last one; otherwise what the rounds say of this side. */
function nameOf(local: readonly LocalAuth[]): Uint8Array {
  const xauthId = local.at(-1)?.xauthId;
  if (xauthId !== undefined && xauthId !== '') return utf8(xauthId);
  const id = local.at(-1)?.id ?? local[0]?.id;
  if (id !== undefined && TEXTS.includes(id.type) && id.data.length > 0) return id.data;
  throw new Failed({
    code: 'config/missing',
    summary: 'XAUTH needs a user name, and the connection has none',
    remedy: 'set xauth_id in the local section with auth = xauth',
  });
}
