import { skeyidSignatures, v1Hash } from '../../crypto/keymat-v1.ts';
import { V1CertEncoding, V1PayloadType } from '../../iana/ikev1.ts';
import { nameOf } from '../../iana/name.ts';
import { type OwnKeyAsk, ownKey, ownPrivateKey } from '../../ike/own-certificate.ts';
import { type CertificateData, peerKeys } from '../../ike/peer-key.ts';
import { type VerifiedPeer, vouchFor } from '../../ike/verified-peer.ts';
import { wrongKey } from '../../policy/auth-failures.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed } from '../../policy/failure.ts';
import { formatIdentity } from '../../policy/identity.ts';
import { all, first } from '../flow.ts';
import type { Authentication, AuthMethod, Claim, MethodAsk, MethodRun } from './method.ts';
import { onlyRound } from './rounds.ts';
import { plainShare, readPlainShare } from './share.ts';
import { SIGNATURE_METHODS, type Signing, signingFor, signingOf, suits } from './signing.ts';

/** Digital signatures over HASH_I and HASH_R, by keys that certificates or the configuration vouch for. */
export const signature: AuthMethod = {
  name: 'pubkey',
  numbers: SIGNATURE_METHODS,

  numbersFor(ask) {
    return onlyRound(ask.connection, 'pubkey') ? [ownSigningMethod(ask)] : [];
  },

  begin(run) {
    const signing = signingOf(run.number);
    const { hash } = signing;
    return {
      ...signer(run, signing),
      ...plainExchange(run),
      ...(hash === undefined ? {} : { hash, peerHash: hash }),
      verify: claim => verifySignature(run, signing, claim),
    };
  },
};

/** What is the same for all methods in which nobody has a shared key. */
export function plainExchange(run: MethodRun): Pick<Authentication, 'share' | 'readShare' | 'skeyids'> {
  return {
    share: plainShare,
    readShare: readPlainShare,

    skeyids({ nonces, sharedSecret }) {
      if (run.suite === undefined) throw new Error('keys before anything is agreed');
      const hash = v1Hash(run.sa.host.provider, run.suite.hash);
      return [{ skeyid: skeyidSignatures(hash, nonces, sharedSecret) }];
    },
  };
}

/** The side that signs. Throws Failed (`auth/no-key`). */
export function signer(
  { sa, connection }: MethodRun,
  { scheme }: Signing,
): Pick<Authentication, 'localId' | 'proof'> {
  const { host, path } = sa;
  const own = ownKey(ownKeyAsk({ host, connection, path }));
  return {
    localId: own.identity,

    proof(hash) {
      const isWanted = connection.sendCert === 'always' || sa.peer.certificateAsked;
      const certificates = isWanted ? own.certificates.filter(isX509) : [];
      return [
        ...certificates.map(({ encoding, data }) => ({ type: V1PayloadType.CERT, encoding, data })),
        { type: V1PayloadType.SIG, data: host.provider.sign(own.key, scheme, hash) },
      ];
    },
  };
}

/** The Authentication Method that our key is for. Throws Failed. */
export function ownSigningMethod(ask: MethodAsk): number {
  const key = ownPrivateKey(ownKeyAsk(ask));
  const number = signingFor(key);
  if (number !== undefined) return number;
  throw new Failed({
    code: 'auth/method',
    summary: `${ask.connection.name}: nothing is signed by ${key.curve ?? key.type} keys in IKEv1`,
    ours: [key.curve ?? key.type],
    theirs: ['rsa', 'prime256v1', 'secp384r1', 'secp521r1'],
    remedy: 'use a certificate with an RSA or NIST curve key, or IKEv2',
  });
}

/** The peer may ask for certificates until ours go out. */
function ownKeyAsk({ host, connection, path }: Omit<MethodAsk, 'role'>): OwnKeyAsk {
  return { host, connection, local: firstLocal(connection), path, certificateAsked: true };
}

function firstLocal({ name, local }: Connection): Connection['local'][number] {
  const [first] = local;
  if (first === undefined)
    throw new Failed({ code: 'config/missing', summary: `${name}: no authentication is configured` });
  return first;
}

/** Checks the signature of the side that signs. Throws Failed. */
export function verifySignature({ sa }: MethodRun, signing: Signing, claim: Claim): VerifiedPeer {
  const { remote, identity, message, expected } = claim;
  const { host } = sa;
  const value = first(message, V1PayloadType.SIG);
  if (value === undefined) throw new Failed(wrongKey(identity, 'signature'));
  const certificates = certificatesIn(claim);
  for (const peer of peerKeys({ host, remote, identity, certificates })) {
    if (!suits(signing, peer.key)) {
      throw new Failed({
        code: 'auth/method',
        summary: `${formatIdentity(identity)} has a ${peer.key.curve ?? peer.key.type} key, and signatures by ${signing.curve ?? signing.keyType} keys were agreed`,
        ours: [signing.curve ?? signing.keyType],
        theirs: [peer.key.curve ?? peer.key.type],
        remedy: 'in IKEv1 both ends need keys of one kind',
      });
    }
    if (!host.provider.verify(peer.key, signing.scheme, expected, value.data)) continue;
    return vouchFor(identity, `${signing.scheme.name} by ${peer.name}`, peer.trust());
  }
  throw new Failed(wrongKey(identity, 'signature'));
}

/** Throws Failed where there are some, and none of them an X.509 certificate. */
function certificatesIn({ message, identity }: Claim): readonly CertificateData[] {
  const sent = all(message, V1PayloadType.CERT);
  const certificates = sent.filter(isX509);
  const [other] = sent;
  if (certificates.length > 0 || other === undefined) return certificates;
  throw new Failed({
    code: 'auth/method',
    summary: `${formatIdentity(identity)} sent a certificate as ${nameOf(V1CertEncoding, other.encoding)}, which is not taken here`,
  });
}

function isX509({ encoding }: CertificateData): boolean {
  return encoding === V1CertEncoding.X509_SIGNATURE;
}
