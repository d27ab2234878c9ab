import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { ExchangeType, PayloadType } from '../../src/iana/ikev2.ts';
import { NotifyError, NotifyStatus } from '../../src/iana/notify.ts';
import { notify } from '../../src/ikev2/flow.ts';
import { Secret } from '../../src/lib/secret.ts';
import { utf8 } from '../../src/lib/text.ts';
import { MINUTE } from '../../src/lib/time.ts';
import type { Connection, LocalAuth, RemoteAuth } from '../../src/policy/connection.ts';
import type { Credentials } from '../../src/policy/credentials.ts';
import type { Failure } from '../../src/policy/failure.ts';
import type { Payload } from '../../src/wire/v2/payload.ts';
import { issue, makeAuthority } from '../certificate-builder.ts';
import { child, connection, fqdn, mirrored, subnet } from '../sim/configuration.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { addEngine, type PairOptions, pair, withScriptedPeer } from '../sim/pair.ts';

const provider = nodeProvider();
const root = makeAuthority();

/** One identity, with all there is to prove it by. */
interface Who {
  readonly name: string;
  readonly by: 'psk' | 'certificate' | 'raw';
}

const keys = new Map<string, ReturnType<typeof issue>>();

function issued({ name, by }: Who): ReturnType<typeof issue> {
  const key = by === 'raw' ? 'ed25519' : name.length % 2 === 0 ? 'p256' : 'p384';
  const made = keys.get(name) ?? issue(root, { subject: `C=CH, CN=${name}`, names: [`dns:${name}`], key });
  keys.set(name, made);
  return made;
}

function local(who: Who): LocalAuth {
  const { name, by } = who;
  return {
    method: by === 'psk' ? 'psk' : 'pubkey',
    id: fqdn(name),
    certificates: by === 'certificate' ? [issued(who).der] : [],
    publicKeys: by === 'raw' ? [issued(who).spki] : [],
    schemes: [],
  };
}

function remote(who: Who): RemoteAuth {
  const { name, by } = who;
  return {
    method: by === 'psk' ? 'psk' : 'pubkey',
    id: { kind: 'exact', identity: fqdn(name) },
    certificates: [],
    publicKeys: by === 'raw' ? [issued(who).spki] : [],
    authorities: [],
    schemes: [],
    revocation: 'relaxed',
  };
}

/** Every one of `owners` has a shared key of its own; the private keys are those of `own`. */
function credentials(
  own: readonly Who[],
  owners: readonly Who[],
  wrong: readonly string[] = [],
): Credentials {
  return {
    shared: owners.map(({ name }) => ({
      name: `ike-${name}`,
      use: 'ike',
      secret: new Secret(utf8(wrong.includes(name) ? `not of ${name}` : `secret of ${name}`)),
      owners: [fqdn(name)],
    })),
    privateKeys: own
      .filter(({ by }) => by !== 'psk')
      .map(who => provider.importPrivateKey(issued(who).pkcs8)),
    authorities: [root.der],
    certificates: [],
    crls: [],
  };
}

interface Sides {
  /** As they prove themselves. */
  readonly a: readonly Who[];
  readonly b: readonly Who[];
  /** As the other side asks for it; the same where not said. */
  readonly aAsked?: readonly Who[];
  readonly bAsked?: readonly Who[];
  /** Names whose secret b has wrong. */
  readonly wrong?: readonly string[];
}

function options(
  { a, b, aAsked = a, bAsked = b, wrong = [] }: Sides,
  further: PairOptions = {},
): PairOptions {
  return {
    ...further,
    a: { local: a.map(local), remote: bAsked.map(remote), ...further.a },
    b: { local: b.map(local), remote: aAsked.map(remote), ...further.b },
    credentials: { a: credentials(a, a), b: credentials(b, a, wrong) },
  };
}

const psk = (name: string): Who => ({ name, by: 'psk' });
const certificate = (name: string): Who => ({ name, by: 'certificate' });
const raw = (name: string): Who => ({ name, by: 'raw' });

function failureOf(host: Host): Failure {
  const failed = host.eventsOf('failed');
  assert.equal(failed.length, 1, `${host.name} told of ${failed.length} failures`);
  return (failed[0] as (typeof failed)[number]).failure;
}

