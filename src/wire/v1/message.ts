import { V1HeaderFlag, V1PayloadType } from '../../iana/ikev1.ts';
import { Malformed, Reader } from '../../lib/reader.ts';
import { Writer } from '../../lib/writer.ts';
import type { PayloadChain } from '../chain.ts';
import { decodeHeader, encodeHeader, HEADER_LENGTH, type Header, HeaderMalformed } from '../header.ts';
import type { V1KnownPayload, V1Payload } from './payload.ts';
import { v1CodecFor } from './payloads/index.ts';

/** An IKEv1 message as it stands in the datagram. */
export interface V1Message {
  readonly header: Header;
  /** All after the header is ciphertext. */
  readonly encrypted: boolean;
  /** In order; empty where the message is encrypted. A vendor fragment stands alone. */
  readonly payloads: readonly V1Payload[];
}

/** The fields of the header that a sender chooses; the encryption flag is set by whoever encrypts. */
export type V1MessageFields = Pick<
  Header,
  'initiatorSpi' | 'responderSpi' | 'exchangeType' | 'flags' | 'messageId'
>;

/** Payloads and where they ended: what follows is padding. */
export interface V1Payloads {
  readonly payloads: readonly V1Payload[];
  /** Octets from the start of the first payload to the end of the last. */
  readonly length: number;
}

/** Payloads in one message. */
export const MAX_V1_PAYLOADS = 128;

const GENERIC_HEADER = 4;
/** Messages in the clear are filled up to a multiple of four octets by some (libreswan's ikepad). */
const MAX_CLEAR_PADDING = 3;

/**
 * Takes an IKEv1 message apart as far as that goes without keys (RFC 2408 §3). Slices in the result are views
 * of `datagram`.
 *
 * @param header what `decodeHeader` made of the same datagram, where the caller has it already.
 * @throws Malformed; HeaderMalformed where the header is to blame, the major version included.
 */
export function decodeV1Message(datagram: Uint8Array, header: Header = decodeHeader(datagram)): V1Message {
  if (header.majorVersion !== 1) {
    throw new HeaderMalformed('version', `IKE header: major version ${header.majorVersion}, 1 wanted`, 17);
  }
  const { nextPayload, flags } = header;
  // racoon sets the flag on fragments, which are pieces of ciphertext but no ciphertext themselves.
  const encrypted = (flags & V1HeaderFlag.ENCRYPTION) !== 0 && nextPayload !== V1PayloadType.FRAGMENT;
  if (encrypted) return { header, encrypted, payloads: [] };
  const reader = new Reader(datagram, HEADER_LENGTH);
  const payloads = decodeChain(nextPayload, reader);
  const at = reader.offset;
  const padding = reader.rest();
  if (padding.length > MAX_CLEAR_PADDING || padding.some(octet => octet !== 0)) {
    throw new Malformed(`after the last payload: ${padding.length} octets too many`, at);
  }
  return { header, encrypted, payloads };
}

/**
 * The payloads of a decrypted message. What stands behind them is padding, of any length and content: racoon
 * fills up with random octets.
 *
 * @param first the Next Payload field of the header.
 * @throws Malformed, which with a wrong key is the usual end.
 */
export function decodeV1Payloads(first: number, bytes: Uint8Array): V1Payloads {
  const reader = new Reader(bytes);
  const payloads = decodeChain(first, reader);
  return { payloads, length: reader.offset };
}

/** The inverse of `decodeV1Payloads`, without padding. */
export function encodeV1Payloads(payloads: readonly V1Payload[]): PayloadChain {
  const out = new Writer();
  encodeChain(payloads, out);
  return { first: firstType(payloads), bytes: out.finish() };
}

/** A whole message in the clear, version 1.0. */
export function encodeV1Message(fields: V1MessageFields, payloads: readonly V1Payload[]): Uint8Array {
  const out = new Writer();
  out.zeros(HEADER_LENGTH);
  encodeChain(payloads, out);
  const message = out.finish();
  writeV1Header(fields, firstType(payloads), message);
  return message;
}

/** The body of a payload, without its generic header: SAi_b, IDii_b, Ni_b and the like (RFC 2409 §3.2). */
export function encodeV1Body(payload: V1KnownPayload): Uint8Array {
  const out = new Writer();
  v1CodecFor(payload.type)?.encode(payload, out);
  return out.finish();
}

/** A HASH payload in front of the octets it covers (RFC 2409 §5.5, §5.7). */
export function prependHash(hash: Uint8Array, rest: PayloadChain): PayloadChain {
  const out = new Writer(GENERIC_HEADER + hash.length + rest.bytes.length);
  out
    .u8(rest.first)
    .u8(0)
    .u16(GENERIC_HEADER + hash.length)
    .bytes(hash)
    .bytes(rest.bytes);
  return { first: V1PayloadType.HASH, bytes: out.finish() };
}

/** What a HASH payload at the front of a decrypted message covers: all after it, up to the padding. */
export function afterHash(bytes: Uint8Array, { length }: V1Payloads): Uint8Array {
  const hashLength = ((bytes[2] as number) << 8) | (bytes[3] as number);
  return bytes.subarray(hashLength, length);
}

/** Puts the header in front of a message of which all else is written. */
export function writeV1Header(fields: V1MessageFields, nextPayload: number, message: Uint8Array): void {
  const { initiatorSpi, responderSpi, exchangeType, flags, messageId } = fields;
  encodeHeader(
    {
      initiatorSpi,
      responderSpi,
      nextPayload,
      majorVersion: 1,
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
// ! Next Payload  !   RESERVED    !         Payload Length        !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

function decodeChain(first: number, reader: Reader): V1Payload[] {
  const payloads: V1Payload[] = [];
  for (let type = first; type !== V1PayloadType.NONE; ) {
    const at = reader.offset;
    if (payloads.length === MAX_V1_PAYLOADS) throw new Malformed(`more than ${MAX_V1_PAYLOADS} payloads`, at);
    const next = reader.u8('next payload');
    reader.u8('payload reserved');
    const length = reader.u16('payload length');
    if (length < GENERIC_HEADER) throw new Malformed(`payload of ${length} octets`, at);
    const body = reader.sub(length - GENERIC_HEADER, 'payload');
    const codec = v1CodecFor(type);
    payloads.push(
      codec === undefined
        ? { type: 'unknown', number: type, data: body.rest() }
        : codec.decode(body, type as V1KnownPayload['type']),
    );
    if (type === V1PayloadType.FRAGMENT && (payloads.length > 1 || next !== V1PayloadType.NONE)) {
      throw new Malformed('a fragment among other payloads', at);
    }
    type = next;
  }
  return payloads;
}

function encodeChain(payloads: readonly V1Payload[], out: Writer): void {
  payloads.forEach((payload, i) => {
    const at = out.position;
    const next = payloads[i + 1];
    out
      .u8(next === undefined ? V1PayloadType.NONE : typeOf(next))
      .u8(0)
      .u16(0);
    if (payload.type === 'unknown') out.bytes(payload.data);
    else v1CodecFor(payload.type)?.encode(payload, out);
    const length = out.position - at;
    if (length > 0xffff) throw new RangeError(`payload of ${length} octets`);
    out.patchU16(at + 2, length);
  });
}

function firstType(payloads: readonly V1Payload[]): number {
  const first = payloads[0];
  return first === undefined ? V1PayloadType.NONE : typeOf(first);
}

function typeOf(payload: V1Payload): number {
  return payload.type === 'unknown' ? payload.number : payload.type;
}
