import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ModeCfgAttribute,
  ModeCfgType,
  OakleyAuthMethod,
  V1ExchangeType,
  V1PayloadType,
  XauthAttribute,
  XauthType,
} from '../../src/iana/ikev1.ts';
import { concat, EMPTY } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { utf8 } from '../../src/lib/text.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { Pool } from '../../src/policy/pool.ts';
import type { V1Attribute, V1AttributesPayload } from '../../src/wire/v1/payload.ts';
import { onlyIke } from '../sim/ends.ts';
import { childV1, withScriptedPeerV1 } from '../sim/pair-v1.ts';
import type { V1Received } from '../sim/scripted-peer-v1.ts';
import { asked, secrets, user } from '../sim/user-v1.ts';

/* Transactions that no honest peer would send, or not then: XAUTH and mode config from both sides. */

const {
  ISAKMP_CFG_REQUEST: REQUEST,
  ISAKMP_CFG_REPLY: REPLY,
  ISAKMP_CFG_SET: SET,
  ISAKMP_CFG_ACK: ACK,
} = ModeCfgType;
const { XAUTH_USER_NAME: NAME, XAUTH_USER_PASSWORD: PASSWORD, XAUTH_STATUS: STATUS } = XauthAttribute;
const { INTERNAL_IP4_ADDRESS: ADDRESS } = ModeCfgAttribute;

const POOL: Pool = { name: 'staff', start: ip('10.77.0.1'), end: ip('10.77.0.200'), attributes: [] };
const ANY: V1Attribute = { type: ADDRESS, value: EMPTY };
const CAROL: readonly V1Attribute[] = [
  { type: NAME, value: utf8('carol') },
  { type: PASSWORD, value: utf8('tango') },
];
const OK: V1Attribute = { type: STATUS, value: 1 };
const FAIL: V1Attribute = { type: STATUS, value: 0 };
const DYNAMIC = { dynamic: true, protocol: 0, startPort: 0, endPort: 65_535 } as const;

type Scripted = ReturnType<typeof withScriptedPeerV1>;

/** The engine asks the peer for its user, and gives addresses. */
function server(users = true): Scripted {
  const made = withScriptedPeerV1({
    a: { ...(users ? { remote: asked('b') } : {}), pools: [POOL.name] },
    credentials: { a: secrets('tango') },
  });
  made.a.leases.configure([POOL]);
  if (users) made.peer.method = OakleyAuthMethod.XAUTHInitPreShared;
  made.peer.establish();
  return made;
}

/** The engine is the client of the peer: a user, who wants an address. */
function client(users = true): Scripted {
  const made = withScriptedPeerV1({
    a: { ...(users ? { local: user('a') } : {}), vips: ['0.0.0.0'], pull: users },
    children: [childV1({ localTs: [DYNAMIC] })],
    credentials: { a: secrets('tango') },
  });
  made.a.initiate('site', 'net');
  made.sim.run(SECOND);
  return made;
}

/** The next transaction that the engine begins or answers. */
function next({ peer }: Scripted): { readonly message: V1Received; readonly payload: V1AttributesPayload } {
  const message = peer.await(({ header }) => header.exchangeType === V1ExchangeType.TRANSACTION);
  assert.ok(message !== undefined, 'no transaction came');
  return { message, payload: payloadIn(message) };
}

function payloadIn({ payloads }: V1Received): V1AttributesPayload {
  const payload = payloads.find(({ type }) => type === V1PayloadType.ATTRIBUTES);
  assert.ok(payload?.type === V1PayloadType.ATTRIBUTES);
  return payload;
}

/** Answers the transaction that the engine has begun, and takes the next one. */
function reply(
  made: Scripted,
  attributes: readonly V1Attribute[],
  options: { cfgType?: number; identifier?: number } = {},
): void {
  const { message, payload } = next(made);
  made.peer.transaction(options.cfgType ?? payload.cfgType + 1, attributes, {
    messageId: message.header.messageId,
    identifier: options.identifier ?? payload.identifier,
  });
  made.sim.run(SECOND);
}

/** A transaction of the peer's, and what it is answered with; undefined where it is not. */
function ask(
  { sim, peer }: Scripted,
  cfgType: number,
  attributes: readonly V1Attribute[],
): V1AttributesPayload | undefined {
  const messageId = peer.newMessageId();
  peer.transaction(cfgType, attributes, { messageId });
  sim.run(SECOND);
  const at = peer.received.findIndex(({ header }) => header.messageId === messageId);
  const [message] = at < 0 ? [] : peer.received.splice(at, 1);
  return message === undefined ? undefined : payloadIn(message);
}

