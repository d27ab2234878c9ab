import { Malformed } from '../../lib/reader.ts';

/**
 * Netlink's framing (linux/netlink.h): every number in host order, little-endian on the platforms there are; messages
 * and attributes begin on multiples of four.
 */

/** One message without its header. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Netlink port of the socket it answers; 0 on what the kernel tells everybody. */
  readonly port: number;
  readonly body: Uint8Array;
}

/** The message types that every netlink family has. */
export const NLMSG_NOOP = 1;
export const NLMSG_ERROR = 2;
export const NLMSG_DONE = 3;

export const NLM_F_REQUEST = 0x01;
export const NLM_F_ACK = 0x04;
/** A dump was not one consistent picture: to be asked again. */
export const NLM_F_DUMP_INTR = 0x10;
export const NLM_F_REPLACE = 0x100;
export const NLM_F_EXCL = 0x200;
export const NLM_F_CREATE = 0x400;
export const NLM_F_DUMP = 0x300;
const NLM_F_CAPPED = 0x100;
const NLM_F_ACK_TLVS = 0x200;

const HEADER = 16;
const NLMSGERR_ATTR_MSG = 1;
/** Two bits of an attribute's type say how it is encoded. */
const ATTRIBUTE_TYPE = 0x3fff;

export function encodeMessage(message: NetlinkMessage): Uint8Array {
  const bytes = new Uint8Array(HEADER + message.body.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, message.type, true);
  view.setUint16(6, message.flags, true);
  view.setUint32(8, message.sequence, true);
  view.setUint32(12, message.port, true);
  bytes.set(message.body, HEADER);
  return bytes;
}

/** All messages of one datagram; bodies are copies, so that the buffer may be used again. Throws Malformed. */
export function readMessages(bytes: Uint8Array): NetlinkMessage[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const messages: NetlinkMessage[] = [];
  for (let at = 0; at < bytes.length; ) {
    if (bytes.length - at < HEADER) throw new Malformed('netlink header cut short', at);
    const length = view.getUint32(at, true);
    if (length < HEADER || length > bytes.length - at) throw new Malformed('netlink message length', at);
    messages.push({
      type: view.getUint16(at + 4, true),
      flags: view.getUint16(at + 6, true),
      sequence: view.getUint32(at + 8, true),
      port: view.getUint32(at + 12, true),
      body: bytes.slice(at + HEADER, at + length),
    });
    at += align(length);
  }
  return messages;
}

export type Attributes = ReadonlyMap<number, Uint8Array>;

/** The attributes from `at` to the end; of several with one type the last. Throws Malformed. */
export function readAttributes(bytes: Uint8Array, at = 0): Attributes {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const attributes = new Map<number, Uint8Array>();
  for (let next = at; next + 4 <= bytes.length; ) {
    const length = view.getUint16(next, true);
    if (length < 4 || length > bytes.length - next) throw new Malformed('netlink attribute length', next);
    attributes.set(view.getUint16(next + 2, true) & ATTRIBUTE_TYPE, bytes.subarray(next + 4, next + length));
    next += align(length);
  }
  return attributes;
}

/** A number of four octets in an attribute; undefined where it is absent. Throws Malformed. */
export function attributeU32(attributes: Attributes, type: number): number | undefined {
  const value = attributes.get(type);
  if (value === undefined) return undefined;
  if (value.length < 4) throw new Malformed('netlink attribute of four octets cut short', 0);
  return new DataView(value.buffer, value.byteOffset).getUint32(0, true);
}

/** Text up to the terminating zero. */
export function attributeText(attributes: Attributes, type: number): string | undefined {
  const value = attributes.get(type);
  if (value === undefined) return undefined;
  const end = value.indexOf(0);
  return new TextDecoder().decode(end < 0 ? value : value.subarray(0, end));
}

/** What an NLMSG_ERROR says: errno (0 acknowledges) and the kernel's own words, where it has any. */
export function readError(message: NetlinkMessage): { readonly errno: number; readonly detail?: string } {
  const { body, flags } = message;
  if (body.length < 4 + HEADER) throw new Malformed('netlink error cut short', 0);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const errno = 0 - view.getInt32(0, true);
  if ((flags & NLM_F_ACK_TLVS) === 0) return { errno };
  // The request stands there too, unless the kernel was asked to leave its body out.
  const request = (flags & NLM_F_CAPPED) !== 0 ? HEADER : align(view.getUint32(4, true));
  const detail = attributeText(readAttributes(body, Math.min(4 + request, body.length)), NLMSGERR_ATTR_MSG);
  return detail === undefined ? { errno } : { errno, detail };
}

/** The result that ends a dump: 0, or an errno. */
export function readDone(message: NetlinkMessage): number {
  const { body } = message;
  return body.length < 4 ? 0 : 0 - new DataView(body.buffer, body.byteOffset).getInt32(0, true);
}

function align(length: number): number {
  return (length + 3) & ~3;
}
