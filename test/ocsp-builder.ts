import { createHash, sign } from 'node:crypto';
import { context, encodeDer, encodeOid, Tag } from '../src/pki/der.ts';
import { encodeName } from '../src/pki/name-text.ts';
import { type Issued, TEST_TIME } from './certificate-builder.ts';

/** What an OCSP response says, and what of it is not as it should be. */
export interface OcspOptions {
  readonly status?: 'good' | 'unknown' | { readonly at: number; readonly reason?: number };
  readonly thisUpdate?: number;
  readonly nextUpdate?: number | null;
  readonly producedAt?: number;
  readonly hash?: 'sha1' | 'sha256';
  /** Who signs; the issuer otherwise. Sent along unless it is the issuer or `alone`. */
  readonly signer?: Issued;
  readonly alone?: boolean;
  readonly byKey?: boolean;
  readonly nonce?: Uint8Array;
  /** Of another certificate than the one in question. */
  readonly serial?: Uint8Array;
  readonly refusal?: number;
}

/** An OCSPResponse, made by node:crypto's signatures over what is put together here from RFC 6960's text. P-256 keys alone. */
export function ocspResponse(issuer: Issued, certificate: Issued, options: OcspOptions = {}): Uint8Array {
  if (options.refusal !== undefined)
    return sequence(encodeDer(Tag.ENUMERATED, Uint8Array.of(options.refusal)));
  const { nextUpdate = TEST_TIME + 86_400_000, signer = issuer, byKey = true } = options;
  const responder = byKey
    ? encodeDer(context(2), encodeDer(Tag.OCTET_STRING, keyHash(signer, 'sha1')))
    : encodeDer(context(1), encodeName(signer.subject));
  const single = sequence(
    certificateId(issuer, options.serial ?? certificate.serial, options.hash ?? 'sha1'),
    statusOf(options.status ?? 'good'),
    time(options.thisUpdate ?? TEST_TIME - 60_000),
    ...(nextUpdate === null ? [] : [encodeDer(context(0), time(nextUpdate))]),
  );
  const { nonce } = options;
  const extensions =
    nonce === undefined
      ? []
      : [encodeDer(context(1), sequence(sequence(oid('1.3.6.1.5.5.7.48.1.2'), octets(octets(nonce)))))];
  const tbs = sequence(responder, time(options.producedAt ?? TEST_TIME), sequence(single), ...extensions);
  const signature = sign('sha256', tbs, signer.key.privateKey);
  const basic = sequence(
    tbs,
    sequence(oid('1.2.840.10045.4.3.2')),
    encodeDer(Tag.BIT_STRING, Uint8Array.of(0), signature),
    ...(signer === issuer || options.alone === true ? [] : [encodeDer(context(0), sequence(signer.der))]),
  );
  return sequence(
    encodeDer(Tag.ENUMERATED, Uint8Array.of(0)),
    encodeDer(context(0), sequence(oid('1.3.6.1.5.5.7.48.1.1'), octets(basic))),
  );
}

const HASH_OIDS = { sha1: '1.3.14.3.2.26', sha256: '2.16.840.1.101.3.4.2.1' } as const;

function certificateId(issuer: Issued, serial: Uint8Array, hash: 'sha1' | 'sha256'): Uint8Array {
  return sequence(
    sequence(oid(HASH_OIDS[hash]), encodeDer(Tag.NULL)),
    octets(createHash(hash).update(encodeName(issuer.subject)).digest()),
    octets(keyHash(issuer, hash)),
    encodeDer(Tag.INTEGER, serial),
  );
}

/** An uncompressed point of P-256 is the last 65 octets of its SubjectPublicKeyInfo. */
function keyHash({ spki }: Issued, hash: string): Uint8Array {
  return createHash(hash).update(spki.subarray(-65)).digest();
}

function statusOf(status: NonNullable<OcspOptions['status']>): Uint8Array {
  if (status === 'good') return encodeDer(context(0, false));
  if (status === 'unknown') return encodeDer(context(2, false));
  const { at, reason } = status;
  const why =
    reason === undefined ? [] : [encodeDer(context(0), encodeDer(Tag.ENUMERATED, Uint8Array.of(reason)))];
  return encodeDer(context(1), time(at), ...why);
}

function time(instant: number): Uint8Array {
  const text = new Date(instant).toISOString().replace(/[-:T]|\.\d+/g, '');
  return encodeDer(Tag.GeneralizedTime, Buffer.from(text));
}

function oid(dotted: string): Uint8Array {
  return encodeDer(Tag.OID, encodeOid(dotted) as Uint8Array);
}

const sequence = (...parts: Uint8Array[]): Uint8Array => encodeDer(Tag.SEQUENCE, ...parts);
const octets = (...parts: Uint8Array[]): Uint8Array => encodeDer(Tag.OCTET_STRING, ...parts);
