import assert from 'node:assert/strict';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import type { PacketCipher } from '../../src/crypto/provider.ts';
import { ExchangeType } from '../../src/iana/ikev2.ts';
import { EMPTY, fromHex, toHex } from '../../src/lib/bytes.ts';
import { Secret } from '../../src/lib/secret.ts';
import type { PayloadChain } from '../../src/wire/chain.ts';
import { HeaderFlag } from '../../src/wire/header.ts';
import {
  decodeMessage,
  decodePayloads,
  encodeMessage,
  encodePayloads,
  type MessageFields,
} from '../../src/wire/v2/message.ts';
import type { Payload } from '../../src/wire/v2/payload.ts';
import { openMessage, sealChain } from '../../src/wire/v2/protect.ts';
import type { Host } from './host.ts';
import { describePacket, labelOf, type Packet } from './packet.ts';
import type { Simulation } from './simulation.ts';

/** A message of an honest engine on its way out, taken apart. */
export interface Passing {
  /** `IKE_AUTH request`, as `Direction.waiting` has it. */
  readonly what: string;
  readonly fields: MessageFields;
  readonly payloads: readonly Payload[];
}

/** What an impairment does; what it leaves out passes as it is. */
export interface Impairment {
  /** Which messages it touches: exchange and kind as in `Passing.what`. */
  readonly where: string;
  /** Only the first that fits; its retransmissions pass as they are. */
  readonly once?: boolean;
  readonly drop?: boolean;
  readonly fields?: (fields: MessageFields) => MessageFields;
  readonly payloads?: (payloads: readonly Payload[]) => readonly Payload[];
  /** The chain of payloads as octets, before it is protected again. */
  readonly chain?: (chain: PayloadChain) => PayloadChain;
  /** The whole datagram, after it was. */
  readonly datagram?: (datagram: Uint8Array) => Uint8Array;
}

/**
 * Makes an honest engine a faulty peer: its messages to `to` are opened with its own keys, changed and sealed
 * again, so that they are authentic and wrong. `from` must have been made with `saveKeys`. What an engine signed (its own IKE_SA_INIT) is not what the other end sees.
 */
export function impair(
  sim: Simulation,
  from: Host,
  to: Host,
  impairment: Impairment,
): { readonly count: number } {
  const provider = nodeProvider();
  const changed = new Map<string, Uint8Array | 'drop'>();
  const report = { count: 0 };
  sim.between(from, to).script = packet => {
    const label = labelOf(packet);
    if (packet.content.kind !== 'ike' || label === undefined) return 'pass';
    const what = `${label.exchange} ${label.response ? 'response' : 'request'}`;
    if (what !== impairment.where) return 'pass';
    const key = toHex(packet.content.datagram);
    const known = changed.get(key);
    if (known !== undefined) return known;
    if (impairment.once === true && report.count > 0) return 'pass';
    report.count++;
    const result = impairment.drop === true ? 'drop' : apply(packet, from, provider, impairment);
    if (impairment.once !== true) changed.set(key, result);
    sim.network.note(packet, `impaired`);
    return result;
  };
  return report;
}

function apply(
  packet: Packet,
  from: Host,
  provider: ReturnType<typeof nodeProvider>,
  impairment: Impairment,
): Uint8Array {
  assert.ok(packet.content.kind === 'ike');
  const { datagram } = packet.content;
  const message = decodeMessage(datagram);
  const { initiatorSpi, responderSpi, exchangeType, flags, messageId } = message.header;
  const plain: MessageFields = { initiatorSpi, responderSpi, exchangeType, flags, messageId };
  const fields = impairment.fields?.(plain) ?? plain;
  const change = (payloads: readonly Payload[]): readonly Payload[] =>
    impairment.payloads?.(payloads) ?? payloads;
  let altered: Uint8Array;
  if (message.encrypted === undefined) {
    // Errors about no SA go in clear.
    if (impairment.chain !== undefined && exchangeType === ExchangeType.INFORMATIONAL) return datagram;
    assert.ok(impairment.chain === undefined, 'only protected messages are changed as octets');
    altered = encodeMessage(fields, change(message.payloads));
  } else {
    const cipher = cipherOf(packet, from, provider, flags, initiatorSpi);
    const chain = openMessage(datagram, message, cipher);
    assert.ok(
      chain !== undefined,
      `${describePacket(packet)} cannot be opened with the keys of ${from.name}`,
    );
    const inner = encodePayloads(change(decodePayloads(chain.first, chain.bytes)));
    altered = sealChain(fields, impairment.chain?.(inner) ?? inner, cipher)[0] ?? EMPTY;
  }
  return impairment.datagram?.(altered) ?? altered;
}

/** The cipher of the direction that a message with `flags` goes. */
function cipherOf(
  packet: Packet,
  from: Host,
  provider: ReturnType<typeof nodeProvider>,
  flags: number,
  initiatorSpi: bigint,
): PacketCipher {
  const record = from.eventsOf('ike-keys').find(({ keys }) => keys.initiatorSpi === initiatorSpi)?.keys;
  assert.ok(record !== undefined, `${from.name} told no keys for ${describePacket(packet)}`);
  const initiator = (flags & HeaderFlag.INITIATOR) !== 0;
  const { encryption, keyLength, integrity } = record;
  const secret = (text: string): Secret => new Secret(fromHex(text) ?? EMPTY);
  const cipher = provider.packetCipher({
    encryption,
    keyLength,
    integrity,
    encryptionKey: secret(initiator ? record.skEi : record.skEr),
    integrityKey: secret(initiator ? record.skAi : record.skAr),
  });
  assert.ok(cipher !== undefined);
  return cipher;
}