/** Comes to nothing twice, with nothing left behind either time. */
function fails(sides: Sides, atA: RegExp, atB: RegExp | undefined, further: PairOptions = {}): void {
  const { sim, a, b } = pair(options(sides, further));
  for (let time = 0; time < 2; time++) {
    a.events.length = 0;
    b.events.length = 0;
    a.initiate('site', 'net');
    sim.run(MINUTE);
    const { code, summary } = failureOf(a);
    assert.match(`${code} ${summary}`, atA);
    if (atB !== undefined) {
      const end = b.eventsOf('failed')[0]?.failure ?? b.eventsOf('ike-down')[0]?.failure;
      assert.match(`${end?.code} ${end?.summary}`, atB);
    }
    sim.quiet();
    sim.assertEmpty();
  }
}

const PEOPLE: readonly (readonly Who[])[] = [
  [psk('p')],
  [psk('p'), certificate('qq')],
  [certificate('rr'), raw('s'), psk('t')],
];

for (const [i, ours] of PEOPLE.entries())
  for (const [j, theirs] of PEOPLE.entries()) {
    const a = ours.map(who => ({ ...who, name: `a${who.name}` }));
    const b = theirs.map(who => ({ ...who, name: `b${who.name}` }));
    test(`${i + 1} rounds of the initiator and ${j + 1} of the responder`, () => {
      const { sim, a: hostA, b: hostB, ab } = pair(options({ a, b }));
      hostA.initiate('site', 'net');
      assertSettles(sim, hostA, hostB);
      // The last that each has proved.
      assert.equal(onlyIke(hostA).localId, a.at(-1)?.name);
      assert.equal(onlyIke(hostA).remoteId, b.at(-1)?.name);
      assert.equal(onlyIke(hostB).remoteId, a.at(-1)?.name);
      const exchanges = ab.recorded.length;
      assert.equal(exchanges, 1 + Math.max(i, j) + 1, 'IKE_SA_INIT and as many IKE_AUTH as there are rounds');
      hostA.rekey({ ike: onlyIke(hostA).id });
      assertSettles(sim, hostA, hostB);
      assert.equal(onlyIke(hostB).remoteId, a.at(-1)?.name);
      assertEnds(sim, hostA);
    });
  }

const TWO = { a: [psk('a'), certificate('aa')], b: [psk('b'), certificate('bb')] };

test('large certificates in every round go in fragments', () => {
  const { sim, a, b } = pair(options(TWO, { settings: { fragmentSize: 300 } }));
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
});

test('no child is asked for: the rounds are the same', () => {
  const { sim, a, b } = pair(options({ a: TWO.a, b: [psk('b')] }, { both: { childless: 'force' } }));
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
});

test('every second message of each way is lost, and what comes comes twice', () => {
  const { sim, a, b, ab, ba } = pair(options(TWO));
  for (const way of [ab, ba]) {
    let seen = 0;
    way.weather = { ...way.weather, duplicate: 1 };
    way.script = () => (seen++ % 2 === 0 ? 'drop' : 'pass');
  }
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
});

test('a proof that fails in the second round: both sides say which, twice', () => {
  fails(
    { a: [certificate('aa'), psk('a')], b: [psk('b')], wrong: ['a'] },
    /^auth\/refused-by-peer round 2 of 2: .* did not accept a, proved by psk/,
    /^auth\/wrong-key round 2 of 2: a holds another secret than ike-a/,
  );
  fails(
    { a: [certificate('aa')], b: [certificate('bb'), psk('b')], wrong: ['aa'] },
    /^auth\/wrong-key round 2 of 2: b holds another secret/,
    /^auth\/refused-by-peer/,
  );
  fails(
    { a: [certificate('aa')], b: [psk('b'), certificate('bb'), psk('bc')], wrong: ['aa'] },
    /^auth\/wrong-key round 1 of 3: b holds another secret/,
    /^auth\/refused-by-peer .* gave up between two rounds/,
  );
});

test('a second round as somebody else than configured: twice', () => {
  fails(
    { ...TWO, aAsked: [psk('a'), certificate('zz')] },
    /^auth\/refused-by-peer round 2 of 2/,
    /^auth\/wrong-identity round 2 of 2: the peer calls itself aa, and zz was to answer/,
  );
  fails(
    { ...TWO, bAsked: [psk('b'), certificate('zz')] },
    /^auth\/refused-by-peer round 2 of 2: the peer, asked to be zz/,
    /^auth\/wrong-identity .*in round 2 the peer wants zz to answer, and we are bb/,
  );
  fails(
    { a: [psk('a')], b: TWO.b, bAsked: [psk('b'), certificate('zz')] },
    /^auth\/wrong-identity round 2 of 2: the peer calls itself bb/,
    /^auth\/refused-by-peer/,
  );
});

