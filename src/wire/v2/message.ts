import { PayloadType } from '../../iana/ikev2.ts';
import { Malformed, Reader } from '../../lib/reader.ts';
import { Writer } from '../../lib/writer.ts';
import type { PayloadChain } from '../chain.ts';
import { decodeHeader, encodeHeader, HEADER_LENGTH, type Header, HeaderMalformed } from '../header.ts';
import type { EncryptedFragmentPayload, EncryptedPayload, KnownPayload, Payload } from './payload.ts';
import { codecFor } from './payloads/index.ts';

/** An IKEv2 message as it stands in the datagram: what SK or SKF holds is still sealed. */
export interface Message {
  readonly header: Header;
  /** The payloads in the clear, in order. */
  readonly payloads: readonly Payload[];
  /** SK or SKF; the last payload where there is one. */
  readonly encrypted?: EncryptedPayload | EncryptedFragmentPayload;
}

/** The fields of the header that a sender chooses; the rest follows from the payloads. */
export type MessageFields = Pick<
  Header,
  'initiatorSpi' | 'responderSpi' | 'exchangeType' | 'flags' | 'messageId'
>;

/** Payloads in one chain; the outer and the inner chain of a message each have this bound. */
export const MAX_PAYLOADS = 128;

const GENERIC_HEADER = 4;
const CRITICAL = 0x80;
const NO_PAYLOADS: readonly Payload[] = [];

/**
 * Takes an IKEv2 message apart as far as that goes without keys (RFC 7296 §3). Slices in the result are
 * views of `datagram`.
 *
 * @param header what `decodeHeader` made of the same datagram, where the caller has it already.
 * @throws Malformed; HeaderMalformed where the header is to blame, the major version included.
 */
export function decodeMessage(datagram: Uint8Array, header: Header = decodeHeader(datagram)): Message {
  if (header.majorVersion !== 2) {
    throw new HeaderMalformed('version', `IKE header: major version ${header.majorVersion}, 2 wanted`, 17);
  }
  const payloads: Payload[] = [];
  const encrypted = decodeChain(header.nextPayload, new Reader(datagram, HEADER_LENGTH), payloads);
  return encrypted === undefined ? { header, payloads } : { header, payloads, encrypted };
}

/**
 * The payloads that stood inside an SK payload, or in reassembled fragments.
 *
 * @param first the type of the first, from the SK payload's Next Payload field; 0 when there is none.
 * @throws Malformed; also where an encrypted payload stands inside.
 */
export function decodePayloads(first: number, bytes: Uint8Array): readonly Payload[] {
  if (first === PayloadType.NONE && bytes.length === 0) return NO_PAYLOADS;
  const payloads: Payload[] = [];
  if (decodeChain(first, new Reader(bytes), payloads) !== undefined) {
    throw new Malformed('an encrypted payload inside an encrypted payload', 0);
  }
  return payloads;
}

/** The inverse of `decodePayloads`. Reserved bits are zero; a critical bit stands where the payload has it. */
export function encodePayloads(payloads: readonly Payload[]): PayloadChain {
  const out = new Writer();
  encodeChain(payloads, out);
  return { first: firstType(payloads), bytes: out.finish() };
}

/** A whole message in the clear, version 2.0: IKE_SA_INIT, and answers outside of any SA. */
export function encodeMessage(fields: MessageFields, payloads: readonly Payload[]): Uint8Array {
  const out = new Writer();
  out.zeros(HEADER_LENGTH);
  encodeChain(payloads, out);
  const message = out.finish();
  writeHeader(fields, firstType(payloads), message);
  return message;
}

/** The body of a payload, without its generic header, such as IDi' and IDr' (RFC 7296 §2.15). */
export function encodeBody(payload: KnownPayload): Uint8Array {
  const out = new Writer();
  codecFor(payload.type)?.encode(payload, out);
  return out.finish();
}

