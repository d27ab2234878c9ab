import { IdType } from '../../../iana/ikev2.ts';
import { type CertificateData, type KeyClaim, type PeerKey, peerKeys } from '../../../ike/peer-key.ts';
import type { Host } from '../../../ike/session.ts';
import { equal } from '../../../lib/bytes.ts';
import type { Certificate } from '../../../pki/certificate.ts';
import { endEntityFault, MIN_RSA_BITS } from '../../../pki/fitness.ts';
import type { RemoteAuth } from '../../../policy/connection.ts';
import { Failed } from '../../../policy/failure.ts';
import { formatIdentity, type Identity } from '../../../policy/identity.ts';

/** Whose key is wanted. */
export interface PeerAsk {
  readonly host: Host;
  readonly remote: RemoteAuth;
  /** As far as it is known. */
  readonly identity: Identity | undefined;
  /** What the peer sent, which revised encryption allows an initiator. */
  readonly certificates: readonly CertificateData[];
}

/** The keys that may be encrypted to, best first: each is trusted for the identity before anything is hidden by it. Throws Failed where there is none. */
export function encryptionKeys(ask: PeerAsk): readonly [PeerKey, ...PeerKey[]] {
  let refusal: Failed | undefined;
  const [first, ...others] = peerKeys(claimOf(ask)).filter(key => {
    try {
      check(key, certificateOf(ask.host, ask.remote, key.key.spki));
      key.trustUnproven();
      return true;
    } catch (error) {
      if (!(error instanceof Failed)) throw error;
      refusal ??= error;
      return false;
    }
  });
  if (first !== undefined) return [first, ...others];
  throw refusal ?? new Failed({ code: 'auth/no-key', summary: 'no key of the peer is known' });
}

/** The certificate that is known of the peer's key. */
export function certificateOf(
  { trust }: Host,
  remote: RemoteAuth,
  spki: Uint8Array,
): Certificate | undefined {
  return [...trust.configured(remote.certificates), ...trust.intermediates].find(({ publicKey }) =>
    equal(publicKey.spki, spki),
  );
}

function check({ key, name }: PeerKey, certificate: Certificate | undefined): void {
  const fault = certificate === undefined ? undefined : endEntityFault(certificate, 'encipherment');
  const problem =
    key.type !== 'rsa' || key.bits < MIN_RSA_BITS
      ? `it has a key of type ${key.type} with ${key.bits} bits, and RSA with at least ${MIN_RSA_BITS} is wanted`
      : fault?.detail;
  if (problem === undefined) return;
  throw new Failed({
    code: 'auth/method',
    summary: `${name} cannot be encrypted to: ${problem}`,
    theirs: [`${key.type} ${key.bits}`],
    remedy: 'give the peer an RSA key for public key encryption alone',
  });
}

/** An initiator knows of the responder what is configured: its identity, or that of its certificate. */
function claimOf({ host, remote, identity, certificates }: PeerAsk): KeyClaim {
  const [configured] = host.trust.configured(remote.certificates);
  const known = identity ?? (remote.id.kind === 'exact' ? remote.id.identity : undefined);
  const subject =
    configured === undefined ? undefined : { type: IdType.ID_DER_ASN1_DN, data: configured.subject.der };
  const claimed = known ?? subject ?? { type: IdType.ID_KEY_ID, data: new Uint8Array() };
  if (
    certificates.length === 0 &&
    remote.certificates.length + remote.publicKeys.length === 0 &&
    known === undefined
  )
    throw new Failed({
      code: 'auth/no-key',
      summary: `there is nothing to encrypt to: the public key of ${formatIdentity(claimed)} must be known beforehand`,
      remedy: 'set certs or pubkeys of the remote side',
    });
  return { host, remote, identity: claimed, certificates };
}