test('another method in the second round than is asked for: twice', () => {
  fails(
    { ...TWO, aAsked: [psk('a'), psk('aa')] },
    /^auth\/refused-by-peer round 2 of 2/,
    /^auth\/method round 2 of 2: aa authenticates by pubkey, and must by psk/,
  );
});

test('fewer rounds than are asked for, and more: twice', () => {
  fails(
    { a: [psk('a')], aAsked: TWO.a, b: [psk('b')] },
    /^auth\/refused-by-peer/,
    /^auth\/rounds site: the peer proved itself in 1 of 2 rounds/,
  );
  fails(
    { a: TWO.a, aAsked: [psk('a')], b: [psk('b')] },
    /^auth\/refused-by-peer round 1 of 2/,
    /^auth\/rounds site: the peer would prove itself a second time, and 1 round of authentication is asked/,
  );
  fails(
    { a: [psk('a')], b: [psk('b')], bAsked: TWO.b },
    /^auth\/rounds site: the peer proved itself in 1 of 2 rounds/,
    /^auth\/refused-by-peer/,
  );
  fails(
    { a: [psk('a')], b: TWO.b, bAsked: [psk('b')] },
    /^auth\/rounds site: the peer would prove itself a second time/,
    /^auth\/refused-by-peer/,
  );
});

test('no key for a later round: the peer is told between rounds', () => {
  const { sim, a, b } = pair({
    ...options({ a: [psk('a'), certificate('aa')], b: [psk('b')] }),
    credentials: { a: credentials([], [psk('a')]), b: credentials([], [psk('a')]) },
  });
  for (let time = 0; time < 2; time++) {
    a.events.length = 0;
    b.events.length = 0;
    a.initiate('site', 'net');
    sim.quiet();
    assert.match(failureOf(a).summary, /^round 2 of 2: no private key is loaded for C=CH, CN=aa/);
    assert.match(failureOf(b).summary, /did not accept that we are b, and gave up between two rounds/);
    sim.assertEmpty();
  }
});

const SINGLE = { multipleAuthentication: false };

test('multiple_authentication = no: one round goes, and several are refused before a proof is given', () => {
  const { sim, a, b } = pair(options({ a: [psk('a')], b: [psk('b')] }, { settings: SINGLE }));
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  fails(
    { a: [psk('a')], b: TWO.b },
    /^auth\/rounds site: 2 rounds of authentication are asked of the peer, and multiple_authentication is no/,
    undefined,
    { settings: SINGLE },
  );
});

test('a peer that takes one round alone knows what it asks for', () => {
  const { sim, a, b } = pair(options({ a: TWO.a, aAsked: [psk('a')], b: [psk('b')] }, { settings: SINGLE }));
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyIke(b).remoteId, 'a');
  const [told] = a.eventsOf('log').filter(({ level }) => level === 'warn');
  assert.match(told?.text ?? '', /of 2 rounds of authentication the first alone is gone through/);
});

// ── which connection it is, shows with the rounds ──

function gateway(people: readonly Who[], further: Partial<Connection>): Connection {
  return connection('b', 'a', {
    local: [local(psk('b'))],
    remote: people.map(remote),
    children: [mirrored(child())],
    ...further,
  });
}

test('the second round decides between connections that ask for the same first', () => {
  const { sim, a, b } = pair(options({ a: TWO.a, b: [psk('b')] }, { a: { sendCert: 'always' } }));
  const others = credentials([psk('b')], TWO.a);
  b.act((engine, now) =>
    engine.configure(
      [
        gateway([psk('a')], { name: 'once' }),
        gateway([psk('a'), certificate('zz')], { name: 'zz' }),
        gateway([psk('a'), psk('aa')], { name: 'by key' }),
        gateway([psk('a'), certificate('aa')], { name: 'bb', local: [local(certificate('bb'))] }),
        gateway([psk('a'), certificate('aa')], { name: 'site', local: [local(psk('b'))] }),
      ],
      others,
      now,
    ),
  );
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyIke(b).connection, 'site');
  assert.equal(onlyIke(b).remoteId, 'aa');
});