function types(payload: V1AttributesPayload | undefined): readonly number[] {
  return payload?.attributes.map(({ type }) => type) ?? [-1];
}

function states({ a }: Scripted): readonly string[] {
  return a.status().map(({ state }) => state);
}

function codes({ a }: Scripted): readonly string[] {
  return a.eventsOf('failed').map(({ failure }) => failure.code);
}

/** It is over, and nothing is left of it. */
function assertOver(made: Scripted): void {
  made.sim.run(10 * MINUTE);
  made.sim.assertEmpty();
  assert.deepEqual(made.a.eventsOf('ike-up'), []);
}

// ── the engine asks for a user ──

test('an honest user comes in and has an address: what the other tests differ from', () => {
  const made = server();
  reply(made, CAROL);
  reply(made, [{ type: STATUS, value: EMPTY }]);
  assert.deepEqual(states(made), ['ESTABLISHED']);
  assert.equal(onlyIke(made.a).remoteXauthId, 'carol');
  assert.deepEqual(types(ask(made, REQUEST, [ANY])), [ADDRESS]);
  assert.deepEqual(onlyIke(made.a).remoteVips, ['10.77.0.1']);
});

for (const [what, attributes, code] of [
  ['no attributes', [], 'peer/malformed'],
  [
    'a thousand attributes',
    Array.from({ length: 1000 }, () => ({ type: NAME, value: utf8('x') })),
    'auth/wrong-key',
  ],
  ['an enormous name', [{ type: NAME, value: new Uint8Array(20_000).fill(0x41) }], 'peer/malformed'],
  ['an enormous password', [CAROL[0], { type: PASSWORD, value: new Uint8Array(20_000) }], 'auth/wrong-key'],
  ['a name in two octets', [{ type: NAME, value: 0x4142 }, CAROL[1]], 'peer/malformed'],
  [
    'a name that looks like broken ASN.1',
    [{ type: NAME, value: Uint8Array.of(0x30, 0x84, 0xff, 0xff, 0xff, 0xff) }, CAROL[1]],
    'auth/wrong-key',
  ],
  ['a name with a zero in it', [{ type: NAME, value: utf8('carol\0x') }, CAROL[1]], 'auth/wrong-key'],
  ['a name for printf', [{ type: NAME, value: utf8('%s%n%s\n; rm -rf /') }, CAROL[1]], 'auth/wrong-key'],
  ['no password', [CAROL[0]], 'auth/wrong-key'],
  [
    'the password first in one name, then in another',
    [{ type: NAME, value: utf8('dave') }, ...CAROL],
    'auth/wrong-key',
  ],
  ['an address in place of a user', [{ type: ADDRESS, value: ip('10.77.0.9') }], 'peer/malformed'],
  ['that all is well', [OK], 'peer/malformed'],
] as const) {
  test(`the user says ${what}: three times, and it is over`, () => {
    const made = server();
    const sent = attributes.flatMap(one => (one === undefined ? [] : [one]));
    for (let attempt = 0; attempt < 3; attempt++) reply(made, sent);
    const { payload } = next(made);
    assert.deepEqual([payload.cfgType, payload.attributes], [SET, [FAIL]]);
    assertOver(made);
    assert.ok(codes(made).includes(code), codes(made).join());
  });
}

test('the user gives up: it is over at once, and that is said', () => {
  const made = server();
  reply(made, [FAIL]);
  assertOver(made);
  assert.deepEqual(codes(made), ['peer/refused']);
});

for (const cfgType of [REQUEST, SET, ACK, 0, 255])
  test(`a request answered with type ${cfgType} is not answered`, () => {
    const made = server();
    reply(made, CAROL, { cfgType });
    assertOver(made);
    assert.deepEqual(codes(made), ['peer/malformed']);
  });

test('a reply under another identifier is the reply: its Message ID says so', () => {
  const made = server();
  reply(made, CAROL, { identifier: 0 });
  reply(made, [], { identifier: 0xffff });
  assert.deepEqual(states(made), ['ESTABLISHED']);
});

test('while the user is awaited nothing else is heeded: status, addresses, children', () => {
  const made = server();
  const { a, peer, sim } = made;
  const { message } = next(made);
  for (let i = 0; i < 100; i++) {
    assert.equal(ask(made, SET, [OK]), undefined);
    if (i % 10 === 0) peer.beginQuick();
  }
  assert.equal(ask(made, REQUEST, [ANY]), undefined);
  sim.run(SECOND);
  assert.deepEqual(states(made), ['CONNECTING']);
  assert.equal(a.leases.view()[0]?.online, 0);
  assert.deepEqual(a.eventsOf('child-up'), []);
  // What was held is looked at afterwards, and says nothing new.
  peer.transaction(REPLY, CAROL, { messageId: message.header.messageId });
  sim.run(SECOND);
  const [status] = peer.received.filter(one =>
    one.payloads.some(p => p.type === V1PayloadType.ATTRIBUTES && p.cfgType === SET),
  );
  assert.ok(status !== undefined);
  peer.transaction(ACK, [], { messageId: status.header.messageId });
  sim.run(SECOND);
  assert.deepEqual(states(made), ['ESTABLISHED']);
  assert.equal(a.leases.view()[0]?.online, 0);
});

