import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { parseProposals } from '../../src/crypto/proposal.ts';
import { Engine } from '../../src/engine/engine.ts';
import { ExchangeType, PayloadType, ProtocolId } from '../../src/iana/ikev2.ts';
import { NotifyError, NotifyStatus } from '../../src/iana/notify.ts';
import type { EngineSettings, Output } from '../../src/ike/output.ts';
import { EMPTY, equal } from '../../src/lib/bytes.ts';
import { type IpAddress, ip } from '../../src/lib/ip.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { Path } from '../../src/policy/sa.ts';
import { HeaderFlag } from '../../src/wire/header.ts';
import { decodeMessage, encodeMessage, type MessageFields } from '../../src/wire/v2/message.ts';
import type { NotifyPayload, Payload } from '../../src/wire/v2/payload.ts';
import { makeAuthority } from '../certificate-builder.ts';
import { ALL_FEATURES } from '../sim/back-end.ts';
import { connection, sharedKey } from '../sim/configuration.ts';
import { assertEnds, assertSettles } from '../sim/ends.ts';
import { pair } from '../sim/pair.ts';

/* What comes from nobody we know: cookies, half-open limits, answers outside of any SA. */

const provider = nodeProvider();
const HERE: IpAddress = ip('198.51.100.2');
const [ike] = parseProposals('aes128gcm16-prfsha256-x25519', 'ike');
const now = 1_800_000_000_000;

function engine(
  settings: Partial<EngineSettings> = {},
  overrides: Parameters<typeof connection>[2] = {},
): Engine {
  return new Engine({
    provider,
    settings,
    connections: [connection('b', 'a', overrides)],
    credentials: sharedKey(),
    features: ALL_FEATURES,
  });
}

function pathFrom(remote: string, port = 500): Path {
  return { local: { address: HERE, port: 500 }, remote: { address: ip(remote), port } };
}

const KE = provider.keyExchange({ kind: 'montgomery', curve: 'x25519' })?.initiate().publicValue ?? EMPTY;
let spis = 1n;

interface First {
  readonly datagram: Uint8Array;
  readonly fields: MessageFields;
}

function first(
  change: (payloads: readonly Payload[]) => readonly Payload[] = same => same,
  fields = {},
): First {
  const all: MessageFields = {
    initiatorSpi: spis++,
    responderSpi: 0n,
    exchangeType: ExchangeType.IKE_SA_INIT,
    flags: HeaderFlag.INITIATOR,
    messageId: 0,
    ...fields,
  };
  const payloads: readonly Payload[] = [
    {
      type: PayloadType.SA,
      proposals: [{ number: 1, protocol: ProtocolId.IKE, spi: EMPTY, transforms: ike?.transforms ?? [] }],
    },
    { type: PayloadType.KE, method: 31, data: KE },
    { type: PayloadType.Nonce, data: provider.random(32) },
  ];
  return { datagram: encodeMessage(all, change(payloads)), fields: all };
}

function notifyOf(notifyType: number, data: Uint8Array): NotifyPayload {
  return { type: PayloadType.Notify, protocol: 0, spi: EMPTY, notifyType, data };
}

function sent(outputs: readonly Output[]): readonly Uint8Array[] {
  return outputs.flatMap(output => (output.kind === 'transmit' ? [output.datagram] : []));
}

function onlySent(outputs: readonly Output[]): Uint8Array {
  const datagrams = sent(outputs);
  assert.equal(datagrams.length, 1);
  return datagrams[0] as Uint8Array;
}

/** The first notify of an answer; undefined where there is none. */
function notified(outputs: readonly Output[]): NotifyPayload | undefined {
  const [datagram] = sent(outputs);
  if (datagram === undefined) return undefined;
  return decodeMessage(datagram).payloads.find(
    (payload): payload is NotifyPayload =>
      payload.type === PayloadType.Notify &&
      (payload.notifyType < 16384 || payload.notifyType === NotifyStatus.COOKIE),
  );
}