test('a connection that has proofs of its own does not follow on one that gave others: twice', () => {
  const { sim, a, b } = pair(options({ a: TWO.a, b: [psk('b')] }, { a: { sendCert: 'always' } }));
  b.act((engine, now) =>
    engine.configure(
      [
        gateway([psk('a'), certificate('zz')], { name: 'zz' }),
        gateway([psk('a'), certificate('aa')], { name: 'aa', local: [local(certificate('bb'))] }),
      ],
      { ...credentials([psk('b'), certificate('bb')], TWO.a) },
      now,
    ),
  );
  for (let time = 0; time < 2; time++) {
    b.events.length = 0;
    a.events.length = 0;
    a.initiate('site', 'net');
    sim.quiet();
    assert.equal(failureOf(a).code, 'auth/refused-by-peer');
    assert.match(failureOf(b).summary, /round 2 of 2: the peer calls itself aa, and zz was to answer/);
    sim.assertEmpty();
  }
});

test('a second client of the same machine is another user of it', () => {
  const { sim, a, b } = pair(
    options({ a: [psk('a'), psk('user')], b: [psk('b')] }, { b: { unique: 'keep' } }),
  );
  a.initiate('site', 'net');
  sim.quiet();
  const at = { address: Uint8Array.of(192, 0, 2, 77), port: 500 };
  const c = addEngine(sim, 'c', at.address, {
    connections: [
      connection('a', 'b', {
        local: [local(psk('a')), local(psk('other'))],
        remote: [remote(psk('b'))],
        children: [child({ localTs: [subnet('10.3.0.0/16')] })],
      }),
    ],
    credentials: credentials([], [psk('a'), psk('other')]),
    path: { local: at, remote: { address: b.address, port: 500 } },
  });
  b.act((engine, now) =>
    engine.configure(
      [
        gateway([psk('a'), psk('user')], { name: 'user', unique: 'keep' }),
        gateway([psk('a'), psk('other')], {
          name: 'other',
          unique: 'keep',
          children: [mirrored(child({ localTs: [subnet('10.3.0.0/16')] }))],
        }),
      ],
      credentials([], [psk('a'), psk('user'), psk('other')]),
      now,
    ),
  );
  c.initiate('site', 'net');
  sim.quiet();
  assert.deepEqual(
    b
      .status()
      .map(({ remoteId }) => remoteId)
      .sort(),
    ['other', 'user'],
  );
});

// ── peers that do otherwise ──

const ANOTHER = notify(NotifyStatus.ANOTHER_AUTH_FOLLOWS);
const SUPPORTED = notify(NotifyStatus.MULTIPLE_AUTH_SUPPORTED);
const SECRET = 'the secret of the simulation';

/** A scripted peer that has proved itself as `b`, and said that more follows; a asks for a second round, as `b2`. */
function betweenRounds(asked: readonly string[] = ['b', 'b2']) {
  const made = withScriptedPeer({ a: { remote: asked.map(name => remote(psk(name))) } });
  const answer = made.peer.attempt({ auth: payloads => [...payloads, SUPPORTED, ANOTHER] });
  assert.ok(answer !== undefined);
  assert.ok(answer.payloads.some(({ type }) => type === PayloadType.AUTH));
  assert.ok(!answer.payloads.some(({ type }) => type === PayloadType.SA), 'no child before the end');
  return made;
}

function errorIn(payloads: readonly Payload[]): number | undefined {
  return payloads.find(payload => payload.type === PayloadType.Notify && payload.notifyType < 16384) ===
    undefined
    ? undefined
    : (
        payloads.find(payload => payload.type === PayloadType.Notify) as Extract<
          Payload,
          { notifyType: number }
        >
      ).notifyType;
}

test('an honest peer goes on, and the child is that of its first message', () => {
  const { sim, a, peer } = betweenRounds();
  const { payloads } = peer.exchange(ExchangeType.IKE_AUTH, peer.proof('b2', SECRET));
  assert.deepEqual(
    payloads.map(({ type }) => type),
    [PayloadType.SA, PayloadType.TSi, PayloadType.TSr],
  );
  sim.quiet();
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
  assert.equal(onlyIke(a).remoteId, 'b2');
});

