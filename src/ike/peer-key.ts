import type { PublicKey } from '../crypto/provider.ts';
import { CertEncoding } from '../iana/ikev2.ts';
import { equal } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import type { Certificate } from '../pki/certificate.ts';
import { pairs, type TrustedChain } from '../pki/chain.ts';
import { readPublicKey, spkiOfRsaKey, trustedRawKey } from '../pki/public-key.ts';
import { identityNotInCertificate, untrustedChain } from '../policy/auth-failures.ts';
import { certificateMatches } from '../policy/certificate-identity.ts';
import type { RemoteAuth } from '../policy/connection.ts';
import { Failed } from '../policy/failure.ts';
import { formatIdentity, type Identity } from '../policy/identity.ts';
import { StatusMissing } from './certificate-status.ts';
import type { Host } from './session.ts';
import type { Grounds } from './verified-peer.ts';

/** A public key that the peer may hold, and the reason to believe that its holder is who the peer claims to be. */
export interface PeerKey {
  readonly key: PublicKey;
  /** For people. */
  readonly name: string;
  /** Throws Failed unless the key is trusted and speaks for the claimed identity, StatusMissing where that cannot be said yet. To be called once the proof is checked. */
  trust(): Grounds;
  /** As `trust`, before there is a proof: nothing is asked for, and a certificate whose status is not known passes. Throws Failed. */
  trustUnproven(): Grounds;
}

/** What the peer says of itself, as far as it takes to find its key. */
export interface KeyClaim {
  readonly host: Host;
  readonly remote: RemoteAuth;
  /** Fits the configuration already. */
  readonly identity: Identity;
  /** Of its CERT payloads, in their order. */
  readonly certificates: readonly CertificateData[];
}

/** The body of a CERT payload (RFC 2408 §3.9, RFC 7296 §3.6). */
export interface CertificateData {
  readonly encoding: number;
  readonly data: Uint8Array;
}

/** More than these of a peer's CERT payloads are not looked at. */
const MAX_CERTIFICATES = 8;

/**
 * The key that the peer's first CERT payload holds (RFC 7296 §3.6: "the first certificate MUST contain the public key
 * used to sign"), or without one those that the configuration knows. Throws Failed.
 */
export function peerKeys(claim: KeyClaim): readonly PeerKey[] {
  const { certificates, host } = claim;
  const [first] = certificates;
  if (first === undefined) return known(claim);
  try {
    switch (first.encoding) {
      case CertEncoding.X509_SIGNATURE:
        return [ofCertificate(claim, host.trust.certificate(first.data), sentAlong(claim))];
      case CertEncoding.RAW_PUBLIC_KEY:
        return [ofRawKey(claim, first.data)];
      case CertEncoding.Raw_RSA_Key:
        return [ofRawKey(claim, spkiOfRsaKey(first.data))];
      default:
        throw new Failed({
          code: 'auth/method',
          summary: `the peer sent a certificate of encoding ${first.encoding}, which is not taken here`,
        });
    }
  } catch (error) {
    if (error instanceof Malformed)
      throw new Failed({
        code: 'auth/untrusted-chain',
        summary: `the peer's certificate cannot be read: ${error.message}`,
      });
    throw error;
  }
}

function sentAlong({ certificates, host }: KeyClaim): readonly Certificate[] {
  return host.trust.readable(
    certificates
      .slice(1, MAX_CERTIFICATES)
      .filter(({ encoding }) => encoding === CertEncoding.X509_SIGNATURE)
      .map(({ data }) => data),
  );
}