test('beyond the threshold a cookie is demanded, with no state and no key exchange (R033)', () => {
  let exchanges = 0;
  const counting = {
    ...nodeProvider(),
    keyExchange: (...parameters: Parameters<typeof provider.keyExchange>) => {
      exchanges++;
      return provider.keyExchange(...parameters);
    },
  };
  const target = new Engine({
    provider: Object.setPrototypeOf(counting, provider),
    settings: { cookieThreshold: 0 },
    connections: [connection('b', 'a')],
    credentials: sharedKey(),
    features: ALL_FEATURES,
  });
  const { datagram } = first();
  const outputs = target.receive(datagram, pathFrom('192.0.2.1'), now);
  assert.equal(notified(outputs)?.notifyType, NotifyStatus.COOKIE);
  assert.ok(onlySent(outputs).length < datagram.length, 'the answer is smaller than the question');
  assert.equal(target.status().length, 0);
  assert.equal(exchanges, 0);
});

/** Asks for a cookie and brings it back, changed or from elsewhere. */
function withCookie(
  change: (cookie: Uint8Array) => Uint8Array,
  back: {
    readonly path?: Path;
    readonly later?: number;
    readonly fields?: object;
    readonly nonce?: boolean;
  } = {},
): number | undefined {
  const target = engine({ cookieThreshold: 0 });
  const nonce: Payload = { type: PayloadType.Nonce, data: provider.random(32) };
  const asked = first(payloads => [...payloads.slice(0, 2), nonce]);
  const cookie = notified(target.receive(asked.datagram, pathFrom('192.0.2.1'), now));
  assert.ok(cookie !== undefined);
  const other: Payload = back.nonce === true ? { type: PayloadType.Nonce, data: provider.random(32) } : nonce;
  const again = first(
    payloads => [notifyOf(NotifyStatus.COOKIE, change(cookie.data)), ...payloads.slice(0, 2), other],
    { ...asked.fields, ...back.fields },
  );
  const outputs = target.receive(again.datagram, back.path ?? pathFrom('192.0.2.1'), now + (back.later ?? 0));
  return notified(outputs)?.notifyType ?? (target.status().length === 1 ? undefined : -1);
}

test('a cookie is good for the nonce, SPI and address it was made for, and for a while (R034, R035)', () => {
  const { COOKIE } = NotifyStatus;
  const same = (cookie: Uint8Array): Uint8Array => cookie;
  assert.equal(withCookie(same), undefined);
  assert.equal(withCookie(same, { later: 59 * SECOND }), undefined);
  assert.equal(withCookie(same, { later: 100 * SECOND }), undefined);
  assert.equal(withCookie(same, { later: 10 * MINUTE }), COOKIE, 'expired');
  assert.equal(withCookie(same, { path: pathFrom('192.0.2.9') }), COOKIE, 'another address');
  assert.equal(withCookie(same, { path: pathFrom('192.0.2.1', 501) }), COOKIE, 'another port');
  assert.equal(withCookie(same, { fields: { initiatorSpi: 99n } }), COOKIE, 'another SPI');
  assert.equal(withCookie(same, { nonce: true }), COOKIE, 'another nonce');
  assert.equal(
    withCookie(cookie => cookie.with(5, (cookie[5] ?? 0) ^ 1)),
    COOKIE,
    'altered',
  );
  assert.equal(
    withCookie(cookie => cookie.with(0, ((cookie[0] ?? 0) + 7) & 255)),
    COOKIE,
  );
  assert.equal(
    withCookie(() => EMPTY),
    COOKIE,
  );
  assert.equal(
    withCookie(cookie => new Uint8Array([...cookie, 0])),
    COOKIE,
  );
});

