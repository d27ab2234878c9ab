import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { ExchangeType, PayloadType } from '../../src/iana/ikev2.ts';
import { NotifyStatus } from '../../src/iana/notify.ts';
import { EMPTY, equal } from '../../src/lib/bytes.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { Connection } from '../../src/policy/connection.ts';
import type { Credentials } from '../../src/policy/credentials.ts';
import { parseIdentity } from '../../src/policy/identity.ts';
import { HeaderFlag } from '../../src/wire/header.ts';
import type { MessageFields } from '../../src/wire/v2/message.ts';
import type { Payload } from '../../src/wire/v2/payload.ts';
import { sealMessage } from '../../src/wire/v2/protect.ts';
import { issue, makeAuthority } from '../certificate-builder.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import type { Packet } from '../sim/packet.ts';
import { type Pair, type PairOptions, pair, withScriptedPeer } from '../sim/pair.ts';
import type { ScriptedPeer } from '../sim/scripted-peer.ts';

/* RFC 7383: messages larger than the path go in pieces. */

const provider = nodeProvider();
/** An extension that nobody needs, and that takes room. */
const BULK = [{ oid: '1.3.6.1.4.1.99999.1', critical: false, der: new Uint8Array(1200).fill(5) }];
const root = makeAuthority();
const middle = makeAuthority({ parent: root, subject: 'C=CH, O=Lab, CN=Middle', extensions: BULK });

/** Certificates with a chain: IKE_AUTH takes some three thousand octets each way. */
function large(options: PairOptions = {}): Pair {
  const side = (name: string, other: string): { auth: Partial<Connection>; credentials: Credentials } => {
    const own = issue(middle, {
      extensions: BULK,
      subject: `C=CH, O=Lab, CN=${name}`,
      names: [`dns:${name}`],
    });
    return {
      auth: {
        local: [
          { method: 'pubkey', id: parseIdentity(name), certificates: [own.der], publicKeys: [], schemes: [] },
        ],
        remote: [
          {
            method: 'pubkey',
            id: { kind: 'exact', identity: parseIdentity(other) },
            certificates: [],
            publicKeys: [],
            authorities: [],
            schemes: [],
            revocation: 'relaxed',
          },
        ],
      },
      credentials: {
        shared: [],
        privateKeys: [provider.importPrivateKey(own.pkcs8)],
        authorities: [root.der],
        certificates: [middle.der],
        crls: [],
      },
    };
  };
  const [moon, sun] = [side('moon', 'sun'), side('sun', 'moon')];
  return pair({
    ...options,
    a: { ...moon.auth, ...options.a },
    b: { ...sun.auth, ...options.b },
    credentials: { a: moon.credentials, b: sun.credentials },
  });
}

function sizes(packets: readonly Packet[]): readonly number[] {
  return packets.flatMap(({ content }) => (content.kind === 'ike' ? [content.datagram.length + 28] : []));
}

/** The type of the first payload: SK or SKF. */
function types(packets: readonly Packet[]): readonly number[] {
  return packets.flatMap(({ content }) => (content.kind === 'ike' ? [content.datagram[16] ?? 0] : []));
}

test('no message is larger than the limit, and all arrives', () => {
  const { sim, a, b, ab, ba } = large();
  ab.weather = { ...ab.weather, mtu: 1280 };
  ba.weather = { ...ba.weather, mtu: 1280 };
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.ok(types(ab.recorded).filter(type => type === PayloadType.SKF).length >= 3);
  assert.ok(Math.max(...sizes(ab.recorded), ...sizes(ba.recorded)) <= 1280);
  assertEnds(sim, a);
});

for (const fragmentSize of [576, 800, 1500]) {
  test(`a limit of ${fragmentSize} octets`, () => {
    const { sim, a, b, ab, ba } = large({ settings: { fragmentSize } });
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.ok(Math.max(...sizes(ab.recorded), ...sizes(ba.recorded)) <= fragmentSize);
  });
}

test('what fits into one packet is not made a fragment (C061)', () => {
  const { sim, a, b, ab } = pair();
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.ok(!types(ab.recorded).includes(PayloadType.SKF));
});

for (const [a, b, fragments] of [
  ['no', 'yes', [false, false]],
  ['yes', 'no', [false, false]],
  ['accept', 'yes', [false, true]],
  ['force', 'accept', [true, false]],
] as const) {
  test(`fragmentation ${a} here and ${b} there`, () => {
    const made = large({ a: { fragmentation: a }, b: { fragmentation: b } });
    made.a.initiate('site', 'net');
    assertSettles(made.sim, made.a, made.b);
    assert.deepEqual(
      [made.ab, made.ba].map(({ recorded }) => types(recorded).includes(PayloadType.SKF)),
      fragments,
    );
  });
}

test('fragments out of order, doubled and lost: a retransmission brings what is missing', () => {
  const { sim, a, b, ab, ba } = large({ seed: 5 });
  for (const direction of [ab, ba])
    direction.weather = { ...direction.weather, jitter: 50, loss: 0.25, duplicate: 0.3 };
  a.initiate('site', 'net');
  sim.run(3 * MINUTE);
  for (const direction of [ab, ba])
    direction.weather = { ...direction.weather, jitter: 0, loss: 0, duplicate: 0 };
  assertSettles(sim, a, b);
});