/** The peer sent nothing: what the configuration holds of it. */
function known(claim: KeyClaim): readonly PeerKey[] {
  const { remote, host, identity } = claim;
  const own = host.trust.configured(remote.certificates);
  const named = host.trust.intermediates.filter(certificate => certificateMatches(identity, certificate));
  const keys = [
    ...(own.length > 0 ? own : named).map(certificate => ofCertificate(claim, certificate, [])),
    ...remote.publicKeys.map(spki => ofRawKey(claim, spki)),
  ];
  if (keys.length > 0) return keys;
  throw new Failed({
    code: 'auth/no-key',
    summary: `${formatIdentity(identity)} sent no certificate, and none is configured for it`,
    theirs: [formatIdentity(identity)],
    remedy: 'have the peer send its certificate, or set certs of the remote side here',
  });
}

function ofCertificate(claim: KeyClaim, certificate: Certificate, sent: readonly Certificate[]): PeerKey {
  const { remote, identity } = claim;
  const name = certificate.subject.text;
  const trust = (proven: boolean): Grounds => {
    const pinned = trustedRawKey(certificate.publicKey.spki, remote.publicKeys);
    const grounds: Grounds =
      pinned === undefined ? chainOf(claim, certificate, sent, proven) : { kind: 'pinned', spki: pinned };
    if (certificateMatches(identity, certificate)) return grounds;
    throw new Failed(identityNotInCertificate(identity, certificate));
  };
  return {
    key: certificate.publicKey,
    name,
    trust: () => trust(true),
    trustUnproven: () => trust(false),
  };
}

function chainOf(
  claim: KeyClaim,
  certificate: Certificate,
  sent: readonly Certificate[],
  proven: boolean,
): TrustedChain {
  const { remote, host, identity } = claim;
  const name = certificate.subject.text;
  const { certificates } = remote;
  const isWanted = certificates.length === 0 || certificates.some(der => equal(der, certificate.der));
  // What will be refused in any case is no reason to ask anybody anything.
  const maySeek = proven && isWanted && certificateMatches(identity, certificate);
  if (proven && isWanted) learnStatuses(claim, certificate, sent);
  const demands = proven ? remote : { ...remote, revocation: 'relaxed' as const };
  const chain = host.trust.validate(certificate, sent, demands, host.now, maySeek);
  if (chain.kind === 'status-wanted') throw new StatusMissing(chain.path);
  if (chain.kind === 'untrusted') throw new Failed(untrustedChain(chain, host.trust.anchors));
  if (isWanted) return chain;
  throw new Failed({
    code: 'auth/untrusted-chain',
    summary: `the certificate of ${name} is not one of those configured for the peer`,
    ours: host.trust.configured(certificates).map(({ subject }) => subject.text),
    theirs: [name],
    remedy: "add it to certs of the remote side, or leave certs away to take all of the authority's",
  });
}

/** OCSP responses that came along (RFC 4806) are kept where the chain holds, and they are about its certificates. */
function learnStatuses(
  { remote, host, certificates }: KeyClaim,
  certificate: Certificate,
  sent: readonly Certificate[],
): void {
  const responses = certificates.filter(({ encoding }) => encoding === CertEncoding.OCSP);
  if (responses.length === 0) return;
  const chain = host.trust.validate(certificate, sent, { ...remote, revocation: 'relaxed' }, host.now);
  if (chain.kind !== 'trusted') return;
  for (const { data } of responses.slice(0, MAX_CERTIFICATES))
    for (const [one, issuer] of pairs(chain.path))
      host.trust.statuses.learn({ kind: 'ocsp' }, data, one, issuer, host.now);
}

function ofRawKey({ remote, host, identity }: KeyClaim, spki: Uint8Array): PeerKey {
  const key = readPublicKey(spki, host.provider);
  const trust = (): Grounds => {
    const pinned = trustedRawKey(spki, remote.publicKeys);
    if (pinned !== undefined) return { kind: 'pinned', spki: pinned };
    throw new Failed({
      code: 'auth/untrusted-chain',
      summary: `the raw public key of ${formatIdentity(identity)} is not one of those configured`,
      theirs: [formatIdentity(identity)],
      remedy: 'set pubkeys of the remote side to the key of the peer',
    });
  };
  return { key, name: `raw ${key.type} key`, trust, trustUnproven: trust };
}
