import { IdType } from '../iana/ikev2.ts';
import { nameOf } from '../iana/name.ts';
import { toHex } from '../lib/bytes.ts';
import type { Certificate } from '../pki/certificate.ts';
import type { ChainFailure, ChainFailureReason } from '../pki/chain-failure.ts';
import { certificateIdentities } from './certificate-identity.ts';
import type { Credentials, SharedKey } from './credentials.ts';
import type { Failure } from './failure.ts';
import { formatIdentity, type Identity, type IdentityPattern } from './identity.ts';
import { formatIdentityPattern } from './identity-match.ts';

/*
 * Failures of proof, told with both sides and the one change that would help. They are for our own side: a peer
 * that failed to prove itself is told AUTHENTICATION_FAILED and nothing else (RFC 7296 §2.21.2).
 */

const notify = 'AUTHENTICATION_FAILED';

/** The peer says, or proved, that it is somebody else than the connection asks for. */
export function wrongIdentity(wanted: IdentityPattern, claimed: Identity): Failure {
  const ours = formatIdentityPattern(wanted);
  const theirs = formatIdentity(claimed);
  const misread = typeRemark(wanted, claimed);
  return {
    code: 'auth/wrong-identity',
    summary: `the peer is ${theirs}, and the connection asks for ${ours}${misread}`,
    ours: [ours],
    theirs: [theirs],
    remedy: `set remote.id = ${theirs} here, or local.id = ${ours} at the peer`,
    notify,
  };
}

/** The certificate proves a key, but not this identity (RFC 4945 §3.1). */
export function identityNotInCertificate(identity: Identity, certificate: Certificate): Failure {
  const wanted = formatIdentity(identity);
  const carried = certificateIdentities(certificate);
  const texts = carried.map(formatIdentity);
  const nearest = carried.find(({ type }) => type === identity.type);
  return {
    code: 'auth/wrong-identity',
    summary: `the certificate of ${certificate.subject.text} does not speak for ${wanted}`,
    ours: [wanted],
    theirs: texts,
    ...(nearest === undefined ? {} : { nearest: formatIdentity(nearest) }),
    remedy: [issueAnew(identity, wanted), chooseOther(texts)].filter(part => part !== '').join(', or '),
    notify,
  };
}

/** The peer's certificate does not lead to trust. `authorities` are those that the chain was allowed to end at. */
export function untrustedChain(failure: ChainFailure, authorities: readonly Certificate[]): Failure {
  const { certificate, detail, path, reason } = failure;
  const serial = toHex(certificate.serial);
  return {
    code: 'auth/untrusted-chain',
    reason,
    summary: `the certificate ${certificate.subject.text || '(without a name)'} (serial ${serial}) cannot be trusted: ${detail}`,
    ours: authorities.map(({ subject }) => subject.text),
    theirs: path.map(({ subject, issuer }) => `${subject.text}, issued by ${issuer.text}`),
    remedy: CHAIN_REMEDIES[reason](certificate),
    notify,
  };
}

/** No pre-shared key fits the two identities. */
export function noSharedKey(
  localId: Identity | undefined,
  remoteId: Identity | undefined,
  credentials: Credentials,
  use: SharedKey['use'] = 'ike',
): Failure {
  const pair = [localId, remoteId].filter(id => id !== undefined).map(formatIdentity);
  const keys = credentials.shared.filter(key => key.use === use);
  const [first] = pair.slice(-1);
  return {
    code: 'auth/no-key',
    summary: `there is no ${use} secret for ${pair.join(' and ') || 'an unknown peer'}`,
    ours: keys.map(({ name, owners }) => `${name}: ${owners.map(formatIdentity).join(', ') || '%any'}`),
    theirs: pair,
    remedy: `add a secret to secrets { ${use}… } with id = ${first ?? '%any'}, or that id to one of those that are there`,
  };
}

/** None of our certificates or raw public keys has its private key here. */
export function noPrivateKey(localId: Identity | undefined, certificates: readonly Certificate[]): Failure {
  const texts = certificates.map(({ subject }) => subject.text);
  return {
    code: 'auth/no-key',
    summary:
      texts.length === 0
        ? `there is no certificate for ${localId === undefined ? 'this connection' : formatIdentity(localId)}`
        : `there is no private key for the certificate of ${texts.join(' or ')}`,
    ours: texts,
    remedy:
      texts.length === 0
        ? 'name a certificate in local.certs, or put one for this identity among the certificates'
        : 'put the private key that belongs to the certificate into the private folder, or name it in secrets',
  };
}

/** The peer proved itself, but in a way that the connection does not allow. */
export function methodNotAllowed(allowed: readonly string[], used: string): Failure {
  return {
    code: 'auth/method',
    summary: `the peer authenticates by ${used}, and the connection allows ${allowed.join(', ')}`,
    ours: allowed,
    theirs: [used],
    remedy: `set remote.auth = ${used} here, or local.auth = ${allowed[0] ?? 'another method'} at the peer`,
    notify,
  };
}

