import type { PrivateKey } from '../crypto/provider.ts';
import { CertEncoding, IdType } from '../iana/ikev2.ts';
import { Malformed } from '../lib/reader.ts';
import { type Certificate, isSelfIssued } from '../pki/certificate.ts';
import { readPublicKey } from '../pki/public-key.ts';
import { certificateMatches } from '../policy/certificate-identity.ts';
import type { Connection, LocalAuth } from '../policy/connection.ts';
import { findPrivateKey } from '../policy/credentials.ts';
import { Failed } from '../policy/failure.ts';
import { addressIdentity, formatIdentity, type Identity } from '../policy/identity.ts';
import type { Path } from '../policy/sa.ts';
import type { CertificateData } from './peer-key.ts';
import type { Host } from './session.ts';

/** A key that we hold, the identity that it is ours by, and what a peer needs to believe that. */
export interface OwnKey {
  readonly key: PrivateKey;
  readonly identity: Identity;
  readonly certificates: readonly CertificateData[];
}

/** What is known when our key is chosen. */
export interface OwnKeyAsk {
  readonly host: Host;
  readonly connection: Connection;
  readonly local: LocalAuth;
  readonly path: Path;
  /** Whether the peer asked for a certificate. */
  readonly certificateAsked: boolean;
}

/** Authorities between our certificate and the peer's anchor that are sent along, at most. */
const MAX_SENT = 6;

/** The first configured certificate, then raw key, whose private key is at hand. Throws Failed (`auth/no-key`). */
export function ownKey(ask: OwnKeyAsk): OwnKey {
  const { key, certificate, spki } = find(ask);
  if (certificate !== undefined) {
    const certificates = wanted(ask) ? chainOf(ask, certificate) : [];
    return { key, identity: identityOf(ask, certificate), certificates };
  }
  const identity = ask.local.id ?? addressIdentity(ask.path.local.address);
  return { key, identity, certificates: wanted(ask) ? [cert(CertEncoding.RAW_PUBLIC_KEY, spki)] : [] };
}

/** The key that `ownKey` takes, where nothing else of it matters. Throws Failed (`auth/no-key`). */
export function ownPrivateKey(ask: OwnKeyAsk): PrivateKey {
  return find(ask).key;
}

type Found =
  | { readonly key: PrivateKey; readonly certificate: Certificate; readonly spki?: undefined }
  | { readonly key: PrivateKey; readonly certificate?: undefined; readonly spki: Uint8Array };

function find(ask: OwnKeyAsk): Found {
  const { host, local } = ask;
  const own = host.trust.configured(local.certificates);
  const named =
    local.id === undefined
      ? []
      : host.trust.intermediates.filter(certificate => matches(local.id, certificate));
  for (const certificate of own.length > 0 ? own : named) {
    const key = findPrivateKey(host.credentials, certificate.publicKey);
    if (key !== undefined) return { key, certificate };
  }
  for (const spki of local.publicKeys) {
    const key = privateKeyOf(ask, spki);
    if (key !== undefined) return { key, spki };
  }
  const candidates = own.map(({ subject }) => subject.text);
  throw new Failed({
    code: 'auth/no-key',
    summary:
      candidates.length > 0
        ? `no private key is loaded for ${candidates.join(' or ')}`
        : `connection ${ask.connection.name} is to sign, and has no certificate or public key of its own`,
    ours: candidates,
    remedy:
      candidates.length > 0
        ? 'load the private key of that certificate'
        : 'set certs or pubkeys of the local side',
  });
}

function wanted({ connection, certificateAsked }: OwnKeyAsk): boolean {
  return connection.sendCert === 'always' || (connection.sendCert === 'ifasked' && certificateAsked);
}

/** The configured identity, if the certificate has it: a peer would refuse any other (RFC 4945 §3.1). */
function identityOf({ host, connection, local }: OwnKeyAsk, certificate: Certificate): Identity {
  const subject: Identity = { type: IdType.ID_DER_ASN1_DN, data: certificate.subject.der };
  if (local.id === undefined || matches(local.id, certificate)) return local.id ?? subject;
  host.event({
    kind: 'log',
    level: 'warn',
    group: 'ike',
    connection: connection.name,
    text: `the certificate does not name ${formatIdentity(local.id)}: its subject ${certificate.subject.text} stands in`,
  });
  return subject;
}

function matches(identity: Identity | undefined, certificate: Certificate): boolean {
  return identity !== undefined && certificateMatches(identity, certificate);
}

/** Our certificate first, then the authorities above it as far as they are configured, self-signed ones left out. */
function chainOf({ host }: OwnKeyAsk, leaf: Certificate): readonly CertificateData[] {
  const chain = [leaf];
  for (let current: Certificate | undefined = leaf; current !== undefined && chain.length <= MAX_SENT; ) {
    const issuer: string = current.issuer.key;
    current = host.trust.intermediates.find(
      candidate => candidate.subject.key === issuer && !isSelfIssued(candidate) && !chain.includes(candidate),
    );
    if (current !== undefined) chain.push(current);
  }
  return chain.map(({ der }) => cert(CertEncoding.X509_SIGNATURE, der));
}

function privateKeyOf({ host }: OwnKeyAsk, spki: Uint8Array): PrivateKey | undefined {
  try {
    return findPrivateKey(host.credentials, readPublicKey(spki, host.provider));
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

function cert(encoding: number, data: Uint8Array): CertificateData {
  return { encoding, data };
}
