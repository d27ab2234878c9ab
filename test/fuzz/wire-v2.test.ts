import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExchangeType } from '../../src/iana/ikev2.ts';
import { Malformed } from '../../src/lib/reader.ts';
import { detailDatagram, summarizeDatagram } from '../../src/wire/describe.ts';
import { HeaderFlag } from '../../src/wire/header.ts';
import { decodeMessage, decodePayloads, encodeMessage, encodePayloads } from '../../src/wire/v2/message.ts';
import type { Payload } from '../../src/wire/v2/payload.ts';
import { openMessage, sealMessage } from '../../src/wire/v2/protect.ts';
import { checkMessage, unknownCritical } from '../../src/wire/v2/rules.ts';
import { Random } from '../sim/random.ts';
import { toyCipher } from '../toy-cipher.ts';
import { V2_SAMPLES } from '../wire-samples.ts';
import { FUZZ_SEED, fuzzRuns, mutate } from './mutate.ts';

const samples: readonly Payload[] = Object.values(V2_SAMPLES).flat();
const cipher = toyCipher();
const fields = {
  initiatorSpi: 1n,
  responderSpi: 2n,
  exchangeType: ExchangeType.IKE_AUTH,
  flags: HeaderFlag.INITIATOR,
  messageId: 1,
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

/** What is decoded must encode, and decode again to the same: the codecs agree with each other on any input. */
function stable(payloads: readonly Payload[]): void {
  const chain = encodePayloads(payloads);
  assert.deepEqual(decodePayloads(chain.first, chain.bytes), payloads);
}

function setLength(datagram: Uint8Array): Uint8Array {
  if (datagram.length >= 28)
    new DataView(datagram.buffer, datagram.byteOffset).setUint32(24, datagram.length);
  return datagram;
}

test(`wounded IKEv2 messages are read or refused (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  let read = 0;
  for (let run = fuzzRuns(2000); run > 0; run--) {
    const payloads = Array.from(
      { length: 1 + random.below(5) },
      () => samples[random.below(samples.length)] as Payload,
    );
    const wounded = setLength(mutate(encodeMessage(fields, payloads), random));
    survive(wounded, bytes => {
      const message = decodeMessage(bytes);
      stable(message.payloads);
      checkMessage(message.header.exchangeType, random.below(2) === 0, message.payloads);
      unknownCritical(message.payloads);
      openMessage(bytes, message, cipher);
      read++;
    });
    survive(wounded, bytes => {
      assert.match(summarizeDatagram(bytes), /^[\x20-\x7e…]+$/);
      assert.match(detailDatagram(bytes), /^[\n\x20-\x7e…]+$/);
    });
  }
  // Were all refused at the door, nothing behind it would be tried.
  assert.ok(read > 200, `${read} were read`);
});

test(`wounded inner chains are read or refused (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED + 1);
  let read = 0;
  for (let run = fuzzRuns(2000); run > 0; run--) {
    const payloads = Array.from(
      { length: 1 + random.below(5) },
      () => samples[random.below(samples.length)] as Payload,
    );
    const { first, bytes } = encodePayloads(payloads);
    survive(mutate(bytes, random), wounded => {
      stable(decodePayloads(random.below(20) === 0 ? random.below(256) : first, wounded));
      read++;
    });
  }
  assert.ok(read > 200, `${read} were read`);
});

test(`wounded protected messages do not open (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED + 2);
  const [whole] = sealMessage(fields, samples.slice(0, 4), cipher);
  const datagrams = [whole as Uint8Array, ...sealMessage(fields, samples, cipher, 300)];
  for (let run = fuzzRuns(2000); run > 0; run--) {
    const original = datagrams[random.below(datagrams.length)] as Uint8Array;
    const wounded = setLength(mutate(original, random));
    survive(wounded, bytes => {
      const message = decodeMessage(bytes);
      if (Buffer.compare(bytes, original) !== 0) assert.equal(openMessage(bytes, message, cipher), undefined);
    });
  }
});
