import { v1Hash } from '../../../crypto/keymat-v1.ts';
import { CryptoFailure, type PublicKey } from '../../../crypto/provider.ts';
import { V1Notify } from '../../../iana/ikev1.ts';
import type { CertificateData, PeerKey } from '../../../ike/peer-key.ts';
import { equal, toHex } from '../../../lib/bytes.ts';
import type { Connection } from '../../../policy/connection.ts';
import { Failed, type Failure } from '../../../policy/failure.ts';
import type { Identity } from '../../../policy/identity.ts';
import { Refused } from '../../flow.ts';
import type { MethodRun } from '../method.ts';
import { firstRound } from '../rounds.ts';
import { type DecryptionKey, decryptionKey } from './own-key.ts';
import { bestFor, identityTrouble, OTHER_KEY } from './peer-identity.ts';
import { certificateOf, encryptionKeys } from './peer-key.ts';

/**
 * Whom a run is between, and the keys of the two. What came decrypted chooses among the connections, but what we answer
 * has the same shape whatever it says: who cannot be found is answered by a key that nobody else can decrypt with.
 */
export class Parties {
  readonly run: MethodRun;
  own: DecryptionKey;
  /** What the peer sent with its share. */
  certificates: readonly CertificateData[] = [];
  #peer: PeerKey | undefined;
  #trouble: Failure | undefined;

  /** Throws Failed where we have no key, or as initiator none of the peer. */
  constructor(run: MethodRun) {
    const { connection, sa } = run;
    this.run = run;
    this.own = this.#ownOf(connection);
    if (sa.role === 'initiator') this.#peer = this.#keyOf(connection, undefined);
  }

  /** Of the nonce and identity that we send. */
  get target(): PublicKey {
    return this.#peer?.key ?? this.own.key.publicKey;
  }

  isTarget({ key }: PeerKey): boolean {
    return this.#peer !== undefined && equal(this.#peer.key.spki, key.spki);
  }

  /** HASH(1): which certificate an initiator encrypts to; absent with a raw key. */
  get namedTarget(): Uint8Array | undefined {
    const { sa } = this.run;
    if (sa.role === 'responder') return undefined;
    const { remote } = firstRound(sa.connection);
    const certificate = certificateOf(sa.host, remote, this.target.spki);
    return certificate === undefined ? undefined : this.#hash(certificate.der);
  }

  /** The responder's key, by the HASH(1) that came. What it says is no secret: nothing is decrypted before. Throws Refused. */
  decryptBy(named: Uint8Array | undefined): void {
    const { sa, possible } = this.run;
    if (named === undefined || sa.role === 'initiator') return;
    for (const connection of [sa.connection, ...(possible?.() ?? [])]) {
      const own = this.#ownOf(connection);
      if (!own.named.some(({ der }) => equal(this.#hash(der), named))) continue;
      this.own = own;
      sa.connection = connection;
      return;
    }
    throw new Refused(V1Notify.CERTIFICATE_UNAVAILABLE, {
      code: 'auth/no-key',
      summary: `${sa.connection.name}: the peer encrypts to a certificate that is not ours`,
      ours: this.own.named.map(({ der, subject }) => `${subject.text}: ${toHex(this.#hash(der))}`),
      theirs: [toHex(named)],
      remedy: 'let certs of the remote side at the peer name the certificate that is ours now',
    });
  }

  /** Never fails for what the ciphertext is. Throws Failed for what the platform lacks. */
  decrypt(ciphertext: Uint8Array): Uint8Array {
    try {
      return this.run.sa.host.provider.decrypt(this.own.key, ciphertext);
    } catch (error) {
      if (error instanceof CryptoFailure)
        throw new Failed({ code: 'local/unsupported', summary: `public key encryption: ${error.message}` });
      throw error;
    }
  }

  /** Throws Failed where `message` is too long for the key. */
  encrypt(message: Uint8Array, what: string): Uint8Array {
    try {
      return this.run.sa.host.provider.encrypt(this.target, message);
    } catch (error) {
      if (error instanceof CryptoFailure)
        throw new Failed({
          code: 'local/unsupported',
          summary: `${what} of ${message.length} octets does not fit an RSA key of ${this.target.bits} bits`,
          remedy: 'use a shorter local.id, a longer key at the peer, or the revised method at both ends',
        });
      throw error;
    }
  }

  /** Settles on the connection that the identity asks for, as far as there is one; `identity` undefined: it makes no sense. */
  meet(identity: Identity | undefined): void {
    const { sa, possible } = this.run;
    if (sa.role === 'responder') {
      const ours = [sa.connection, ...(possible?.() ?? [])].filter(other =>
        equal(this.#ownOf(other).key.publicKey.spki, this.own.key.publicKey.spki),
      );
      sa.connection = bestFor(identity, ours) ?? sa.connection;
      this.own = this.#ownOf(sa.connection);
    }
    const { remote } = firstRound(sa.connection);
    this.#trouble = identityTrouble(remote, identity);
    if (sa.role === 'initiator') return;
    try {
      this.#peer = this.#keyOf(sa.connection, identity);
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      this.#trouble ??= error.failure;
    }
  }

  misfit(): Failure {
    return this.#trouble ?? OTHER_KEY;
  }

  #ownOf(connection: Connection): DecryptionKey {
    const { host, path } = this.run.sa;
    return decryptionKey({ host, connection, path });
  }

  #keyOf(connection: Connection, identity: Identity | undefined): PeerKey {
    const { host } = this.run.sa;
    const { remote } = firstRound(connection);
    return encryptionKeys({ host, remote, identity, certificates: this.certificates })[0];
  }

  #hash(der: Uint8Array): Uint8Array {
    const { sa, suite } = this.run;
    if (suite === undefined) throw new Error('a hash before anything is agreed');
    return v1Hash(sa.host.provider, suite.hash).hash(der);
  }
}