test('once established, a status changes nothing, and nobody is told a password', () => {
  const made = server();
  reply(made, CAROL);
  reply(made, []);
  for (const status of [OK, FAIL]) assert.equal(ask(made, SET, [status])?.cfgType, ACK);
  const answer = ask(made, REQUEST, [
    { type: NAME, value: EMPTY },
    { type: PASSWORD, value: EMPTY },
  ]);
  assert.deepEqual(answer?.attributes, [FAIL]);
  assert.deepEqual(states(made), ['ESTABLISHED']);
});

// ── the engine gives addresses ──

test('two hundred requests: one lease, and the same answer each time', () => {
  const made = server(false);
  for (let i = 0; i < 200; i++) {
    const answer = ask(
      made,
      REQUEST,
      Array.from({ length: 100 }, () => ANY),
    );
    assert.equal(answer?.cfgType, REPLY);
    assert.deepEqual(types(answer), [ADDRESS, ADDRESS, ADDRESS, ADDRESS]);
  }
  assert.equal(made.a.leases.view()[0]?.online, 4);
  assert.deepEqual(states(made), ['ESTABLISHED']);
});

test('a request again, octet by octet: the same answer; its Message ID for something else: none', () => {
  const made = server(false);
  const { peer, sim } = made;
  const messageId = peer.newMessageId();
  const datagram = peer.transaction(REQUEST, [ANY], { messageId });
  sim.run(SECOND);
  const before = peer.datagrams.length;
  for (let i = 0; i < 5; i++) peer.transmit(datagram);
  sim.run(SECOND);
  const again = peer.datagrams.slice(before);
  assert.equal(again.length, 5);
  for (const one of again) assert.deepEqual(one, peer.datagrams[before - 1]);
  peer.transaction(SET, [OK], { messageId });
  sim.run(SECOND);
  assert.equal(peer.datagrams.length, before + 5);
  assert.equal(made.a.leases.view()[0]?.online, 1);
});

test('a peer cannot set anything of ours', () => {
  const made = server(false);
  const answer = ask(made, SET, [
    { type: ADDRESS, value: ip('10.66.6.6') },
    { type: ModeCfgAttribute.INTERNAL_IP4_DNS, value: ip('10.66.6.53') },
  ]);
  assert.deepEqual([answer?.cfgType, answer?.attributes], [ACK, []]);
  assert.deepEqual([...made.a.backEnd.addresses], []);
  assert.equal(onlyIke(made.a).received, undefined);
});

for (const [what, attributes, expected] of [
  ['nothing', [], []],
  [
    'what nobody knows',
    [
      { type: 20_000, value: EMPTY },
      { type: 32_767, value: new Uint8Array(30_000) },
    ],
    [],
  ],
  ['half an address', [{ type: ADDRESS, value: Uint8Array.of(10, 77) }], []],
  [
    'who we are',
    [{ type: ModeCfgAttribute.APPLICATION_VERSION, value: utf8('x'.repeat(30_000)) }],
    [ModeCfgAttribute.APPLICATION_VERSION],
  ],
  [
    'what there is',
    [{ type: ModeCfgAttribute.SUPPORTED_ATTRIBUTES, value: EMPTY }],
    [ModeCfgAttribute.SUPPORTED_ATTRIBUTES],
  ],
  ['an address by the short form', [{ type: ADDRESS, value: 0 }], [ADDRESS]],
] as const) {
  test(`asked for ${what}`, () => {
    const made = server(false);
    assert.deepEqual(types(ask(made, REQUEST, attributes)), expected);
    assert.deepEqual(states(made), ['ESTABLISHED']);
  });
}

test('types of transactions that nobody has are not answered, and replies to nothing neither', () => {
  const made = server(false);
  for (const cfgType of [REPLY, ACK, 0, 5, 255])
    assert.equal(ask(made, cfgType, [ANY]), undefined, String(cfgType));
  assert.deepEqual(states(made), ['ESTABLISHED']);
});

// ── the engine is the client ──