/** The proof does not verify: whoever it is holds another key than the one that is known here. */
export function wrongKey(identity: Identity, proof: 'psk' | 'signature'): Failure {
  const text = formatIdentity(identity);
  return {
    code: 'auth/wrong-key',
    summary:
      proof === 'psk'
        ? `the pre-shared key of ${text} is not the one that is configured here`
        : `the signature of ${text} was not made with the key of its certificate`,
    theirs: [text],
    remedy:
      proof === 'psk'
        ? 'compare the secrets of both sides, octet by octet: a line end, blank or encoding (0x, 0s) is easily missed'
        : 'let the peer sign with the private key that belongs to the certificate or public key it sends',
    notify,
  };
}

/** The peer did not take our proof; the protocol does not let it say why. */
export function proofRefused(localId: Identity, remoteId: Identity | undefined): Failure {
  const text = formatIdentity(localId);
  return {
    code: 'auth/refused-by-peer',
    summary: `the peer does not accept that we are ${text}`,
    ours: [text],
    ...(remoteId === undefined ? {} : { theirs: [formatIdentity(remoteId)] }),
    remedy: `the peer's log says why; its connection must have remote.id = ${text}, and the secret or authority that we prove it with`,
    notify,
  };
}

/** Kinds of subjectAltName, as OpenSSL and the certificate tools write them. */
const ALTERNATIVE_NAMES: Readonly<Record<number, string>> = {
  [IdType.ID_FQDN]: 'DNS',
  [IdType.ID_RFC822_ADDR]: 'email',
  [IdType.ID_IPV4_ADDR]: 'IP',
  [IdType.ID_IPV6_ADDR]: 'IP',
};

function issueAnew({ type }: Identity, text: string): string {
  const kind = ALTERNATIVE_NAMES[type];
  return kind === undefined ? '' : `issue the certificate with the subjectAltName ${kind}:${text}`;
}

function chooseOther(carried: readonly string[]): string {
  return carried.length === 0
    ? ''
    : `set local.id at the peer to one that its certificate has: ${carried.join(' or ')}`;
}

const CHAIN_REMEDIES: Readonly<Record<ChainFailureReason, (certificate: Certificate) => string>> = {
  expired: () => 'renew the certificate, or set the clock of this machine',
  'not-yet-valid': () => 'set the clock of this machine, or of the authority that issued it',
  'no-issuer': ({ issuer }) =>
    `put the certificate of ${issuer.text} among the trusted authorities (x509ca), or let the peer send it`,
  'self-signed': () => 'put the very certificate into remote.certs, or have an authority issue one',
  'untrusted-root': ({ subject }) =>
    `put the certificate of ${subject.text} among the trusted authorities (x509ca)`,
  'bad-signature': ({ issuer }) =>
    `there may be two authorities called ${issuer.text}: put the one that issued this certificate among the trusted ones`,
  'weak-signature': () => 'issue the certificate anew with SHA-256 or better',
  'unsupported-signature': () => 'issue the certificate anew with RSA, ECDSA or EdDSA and SHA-2',
  'weak-key': () => 'issue the certificate anew with a key of 2048 bits or more',
  'not-authority': () =>
    'only certificates with basicConstraints CA:TRUE can issue others: issue the authority anew',
  'path-length': () =>
    'issue the authority anew with a larger pathlen, or the peer by an authority higher up',
  'path-too-long': () => 'put an authority from the middle of the chain among the trusted ones',
  'key-usage': () => 'issue the certificate anew: digitalSignature for a peer, keyCertSign for an authority',
  'extended-key-usage': () =>
    'issue the certificate anew without extendedKeyUsage, or with ipsecIKE, serverAuth or clientAuth',
  'critical-extension': () => 'issue the certificate anew without that extension, or not critical',
  'name-constraints': () => 'issue the certificate with names that its authority may certify',
  policy: () =>
    'issue the certificate under that policy, by authorities that all allow it, or change remote.cert_policy',
  'wrong-authority': () => 'set remote.cacerts to the authority that issued the certificate, or leave it out',
  revoked: () => 'issue a new certificate',
  'revocation-unknown': ({ issuer }) =>
    `publish a current CRL of ${issuer.text} where its certificates or crl_uris say, put it into the x509crl folder, or set remote.revocation = relaxed`,
  'too-much-work': () =>
    'let the peer send no certificates but those between its own and the trusted authority',
};

/** `moon` as a host name and as a key ID print alike to the hasty reader. */
function typeRemark(wanted: IdentityPattern, claimed: Identity): string {
  if (wanted.kind !== 'exact' || wanted.identity.type === claimed.type) return '';
  return ` (types ${nameOf(IdType, claimed.type)} and ${nameOf(IdType, wanted.identity.type)})`;
}
