import assert from 'node:assert/strict';
import { constants, createHash, type KeyObject, publicEncrypt } from 'node:crypto';
import { test } from 'node:test';
import { counting } from '../sim/counting.ts';
import { converse, encrypting, type RfcPeerOptions, withRfcPeer } from '../sim/encryption-v1.ts';
import { type Oddity, PAYLOAD, type Piece } from '../sim/rfc2409-peer.ts';

/*
 * No padding oracle (attack C097): whatever a ciphertext is, wrong in its padding, its length or its content, or right, the
 * answer has the same octet counts and types at the same point, and costs the same primitives. Work is counted, not timed.
 */

interface Case {
  readonly what: string;
  readonly odd: Oddity;
}

/** Octets that look random and are the same each time. */
function noise(length: number, seed: string): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash('sha256').update(`${seed} ${i}`).digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

/** The ciphertext of a whole block, with whatever padding. */
function raw(key: KeyObject, start: readonly number[], zeroAt?: number): Buffer {
  const block = noise(256, start.join()).map(octet => octet || 1);
  block.set(start);
  if (zeroAt !== undefined) block[zeroAt] = 0;
  return publicEncrypt({ key, padding: constants.RSA_NO_PADDING }, block);
}

/** Its last bit is another. */
function flipped(body: Buffer): Buffer {
  const changed = Buffer.from(body);
  changed[body.length - 1] = (body[body.length - 1] as number) ^ 1;
  return changed;
}

/** Replaces the body of the first payload of `type`. */
function replaced(type: number, change: (body: Buffer) => Buffer): Oddity {
  const at = (pieces: readonly Piece[]): number => pieces.findIndex(([one]) => one === type);
  return {
    pieces: pieces => pieces.map(([one, body], i) => [one, i === at(pieces) ? change(body) : body]),
  };
}

const THEIR_KEY = encrypting('moon').key.publicKey;

/** What can be done to a ciphertext under the public key; its length stays the same, for a length is nobody's secret. */
function ciphertexts(type: number, what: string): readonly Case[] {
  const made: readonly (readonly [string, (body: Buffer) => Buffer])[] = [
    ['in the padding of signatures', () => raw(THEIR_KEY, [0, 1], 100)],
    ['in no padding', () => raw(THEIR_KEY, [0, 7, 7])],
    ['above the first octet', () => raw(THEIR_KEY, [1, 2], 100)],
    ['with padding that is too short', () => raw(THEIR_KEY, [0, 2], 6)],
    ['with no end to the padding', () => raw(THEIR_KEY, [0, 2])],
    ['with right padding and another content', () => raw(THEIR_KEY, [0, 2], 200)],
    ['with right padding and nothing in it', () => raw(THEIR_KEY, [0, 2], 255)],
    ['with right padding and 2 octets', () => raw(THEIR_KEY, [0, 2], 253)],
    ['of another ciphertext by 1 bit', body => flipped(body)],
    ['above the modulus', () => Buffer.alloc(256, 0xff)],
    ['of zeros', () => Buffer.alloc(256)],
    ['of 255 octets', () => noise(255, 'short')],
    ['of 257 octets', () => noise(257, 'long')],
  ];
  return made.map(([how, change]) => ({ what: `${what} ${how}`, odd: replaced(type, change) }));
}

const IDENTITIES: readonly Case[] = [
  { what: 'another identity', odd: { id: Buffer.from('\x02\0\0\0mars.example.org', 'latin1') } },
  { what: 'an identity of no type', odd: { id: Buffer.from('\xc8\0\0\0sun.example.org', 'latin1') } },
  { what: 'an address of 3 octets', odd: { id: Buffer.from('\x01\0\0\0abc', 'latin1') } },
  {
    what: 'an identity on another port',
    odd: { id: Buffer.from('\x02\x11\x12\x34sun.example.org', 'latin1') },
  },
  { what: 'an identity of 2 octets', odd: { id: Buffer.of(2, 0) } },
];

const NONCES: readonly Case[] = [
  { what: 'a nonce of 7 octets', odd: { nonce: noise(7, 'n') } },
  { what: 'no nonce', odd: { nonce: Buffer.alloc(0) } },
  { what: 'a nonce of 200 octets', odd: { nonce: noise(200, 'n') } },
];

