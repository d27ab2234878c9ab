import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProposals } from '../../src/crypto/proposal.ts';
import type { Answer } from '../../src/ike/output.ts';
import { toHex } from '../../src/lib/bytes.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { Failure } from '../../src/policy/failure.ts';
import { child } from '../sim/configuration.ts';
import { assertEnds, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import type { Packet } from '../sim/packet.ts';
import { ADDRESS_A, ADDRESS_B, type Pair, type PairOptions, pair } from '../sim/pair.ts';
import { pairV1 } from '../sim/pair-v1.ts';

const END_A = { address: ADDRESS_A, port: 500 };
const END_B = { address: ADDRESS_B, port: 500 };
const OVER_TCP: PairOptions = { both: { tcp: 'yes' } };

function up(options: PairOptions, before: (made: Pair) => void = () => undefined): Pair {
  const made = pair(options);
  before(made);
  made.a.initiate('site', 'net');
  assertSettles(made.sim, made.a, made.b);
  return made;
}

function failures(host: Host): readonly Failure[] {
  return host.eventsOf('failed').map(({ failure }) => failure);
}

/** Networks where only TCP gets through. */
function withoutUdp({ ab, ba }: Pair): void {
  for (const direction of [ab, ba]) direction.script = packet => (packet.tcp === true ? 'pass' : 'drop');
}

const spiOf = ({ content }: Packet): string =>
  content.kind === 'ike' ? toHex(content.datagram.subarray(0, 8)) : '';

test('IKE and ESP over TCP: no other ports, no NAT in the way, no ESP in UDP', () => {
  const { sim, a, b, ab, ba } = up({ both: { tcp: 'yes', encap: true } });
  for (const packet of [...ab.recorded, ...ba.recorded]) assert.equal(packet.tcp, true);
  assert.equal(onlyIke(a).path.local.port, 40_000);
  for (const host of [a, b]) {
    assert.equal(onlyChild(host).udpEncapsulation, false);
    assert.equal(host.backEnd.outbound('net')?.path.tcp, true);
  }
  sim.run(2 * MINUTE);
  assert.equal(ab.recorded.filter(({ content }) => content.kind === 'keepalive').length, 0);
  assertEnds(sim, a);
});

test('where UDP goes unanswered TCP is tried, with an SPI of its own', () => {
  const { sim, a, b, ab } = up({ both: { tcp: 'fallback' } }, withoutUdp);
  const byUdp = ab.recorded.filter(({ tcp }) => tcp !== true);
  const byTcp = ab.recorded.filter(({ tcp }) => tcp === true);
  assert.equal(byUdp.length, 3, 'one request, two more chances');
  assert.notEqual(spiOf(byTcp[0] as Packet), spiOf(byUdp[0] as Packet));
  assert.deepEqual([...failures(a), ...failures(b)], []);
  assert.equal(onlyIke(a).path.tcp, true);
  a.rekey({ connection: 'site' });
  assertSettles(sim, a, b);
  assert.equal(onlyIke(a).path.tcp, true, 'a rekey stays on the connection');
  assertEnds(sim, a);
});

test('where UDP is answered TCP is not touched', () => {
  const { ab, ba } = up({ both: { tcp: 'fallback' } });
  for (const packet of [...ab.recorded, ...ba.recorded]) assert.equal(packet.tcp, undefined);
});

test('a peer that answers by neither is told of both', () => {
  const made = pair({ both: { tcp: 'fallback' } });
  const { sim, a } = made;
  a.resolve = (_connection, tcp): Answer => {
    if (tcp !== true) return { kind: 'path', path: { local: END_A, remote: END_B } };
    return { kind: 'failed', failure: { code: 'peer/silent', summary: 'nothing listens there' } };
  };
  for (let time = 0; time < 2; time++) {
    made.ab.script = () => 'drop';
    a.initiate('site', 'net');
    sim.run(MINUTE);
  }
  assert.deepEqual(
    failures(a).map(({ code }) => code),
    ['peer/silent', 'peer/silent'],
  );
  assert.match(failures(a)[0]?.summary ?? '', /by TCP: nothing listens there/);
  sim.assertEmpty();
});

test('a responder that does not want TCP says so, twice', () => {
  const made = pair({ a: { tcp: 'yes' } });
  const { sim, a, b } = made;
  for (let time = 0; time < 2; time++) {
    a.initiate('site', 'net');
    sim.quiet();
  }
  assert.deepEqual(
    failures(b).map(({ code }) => code),
    ['config/no-connection', 'config/no-connection'],
  );
  assert.match(failures(b)[0]?.remedy ?? '', /set tcp of site/);
  assert.equal(failures(a).length, 2);
  assert.equal(made.ab.recorded.length, 2, 'an error by TCP is believed at once (RFC 9329 §6.4)');
  sim.run(MINUTE);
  sim.assertEmpty();
});

test('a back end without TCP refuses before anything is sent', () => {
  const features = {
    modes: ['tunnel'],
    protocols: ['esp'],
    esn: true,
    forceUdpEncapsulation: false,
    maximumReplayWindow: 64,
  } as const;
  const { sim, a, ab } = pair({ ...OVER_TCP, features: { a: features, b: features } });
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(failures(a)[0]?.code, 'local/unsupported');
  assert.equal(ab.recorded.length, 0);
  sim.assertEmpty();
});

for (const mobike of [false, true])
  test(`a connection made anew is followed, by what is authentic alone${mobike ? ', with MOBIKE too' : ''}`, () => {
    const made = up({ both: { tcp: 'yes', mobike } });
    const { sim, a, b, ab } = made;
    const before = onlyIke(b).path.remote;
    // The initiator's connection broke: the next message of its comes by another.
    ab.script = packet => {
      ab.script = () => 'pass';
      const path = { local: packet.to, remote: { ...packet.from, port: 41_000 }, tcp: true } as const;
      const { content } = packet;
      if (content.kind === 'ike') {
        const damaged = content.datagram.slice();
        damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1;
        b.act((engine, now) => engine.receive(damaged, path, now));
        assert.deepEqual(onlyIke(b).path.remote, before, 'a damaged message moves nothing');
        b.act((engine, now) => engine.receive(content.datagram, path, now));
      }
      return 'drop';
    };
    a.rekey({ child: 'net' });
    sim.run(SECOND);
    assert.equal(onlyIke(b).path.remote.port, 41_000);
    assert.ok(b.backEnd.history.some(line => line.startsWith('update-path')));
  });

test('whoever opened the connection goes on by another of its own, with its SAs', () => {
  const { sim, a } = up(OVER_TCP);
  const { path } = onlyIke(a);
  const instead = { ...path, local: { ...path.local, port: 41_000 } };
  // Of a connection that carries nothing of ours.
  a.act((engine, now) => engine.renewed(instead, path, now));
  assert.deepEqual(onlyIke(a).path, path);
  a.act((engine, now) => engine.renewed(path, instead, now));
  assert.deepEqual(onlyIke(a).path, instead);
  sim.run(SECOND);
  assert.deepEqual(a.backEnd.outbound('net')?.path, instead);
});

for (const [what, tcp] of [
  ['over TCP', 'yes'],
  ['through a NAT', 'no'],
] as const) {
  test(`AH does not go ${what}: it is not asked for, twice`, () => {
    const ah = child({ protocol: 'ah', proposals: parseProposals('sha256', 'ah') });
    const both = { tcp, encap: true, children: [ah] } as const;
    const { sim, a, b } = pair({ both });
    for (let turn = 1; turn <= 2; turn++) {
      a.initiate('site', 'net');
      sim.run(SECOND);
      assert.equal(failures(a).length, turn);
      assert.match(failures(a).at(-1)?.summary ?? '', /^net: AH goes neither through a NAT nor over TCP$/);
      assert.deepEqual([a.backEnd.sas.size, b.backEnd.sas.size], [0, 0]);
    }
  });
}

test('an authentic message by UDP moves nothing that is on TCP', () => {
  const { sim, a, b, ab } = up(OVER_TCP);
  ab.script = packet => {
    ab.script = () => 'pass';
    const { content, to, from } = packet;
    if (content.kind === 'ike')
      b.act((engine, now) => engine.receive(content.datagram, { local: to, remote: from }, now));
    return 'drop';
  };
  a.rekey({ child: 'net' });
  sim.run(SECOND);
  assert.equal(onlyIke(b).path.tcp, true);
});

test('over TCP nobody is asked for a cookie, and nothing is split', () => {
  const { ab } = up({
    both: { tcp: 'yes', fragmentation: 'force' },
    settings: { cookieThreshold: 0, fragmentSize: 300 },
  });
  assert.equal(ab.recorded.length, 2);
});

test('IKEv1 is not spoken over TCP', () => {
  const { sim, a, b, ab, ba } = pairV1({ both: { tcp: 'yes' } });
  ab.script = () => 'drop';
  a.initiate('site', 'net');
  sim.run(SECOND);
  const content = ab.recorded[0]?.content;
  assert.ok(content?.kind === 'ike');
  b.act((engine, now) => engine.receive(content.datagram, { local: END_B, remote: END_A, tcp: true }, now));
  sim.run(SECOND);
  assert.equal(ba.recorded.length, 0);
  b.act((engine, now) => engine.receive(content.datagram, { local: END_B, remote: END_A }, now));
  sim.run(SECOND);
  assert.equal(ba.recorded.length, 1, 'by UDP it is');
});
