import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExchangeType, PayloadType } from '../../src/iana/ikev2.ts';
import { NotifyStatus } from '../../src/iana/notify.ts';
import { EMPTY } from '../../src/lib/bytes.ts';
import { MINUTE } from '../../src/lib/time.ts';
import type { NotifyPayload } from '../../src/wire/v2/payload.ts';
import { ALL_FEATURES } from '../sim/back-end.ts';
import { child, subnet } from '../sim/configuration.ts';
import { assertEnds, assertSettles, onlyChild } from '../sim/ends.ts';
import { type PairOptions, pair, withScriptedPeer } from '../sim/pair.ts';
import { notifies, type Received } from '../sim/scripted-peer.ts';

/*
 * Compression of packets (RFC 7296 §2.22): both ends want it, or there is none.
 */

const COMPRESSING = child({ ipcomp: true });
const OTHER = child({ name: 'other', ipcomp: true, localTs: [subnet('10.3.0.0/16')] });
const { ipcomp: _, ...PLAIN } = ALL_FEATURES;
const offers = (message: Received): boolean => notifies(message).includes(NotifyStatus.IPCOMP_SUPPORTED);

test('both ends want it: each tells the other its CPI, and a rekey and a further child do so anew', () => {
  const { sim, a, b } = pair({ children: [COMPRESSING, OTHER] });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  const first = onlyChild(a).ipcomp;
  assert.ok(first !== undefined);
  assert.deepEqual(onlyChild(b).ipcomp, { cpiIn: first.cpiOut, cpiOut: first.cpiIn });
  for (const host of [a, b]) {
    const before = onlyChild(host).ipcomp?.cpiIn;
    host.rekey({ child: 'net' });
    assertSettles(sim, a, b);
    assert.ok(onlyChild(host).ipcomp !== undefined && onlyChild(host).ipcomp?.cpiIn !== before);
  }
  b.initiate('site', 'other');
  assertSettles(sim, a, b, ['net', 'other']);
  assert.ok(onlyChild(b, 'other').ipcomp !== undefined);
  assertEnds(sim, a);
});

const ONE_SIDED: Readonly<Record<string, PairOptions>> = {
  'the responder does not want it': { a: { children: [COMPRESSING] } },
  'the initiator does not want it': {
    b: { children: [child({ ipcomp: true, localTs: COMPRESSING.remoteTs, remoteTs: COMPRESSING.localTs })] },
  },
  "the responder's back end cannot": { children: [COMPRESSING], features: { b: PLAIN } },
  "the initiator's back end cannot": { children: [COMPRESSING], features: { a: PLAIN } },
  'a NAT is pretended': { children: [COMPRESSING], a: { encap: true } },
  'the tunnel would carry IPv6 in IPv4': {
    children: [
      child({ ipcomp: true, localTs: [subnet('2001:db8:1::/64')], remoteTs: [subnet('2001:db8:2::/64')] }),
    ],
  },
  'BEET mode': { children: [child({ ipcomp: true, mode: 'beet' })] },
};
for (const [why, options] of Object.entries(ONE_SIDED)) {
  test(`${why}: packets go uncompressed, now and after a rekey`, () => {
    const { sim, a, b } = pair(options);
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    b.rekey({ child: 'net' });
    assertSettles(sim, a, b);
    assert.deepEqual([onlyChild(a).ipcomp, onlyChild(b).ipcomp], [undefined, undefined]);
    assertEnds(sim, a);
  });
}

/** IPCOMP_SUPPORTED with a CPI and an algorithm. */
const supported = (cpi: number, transform: number): NotifyPayload =>
  saying(Uint8Array.of(cpi >> 8, cpi & 0xff, transform));
const saying = (data: Uint8Array): NotifyPayload => ({
  type: PayloadType.Notify,
  protocol: 0,
  spi: EMPTY,
  notifyType: NotifyStatus.IPCOMP_SUPPORTED,
  data,
});
const TRUNCATED = saying(Uint8Array.of(1, 2));
const DEFLATE = 2;
const LZS = 3;

test('of what a peer offers DEFLATE is taken, wherever it stands; without it, nothing is', () => {
  for (const [offered, taken] of [
    [[supported(0x1234, DEFLATE)], 0x1234],
    [[supported(0x1111, LZS), TRUNCATED, supported(0x1234, DEFLATE)], 0x1234],
    [[supported(0x1111, LZS)], undefined],
    [[supported(DEFLATE, DEFLATE)], undefined],
    [[supported(0, DEFLATE)], undefined],
    [[TRUNCATED], undefined],
  ] as const) {
    const { sim, a, peer } = withScriptedPeer({ children: [COMPRESSING] });
    peer.establish();
    const answer = peer.exchange(ExchangeType.CREATE_CHILD_SA, [...offered, ...peer.childRequest()]);
    sim.quiet();
    assert.equal(offers(answer), taken !== undefined);
    const made = a.status()[0]?.children.at(-1);
    assert.equal(made?.ipcomp?.cpiOut, taken);
  }
});

test('an answer that compresses as it was not asked to makes no child, twice', () => {
  for (const [ipcomp, answered] of [
    [false, supported(0x1234, DEFLATE)],
    [true, supported(0x1234, LZS)],
    [true, supported(7, DEFLATE)],
    [true, TRUNCATED],
  ] as const) {
    const { sim, a, peer } = withScriptedPeer({ children: [ipcomp ? COMPRESSING : child()] });
    peer.establish();
    const respond = peer.respond.bind(peer);
    peer.respond = (request, payloads, oddity) => respond(request, [answered, ...payloads], oddity);
    for (let time = 0; time < 2; time++) {
      a.events.length = 0;
      a.initiate('site', 'net');
      sim.quiet();
      const [failed] = a.eventsOf('failed');
      assert.equal(failed?.failure.code, 'peer/malformed');
      assert.match(failed?.failure.summary ?? '', /compresses/);
      assert.equal(a.status()[0]?.children.length, 1);
      sim.run(MINUTE);
    }
  }
});
