import type { PrivateKey } from '../../../crypto/provider.ts';
import { type OwnKey, type OwnKeyAsk, ownKey, ownPrivateKey } from '../../../ike/own-certificate.ts';
import type { Host } from '../../../ike/session.ts';
import { equal, toHex } from '../../../lib/bytes.ts';
import type { Certificate } from '../../../pki/certificate.ts';
import { endEntityFault, MIN_RSA_BITS } from '../../../pki/fitness.ts';
import type { Connection, LocalAuth } from '../../../policy/connection.ts';
import type { Credentials } from '../../../policy/credentials.ts';
import { Failed } from '../../../policy/failure.ts';
import type { Path } from '../../../policy/sa.ts';

interface Ask {
  readonly host: Host;
  readonly connection: Connection;
  readonly path: Path;
}

/** A key that peers encrypt to, and the certificates that may name it in HASH(1). */
export interface DecryptionKey extends OwnKey {
  readonly named: readonly Certificate[];
}

/** The key that a connection decrypts with: RSA, and used for nothing else. Throws Failed (`auth/no-key`, `auth/method`, `config/invalid-value`). */
export function decryptionKey({ host, connection, path }: Ask): DecryptionKey {
  const [local] = connection.local;
  if (local === undefined)
    throw new Failed({
      code: 'config/missing',
      summary: `${connection.name}: no authentication is configured`,
    });
  const own = ownKey(askFor(host, connection, local, path));
  const named = certificatesOf(host, local, own.key);
  checkKey(own.key, named[0], connection.name);
  const signer = signerBy(host, own.key, path);
  if (signer !== undefined)
    throw new Failed({
      code: 'config/invalid-value',
      summary: `${connection.name}: its key decrypts, and signs for ${signer}: what one of the two gives away would break the other`,
      ours: [connection.name, signer],
      remedy: `give ${connection.name} a key pair of its own, used for nothing but public key encryption`,
    });
  return { ...own, named };
}

function askFor(host: Host, connection: Connection, local: LocalAuth, path: Path): OwnKeyAsk {
  return { host, connection, local, path, certificateAsked: true };
}

function certificatesOf(
  { trust }: Host,
  local: LocalAuth,
  { publicKey }: PrivateKey,
): readonly Certificate[] {
  const known = [...trust.configured(local.certificates), ...trust.intermediates];
  return known.filter((one, i) => equal(one.publicKey.spki, publicKey.spki) && known.indexOf(one) === i);
}

function checkKey(key: PrivateKey, certificate: Certificate | undefined, connection: string): void {
  const fault = certificate === undefined ? undefined : endEntityFault(certificate, 'encipherment');
  const problem =
    key.type !== 'rsa'
      ? `a key of type ${key.type} does not decrypt`
      : key.bits < MIN_RSA_BITS
        ? `an RSA key of ${key.bits} bits hides nothing, at least ${MIN_RSA_BITS} are wanted`
        : fault?.detail;
  if (problem === undefined) return;
  throw new Failed({
    code: 'auth/method',
    summary: `${connection}: public key encryption: ${problem}`,
    ours: [`${key.type} ${key.bits}`],
    remedy: `use an RSA key of ${MIN_RSA_BITS} bits or more, and a certificate whose key usage has keyEncipherment`,
  });
}

interface Memo {
  readonly credentials: Credentials;
  /** Names of connections, by the public keys that they sign with. */
  readonly signers: ReadonlyMap<string, string>;
}

const memos = new WeakMap<readonly Connection[], Memo>();

/** The connection that signs with a key. A stranger's first message must not have us look through all of them anew. */
function signerBy(host: Host, { publicKey }: PrivateKey, path: Path): string | undefined {
  const { connections, credentials } = host;
  let memo = memos.get(connections);
  if (memo === undefined || memo.credentials !== credentials) {
    const signers = new Map<string, string>();
    for (const connection of connections)
      for (const local of connection.local) {
        const key = signingKey(host, connection, local, path);
        if (key !== undefined) signers.set(toHex(key.publicKey.spki), connection.name);
      }
    memo = { credentials, signers };
    memos.set(connections, memo);
  }
  return memo.signers.get(toHex(publicKey.spki));
}

function signingKey(
  host: Host,
  connection: Connection,
  local: LocalAuth,
  path: Path,
): PrivateKey | undefined {
  if (local.method !== 'pubkey') return undefined;
  try {
    return ownPrivateKey(askFor(host, connection, local, path));
  } catch (error) {
    if (error instanceof Failed) return undefined;
    throw error;
  }
}