test('an engine brings back the cookie it is asked for, and all else unchanged (R036)', () => {
  const { sim, a, b, ab } = pair({ settings: { cookieThreshold: 0 } });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  const inits = ab.recorded
    .slice(0, 2)
    .map(({ content }) => (content.kind === 'ike' ? content.datagram : EMPTY));
  const [one, two] = inits.map(datagram => decodeMessage(datagram).payloads);
  assert.deepEqual(two?.slice(1), one);
  assertEnds(sim, a);
});

test('cookies and another group in turn', () => {
  const { sim, a, b } = pair({
    settings: { cookieThreshold: 0 },
    a: { proposals: parseProposals('aes128gcm16-prfsha256-x25519-ecp256-modp2048', 'ike') },
    b: { proposals: parseProposals('aes128gcm16-prfsha256-modp2048', 'ike') },
  });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
});

test('a responder that asks for cookies without end is given up (R037)', () => {
  const { sim, a, ab, ba } = pair();
  let asked = 0;
  ab.script = packet => {
    if (packet.content.kind !== 'ike') return 'drop';
    const { header } = decodeMessage(packet.content.datagram);
    if (++asked > 50) return 'drop';
    const answer = encodeMessage({ ...header, responderSpi: 0n, flags: HeaderFlag.RESPONSE }, [
      notifyOf(NotifyStatus.COOKIE, Uint8Array.of(asked)),
    ]);
    sim.network.send({ kind: 'ike', datagram: answer }, { local: packet.to, remote: packet.from });
    return 'drop';
  };
  ba.script = () => 'pass';
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(asked, 6);
  assert.deepEqual(
    a.eventsOf('failed').map(({ failure }) => failure.code),
    ['peer/cookie-loop'],
  );
  sim.assertEmpty();
});

test('one address may hold so many, and others still get in (R039)', () => {
  const target = engine({ cookieThreshold: 1000, cookieThresholdPerAddress: 3, blockThreshold: 5 });
  const verdicts = Array.from({ length: 8 }, () => {
    const outputs = target.receive(first().datagram, pathFrom('192.0.2.1'), now);
    return notified(outputs)?.notifyType ?? (sent(outputs).length > 0 ? 'served' : 'dropped');
  });
  assert.deepEqual(verdicts, ['served', 'served', 'served', ...Array(5).fill(NotifyStatus.COOKIE)]);
  assert.equal(target.status().length, 3);
  assert.equal(sent(target.receive(first().datagram, pathFrom('192.0.2.2'), now)).length, 1);
  assert.equal(target.status().length, 4);
});

test('the addresses of one IPv6 subscriber count as one', () => {
  const target = engine({ cookieThresholdPerAddress: 2, blockThreshold: 0 });
  const from = (host: string): number | undefined =>
    notified(
      target.receive(
        first().datagram,
        {
          local: { address: ip('2001:db8:ffff::1'), port: 500 },
          remote: { address: ip(`2001:db8:1:2::${host}`), port: 500 },
        },
        now,
      ),
    )?.notifyType;
  assert.equal(from('1'), undefined);
  assert.equal(from('2'), undefined);
  assert.equal(from('3'), NotifyStatus.COOKIE);
});

test('who fills the table makes room: the oldest goes', () => {
  const target = engine({ halfOpenLimit: 10, cookieThreshold: 1000 });
  for (let i = 0; i < 25; i++) target.receive(first().datagram, pathFrom(`192.0.2.${i + 1}`), now);
  const ids = target.status().map(({ id }) => id);
  assert.equal(ids.length, 10);
  assert.equal(Math.min(...ids), 16);
});

test('half-open SAs go after their time, sooner under attack (R040)', () => {
  const calm = engine();
  calm.receive(first().datagram, pathFrom('192.0.2.1'), now);
  assert.equal(calm.deadline, now + 30 * SECOND);
  const outputs = calm.tick(now + 30 * SECOND);
  assert.equal(calm.status().length, 0);
  assert.ok(outputs.some(output => output.kind === 'event' && output.event.kind === 'failed'));
  assert.equal(calm.deadline, undefined);
});

