import type { PrivateKey, PublicKey, SignatureScheme } from '../../crypto/provider.ts';
import {
  identifierOf,
  isWeakScheme,
  schemeByIdentifier,
  schemeByMethod,
  schemesFor,
} from '../../crypto/sign/registry.ts';
import { AuthMethod as AuthNumber, PayloadType } from '../../iana/ikev2.ts';
import { nameOf } from '../../iana/name.ts';
import { ownKey } from '../../ike/own-certificate.ts';
import { peerKeys } from '../../ike/peer-key.ts';
import { vouchFor } from '../../ike/verified-peer.ts';
import { concat } from '../../lib/bytes.ts';
import { Failed } from '../../policy/failure.ts';
import { formatIdentity } from '../../policy/identity.ts';
import type { AuthPayload } from '../../wire/v2/payload.ts';
import type { AuthMethod, Claim, ProofAsk } from './method.ts';

/** Methods of their own, which carry no AlgorithmIdentifier: RSA with SHA-1, and ECDSA by RFC 4754. */
const OLD_METHODS: readonly number[] = [
  AuthNumber.ECDSA_256,
  AuthNumber.ECDSA_384,
  AuthNumber.ECDSA_521,
  AuthNumber.RSA_SIGNATURE,
];

/** Digital signatures: RFC 7427 and RFC 8420, and the older methods of RFC 7296 §3.8 and RFC 4754. */
export const signature: AuthMethod = {
  name: 'pubkey',
  numbers: [AuthNumber.DIGITAL_SIGNATURE, ...OLD_METHODS],

  prepare(ask) {
    const { key, identity, certificates } = ownKey(ask);
    const { method, scheme } = chooseScheme(ask, key);
    return {
      identity,
      by: scheme.name,
      certificates: certificates.map(certificate => ({ type: PayloadType.CERT, ...certificate })),
      sign(octets): AuthPayload {
        const made = ask.host.provider.sign(key, scheme, octets);
        const data = method === AuthNumber.DIGITAL_SIGNATURE ? concat(prefixOf(scheme), made) : made;
        return { type: PayloadType.AUTH, method, data };
      },
    };
  },

  verify(claim) {
    const { host, identity, octets } = claim;
    let wrong: string | undefined;
    for (const peer of peerKeys(claim)) {
      const { scheme, value } = readSignature(claim, peer.key);
      if (host.provider.verify(peer.key, scheme, octets, value) !== true) {
        wrong ??= peer.name;
        continue;
      }
      return vouchFor(identity, `${scheme.name} by ${peer.name}`, peer.trust());
    }
    throw new Failed({
      code: 'auth/wrong-key',
      summary: `the signature of ${formatIdentity(identity)} was not made with the key of ${wrong}`,
      theirs: [formatIdentity(identity)],
      ...(wrong === undefined ? {} : { nearest: wrong }),
      remedy: 'load the private key of the certificate at the peer',
    });
  },
};

/** RFC 7427 where the peer speaks it, otherwise the method that the key has of its own. */
function chooseScheme(
  { peerHashes, local, connection }: ProofAsk,
  key: PrivateKey,
): { readonly method: number; readonly scheme: SignatureScheme } {
  const [scheme] = schemesFor(key, peerHashes, local.schemes);
  if (scheme !== undefined) return { method: AuthNumber.DIGITAL_SIGNATURE, scheme };
  for (const method of peerHashes.length === 0 ? OLD_METHODS : []) {
    const old = schemeByMethod(method, key);
    if (old !== undefined && isAllowed(old, local.schemes, peerHashes)) return { method, scheme: old };
  }
  throw new Failed({
    code: 'auth/method',
    summary: `connection ${connection.name}: the peer takes no signature that the ${key.type} key can make`,
    ours: local.schemes.length > 0 ? local.schemes : [`any strong scheme of a ${key.type} key`],
    theirs:
      peerHashes.length === 0
        ? ['the methods before RFC 7427']
        : [`hash algorithms ${peerHashes.join(', ')}`],
    remedy: 'use a key of another type, or allow another scheme on either side',
  });
}

/** The signature in an AUTH payload with the scheme it claims; refuses what policy does, before any arithmetic. */
function readSignature(
  { auth, remote, identity, peerHashes }: Claim,
  key: PublicKey,
): { readonly scheme: SignatureScheme; readonly value: Uint8Array } {
  const { method, data } = auth;
  const length = data[0] ?? 0;
  const [scheme, value] =
    method === AuthNumber.DIGITAL_SIGNATURE
      ? ([schemeByIdentifier(data.subarray(1, 1 + length)), data.subarray(1 + length)] as const)
      : ([schemeByMethod(method, key), data] as const);
  if (scheme !== undefined && scheme.keyType === key.type && isAllowed(scheme, remote.schemes, peerHashes))
    return { scheme, value };
  throw new Failed({
    code: 'auth/method',
    summary: `${formatIdentity(identity)} signs with ${scheme?.name ?? nameOf(AuthNumber, method)}, which is not allowed for its ${key.type} key`,
    ours: remote.schemes.length > 0 ? remote.schemes : ['every strong scheme'],
    theirs: [scheme?.name ?? nameOf(AuthNumber, method)],
    ...(scheme === undefined
      ? {}
      : { remedy: `allow ${scheme.name} for the peer, or have it sign with another hash` }),
  });
}

/**
 * A peer that does not speak RFC 7427 has nothing but SHA-1 for an RSA key, and is not turned away (RFC 8247 §3): a
 * collision would have to be found during the negotiation. Who speaks it has better, and SHA-1 must be named.
 */
function isAllowed(
  scheme: SignatureScheme,
  schemes: readonly string[],
  peerHashes: readonly number[],
): boolean {
  if (schemes.length > 0) return schemes.includes(scheme.name);
  return !isWeakScheme(scheme) || (scheme.name === 'rsa-sha1' && peerHashes.length === 0);
}

/** ASN.1 length octet and AlgorithmIdentifier, before the signature (RFC 7427 §3). */
function prefixOf(scheme: SignatureScheme): Uint8Array {
  const identifier = identifierOf(scheme) as Uint8Array;
  return concat(Uint8Array.of(identifier.length), identifier);
}
