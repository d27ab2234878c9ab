import type { CryptoProvider, HashName } from '../crypto/provider.ts';
import { Malformed } from '../lib/reader.ts';
import type { Instant } from '../lib/time.ts';
import { CertificateName } from './certificate.ts';
import type { Revocation } from './crl-entries.ts';
import { context, DerReader, encodeDer, readDer, Tag } from './der.ts';
import { readExtensions } from './extensions.ts';
import { type CertificateId, NONCE_OID } from './ocsp-request.ts';
import { readReason } from './revocation-reason.ts';
import { HASHES } from './signature-algorithm.ts';
import { type Fingerprinted, readFingerprinted } from './signed-octets.ts';

/** A BasicOCSPResponse (RFC 6960 §4.2.1), read and not yet judged. */
export interface OcspResponse extends Fingerprinted {
  /** The whole OCSPResponse. */
  readonly der: Uint8Array;
  /** Who says that it signed: a name, or the SHA-1 hash of a key. */
  readonly responder: { readonly name: CertificateName } | { readonly keyHash: Uint8Array };
  readonly producedAt: Instant;
  readonly statuses: readonly SingleStatus[];
  readonly nonce?: Uint8Array;
  /** Certificates that came along, DER: one of them may be the responder's. */
  readonly certificates: readonly Uint8Array[];
  /** Why it cannot be used whatever it says. */
  readonly unusable?: string;
}

/** What it says of one certificate. */
interface SingleStatus {
  /** Absent where its hash is not known here. */
  readonly id?: CertificateId;
  readonly status: 'good' | 'unknown' | Revocation;
  readonly thisUpdate: Instant;
  /** Absent where newer word can be had at any time. */
  readonly nextUpdate?: Instant;
}

/** Largest response that is read, octets; a CERT payload holds no more. */
export const MAX_OCSP_RESPONSE = 65_535;
const MAX_STATUSES = 64;
const MAX_CERTIFICATES = 8;

/** A responder that answers with an error (RFC 6960 §4.2.1). */
export class OcspRefusal extends Error {}

/** Reads an OCSPResponse, strictly as DER; the octets are copied. Throws Malformed, or OcspRefusal where it is an error. */
export function parseOcspResponse(der: Uint8Array, provider: CryptoProvider): OcspResponse {
  if (der.length > MAX_OCSP_RESPONSE) throw new Malformed(`OCSP response: ${der.length} octets`, 0);
  const copy = der.slice();
  const basic = readEnvelope(copy);
  const { algorithm: _, ...signed } = readFingerprinted(basic.signed, 'OCSP response', provider);
  const body = readDer(signed.tbs, Tag.SEQUENCE, 'OCSP response');
  const version = body.enterIf(context(0), 'OCSP response: version');
  if (version !== undefined && version.small('OCSP response: version') !== 0)
    throw new Malformed('OCSP response: unknown version', body.offset);
  const responder = readResponder(body);
  const producedAt = body.time('OCSP response: producedAt');
  const statuses = readStatuses(body.enter(Tag.SEQUENCE, 'OCSP response: responses'));
  const extensions = readResponseExtensions(body.enterIf(context(1), 'OCSP response: extensions'));
  body.end('OCSP response');
  return {
    der: copy,
    ...signed,
    responder,
    producedAt,
    statuses,
    ...extensions,
    certificates: basic.certificates,
  };
}

/** The value of `successful` in the list of RFC 6960 §4.2.1; the others are refusals. */
const SUCCESSFUL = 0;
const REFUSALS: Readonly<Record<number, string>> = {
  1: 'malformedRequest',
  2: 'internalError',
  3: 'tryLater',
  5: 'sigRequired',
  6: 'unauthorized',
};

const BASIC = '1.3.6.1.5.5.7.48.1.1';

/** The signed part with its signature, as `readFingerprinted` takes it, and the certificates that stand beside. */
function readEnvelope(der: Uint8Array): {
  readonly signed: Uint8Array;
  readonly certificates: readonly Uint8Array[];
} {
  const outer = readDer(der, Tag.SEQUENCE, 'OCSP response');
  const status = outer.small('OCSP response: status', Tag.ENUMERATED);
  const explicit = outer.enterIf(context(0), 'OCSP response: content');
  outer.end('OCSP response');
  if (status !== SUCCESSFUL)
    throw new OcspRefusal(`the responder answers ${REFUSALS[status] ?? `with the error ${status}`}`);
  if (explicit === undefined) throw new Malformed('OCSP response: no content', 0);
  const content = explicit.enter(Tag.SEQUENCE, 'OCSP response: content');
  explicit.end('OCSP response: content');
  const type = content.oid('OCSP response: type');
  const octets = content.content(Tag.OCTET_STRING, 'OCSP response: content');
  content.end('OCSP response: content');
  if (type !== BASIC) throw new Malformed(`OCSP response: type ${type}`, 0);
  const basic = readDer(octets, Tag.SEQUENCE, 'OCSP response');
  const parts = ['signed part', 'signature algorithm', 'signature'].map(part =>
    basic.element(`OCSP response: ${part}`),
  );
  const certificates = readCertificates(basic.enterIf(context(0), 'OCSP response: certificates'));
  basic.end('OCSP response');
  return { signed: encodeDer(Tag.SEQUENCE, ...parts), certificates };
}

