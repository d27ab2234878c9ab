import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExchangeType, PayloadType, ProtocolId } from '../../src/iana/ikev2.ts';
import { equal } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { ScriptedPeer, spiOctets } from './scripted-peer.ts';
import { Simulation } from './simulation.ts';

function two(): { sim: Simulation; one: ScriptedPeer; other: ScriptedPeer } {
  const sim = new Simulation(3);
  const [here, there] = [ip('192.0.2.1'), ip('198.51.100.2')];
  const one = new ScriptedPeer(sim, {
    name: 'one',
    address: here,
    id: 'one',
    remote: { address: there, port: 500 },
  });
  const other = new ScriptedPeer(sim, {
    name: 'other',
    address: there,
    id: 'other',
    remote: { address: here, port: 500 },
  });
  return { sim, one, other };
}

test('two scripted peers agree on keys, a child and its end', () => {
  const { one, other } = two();
  const sa = one.establish();
  const twin = other.current;
  assert.ok(equal(sa.keys.skD.reveal(), twin.keys.skD.reveal()));
  assert.equal(one.children.length, 1);
  assert.equal(one.children[0]?.spiIn, other.children[0]?.spiOut);
  const answer = other.exchange(ExchangeType.INFORMATIONAL, [
    {
      type: PayloadType.Delete,
      protocol: ProtocolId.ESP,
      spiSize: 4,
      spis: [spiOctets(other.children[0]?.spiIn ?? 0)],
    },
  ]);
  assert.deepEqual(
    answer.payloads.map(({ type }) => type),
    [PayloadType.Delete],
  );
  assert.equal(one.children.length, 0);
});

test('a message that was mangled is opened by nobody', () => {
  const { sim, one, other } = two();
  one.establish();
  const before = other.received.length;
  one.request(ExchangeType.INFORMATIONAL, [], {
    mangle: datagram => datagram.with(datagram.length - 1, (datagram.at(-1) ?? 0) ^ 1),
  });
  sim.quiet();
  assert.equal(other.received.length, before);
});