/** What can be done under a key that comes of the nonce. */
const BODIES: readonly Case[] = [
  { what: 'a public value of other octets', odd: replaced(PAYLOAD.KE, body => noise(body.length, 'ke')) },
  { what: 'a public value off the curve', odd: { publicValue: noise(64, 'point') } },
  { what: 'a public value of 63 octets', odd: { publicValue: noise(63, 'point') } },
  { what: 'a public value of no octets', odd: { publicValue: Buffer.alloc(0) } },
  { what: 'an identity of other octets', odd: replaced(PAYLOAD.ID, body => noise(body.length, 'id')) },
  {
    what: 'an identity with its last block changed',
    odd: replaced(PAYLOAD.ID, body => flipped(body)),
  },
];

function cases(method: 4 | 5): readonly Case[] {
  const plain = [
    { what: 'all right', odd: {} },
    ...ciphertexts(PAYLOAD.NONCE, 'a nonce'),
    ...NONCES,
    ...IDENTITIES,
  ];
  return method === 4 ? [...plain, ...ciphertexts(PAYLOAD.ID, 'an identity')] : [...plain, ...BODIES];
}

/** What shows of a run from outside, and what it cost, step by step. */
type Trace = readonly {
  readonly answers: readonly string[];
  readonly work: Readonly<Record<string, number>>;
}[];

function shapes(datagrams: readonly Buffer[]): readonly string[] {
  return datagrams.map(datagram => {
    const exchange = datagram[18] as number;
    // Protocol, SPI size and type of a notify in the clear are what an attacker reads.
    const notify = exchange === 5 ? ` ${datagram.subarray(36, 40).toString('hex')}` : '';
    return `exchange ${exchange}, flags ${datagram[19]}, payload ${datagram[16]}, ${datagram.length} octets${notify}`;
  });
}

function attack(options: RfcPeerOptions, odd: Oddity, begunBy: 'attacker' | 'us'): Trace {
  const { sim, a, peer } = withRfcPeer(options);
  const clear = options.mode === 'main' ? 1 : 0;
  // Who cannot decrypt cannot make HASH_R either.
  peer.odd = { ...odd, proof: flipped };
  peer.heeds = begunBy === 'us' ? clear + 1 : clear;
  const counted = counting(a.provider);
  const trace: Trace[number][] = [];
  const step = (act: () => void): void => {
    const before = begunBy === 'us' && trace.length === 0 ? 0 : peer.datagrams.length;
    act();
    converse(sim);
    trace.push({ answers: shapes(peer.datagrams.slice(before)), work: counted.take() });
  };
  step(() => (begunBy === 'us' ? a.initiate('site') : peer.begin()));
  step(() => peer.guess());
  step(() => peer.guess());
  assert.ok(!peer.established);
  assert.ok(a.status().every(({ state }) => state === 'CONNECTING'));
  return trace;
}

for (const method of [4, 5] as const)
  for (const mode of ['main', 'aggressive'] as const) {
    test(`method ${method}, ${mode} mode, an attacker begins: no ciphertext is told from another`, () => {
      const [right, ...others] = cases(method);
      const expected = attack({ method, mode }, right?.odd ?? {}, 'attacker');
      assert.equal(expected[0]?.answers.length, mode === 'main' ? 2 : 1);
      assert.equal(expected[0]?.work['decrypt'], method === 4 ? 2 : 1);
      assert.ok((expected[1]?.answers.length ?? 0) > 0, 'a wrong guess is answered');
      for (const { what, odd } of others)
        assert.deepEqual(attack({ method, mode }, odd, 'attacker'), expected, what);
    });

    test(`method ${method}, ${mode} mode, an attacker answers: no ciphertext is told from another`, () => {
      const [first, ...others] = cases(method);
      const expected = attack({ method, mode }, first?.odd ?? {}, 'us');
      assert.equal(expected[0]?.answers.length, mode === 'main' ? 2 : 1);
      assert.equal(expected[0]?.work['decrypt'], method === 4 ? 2 : 1);
      for (const { what, odd } of others)
        assert.deepEqual(attack({ method, mode }, odd, 'us'), expected, what);
    });
  }