/** Puts the header in front of a message of which all else is written. */
export function writeHeader(fields: MessageFields, nextPayload: number, message: Uint8Array): void {
  const { initiatorSpi, responderSpi, exchangeType, flags, messageId } = fields;
  encodeHeader(
    {
      initiatorSpi,
      responderSpi,
      nextPayload,
      majorVersion: 2,
      minorVersion: 0,
      exchangeType,
      flags,
      messageId,
      length: message.length,
    },
    message,
  );
}

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Next Payload  |C|  RESERVED   |         Payload Length        |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Walks a chain to its end, which must be the end of `reader`. Returns SK or SKF if one ended it. */
function decodeChain(
  first: number,
  reader: Reader,
  payloads: Payload[],
): EncryptedPayload | EncryptedFragmentPayload | undefined {
  for (let type = first; type !== PayloadType.NONE; ) {
    const at = reader.offset;
    if (payloads.length === MAX_PAYLOADS) throw new Malformed(`more than ${MAX_PAYLOADS} payloads`, at);
    const next = reader.u8('next payload');
    const critical = (reader.u8('payload flags') & CRITICAL) !== 0;
    const length = reader.u16('payload length');
    if (length < GENERIC_HEADER) throw new Malformed(`payload of ${length} octets`, at);
    const body = reader.sub(length - GENERIC_HEADER, 'payload');
    if (type === PayloadType.SK || type === PayloadType.SKF) {
      // "the Encrypted payload MUST be the last payload" (§3.14): its Next Payload begins the inner chain.
      reader.end('after the encrypted payload');
      return encryptedPayload(type, next, critical, body);
    }
    const codec = codecFor(type);
    if (codec === undefined) {
      payloads.push({ type: 'unknown', number: type, critical, data: body.rest() });
    } else {
      const payload = codec.decode(body, type as KnownPayload['type']);
      payloads.push(critical ? { ...payload, critical } : payload);
    }
    type = next;
  }
  reader.end('after the last payload');
  return undefined;
}

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |        Fragment Number        |        Total Fragments        |   SKF only
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                     Initialization Vector                     ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                    Encrypted IKE Payloads                     ~
// +               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |               |             Padding (0-255 octets)            |
// +-+-+-+-+-+-+-+-+                               +-+-+-+-+-+-+-+-+
// |                                               |  Pad Length   |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                    Integrity Checksum Data                    ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

function encryptedPayload(
  type: typeof PayloadType.SK | typeof PayloadType.SKF,
  firstInner: number,
  critical: boolean,
  body: Reader,
): EncryptedPayload | EncryptedFragmentPayload {
  const criticality = critical ? { critical } : undefined;
  if (type === PayloadType.SK) return { type, firstInner, bodyOffset: body.offset, ...criticality };
  const at = body.offset;
  const fragmentNumber = body.u16('fragment number');
  const totalFragments = body.u16('total fragments');
  // RFC 7383 §2.5: numbers start from 1 and do not exceed the total.
  if (fragmentNumber === 0 || fragmentNumber > totalFragments) {
    throw new Malformed(`fragment ${fragmentNumber} of ${totalFragments}`, at);
  }
  return { type, firstInner, fragmentNumber, totalFragments, bodyOffset: body.offset, ...criticality };
}

function encodeChain(payloads: readonly Payload[], out: Writer): void {
  payloads.forEach((payload, i) => {
    const at = out.position;
    const next = payloads[i + 1];
    out.u8(next === undefined ? PayloadType.NONE : typeOf(next)).u8(payload.critical === true ? CRITICAL : 0);
    out.u16(0);
    if (payload.type === 'unknown') out.bytes(payload.data);
    else codecFor(payload.type)?.encode(payload, out);
    const length = out.position - at;
    if (length > 0xffff) throw new RangeError(`payload of ${length} octets`);
    out.patchU16(at + 2, length);
  });
}

function firstType(payloads: readonly Payload[]): number {
  const first = payloads[0];
  return first === undefined ? PayloadType.NONE : typeOf(first);
}

function typeOf(payload: Payload): number {
  return payload.type === 'unknown' ? payload.number : payload.type;
}
