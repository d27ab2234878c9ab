import type { CryptoProvider, HashName } from '../crypto/provider.ts';
import { equal } from '../lib/bytes.ts';
import type { Certificate } from './certificate.ts';
import { context, encodeDer, encodeOid, readDer, Tag } from './der.ts';

/** id-pkix-ocsp-nonce (RFC 9654 §2.1) */
export const NONCE_OID = '1.3.6.1.5.5.7.48.1.2';

/** Which certificate is meant, by its issuer's name and key and its number (CertID of RFC 6960 §4.1.1). */
export interface CertificateId {
  readonly hash: HashName;
  readonly nameHash: Uint8Array;
  readonly keyHash: Uint8Array;
  /** Content octets of the serial number. */
  readonly serial: Uint8Array;
}

/**
 * An OCSPRequest for one certificate, DER (RFC 6960 §4.1.1), unsigned. The CertID is made with SHA-1, the one hash that
 * every responder knows (RFC 5019 §2.1.1): nobody's security rests on it.
 *
 * @param nonce its octets; absent where none is wanted.
 */
export function ocspRequest(
  certificate: Certificate,
  issuer: Certificate,
  nonce: Uint8Array | undefined,
  provider: CryptoProvider,
): Uint8Array {
  const { nameHash, keyHash, serial } = certificateId(certificate, issuer, 'sha1', provider);
  const id = encodeDer(
    Tag.SEQUENCE,
    encodeDer(Tag.SEQUENCE, oid('1.3.14.3.2.26'), encodeDer(Tag.NULL)),
    encodeDer(Tag.OCTET_STRING, nameHash),
    encodeDer(Tag.OCTET_STRING, keyHash),
    encodeDer(Tag.INTEGER, serial),
  );
  const list = encodeDer(Tag.SEQUENCE, encodeDer(Tag.SEQUENCE, id));
  return encodeDer(
    Tag.SEQUENCE,
    encodeDer(Tag.SEQUENCE, list, ...(nonce === undefined ? [] : [extended(nonce)])),
  );
}

/** Whether `id` names `certificate`, which `issuer` issued. */
export function isMeant(
  id: CertificateId,
  certificate: Certificate,
  issuer: Certificate,
  provider: CryptoProvider,
): boolean {
  if (!equal(id.serial, certificate.serial)) return false;
  const { nameHash, keyHash } = certificateId(certificate, issuer, id.hash, provider);
  return equal(id.nameHash, nameHash) && equal(id.keyHash, keyHash);
}

/** The hash of a public key as OCSP has it: of the BIT STRING alone, without its algorithm. */
export function hashOfKey(spki: Uint8Array, hash: HashName, provider: CryptoProvider): Uint8Array {
  const sequence = readDer(spki, Tag.SEQUENCE, 'public key');
  sequence.element('public key: algorithm');
  return provider.hash(hash, sequence.bitOctets('public key'));
}

function certificateId(
  { issuer: name, serial }: Certificate,
  { publicKey }: Certificate,
  hash: HashName,
  provider: CryptoProvider,
): CertificateId {
  return {
    hash,
    nameHash: provider.hash(hash, name.der),
    keyHash: hashOfKey(publicKey.spki, hash, provider),
    serial,
  };
}

/** [2] EXPLICIT Extensions with the nonce alone. */
function extended(nonce: Uint8Array): Uint8Array {
  const value = encodeDer(Tag.OCTET_STRING, encodeDer(Tag.OCTET_STRING, nonce));
  return encodeDer(context(2), encodeDer(Tag.SEQUENCE, encodeDer(Tag.SEQUENCE, oid(NONCE_OID), value)));
}

function oid(dotted: string): Uint8Array {
  return encodeDer(Tag.OID, encodeOid(dotted) as Uint8Array);
}