for (const [what, payloads, error, summary] of [
  ['announces rounds without end', p => [...p.proof('b2'), ANOTHER], 'AUTHENTICATION_FAILED', /third time/],
  ['skips the round that it announced', () => [], 'INVALID_SYNTAX', /without an identity/],
  ['asks for EAP', p => p.proof('b2').slice(0, 1), 'AUTHENTICATION_FAILED', /b2 asks for EAP/],
  ['sends an AUTH alone', p => p.proof('b2').slice(1), 'INVALID_SYNTAX', /without an identity/],
  [
    'says the same once more',
    p => p.proof('b'),
    'AUTHENTICATION_FAILED',
    /round 2 of 2: the peer calls itself b,/,
  ],
  [
    'has another secret',
    p => p.proof('b2', 'guess'),
    'AUTHENTICATION_FAILED',
    /round 2 of 2: b2 holds another/,
  ],
] as const satisfies readonly (readonly [
  string,
  (peer: ReturnType<typeof betweenRounds>['peer']) => readonly Payload[],
  keyof typeof NotifyError,
  RegExp,
])[])
  test(`a peer that ${what} between rounds is refused: twice`, () => {
    for (let time = 0; time < 2; time++) {
      const { sim, a, peer } = betweenRounds();
      const answer = peer.exchange(ExchangeType.IKE_AUTH, payloads(peer));
      assert.equal(errorIn(answer.payloads), NotifyError[error]);
      assert.equal(answer.payloads.length, 1, 'and nothing else is said');
      assert.match(failureOf(a).summary, summary);
      sim.run(MINUTE);
      sim.assertEmpty();
    }
  });

test('nothing but the next round is served between rounds', () => {
  const { sim, a, peer } = betweenRounds();
  const before = peer.received.length;
  for (const [exchange, payloads] of [
    [ExchangeType.CREATE_CHILD_SA, peer.childRequest()],
    [ExchangeType.INFORMATIONAL, []],
    [ExchangeType.INFORMATIONAL, [{ type: PayloadType.Delete, protocol: 1, spiSize: 0, spis: [] }]],
    [ExchangeType.INFORMATIONAL, [notify(NotifyStatus.INITIAL_CONTACT)]],
  ] as const)
    peer.request(exchange, payloads, { messageId: peer.current.nextId });
  sim.quiet();
  assert.equal(peer.received.length, before, 'not one is answered');
  peer.exchange(ExchangeType.IKE_AUTH, peer.proof('b2', SECRET));
  assert.equal(onlyIke(a).state, 'ESTABLISHED');
});

test('a peer that stops between rounds is forgotten', () => {
  const { sim, a } = betweenRounds();
  sim.run(MINUTE);
  assert.equal(failureOf(a).code, 'peer/silent');
  sim.assertEmpty();
});

test('a proof that was not announced is refused', () => {
  // We have a second round, so the exchange goes on; the peer has not.
  const { sim, a, peer } = withScriptedPeer({
    a: { local: [local(psk('a')), local(psk('a2'))] },
  });
  peer.attempt({ auth: payloads => [...payloads, SUPPORTED] });
  const { payloads } = peer.exchange(ExchangeType.IKE_AUTH, peer.proof('b'));
  assert.equal(errorIn(payloads), NotifyError.INVALID_SYNTAX);
  assert.match(failureOf(a).summary, /was not announced/);
  sim.run(MINUTE);
  sim.assertEmpty();
});

test('our second round is shown to whoever says that it takes one, and to nobody else', () => {
  const { a, peer } = withScriptedPeer({ a: { local: [local(psk('a')), local(psk('a2'))] } });
  const answer = peer.attempt();
  const notifies = answer?.payloads.flatMap(payload =>
    payload.type === PayloadType.Notify ? [payload.notifyType] : [],
  );
  assert.deepEqual(notifies, []);
  assert.equal(onlyIke(a).localId, 'a');
});

test('every octet of a second proof wrong in turn: refused or dropped, and nothing is left', () => {
  let wrong = 0;
  for (let at = 0; ; at += 3) {
    const { sim, a, peer } = betweenRounds();
    let length = 0;
    peer.request(ExchangeType.IKE_AUTH, peer.proof('b2', SECRET), {
      chain: ({ first: type, bytes }) => {
        length = bytes.length;
        return { first: type, bytes: bytes.map((octet, i) => (i === at ? octet ^ 0xff : octet)) };
      },
    });
    if (at >= length) break;
    sim.run(MINUTE);
    // The critical bit and the reserved ones of a payload that is known change nothing.
    if (a.status().length === 0) {
      wrong++;
      sim.assertEmpty();
    } else assert.equal(onlyIke(a).remoteId, 'b2');
  }
  assert.ok(wrong > 15, `${wrong} proofs were refused`);
});