test('cookies do not come and go with the count (R038)', () => {
  const target = engine({ cookieThreshold: 2, cookieThresholdPerAddress: 100 });
  const ask = (host: number, at: number): number | undefined =>
    notified(target.receive(first().datagram, pathFrom(`192.0.2.${host}`), at))?.notifyType;
  assert.equal(ask(1, now), undefined);
  assert.equal(ask(2, now), undefined);
  assert.equal(ask(3, now + 29 * SECOND), NotifyStatus.COOKIE);
  target.tick(now + 31 * SECOND);
  assert.equal(ask(4, now + 32 * SECOND), NotifyStatus.COOKIE, 'still calming down');
  assert.equal(ask(5, now + 45 * SECOND), undefined);
});

test('what is answered outside an SA is never larger than what came (R048)', () => {
  const target = engine();
  const { datagram } = first(payloads => [
    {
      type: PayloadType.SA,
      proposals: [{ number: 1, protocol: 1, spi: EMPTY, transforms: [{ type: 4, id: 31 }] }],
    },
    ...payloads.slice(1),
  ]);
  const outputs = target.receive(datagram, pathFrom('192.0.2.1'), now);
  assert.equal(notified(outputs)?.notifyType, NotifyError.NO_PROPOSAL_CHOSEN);
  assert.ok(onlySent(outputs).length <= datagram.length);
  assert.equal(target.status().length, 0);
  const again = target.receive(datagram, pathFrom('192.0.2.1'), now + 4 * SECOND);
  assert.ok(equal(onlySent(again), onlySent(outputs)));
  assert.equal(again.filter(({ kind }) => kind === 'event').length, 0, 'told of once');
});

const QUIET: readonly (readonly [string, () => First, Path?])[] = [
  ['SPIi zero (R053)', () => first(undefined, { initiatorSpi: 0n })],
  ['SPIr in a first message (R054)', () => first(undefined, { responderSpi: 5n })],
  ['Message ID 1', () => first(undefined, { messageId: 1 })],
  ['no initiator flag', () => first(undefined, { flags: 0 })],
  ['a response', () => first(undefined, { flags: HeaderFlag.INITIATOR | HeaderFlag.RESPONSE })],
  ['port 0 (R050)', first, pathFrom('192.0.2.1', 0)],
  ['a multicast source (R050)', first, pathFrom('224.0.0.1')],
  ['broadcast (R050)', first, pathFrom('255.255.255.255')],
  ['our own address and port (R050)', first, pathFrom('198.51.100.2', 500)],
  ['no KE', () => first(payloads => payloads.filter(({ type }) => type !== PayloadType.KE))],
  ['two nonces', () => first(payloads => [...payloads, payloads[2] as Payload])],
  [
    'a short nonce (R057)',
    () => first(payloads => [...payloads.slice(0, 2), { type: PayloadType.Nonce, data: new Uint8Array(15) }]),
  ],
  ['AUTH in it', () => first(payloads => [...payloads, { type: PayloadType.AUTH, method: 2, data: EMPTY }])],
];
for (const [what, make, path] of QUIET) {
  test(`dropped without an answer or state: ${what}`, () => {
    const target = engine();
    const outputs = target.receive(make().datagram, path ?? pathFrom('192.0.2.1'), now);
    assert.deepEqual(outputs, []);
    assert.equal(target.status().length, 0);
    assert.equal(target.deadline, undefined);
  });
}

test('values of a key exchange that are none are refused (R061)', () => {
  const target = engine();
  for (const data of [new Uint8Array(32), new Uint8Array(31).fill(9), new Uint8Array(33).fill(9), EMPTY]) {
    const { datagram } = first(payloads => [
      payloads[0] as Payload,
      { type: PayloadType.KE, method: 31, data },
      payloads[2] as Payload,
    ]);
    const outputs = target.receive(datagram, pathFrom('192.0.2.1'), now);
    assert.ok(sent(outputs).length <= 1);
    assert.equal(target.status().length, 0);
  }
});

