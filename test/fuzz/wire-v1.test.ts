import assert from 'node:assert/strict';
import { test } from 'node:test';
import { V1ExchangeType, V1PayloadType } from '../../src/iana/ikev1.ts';
import { Malformed } from '../../src/lib/reader.ts';
import { detailDatagram, summarizeDatagram } from '../../src/wire/describe.ts';
import { splitV1Message, V1Reassembly } from '../../src/wire/v1/fragments.ts';
import {
  afterHash,
  decodeV1Message,
  decodeV1Payloads,
  encodeV1Message,
  encodeV1Payloads,
} from '../../src/wire/v1/message.ts';
import type { V1Payload } from '../../src/wire/v1/payload.ts';
import { checkV1Message } from '../../src/wire/v1/rules.ts';
import { Random } from '../sim/random.ts';
import { V1_SAMPLES } from '../wire-samples.ts';
import { FUZZ_SEED, fuzzRuns, mutate } from './mutate.ts';

const samples: readonly V1Payload[] = Object.values(V1_SAMPLES)
  .flat()
  .filter(({ type }) => type !== V1PayloadType.FRAGMENT);
const fields = {
  initiatorSpi: 1n,
  responderSpi: 2n,
  exchangeType: V1ExchangeType.MAIN_MODE,
  flags: 0,
  messageId: 0,
};

/** Lets nothing but Malformed pass, and names the seed and the octets where something else comes. */
function survive(input: Uint8Array, read: (bytes: Uint8Array) => void): void {
  try {
    read(input);
  } catch (error) {
    if (error instanceof Malformed) return;
    assert.fail(`seed ${FUZZ_SEED}, input ${Buffer.from(input).toString('hex')}: ${(error as Error).stack}`);
  }
}

function stable(payloads: readonly V1Payload[]): void {
  const chain = encodeV1Payloads(payloads);
  assert.deepEqual(decodeV1Payloads(chain.first, chain.bytes), { payloads, length: chain.bytes.length });
}

function setLength(datagram: Uint8Array): Uint8Array {
  if (datagram.length >= 28)
    new DataView(datagram.buffer, datagram.byteOffset).setUint32(24, datagram.length);
  return datagram;
}

function draw(random: Random): V1Payload[] {
  return Array.from(
    { length: 1 + random.below(5) },
    () => samples[random.below(samples.length)] as V1Payload,
  );
}

test(`wounded IKEv1 messages are read or refused (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  let read = 0;
  for (let run = fuzzRuns(2000); run > 0; run--) {
    const wounded = setLength(mutate(encodeV1Message(fields, draw(random)), random));
    survive(wounded, bytes => {
      const { header, payloads, encrypted } = decodeV1Message(bytes);
      stable(payloads);
      checkV1Message(header.exchangeType, 1 + random.below(6), encrypted, payloads);
      if (!encrypted) read++;
    });
    survive(wounded, bytes => {
      assert.match(summarizeDatagram(bytes), /^[\x20-\x7e…]+$/);
      assert.match(detailDatagram(bytes), /^[\n\x20-\x7e…]+$/);
    });
  }
  // Were all refused at the door, nothing behind it would be tried.
  assert.ok(read > 200, `${read} were read`);
});

test(`wounded decrypted messages are read or refused (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED + 1);
  let read = 0;
  for (let run = fuzzRuns(2000); run > 0; run--) {
    const { first, bytes } = encodeV1Payloads(draw(random));
    survive(mutate(bytes, random), wounded => {
      const payloads = decodeV1Payloads(random.chance(0.05) ? random.below(256) : first, wounded);
      assert.ok(payloads.length <= wounded.length);
      stable(payloads.payloads);
      if (payloads.payloads.length > 0) assert.ok(afterHash(wounded, payloads).length < payloads.length);
      read++;
    });
  }
  assert.ok(read > 200, `${read} were read`);
});

test(`wounded and shuffled fragments never hold more than allowed (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED + 2);
  const limits = { fragments: 8, octets: 1500 };
  const reassembly = new V1Reassembly(limits);
  const message = encodeV1Message(fields, [
    { type: V1PayloadType.CERT, encoding: 4, data: random.octets(1200) },
  ]);
  let whole = 0;
  for (let run = fuzzRuns(2000); run > 0; run--) {
    const pieces = splitV1Message(message, 400, random.below(3));
    const piece = pieces[random.below(pieces.length)] as Uint8Array;
    survive(setLength(random.chance(0.2) ? mutate(piece, random) : piece), bytes => {
      for (const payload of decodeV1Message(bytes).payloads) {
        if (payload.type !== V1PayloadType.FRAGMENT) continue;
        const datagram = reassembly.add(payload);
        if (datagram === undefined) continue;
        whole++;
        assert.ok(datagram.length <= limits.octets);
        survive(datagram, again => decodeV1Message(again));
      }
    });
    assert.ok(reassembly.octets <= limits.octets);
  }
  assert.ok(whole > 0);
});
