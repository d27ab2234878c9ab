import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureOf } from '../../src/control/failure.ts';
import { explanationShape, statusShape } from '../../src/control/status.ts';
import { PacketAssembler } from '../../src/control/vici/assembler.ts';
import {
  decodePacket,
  encodePacket,
  LENGTH_OCTETS,
  type Packet,
  Unsayable,
} from '../../src/control/vici/frame.ts';
import { type Element, isSection, type Message } from '../../src/control/vici/message.ts';
import { Malformed } from '../../src/lib/reader.ts';
import { Random } from '../sim/random.ts';
import { FUZZ_SEED, fuzzRuns, mutate } from './mutate.ts';

const NAMES = [
  '',
  'a',
  'lab',
  'child-sas',
  '__proto__',
  'constructor',
  '0',
  '17',
  'grüß',
  'success',
  'failure',
  'errmsg',
  'code',
  'summary',
];
const TYPES = [
  'request',
  'register',
  'unregister',
  'event',
  'response',
  'unknown-command',
  'confirm',
  'unknown-event',
] as const;

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}

function octets(random: Random): Uint8Array {
  return Uint8Array.from({ length: random.below(9) }, () => random.below(256));
}

function message(random: Random, depth: number): Message {
  const result: Record<string, Element> = Object.create(null);
  for (let i = random.below(5); i > 0; i--) {
    const name = pick(random, NAMES);
    const kind = random.below(depth > 0 ? 4 : 3);
    if (kind === 0) result[name] = pick(random, NAMES);
    else if (kind === 1) result[name] = octets(random);
    else if (kind === 2) result[name] = Array.from({ length: random.below(4) }, () => octets(random));
    else result[name] = message(random, depth - 1);
  }
  return result;
}

function packet(random: Random): Packet {
  const type = pick(random, TYPES);
  const content = message(random, 3);
  if (type === 'request' || type === 'register' || type === 'unregister' || type === 'event') {
    return { type, name: pick(random, NAMES), message: content };
  }
  return { type, message: content };
}

function hasNumbers(section: Message): boolean {
  return Object.entries(section).some(
    ([name, element]) => /^\d+$/.test(name) || (isSection(element) && hasNumbers(element)),
  );
}

/** Lets nothing but Malformed and Unsayable pass. */
function survive(input: Uint8Array, read: () => void): void {
  try {
    read();
  } catch (error) {
    if (error instanceof Malformed || error instanceof Unsayable) return;
    assert.fail(`seed ${FUZZ_SEED}, input ${Buffer.from(input).toString('hex')}: ${(error as Error).stack}`);
  }
}

test(`any message comes back octet by octet as it went (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  for (let run = fuzzRuns(1500); run > 0; run--) {
    const sent = encodePacket(packet(random));
    assert.deepEqual(encodePacket(decodePacket(sent.subarray(LENGTH_OCTETS))), sent);
  }
});

test(`wounded packets are read or refused, and what is read is stable (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  let read = 0;
  const runs = fuzzRuns(3000);
  for (let run = runs; run > 0; run--) {
    const wounded = mutate(encodePacket(packet(random)).slice(LENGTH_OCTETS), random);
    survive(wounded, () => {
      const found = decodePacket(wounded);
      read++;
      const again = encodePacket(found).subarray(LENGTH_OCTETS);
      // Names that are numbers come first in an object, wherever they stood.
      if (!hasNumbers(found.message)) assert.deepEqual(again, wounded);
      assert.equal(again.length, wounded.length);
      assert.deepEqual(decodePacket(again), found);
      failureOf(found.message);
      statusShape.decode(found.message, 'status');
      explanationShape.decode(found.message, 'explanation');
    });
  }
  assert.ok(read > runs / 20 && read < runs, `${read} of ${runs} read`);
});

test(`a stream is cut into the same packets however it arrives (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  for (let run = fuzzRuns(300); run > 0; run--) {
    const sent = Array.from({ length: 1 + random.below(4) }, () => encodePacket(packet(random)));
    const stream = Buffer.concat(sent);
    const assembler = new PacketAssembler();
    const found: Uint8Array[] = [];
    for (let at = 0; at < stream.length; ) {
      const length = 1 + random.below(40);
      for (const one of assembler.push(stream.subarray(at, at + length))) found.push(one);
      at += length;
    }
    assert.deepEqual(
      found.map(one => [...one]),
      sent.map(one => [...one.subarray(LENGTH_OCTETS)]),
    );
  }
});

test(`noise ends a stream with Malformed or yields packets, never more octets than came (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  for (let run = fuzzRuns(300); run > 0; run--) {
    const noise = Uint8Array.from({ length: random.below(200) }, () =>
      random.below(3) === 0 ? random.below(256) : 0,
    );
    survive(noise, () => {
      let total = 0;
      for (const one of new PacketAssembler().push(noise)) total += one.length + LENGTH_OCTETS;
      assert.ok(total <= noise.length);
    });
  }
});
