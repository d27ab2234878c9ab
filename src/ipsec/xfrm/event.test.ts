import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHex } from '../../lib/bytes.ts';
import { ip } from '../../lib/ip.ts';
import { Malformed } from '../../lib/reader.ts';
import { readEvent } from './event.ts';

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, '')) as Uint8Array;
const zeros = (count: number): string => '00'.repeat(count);
const message = (type: number, body: Uint8Array) => ({ type, flags: 0, sequence: 0, port: 0, body });

/** All as a kernel 6.1 sent them. */
const EXPIRE = hex(
  `${zeros(56)} c0000202 ${zeros(12)} c2000001 32 000000 c0000201 ${zeros(12)} ${'ff'.repeat(16)}
  0100000000000000 0200000000000000 ${zeros(32)} 3c00000000000000 0200000000000000 e949026b00000000
  ea49026b00000000 ${zeros(12)} 00000000 07000000 0200 01 20 20 ${zeros(7)} 01 ${zeros(7)}`,
);
const ACQUIRE = hex(
  `c0000202 ${zeros(12)} 00000000 32000000 c0000201 ${zeros(12)}
  0a030001 ${zeros(12)} 0a010001 ${zeros(12)} 04d2ffffdf85ffff 0200 2020 11000000 03000000 00000000
  0a030000 ${zeros(12)} 0a010000 ${zeros(12)} ${zeros(8)} 0200 1010 ${zeros(12)}
  ${'ff'.repeat(32)} ${zeros(32)} ${zeros(16)} e949026b00000000 ${zeros(8)} 80da0500 09000000 01000000 00000000
  ${'ff'.repeat(12)} 01000000
  4400 0500 c0000202 ${zeros(12)} 00000000 32000000 0200 0000 c0000201 ${zeros(12)} 09000000 01000000 ${'ff'.repeat(12)}
  0a00 1000 ${zeros(8)}`,
);
const MAPPING = hex(
  `c0000202 ${zeros(12)} d2000001 0200 32 00 01000000
  c0000201 ${zeros(12)} c0000209 ${zeros(12)} 1194 1195`,
);

/** Outbound, from 192.0.2.1 to 192.0.2.11; the peer stays where it is. */
const MIGRATE = hex(
  `0a020000 ${zeros(12)} 0a010000 ${zeros(12)} ${zeros(8)} 0200 1010 ${zeros(12)} 00000000 01000000
  5000 1100 c0000202 ${zeros(12)} c0000201 ${zeros(12)} c0000202 ${zeros(12)} c000020b ${zeros(12)}
  32 01 0000 07000000 0200 0200 0a00 1000 ${zeros(8)}`,
);

test('an expiry names its state, and whether it is over', () => {
  const state = readEvent(message(24, EXPIRE));
  assert.ok(state?.kind === 'expire');
  assert.deepEqual(
    [state.state.spi, state.state.destination, state.hard],
    [0xc2000001, ip('192.0.2.2'), true],
  );
  const soft = EXPIRE.slice();
  soft[224] = 0;
  const event = readEvent(message(24, soft));
  assert.ok(event?.kind === 'expire' && !event.hard);
});

test('an acquire names the reqid and the packet that asked', () => {
  assert.deepEqual(readEvent(message(23, ACQUIRE)), {
    kind: 'acquire',
    reqid: 9,
    source: ip('10.1.0.1'),
    destination: ip('10.3.0.1'),
    protocol: 17,
  });
});

test('a mapping names the SA and where its packets come from now', () => {
  assert.deepEqual(readEvent(message(38, MAPPING)), {
    kind: 'mapping',
    spi: 0xd2000001,
    destination: ip('192.0.2.2'),
    address: ip('192.0.2.9'),
    port: 4501,
  });
});

test('a migration names the SAs by their reqid and addresses, and the new ones', () => {
  assert.deepEqual(readEvent(message(33, MIGRATE)), {
    kind: 'migrate',
    reqid: 7,
    from: { source: ip('192.0.2.1'), destination: ip('192.0.2.2') },
    to: { source: ip('192.0.2.11'), destination: ip('192.0.2.2') },
  });
  const compression = MIGRATE.slice();
  compression[64 + 4 + 64] = 108;
  assert.equal(readEvent(message(33, compression)), undefined);
});

test('what is cut short is malformed, what is of another kind is passed over', () => {
  for (const [type, body, whole] of [
    [24, EXPIRE, 232],
    [23, ACQUIRE, 348],
    [38, MAPPING, 64],
    [33, MIGRATE, 144],
  ] as const) {
    for (let length = 0; length < whole; length += 4)
      assert.throws(
        () => readEvent(message(type, body.subarray(0, length))),
        Malformed,
        `${type} cut to ${length}`,
      );
    assert.ok(readEvent(message(type, body.subarray(0, whole))));
  }
  assert.equal(readEvent(message(16, EXPIRE)), undefined);
});