function readCertificates(explicit: DerReader | undefined): readonly Uint8Array[] {
  if (explicit === undefined) return [];
  const list = explicit.enter(Tag.SEQUENCE, 'OCSP response: certificates');
  explicit.end('OCSP response: certificates');
  const found: Uint8Array[] = [];
  while (!list.done && found.length < MAX_CERTIFICATES)
    found.push(list.element('OCSP response: certificate'));
  return found;
}

function readResponder(body: DerReader): OcspResponse['responder'] {
  const what = 'OCSP response: responder';
  const name = body.enterIf(context(1), what);
  if (name !== undefined) {
    const read = new CertificateName(name.element(what));
    name.end(what);
    return { name: read };
  }
  const key = body.enter(context(2), what);
  const keyHash = key.content(Tag.OCTET_STRING, what);
  key.end(what);
  return { keyHash };
}

function readStatuses(list: DerReader): readonly SingleStatus[] {
  const found: SingleStatus[] = [];
  while (!list.done) {
    if (found.length === MAX_STATUSES) throw new Malformed('OCSP response: too many statuses', list.offset);
    found.push(readSingle(list.enter(Tag.SEQUENCE, 'OCSP status')));
  }
  return found;
}

function readSingle(single: DerReader): SingleStatus {
  const id = readId(single.enter(Tag.SEQUENCE, 'OCSP status: certificate'));
  const status = readStatus(single);
  const thisUpdate = single.time('OCSP status: thisUpdate');
  const next = single.enterIf(context(0), 'OCSP status: nextUpdate');
  const nextUpdate = next?.time('OCSP status: nextUpdate');
  next?.end('OCSP status: nextUpdate');
  const unknown = criticalIn(single.enterIf(context(1), 'OCSP status: extensions'));
  single.end('OCSP status');
  return {
    ...(id === undefined || unknown !== undefined ? {} : { id }),
    status,
    thisUpdate,
    ...(nextUpdate === undefined ? {} : { nextUpdate }),
  };
}

function readId(sequence: DerReader): CertificateId | undefined {
  const what = 'OCSP status: certificate';
  const algorithm = sequence.enter(Tag.SEQUENCE, what);
  const hash: HashName | undefined = HASHES[algorithm.oid(what)];
  const nameHash = sequence.content(Tag.OCTET_STRING, what);
  const keyHash = sequence.content(Tag.OCTET_STRING, what);
  const serial = sequence.integer(what);
  sequence.end(what);
  return hash === undefined ? undefined : { hash, nameHash, keyHash, serial };
}

function readStatus(single: DerReader): SingleStatus['status'] {
  const what = 'OCSP status';
  if (single.contentIf(context(0, false), what) !== undefined) return 'good';
  if (single.contentIf(context(2, false), what) !== undefined) return 'unknown';
  const revoked = single.enter(context(1), what);
  const at = revoked.time('OCSP status: revocation date');
  const explicit = revoked.enterIf(context(0), what);
  const reason = explicit === undefined ? undefined : readReason(explicit);
  revoked.end(what);
  return reason === undefined ? { at } : { at, reason };
}

function readResponseExtensions(explicit: DerReader | undefined): Pick<OcspResponse, 'nonce' | 'unusable'> {
  let nonce: Uint8Array | undefined;
  let unknown: string | undefined;
  each(explicit, (oid, critical, value) => {
    if (oid === NONCE_OID) nonce = readNonce(value);
    else if (critical) unknown = oid;
  });
  return {
    ...(nonce === undefined ? {} : { nonce }),
    ...(unknown === undefined ? {} : { unusable: `it has the critical extension ${unknown}` }),
  };
}

/** Responders older than RFC 8954 have the nonce's octets without an OCTET STRING around them. */
function readNonce(value: Uint8Array): Uint8Array {
  const inner = new DerReader(value);
  if (inner.tag !== Tag.OCTET_STRING) return value;
  try {
    const nonce = inner.content(Tag.OCTET_STRING, 'nonce');
    return inner.done ? nonce : value;
  } catch (error) {
    if (error instanceof Malformed) return value;
    throw error;
  }
}

function criticalIn(explicit: DerReader | undefined): string | undefined {
  let found: string | undefined;
  each(explicit, (oid, critical) => {
    if (critical) found = oid;
  });
  return found;
}

function each(
  explicit: DerReader | undefined,
  action: (oid: string, critical: boolean, value: Uint8Array) => void,
): void {
  if (explicit === undefined) return;
  readExtensions(explicit.enter(Tag.SEQUENCE, 'OCSP response: extensions'), action);
  explicit.end('OCSP response: extensions');
}