test('a critical payload that is not known (R024)', () => {
  const target = engine();
  const { datagram } = first(payloads => [
    ...payloads,
    { type: 'unknown', number: 200, critical: true, data: EMPTY },
  ]);
  const answer = notified(target.receive(datagram, pathFrom('192.0.2.1'), now));
  assert.equal(answer?.notifyType, NotifyError.UNSUPPORTED_CRITICAL_PAYLOAD);
  assert.deepEqual([...(answer?.data ?? [])], [200]);
  assert.equal(target.status().length, 0);
  const harmless = first(payloads => [
    ...payloads,
    { type: 'unknown', number: 200, critical: false, data: EMPTY },
  ]);
  assert.equal(notified(target.receive(harmless.datagram, pathFrom('192.0.2.1'), now)), undefined);
  assert.equal(target.status().length, 1);
});

test('another group is named, with no state (R058)', () => {
  const target = engine();
  const { datagram } = first(payloads => [
    payloads[0] as Payload,
    { type: PayloadType.KE, method: 19, data: new Uint8Array(64) },
    payloads[2] as Payload,
  ]);
  const answer = notified(target.receive(datagram, pathFrom('192.0.2.1'), now));
  assert.equal(answer?.notifyType, NotifyError.INVALID_KE_PAYLOAD);
  assert.deepEqual([...(answer?.data ?? [])], [0, 31]);
  assert.equal(target.status().length, 0);
});

test('messages for SAs that are not there: an answer now and then, and no state (R019, R020)', () => {
  const target = engine();
  const informational = (flags: number): Uint8Array =>
    encodeMessage(
      { initiatorSpi: 7n, responderSpi: 8n, exchangeType: ExchangeType.INFORMATIONAL, flags, messageId: 3 },
      [notifyOf(NotifyError.INVALID_SYNTAX, new Uint8Array(20))],
    );
  const answers = Array.from({ length: 100 }, () =>
    target.receive(informational(HeaderFlag.INITIATOR), pathFrom('192.0.2.1'), now),
  );
  const answered = answers.filter(outputs => sent(outputs).length > 0);
  assert.ok(answered.length > 0 && answered.length <= 20, `${answered.length} answers`);
  const { header, payloads } = decodeMessage(onlySent(answered[0] ?? []));
  assert.deepEqual([header.initiatorSpi, header.responderSpi, header.messageId], [7n, 8n, 3]);
  assert.equal(header.flags, HeaderFlag.RESPONSE);
  assert.ok(
    payloads[0]?.type === PayloadType.Notify && payloads[0].notifyType === NotifyError.INVALID_IKE_SPI,
  );
  const later = now + MINUTE;
  assert.deepEqual(target.receive(informational(HeaderFlag.RESPONSE), pathFrom('192.0.2.1'), later), []);
  assert.equal(target.status().length, 0);
});

test('major version 3 is answered, 1 and 0 are not; the minor version does not matter (R029)', () => {
  const version = (octet: number): readonly Output[] => {
    const { datagram } = first();
    datagram[17] = octet;
    return engine().receive(datagram, pathFrom('192.0.2.1'), now);
  };
  assert.equal(notified(version(0x30))?.notifyType, NotifyError.INVALID_MAJOR_VERSION);
  assert.deepEqual(version(0x10), []);
  assert.deepEqual(version(0x00), []);
  assert.equal(sent(version(0x2f)).length, 1);
});

test('our own first message, sent back to us, makes nothing (R051)', () => {
  const { sim, a, ab } = pair();
  ab.script = packet => {
    if (packet.content.kind === 'ike') sim.network.deliver({ ...packet, from: packet.to, to: packet.from });
    return 'drop';
  };
  a.initiate('site', 'net');
  sim.run(10 * SECOND);
  assert.equal(a.status().length, 1);
  assert.equal(a.status()[0]?.state, 'CONNECTING');
});

