import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import { equal } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import type { Instant } from '../lib/time.ts';
import { context, type DerReader, readDer, Tag } from './der.ts';
import { type CertificateExtensions, NO_EXTENSIONS, readCertificateExtensions } from './extensions.ts';
import { formatName, nameKey } from './name.ts';
import { readPublicKey } from './public-key.ts';
import { type Fingerprinted, readFingerprinted } from './signed-octets.ts';

/** An X.509 certificate (RFC 5280 §4), read and not yet judged. All octets are views of `der`. */
export interface Certificate extends CertificateExtensions, Fingerprinted {
  readonly der: Uint8Array;
  readonly version: 1 | 2 | 3;
  /** Content octets of the serial number. */
  readonly serial: Uint8Array;
  readonly issuer: CertificateName;
  readonly subject: CertificateName;
  readonly notBefore: Instant;
  readonly notAfter: Instant;
  readonly publicKey: PublicKey;
}

/** A distinguished name in the three forms that it is used in. */
export class CertificateName {
  readonly der: Uint8Array;
  /** Equal for equal names (RFC 5280 §7.1). */
  readonly key: string;
  #text: string | undefined;

  /** Throws Malformed. */
  constructor(der: Uint8Array) {
    this.der = der;
    this.key = nameKey(der);
  }

  /** `C=CH, O=Lab, CN=moon` */
  get text(): string {
    this.#text ??= formatName(this.der);
    return this.#text;
  }
}

/** Largest certificate that is read: what a CERT payload can hold. */
const MAX_CERTIFICATE = 65_535;

const MAX_SERIAL = 64;

/** Reads a certificate, strictly as DER; the octets are copied. Throws Malformed. */
export function parseCertificate(der: Uint8Array, provider: CryptoProvider): Certificate {
  if (der.length > MAX_CERTIFICATE) throw new Malformed(`certificate: ${der.length} octets`, 0);
  const copy = der.slice();
  const { algorithm, ...signed } = readFingerprinted(copy, 'certificate', provider);
  const body = readDer(signed.tbs, Tag.SEQUENCE, 'certificate');
  const version = readVersion(body.enterIf(context(0), 'version'));
  const serial = body.integer('serial number');
  if (serial.length > MAX_SERIAL) throw new Malformed(`serial number: ${serial.length} octets`, body.offset);
  // Otherwise one signature would make any number of different certificates (RFC 5280 §4.1.1.2).
  if (!equal(body.element('signature algorithm'), algorithm)) {
    throw new Malformed('certificate: the two signature algorithms differ', body.offset);
  }
  const issuer = new CertificateName(body.element('issuer'));
  const validity = body.enter(Tag.SEQUENCE, 'validity');
  const notBefore = validity.time('validity: notBefore');
  const notAfter = validity.time('validity: notAfter');
  validity.end('validity');
  const subject = new CertificateName(body.element('subject'));
  const spki = body.element('public key');
  body.contentIf(context(1, false), 'issuerUniqueID');
  body.contentIf(context(2, false), 'subjectUniqueID');
  const extensions = readAll(body.enterIf(context(3), 'extensions'), version);
  body.end('certificate');
  return {
    der: copy,
    ...signed,
    version,
    serial,
    issuer,
    subject,
    notBefore,
    notAfter,
    publicKey: readPublicKey(spki, provider),
    ...extensions,
  };
}

/** Whether issuer and subject are one, by name: the signature is not looked at. */
export function isSelfIssued(certificate: Certificate): boolean {
  return certificate.issuer.key === certificate.subject.key;
}

/** Where this certificate's revocation lists can be had. */
export function crlUris(certificate: Certificate): readonly string[] {
  return certificate.crlDistributionPoints.flatMap(name => (name.kind === 'uri' ? [name.text] : []));
}

function readVersion(explicit: DerReader | undefined): 1 | 2 | 3 {
  if (explicit === undefined) return 1;
  const version = explicit.small('version') + 1;
  explicit.end('version');
  if (version !== 1 && version !== 2 && version !== 3)
    throw new Malformed(`certificate: version ${version}`, explicit.offset);
  return version;
}

function readAll(explicit: DerReader | undefined, version: number): CertificateExtensions {
  if (explicit === undefined) return NO_EXTENSIONS;
  if (version !== 3) throw new Malformed(`certificate: extensions in version ${version}`, explicit.offset);
  const extensions = readCertificateExtensions(explicit.enter(Tag.SEQUENCE, 'extensions'));
  explicit.end('extensions');
  return extensions;
}