const FIELDS = (peer: ScriptedPeer, messageId: number): MessageFields => ({
  initiatorSpi: peer.current.initiatorSpi,
  responderSpi: peer.current.responderSpi,
  exchangeType: ExchangeType.INFORMATIONAL,
  flags: HeaderFlag.INITIATOR,
  messageId,
});

const BULKY: readonly Payload[] = [
  {
    type: PayloadType.Notify,
    protocol: 0,
    spi: EMPTY,
    notifyType: NotifyStatus.NO_ADDITIONAL_ADDRESSES,
    data: new Uint8Array(1000),
  },
];

/** A scripted peer with an established SA, and the pieces of its next request. */
function pieces(largest = 300): ReturnType<typeof withScriptedPeer> & {
  readonly fragments: readonly Uint8Array[];
  readonly answers: () => readonly Uint8Array[];
} {
  const made = withScriptedPeer();
  const { sim, a, peer } = made;
  peer.establish({
    init: payloads => [
      ...payloads,
      {
        type: PayloadType.Notify,
        protocol: 0,
        spi: EMPTY,
        notifyType: NotifyStatus.IKEV2_FRAGMENTATION_SUPPORTED,
        data: EMPTY,
      },
    ],
  });
  const { recorded } = sim.between(a, peer.name);
  let seen = recorded.length;
  return {
    ...made,
    fragments: sealMessage(FIELDS(peer, peer.current.nextId), BULKY, peer.current.outgoing, largest),
    answers: () => {
      sim.run(SECOND);
      const fresh = recorded.slice(seen);
      seen = recorded.length;
      return fresh.flatMap(({ content }) => (content.kind === 'ike' ? [content.datagram] : []));
    },
  };
}

test('pieces in any order, doubled, make one request', () => {
  const { peer, fragments, answers } = pieces();
  assert.ok(fragments.length > 3);
  for (const fragment of [...fragments].reverse().slice(0, -1)) {
    peer.transmit(fragment);
    peer.transmit(fragment);
  }
  assert.equal(answers().length, 0);
  peer.transmit(fragments[0] as Uint8Array);
  assert.equal(answers().length, 1);
});

test('of an answered request the first piece alone brings the answer again, whole (R095)', () => {
  const { peer, fragments, answers } = pieces();
  for (const fragment of fragments) peer.transmit(fragment);
  const [answer] = answers();
  for (const fragment of fragments.slice(1)) peer.transmit(fragment);
  assert.equal(answers().length, 0);
  peer.transmit(fragments[0] as Uint8Array);
  const [again] = answers();
  assert.ok(answer !== undefined && again !== undefined && equal(answer, again));
});

test('an answered request that comes again in smaller pieces is the same request', () => {
  const { peer, fragments, answers } = pieces();
  for (const fragment of fragments) peer.transmit(fragment);
  const [answer] = answers();
  const smaller = sealMessage(FIELDS(peer, peer.current.nextId), BULKY, peer.current.outgoing, 200);
  for (const fragment of smaller) peer.transmit(fragment);
  const [again, ...more] = answers();
  assert.ok(answer !== undefined && again !== undefined && equal(answer, again));
  assert.equal(more.length, 0);
});

test('a piece with a wrong ICV is dropped, the others are kept (R093)', () => {
  const { peer, fragments, answers } = pieces();
  const [first, ...others] = fragments as [Uint8Array, ...Uint8Array[]];
  for (const fragment of others) peer.transmit(fragment);
  peer.transmit(first.with(first.length - 1, (first.at(-1) ?? 0) ^ 1));
  assert.equal(answers().length, 0);
  peer.transmit(first);
  assert.equal(answers().length, 1);
});

test('a larger total begins anew, a smaller one is dropped (R091, R092)', () => {
  const { peer, fragments, answers } = pieces();
  const finer = sealMessage(FIELDS(peer, peer.current.nextId), BULKY, peer.current.outgoing, 200);
  for (const fragment of fragments.slice(1)) peer.transmit(fragment);
  for (const fragment of finer.slice(1)) peer.transmit(fragment);
  peer.transmit(fragments[0] as Uint8Array);
  assert.equal(answers().length, 0);
  peer.transmit(finer[0] as Uint8Array);
  assert.equal(answers().length, 1);
});

test('what is never completed is forgotten after a while (R094)', () => {
  const { sim, a, peer, fragments, answers } = pieces();
  for (const fragment of fragments.slice(1)) peer.transmit(fragment);
  sim.run(MINUTE);
  assert.equal(answers().length, 0);
  peer.transmit(fragments[0] as Uint8Array);
  assert.equal(answers().length, 0, 'the others are gone');
  for (const fragment of fragments) peer.transmit(fragment);
  assert.equal(answers().length, 1);
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
});

test('the whole message after some of its pieces', () => {
  const { peer, fragments, answers } = pieces();
  for (const fragment of fragments.slice(1)) peer.transmit(fragment);
  const [whole] = sealMessage(FIELDS(peer, peer.current.nextId), BULKY, peer.current.outgoing);
  peer.transmit(whole as Uint8Array);
  assert.equal(answers().length, 1);
});