test('a flood of what is refused is answered with cookies in the end, before any key exchange (C070)', () => {
  const target = engine();
  const kinds: (number | undefined)[] = [];
  for (let i = 0; i < 200; i++) {
    const bad: Payload = { type: PayloadType.KE, method: 31, data: new Uint8Array(32) };
    const { datagram } = first(payloads => [payloads[0] as Payload, bad, payloads[2] as Payload]);
    kinds.push(notified(target.receive(datagram, pathFrom(`10.0.${i}.1`), now))?.notifyType);
  }
  assert.equal(kinds[0], NotifyError.INVALID_SYNTAX);
  assert.ok(kinds.indexOf(NotifyStatus.COOKIE) <= 52);
  assert.equal(kinds.at(-1), NotifyStatus.COOKIE);
  assert.equal(target.status().length, 0);
  const later = target.receive(first().datagram, pathFrom('192.0.2.1'), now + MINUTE);
  assert.equal(notified(later), undefined, 'calm again');
});

test('a flood leaves nothing behind, and an honest peer gets through (R041)', () => {
  const target = engine();
  for (let i = 0; i < 5000; i++) {
    const remote = `10.${(i >> 8) & 255}.${i & 255}.7`;
    target.receive(first().datagram, pathFrom(remote), now);
  }
  assert.ok(target.status().length <= 40, `${target.status().length} half-open SAs`);
  const nonce: Payload = { type: PayloadType.Nonce, data: provider.random(32) };
  const asked = first(payloads => [...payloads.slice(0, 2), nonce]);
  const cookie = notified(target.receive(asked.datagram, pathFrom('192.0.2.1'), now));
  assert.ok(cookie?.notifyType === NotifyStatus.COOKIE);
  const again = first(
    payloads => [notifyOf(NotifyStatus.COOKIE, cookie.data), ...payloads.slice(0, 2), nonce],
    asked.fields,
  );
  assert.equal(
    decodeMessage(onlySent(target.receive(again.datagram, pathFrom('192.0.2.1'), now))).payloads[0]?.type,
    PayloadType.SA,
  );
  target.tick(now + MINUTE);
  assert.equal(target.status().length, 0);
  assert.equal(target.deadline, undefined);
});

test('many authorities do not make the answer many times the question', () => {
  const authorities = Array.from({ length: 40 }, (_, i) => makeAuthority({ subject: `CN=Root ${i}` }).der);
  const target = new Engine({
    provider,
    connections: [
      connection('b', 'a', {
        remote: connection('b', 'a').remote.map(round => ({ ...round, method: 'pubkey' })),
      }),
    ],
    credentials: { ...sharedKey(), authorities },
    features: ALL_FEATURES,
  });
  const asked = (size: number): { readonly ratio: number; readonly hashes: number } => {
    const { datagram } = first(payloads => [
      ...payloads,
      { type: PayloadType.VendorID, data: new Uint8Array(size) },
    ]);
    const answer = onlySent(target.receive(datagram, pathFrom('192.0.2.1'), now));
    const request = decodeMessage(answer).payloads.find(({ type }) => type === PayloadType.CERTREQ);
    assert.ok(request?.type === PayloadType.CERTREQ);
    return { ratio: answer.length / datagram.length, hashes: request.data.length / 20 };
  };
  const [small, large] = [asked(0), asked(1000)];
  assert.ok(small.ratio <= 1.5, `${small.ratio}`);
  assert.ok(small.hashes < 10);
  assert.equal(large.hashes, 40);
});

test('octets that are nothing at all', () => {
  const target = engine();
  for (let length = 0; length < 400; length += 7)
    assert.deepEqual(target.receive(provider.random(length), pathFrom('192.0.2.1'), now), []);
});
