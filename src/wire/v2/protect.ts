import { PayloadType } from '../../iana/ikev2.ts';
import { readU16, writeU16, writeU32 } from '../../lib/bytes.ts';
import type { PayloadChain } from '../chain.ts';
import { HEADER_LENGTH } from '../header.ts';
import { split } from './fragments.ts';
import { encodePayloads, type Message, type MessageFields, writeHeader } from './message.ts';
import type { Payload } from './payload.ts';

/** What this room asks of a cipher; the packet ciphers of the crypto room are such. */
export interface MessageCipher {
  readonly ivLength: number;
  readonly icvLength: number;
  /** The text must be a multiple of this many octets. */
  readonly blockLength: number;
  /** In place: fills the IV at `ivOffset`, encrypts up to the last `icvLength` octets, writes the ICV there. */
  seal(packet: Uint8Array, ivOffset: number): void;
  /** In place: checks the ICV first, then decrypts. False, and nothing changed, where it is wrong or cannot be. */
  open(packet: Uint8Array, ivOffset: number): boolean;
}

const GENERIC_HEADER = 4;
const FRAGMENT_NUMBERS = 4;
const MAX_FRAGMENTS = 0xffff;
/** Where in the header the first payload's type stands. */
const HEADER_NEXT_PAYLOAD = 16;

/**
 * Protects a message: one datagram with an SK payload (RFC 7296 §3.14), or several with SKF payloads where
 * it would be larger than `largest` (RFC 7383 §2.5).
 *
 * @param largest octets of one IKE message, header included, without UDP and IP; leave it out to never fragment.
 */
export function sealMessage(
  fields: MessageFields,
  payloads: readonly Payload[],
  cipher: MessageCipher,
  largest?: number,
): Uint8Array[] {
  return sealChain(fields, encodePayloads(payloads), cipher, largest);
}

/** As `sealMessage`, for payloads that are octets already (their sender needed them, RFC 9242 §3.3.2). */
export function sealChain(
  fields: MessageFields,
  inner: PayloadChain,
  cipher: MessageCipher,
  largest = Number.POSITIVE_INFINITY,
): Uint8Array[] {
  const whole = HEADER_LENGTH + GENERIC_HEADER + sealedLength(inner.bytes.length, cipher);
  if (whole <= largest) return [sealOne(fields, inner, cipher)];
  const room = fragmentRoom(cipher, largest);
  const pieces = split(inner.bytes, room);
  if (pieces.length > MAX_FRAGMENTS) throw new RangeError(`${pieces.length} fragments`);
  return pieces.map((bytes, i) =>
    sealOne(fields, { first: i === 0 ? inner.first : PayloadType.NONE, bytes }, cipher, {
      number: i + 1,
      total: pieces.length,
    }),
  );
}

/**
 * Checks and decrypts the SK or SKF payload of a message. `datagram` stays as it is: it may be stored, and a
 * retransmission is compared with it.
 *
 * @param message what `decodeMessage` made of the same datagram.
 * @returns the inner chain (one fragment of it with SKF); undefined where the ICV or the padding is wrong.
 */
export function openMessage(
  datagram: Uint8Array,
  message: Message,
  cipher: MessageCipher,
): PayloadChain | undefined {
  const encrypted = message.encrypted;
  if (encrypted === undefined) return undefined;
  const textStart = encrypted.bodyOffset + cipher.ivLength;
  const textEnd = datagram.length - cipher.icvLength;
  if (textEnd <= textStart) return undefined;
  const packet = datagram.slice();
  if (!cipher.open(packet, encrypted.bodyOffset)) return undefined;
  const padLength = packet[textEnd - 1] as number;
  const end = textEnd - 1 - padLength;
  if (end < textStart) return undefined;
  return { first: encrypted.firstInner, bytes: packet.subarray(textStart, end) };
}

/**
 * The octets of a protected message up to the encrypted payload's header, as if neither encryption nor
 * fragmentation had taken place: what IKE_INTERMEDIATE authenticates besides the inner chain (RFC 9242 §3.3.2).
 *
 * @param datagram the whole message, or its first fragment, as sent or received.
 * @param innerLength octets of the whole inner chain.
 */
export function unprotectedHead(datagram: Uint8Array, message: Message, innerLength: number): Uint8Array {
  const encrypted = message.encrypted;
  if (encrypted === undefined) throw new RangeError('the message is not protected');
  const fragmented = encrypted.type === PayloadType.SKF;
  const head = datagram.slice(0, encrypted.bodyOffset - (fragmented ? FRAGMENT_NUMBERS : 0));
  writeU32(head, HEADER_LENGTH - 4, head.length + innerLength);
  writeU16(head, head.length - 2, GENERIC_HEADER + innerLength);
  if (fragmented) head[nextPayloadAt(head)] = PayloadType.SK;
  return head;
}

/** Where the type of the last payload of `head` is named: in the header, or in the payload before it. */
function nextPayloadAt(head: Uint8Array): number {
  let at = HEADER_NEXT_PAYLOAD;
  for (let next = HEADER_LENGTH; next + GENERIC_HEADER < head.length; ) {
    at = next;
    next += readU16(head, next + 2);
  }
  return at;
}

function sealOne(
  fields: MessageFields,
  inner: PayloadChain,
  cipher: MessageCipher,
  fragment?: { readonly number: number; readonly total: number },
): Uint8Array {
  const ivOffset = HEADER_LENGTH + GENERIC_HEADER + (fragment === undefined ? 0 : FRAGMENT_NUMBERS);
  const length = ivOffset + sealedLength(inner.bytes.length, cipher);
  if (length - HEADER_LENGTH > 0xffff)
    throw new RangeError(`encrypted payload of ${length - HEADER_LENGTH} octets`);
  const packet = new Uint8Array(length);
  writeHeader(fields, fragment === undefined ? PayloadType.SK : PayloadType.SKF, packet);
  packet[HEADER_LENGTH] = inner.first;
  writeU16(packet, HEADER_LENGTH + 2, length - HEADER_LENGTH);
  if (fragment !== undefined) {
    writeU16(packet, HEADER_LENGTH + GENERIC_HEADER, fragment.number);
    writeU16(packet, HEADER_LENGTH + GENERIC_HEADER + 2, fragment.total);
  }
  const textStart = ivOffset + cipher.ivLength;
  packet.set(inner.bytes, textStart);
  const padLengthAt = length - cipher.icvLength - 1;
  packet[padLengthAt] = padLengthAt - textStart - inner.bytes.length;
  cipher.seal(packet, ivOffset);
  return packet;
}

/** IV, text with the least padding that fills its last block, Pad Length and ICV. */
function sealedLength(textLength: number, { ivLength, icvLength, blockLength }: MessageCipher): number {
  return ivLength + Math.ceil((textLength + 1) / blockLength) * blockLength + icvLength;
}

/** How much of the inner chain one fragment of at most `largest` octets carries. */
function fragmentRoom(cipher: MessageCipher, largest: number): number {
  const overhead = HEADER_LENGTH + GENERIC_HEADER + FRAGMENT_NUMBERS + cipher.ivLength + cipher.icvLength;
  const text = Math.floor((largest - overhead) / cipher.blockLength) * cipher.blockLength;
  if (text < 2) throw new RangeError(`no fragment fits into ${largest} octets`);
  return text - 1;
}
