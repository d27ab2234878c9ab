import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { VENDOR_IDS } from '../../src/iana/vendor-ids.ts';
import type { EngineSettings } from '../../src/ike/output.ts';
import { EMPTY, toHex } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { ChildConfig } from '../../src/policy/connection.ts';
import type { Endpoint } from '../../src/policy/sa.ts';
import { child, connection, subnet } from '../sim/configuration.ts';
import { assertEnds, assertSettled, onlyChild, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { type Direction, Nat } from '../sim/network.ts';
import { ADDRESS_A, ADDRESS_B, addEngine, connected, pair } from '../sim/pair.ts';
import { connectedV1, pairV1 } from '../sim/pair-v1.ts';
import { Simulation } from '../sim/simulation.ts';

/* What strongswan.conf turns on the engine: each knob, and nothing of the kind without it. */

const MAKERS = { IKEv1: connectedV1, IKEv2: connected } as const;

/** Datagrams of IKE, in hexadecimal. */
function said({ recorded }: Direction): readonly string[] {
  return recorded.map(({ content }) => toHex(content.kind === 'ike' ? content.datagram : EMPTY));
}

/** A child that both versions can make, and that leaves its window to the settings. */
function withoutWindow(): ChildConfig {
  const { replayWindow: _, ...config } = child({ proposals: parseProposals('aes128gcm16', 'esp') });
  return config;
}

for (const [version, made] of Object.entries(MAKERS)) {
  for (const prefers of [true, false])
    test(`${version}, prefer_configured_proposals = ${prefers}: whose order decides`, () => {
      const suites = (...ciphers: readonly string[]) =>
        parseProposals(ciphers.map(cipher => `${cipher}-sha256-ecp256`).join(', '), 'ike');
      const esp = (...ciphers: readonly string[]) =>
        parseProposals(ciphers.map(cipher => `${cipher}-sha256`).join(', '), 'esp');
      const ours = {
        proposals: suites('aes128', 'aes256'),
        children: [child({ proposals: esp('aes128', 'aes256') })],
      };
      const theirs = {
        proposals: suites('aes256', 'aes128'),
        children: [child({ proposals: esp('aes256', 'aes128') })],
      };
      const mirrored = theirs.children.map(config => ({
        ...config,
        localTs: [subnet('10.2.0.0/16')],
        remoteTs: [subnet('10.1.0.0/16')],
      }));
      const { a, b } = made({
        a: ours,
        b: { ...theirs, children: mirrored },
        settings: { preferConfiguredProposals: prefers },
      });
      const expected = prefers ? /^aes256/ : /^aes128/;
      assert.match(onlyIke(b).proposal ?? '', expected);
      assert.match(onlyChild(a).proposal, expected);
    });

  test(`${version}, retransmit_jitter: waits are shorter than without it, and never longer`, () => {
    const waits = (settings: Partial<EngineSettings>): readonly number[] => {
      const { sim, a, ab } = (version === 'IKEv1' ? pairV1 : pair)({ settings });
      ab.script = () => 'drop';
      a.initiate('site', 'net');
      sim.run(4 * MINUTE);
      const times = sim.network.ladder.map(line => Number(line.split(' ')[0]));
      return times.slice(1).map((at, i) => at - (times[i] ?? 0));
    };
    const [plain, less] = [waits({}), waits({ retransmitJitter: 50 })];
    assert.ok(plain.length >= 5);
    assert.ok(plain.every((wait, i) => (less[i] ?? 0) <= wait && (less[i] ?? 0) >= wait / 2));
    assert.ok(plain.some((wait, i) => (less[i] ?? 0) < wait));
  });

  test(`${version}, max_packet: what is longer is not looked at`, () => {
    const { sim, a, b } = (version === 'IKEv1' ? pairV1 : pair)({ settings: { maxPacket: 100 } });
    a.initiate('site', 'net');
    sim.run(MINUTE);
    assert.deepEqual([a.status()[0]?.state, b.status().length], ['CONNECTING', 0]);
  });

  test(`${version}, spi_mask, spi_label, reqid_base, replay_window`, () => {
    const { a, b } = made({
      children: [withoutWindow()],
      settings: {
        spiMask: 0xffff_0000_0000_0000n,
        spiLabel: 0xabcd_0000_0000_0000n,
        reqidBase: 4711,
        replayWindow: 77,
      },
    });
    for (const host of [a, b] as readonly Host[]) {
      const { initiatorSpi, responderSpi } = onlyIke(host);
      assert.deepEqual([initiatorSpi >> 48n, responderSpi >> 48n], [0xabcdn, 0xabcdn]);
      assert.equal(onlyChild(host).reqid, 4711);
      assert.equal([...host.backEnd.sas.values()][0]?.sa.replayWindow, 77);
    }
  });

  test(`${version}, send_vendor_id`, () => {
    for (const sendVendorId of [false, true]) {
      const { ab, ba } = made({ settings: { sendVendorId } });
      for (const [first] of [said(ab), said(ba)])
        assert.equal(first?.includes(VENDOR_IDS.strongSwan), sendVendorId);
    }
  });
}

test('cisco_flexvpn and cisco_unity, each in its version', () => {
  for (const on of [false, true]) {
    const v2 = connected({ settings: { ciscoFlexvpn: on, ciscoUnity: on } });
    const v1 = connectedV1({ settings: { ciscoFlexvpn: on, ciscoUnity: on } });
    const has = ({ ab }: typeof v1, name: keyof typeof VENDOR_IDS) => said(ab)[0]?.includes(VENDOR_IDS[name]);
    assert.deepEqual([has(v2, 'FLEXVPN-SUPPORTED'), has(v2, 'Cisco-Unity')], [on, false]);
    assert.deepEqual([has(v1, 'FLEXVPN-SUPPORTED'), has(v1, 'Cisco-Unity')], [false, on]);
  }
});

for (const closes of [true, false])
  for (const side of ['a', 'b'] as const)
    test(`close_ike_on_child_failure = ${closes} at ${side}: the IKE SA ${closes ? 'goes' : 'stays'}, twice in a row`, () => {
      const sim = new Simulation();
      const [one, other] = [ADDRESS_A, ADDRESS_B].map(address => ({ address, port: 500 })) as [
        Endpoint,
        Endpoint,
      ];
      const apart = child({ localTs: [subnet('10.9.0.0/16')], remoteTs: [subnet('10.8.0.0/16')] });
      const a = addEngine(sim, 'a', ADDRESS_A, {
        connections: [connection('a', 'b')],
        path: { local: one, remote: other },
        settings: { closeIkeOnChildFailure: closes && side === 'a' },
      });
      const b = addEngine(sim, 'b', ADDRESS_B, {
        connections: [connection('b', 'a', { children: [apart] })],
        path: { local: other, remote: one },
        settings: { closeIkeOnChildFailure: closes && side === 'b' },
      });
      for (let i = 0; i < 2; i++) {
        a.initiate('site', 'net');
        sim.quiet();
        assert.deepEqual([a.status().length, b.status().length], closes ? [0, 0] : [1, 1]);
        assert.equal(a.eventsOf('failed').filter(({ child: name }) => name === 'net').length, i + 1);
      }
      assertEnds(sim, a);
    });

test('IKEv1, delete_rekeyed: what was replaced goes at once', () => {
  for (const deleteRekeyed of [false, true]) {
    const { sim, a, b } = connectedV1({ settings: { deleteRekeyed } });
    a.rekey({ child: 'net' });
    sim.quiet();
    sim.run(8 * SECOND);
    assert.equal(a.backEnd.sas.size, deleteRekeyed ? 1 : 2);
    sim.run(MINUTE);
    assertSettled(sim, a, b);
  }
});

test('keep_alive_dpd_margin: after a sleep the peer is asked, and otherwise the NAT is reminded', () => {
  const { sim, a, ab } = pair({ settings: { keepAliveDpdMargin: 5 * SECOND } });
  sim.network.addNat(new Nat(ip('203.0.113.7'), [ADDRESS_A]));
  a.initiate('site', 'net');
  sim.quiet();
  const kinds = (): readonly string[] => ab.recorded.slice(before).map(({ content }) => content.kind);
  let before = ab.recorded.length;
  sim.run(50 * SECOND);
  assert.deepEqual(kinds(), ['keepalive', 'keepalive']);
  before = ab.recorded.length;
  // The host sleeps: nothing is done in its time, and all at once afterwards.
  a.act((engine, now) => engine.tick(now + MINUTE));
  assert.equal(kinds()[0], 'ike');
});
