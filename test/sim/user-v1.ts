import { Secret } from '../../src/lib/secret.ts';
import { utf8 } from '../../src/lib/text.ts';
import type { Connection, LocalAuth, RemoteAuth } from '../../src/policy/connection.ts';
import type { Credentials, SharedKey } from '../../src/policy/credentials.ts';
import type { KeyType } from '../certificate-builder.ts';
import { connection, fqdn, sharedKey } from './configuration.ts';
import { type EncryptionMethod, encrypted, METHODS } from './encryption-v1.ts';
import type { Pair, PairOptions } from './pair.ts';
import { certified, pairV1 } from './pair-v1.ts';

/** How phase 1 goes before XAUTH. */
export type After = 'psk' | 'pubkey' | 'hybrid' | EncryptionMethod;

export interface UserOptions extends PairOptions {
  readonly after?: After;
  /** Which host is the user's; a where not said. */
  readonly client?: 'a' | 'b';
  /** What the client has for a password. */
  readonly password?: string;
  /** Of both certificates. */
  readonly key?: KeyType;
}

const ROUND = { certificates: [], publicKeys: [], schemes: [] } as const;

/** A pair of which one end is carol, and the other knows her. */
export function withUser({ after, client, password, key, ...rest }: UserOptions = {}): Pair {
  const ends = userEnds({ after, client, password, key });
  return pairV1({
    ...rest,
    credentials: { ...ends.credentials, ...rest.credentials },
    a: { ...ends.a, ...rest.a },
    b: { ...ends.b, ...rest.b },
  });
}

type Ends = Required<Pick<PairOptions, 'a' | 'b'>> & {
  readonly credentials: { readonly a: Credentials; readonly b: Credentials };
};

/** What makes the ends of such a pair what they are. */
export function userEnds(options: Partial<UndefinedToo<UserOptions>> = {}): Ends {
  const { after = 'psk', client = 'a', password = 'tango', key = 'rsa2048' } = options;
  const base: Pick<PairOptions, 'a' | 'b' | 'credentials'> =
    after === 'psk'
      ? {}
      : isEncryption(after)
        ? encrypted(after)
        : certified({ name: 'a', key }, { name: 'b', key });
  const end = (name: 'a' | 'b'): Partial<Connection> =>
    name === client
      ? { ...base[name], local: userAt(base[name]?.local ?? pskOf(name).local, after) }
      : { ...base[name], remote: askedBy(base[name]?.remote ?? pskOf(client).remote, after) };
  const known = (name: 'a' | 'b'): Credentials =>
    knowing(base.credentials?.[name], name === client ? password : 'tango');
  return { a: end('a'), b: end('b'), credentials: { a: known('a'), b: known('b') } };
}

function isEncryption(after: After): after is EncryptionMethod {
  return METHODS.some(method => method === after);
}

type UndefinedToo<T> = { [K in keyof T]: T[K] | undefined };

/** The rounds of a client with a shared key: the key, then carol. */
export function user(client: string): readonly LocalAuth[] {
  return userAt(pskOf(client).local, 'psk');
}

/** What a server with a shared key asks of `client`. */
export function asked(client: string): readonly RemoteAuth[] {
  return askedBy(pskOf(client).remote, 'psk');
}

/** The shared key, and two users of whom carol has this password. */
export function secrets(password: string): Credentials {
  return knowing(sharedKey(), password);
}

function userAt(local: readonly LocalAuth[], after: After): readonly LocalAuth[] {
  const round: LocalAuth = { method: 'xauth', xauthId: 'carol', ...ROUND };
  return after === 'hybrid' ? [{ ...round, id: fqdn('group') }] : [...local, round];
}

function askedBy(remote: readonly RemoteAuth[], after: After): readonly RemoteAuth[] {
  return remote.flatMap(first => {
    const round: RemoteAuth = { ...first, method: 'xauth', id: { kind: 'any' } };
    return after === 'hybrid' ? [round] : [first, round];
  });
}

function pskOf(name: string): Pick<Connection, 'local' | 'remote'> {
  const { local } = connection(name, '');
  const { remote } = connection('', name);
  return { local, remote };
}

function knowing(credentials = sharedKey(), password: string): Credentials {
  const shared: readonly SharedKey[] = [
    { name: 'xauth-dave', use: 'xauth', secret: new Secret(utf8('other')), owners: [fqdn('dave')] },
    { name: 'xauth-carol', use: 'xauth', secret: new Secret(utf8(password)), owners: [fqdn('carol')] },
  ];
  return { ...credentials, shared: [...credentials.shared, ...shared] };
}
