import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex, toHex } from '../../lib/bytes.ts';
import { Malformed } from '../../lib/reader.ts';
import { decodePacket, encodePacket, PACKET_LIMIT, type Packet, Unsayable } from './frame.ts';
import {
  listOf,
  type Message,
  numberOf,
  octetsOf,
  saysYes,
  sectionOf,
  sectionsOf,
  textOf,
} from './message.ts';

/** As an ordinary object, for comparisons that look at prototypes. */
function plain(message: Message): unknown {
  return JSON.parse(JSON.stringify(message));
}

function roundTrip(packet: Packet): Packet {
  return decodePacket(encodePacket(packet).subarray(4));
}

function hex(text: string): Uint8Array {
  return fromHex(text.replaceAll(' ', '')) as Uint8Array;
}

test('a request is written as swanctl writes it', () => {
  // swanctl --rekey --ike lab --reauth: type 0, name, two key-value elements.
  const expected = '0005 72656b6579 0303696b65 0003 6c6162 0306726561757468 0003 796573';
  const packet: Packet = { type: 'request', name: 'rekey', message: { ike: 'lab', reauth: 'yes' } };
  const octets = encodePacket(packet);
  assert.equal(toHex(octets), `0000001e${expected.replaceAll(' ', '')}`);
});

test('sections, lists and values come back as they went, in their order', () => {
  const message: Message = {
    up: 'yes',
    lab: {
      uniqueid: '1',
      'local-vips': ['10.77.0.1', '::1'],
      'child-sas': { 'net-1': { name: 'net', 'local-ts': [] } },
      empty: {},
    },
    '': { zero: '' },
    blob: Uint8Array.of(0x30, 0x82, 0xff),
    text: 'grüß dich',
  };
  const back = roundTrip({ type: 'event', name: 'ike-updown', message });
  assert.equal(back.type === 'event' && back.name, 'ike-updown');
  assert.deepEqual(plain(back.message), plain(message));
  assert.deepEqual(Object.keys(back.message), Object.keys(message));
  assert.deepEqual(back.message['blob'], Uint8Array.of(0x30, 0x82, 0xff));
});

test('octets that text would not give back stay octets', () => {
  const message = {
    bom: Uint8Array.of(0xef, 0xbb, 0xbf, 0x41),
    half: Uint8Array.of(0xc3),
    list: [Uint8Array.of(0xff), 'a'],
  };
  const back = roundTrip({ type: 'response', message }).message;
  assert.deepEqual({ ...back }, message);
});

test('every packet type without a name goes both ways', () => {
  for (const type of ['response', 'unknown-command', 'confirm', 'unknown-event'] as const) {
    assert.deepEqual({ ...roundTrip({ type, message: {} }) }, { type, message: Object.create(null) });
  }
  assert.equal(toHex(encodePacket({ type: 'confirm', message: {} })), '0000000105');
});

test('names that exist on every object are ordinary names', () => {
  const message = decodePacket(
    hex('01 03 09 5f5f70726f746f5f5f 0001 61 01 0b 636f6e7374727563746f72 02'),
  ).message;
  assert.deepEqual(Object.keys(message), ['__proto__', 'constructor']);
  assert.equal(textOf(message, '__proto__'), 'a');
  assert.equal(textOf(message, 'toString'), undefined);
});

test('accessors answer for what is there and for what is not', () => {
  const message: Message = {
    a: '12',
    b: ['x', Uint8Array.of(0xff)],
    c: { d: 'yes' },
    e: Uint8Array.of(0xff),
    f: '',
  };
  assert.equal(numberOf(message, 'a'), 12);
  assert.equal(numberOf(message, 'b'), undefined);
  assert.equal(numberOf({ a: '12x' }, 'a'), undefined);
  assert.deepEqual(listOf(message, 'b'), ['x', '\ufffd']);
  assert.deepEqual(listOf(message, 'a'), []);
  assert.equal(saysYes(sectionOf(message, 'c'), 'd'), true);
  assert.deepEqual(Object.keys(sectionOf(message, 'a')), []);
  assert.deepEqual(
    sectionsOf(message).map(([name]) => name),
    ['c'],
  );
  assert.equal(textOf(message, 'e'), '\ufffd');
  assert.equal(textOf(message, 'c'), undefined);
  assert.deepEqual(octetsOf(message, 'e'), Uint8Array.of(0xff));
  assert.deepEqual(octetsOf(message, 'f'), new Uint8Array(0));
  assert.equal(octetsOf(message, 'zzz'), undefined);
});

const REFUSED: readonly (readonly [what: string, octets: string])[] = [
  ['an empty packet', ''],
  ['an unknown packet type', '08'],
  ['a request without its name', '00'],
  ['a name longer than the packet', '00 05 61'],
  ['a name that is no text', '00 01 ff'],
  ['an unknown element', '01 07'],
  ['an element of type zero', '01 00'],
  ['a section that never ends', '01 01 01 61'],
  ['an end without a section', '01 02'],
  ['two ends for one section', '01 01 01 61 02 02'],
  ['a value longer than the packet', '01 03 01 61 ffff 61'],
  ['a value without its length', '01 03 01 61 00'],
  ['an item outside of a list', '01 05 0001 61'],
  ['a list that never ends', '01 04 01 61 05 0001 61'],
  ['a section in a list', '01 04 01 61 01 01 62 02 06'],
  ['a list in a list', '01 04 01 61 04 01 62 06 06'],
  ['a key in a list', '01 04 01 61 03 01 62 0000 06'],
  ['a list end without a list', '01 06'],
  ['a name that stands twice', '01 03 01 61 0000 03 01 61 0000'],
  ['a section named as a key before it', '01 03 01 61 0000 01 01 61 02'],
];

for (const [what, octets] of REFUSED) {
  test(`${what} is refused`, () => {
    assert.throws(() => decodePacket(hex(octets)), Malformed);
  });
}

test('sections nest as deep as allowed and no deeper', () => {
  const nested = (depth: number): Uint8Array => hex(`01${'010161'.repeat(depth)}${'02'.repeat(depth)}`);
  assert.equal(Object.keys(decodePacket(nested(32)).message).length, 1);
  assert.throws(() => decodePacket(nested(33)), Malformed);
  assert.throws(() => decodePacket(nested(100_000)), Malformed);
});

test('what the protocol cannot carry is refused before it is sent', () => {
  const send = (message: Message) => () => encodePacket({ type: 'response', message });
  assert.throws(send({ ['n'.repeat(256)]: '' }), Unsayable);
  assert.throws(send({ a: 'v'.repeat(65536) }), Unsayable);
  const full = 'v'.repeat(65535);
  const many = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`k${i}`, full]));
  assert.throws(send(many), Unsayable);
  const { k8: _, ...fewer } = many;
  assert.throws(send(fewer), Unsayable);
  const { k7: __, ...fits } = fewer;
  assert.ok(encodePacket({ type: 'response', message: fits }).length <= PACKET_LIMIT + 4);
  let deep: Message = {};
  for (let i = 0; i < 40; i++) deep = { a: deep };
  assert.throws(send(deep), Unsayable);
});