test('an honest server takes the user and gives an address: what the other tests differ from', () => {
  const made = client();
  const answer = ask(made, REQUEST, [
    { type: NAME, value: EMPTY },
    { type: PASSWORD, value: EMPTY },
  ]);
  assert.deepEqual(answer?.attributes, CAROL);
  assert.equal(ask(made, SET, [OK])?.cfgType, ACK);
  reply(made, [{ type: ADDRESS, value: ip('10.77.0.7') }]);
  assert.deepEqual(onlyIke(made.a).localVips, ['10.77.0.7']);
});

test('a server that asks for no user and is content: the password was never given', () => {
  const made = client();
  ask(made, SET, [OK]);
  reply(made, [{ type: ADDRESS, value: ip('10.77.0.7') }]);
  assert.deepEqual(states(made), ['ESTABLISHED']);
});

test('a password is given once', () => {
  const made = client();
  const both: readonly V1Attribute[] = [
    { type: NAME, value: EMPTY },
    { type: PASSWORD, value: EMPTY },
  ];
  assert.deepEqual(ask(made, REQUEST, both)?.attributes, CAROL);
  assert.deepEqual(ask(made, REQUEST, both)?.attributes, [FAIL]);
  assertOver(made);
  assert.deepEqual(codes(made), ['auth/refused-by-peer']);
});

for (const [what, attributes] of [
  [
    'a response to a challenge',
    [
      { type: XauthAttribute.XAUTH_TYPE, value: XauthType.RADIUS_CHAP },
      { type: PASSWORD, value: EMPTY },
    ],
  ],
  ['a one-time password', [{ type: XauthAttribute.XAUTH_TYPE, value: XauthType.OTP }]],
  ['a passcode', [{ type: XauthAttribute.XAUTH_PASSCODE, value: EMPTY }]],
  ['a kind of six octets and more', [{ type: XauthAttribute.XAUTH_TYPE, value: new Uint8Array(9) }]],
] as const)
  test(`asked for ${what} the client says that it cannot, and gives no password`, () => {
    const made = client();
    assert.deepEqual(ask(made, REQUEST, attributes)?.attributes, [FAIL]);
    assertOver(made);
    assert.deepEqual(codes(made), ['local/unsupported']);
  });

test('an address before the user is known is not taken', () => {
  const made = client();
  const answer = ask(made, SET, [{ type: ADDRESS, value: ip('10.77.0.7') }]);
  assert.deepEqual([answer?.cfgType, answer?.attributes], [ACK, []]);
  assert.deepEqual(states(made), ['CONNECTING']);
  assert.deepEqual([...made.a.backEnd.addresses], []);
});

for (const [what, addresses] of [
  ['none', []],
  ['that of nobody', ['0.0.0.0']],
  ['the loopback', ['127.0.0.1']],
  ['a group', ['224.0.0.1']],
  ['everybody', ['255.255.255.255']],
] as const)
  test(`given the address of ${what}: it is over, and that is said`, () => {
    const made = client(false);
    ask(
      made,
      SET,
      addresses.map(text => ({ type: ADDRESS, value: ip(text) })),
    );
    assertOver(made);
    assert.deepEqual(codes(made), ['peer/no-address']);
  });

test('a thousand addresses and name servers: as many addresses as were asked for, and not all of the rest', () => {
  const made = client(false);
  const many = (type: number, net: number): readonly V1Attribute[] =>
    Array.from({ length: 500 }, (_, i) => ({ type, value: Uint8Array.of(10, net, i >> 8, 1 + (i & 127)) }));
  const list = concat(...Array.from({ length: 900 }, (_, i) => Uint8Array.of(10, 9, i >> 8, i & 255)));
  ask(made, SET, [
    ...many(ADDRESS, 77),
    ...many(ModeCfgAttribute.INTERNAL_IP4_DNS, 2),
    { type: ModeCfgAttribute.INTERNAL_IP4_NBNS, value: list },
  ]);
  const { localVips, received } = onlyIke(made.a);
  assert.deepEqual(localVips, ['10.77.0.1']);
  assert.ok((received?.length ?? 0) <= 256);
  assert.deepEqual([...made.a.backEnd.addresses], [['10.77.0.1', 1]]);
});

test('once established, no other address is taken, and a refusal changes nothing', () => {
  const made = client(false);
  assert.deepEqual(types(ask(made, SET, [{ type: ADDRESS, value: ip('10.77.0.7') }])), [ADDRESS]);
  const answer = ask(made, SET, [{ type: ADDRESS, value: ip('10.66.6.6') }]);
  assert.deepEqual([answer?.cfgType, answer?.attributes], [ACK, []]);
  assert.equal(ask(made, SET, [FAIL])?.cfgType, ACK);
  assert.deepEqual(onlyIke(made.a).localVips, ['10.77.0.7']);
  assert.deepEqual([...made.a.backEnd.addresses], [['10.77.0.7', 1]]);
});
