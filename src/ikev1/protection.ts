import { V1HeaderFlag, V1PayloadType } from '../iana/ikev1.ts';
import { constantTimeEqual } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import type { Path } from '../policy/sa.ts';
import type { Header } from '../wire/header.ts';
import {
  afterHash,
  decodeV1Message,
  decodeV1Payloads,
  encodeV1Message,
  encodeV1Payloads,
  prependHash,
  type V1MessageFields,
} from '../wire/v1/message.ts';
import { openV1Message, sealV1Message } from '../wire/v1/protect.ts';
import { checkV1Message } from '../wire/v1/rules.ts';
import type { Message, Sending } from './flow.ts';
import type { HashRule } from './hash-rule.ts';
import type { IsakmpKeys } from './isakmp-keys.ts';

/** A message made ready, and the IV of the next one of its exchange; undefined where nothing was encrypted. */
export interface Sealed {
  readonly datagram: Uint8Array;
  readonly nextIv: Uint8Array | undefined;
}

/** A message that can be read. With a hash rule it is the peer's; without one nothing says so yet. */
export interface Opened {
  readonly message: Message;
  /** What is wrong with its shape, if anything is (RFC 2409 §5). */
  readonly breach: string | undefined;
  /** The IV of the next message of the exchange, if this one is accepted. */
  readonly nextIv: Uint8Array | undefined;
}

/** A datagram, and which message of its exchange it should be. */
export interface Arrived {
  readonly datagram: Uint8Array;
  readonly header: Header;
  readonly path: Path;
  /** 1 for the first. */
  readonly number: number;
}

/** A message as it goes out: encrypted once there are keys. */
export function seal(
  fields: V1MessageFields,
  { payloads, hash, clear }: Sending,
  keys: IsakmpKeys | undefined,
  iv: () => Uint8Array,
): Sealed {
  if (keys === undefined || clear === true)
    return { datagram: encodeV1Message(fields, payloads), nextIv: undefined };
  const rest = encodeV1Payloads(payloads);
  const chain =
    hash === undefined ? rest : prependHash(keys.hashOf(hash, fields.messageId, rest.bytes), rest);
  return sealV1Message(fields, chain, keys.cipher, iv());
}

/** Undefined where it cannot be read. */
export function readClear(
  { datagram, header, path, number }: Arrived,
  insteadOfEncrypted = false,
): Opened | undefined {
  return orUndefined(() => {
    const { payloads, encrypted } = decodeV1Message(datagram, header);
    if (encrypted) return undefined;
    const breach = checkV1Message(header.exchangeType, number, insteadOfEncrypted, payloads)?.text;
    return {
      message: { header, path, payloads, encrypted, keys: undefined },
      breach,
      nextIv: undefined,
    };
  });
}

/**
 * Undefined where these keys and this IV do not make payloads of it, or where its HASH, if `rule` asks for one, is not
 * right: then nothing may follow from it.
 */
export function open(
  { datagram, header, path, number }: Arrived,
  keys: IsakmpKeys,
  iv: Uint8Array,
  rule: HashRule | undefined,
): Opened | undefined {
  const opened = openV1Message(datagram, keys.cipher, iv);
  if (opened === undefined) return undefined;
  return orUndefined(() => {
    const decoded = decodeV1Payloads(header.nextPayload, opened.bytes);
    const { payloads } = decoded;
    const [hash, ...others] = payloads;
    if (rule !== undefined) {
      if (hash?.type !== V1PayloadType.HASH) return undefined;
      const expected = keys.hashOf(rule, header.messageId, afterHash(opened.bytes, decoded));
      if (!constantTimeEqual(hash.data, expected)) return undefined;
    }
    const message = {
      header,
      path,
      payloads: rule === undefined ? payloads : others,
      encrypted: true,
      keys,
    };
    const breach = checkV1Message(header.exchangeType, number, true, payloads)?.text;
    return { message, breach, nextIv: opened.nextIv };
  });
}

export function isEncrypted(header: Header): boolean {
  return (header.flags & V1HeaderFlag.ENCRYPTION) !== 0;
}

function orUndefined<Value>(read: () => Value | undefined): Value | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
