import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { ppkKeys } from '../../src/crypto/keymat-v2.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { type Prf, prfOf } from '../../src/crypto/prf/prf.ts';
import { PayloadType } from '../../src/iana/ikev2.ts';
import { NotifyError, NotifyStatus } from '../../src/iana/notify.ts';
import { PrfId } from '../../src/iana/transforms.ts';
import { findNotify, notify } from '../../src/ikev2/flow.ts';
import { Secret } from '../../src/lib/secret.ts';
import { utf8 } from '../../src/lib/text.ts';
import { MINUTE } from '../../src/lib/time.ts';
import type { PpkConfig } from '../../src/policy/connection.ts';
import type { Credentials } from '../../src/policy/credentials.ts';
import { parseIdentity } from '../../src/policy/identity.ts';
import { parseIdentityPattern } from '../../src/policy/identity-match.ts';
import { connection, fqdn, sharedKey } from '../sim/configuration.ts';
import { assertEnds, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { type PairOptions, pair, withScriptedPeer } from '../sim/pair.ts';

/** One end: which PPK its connection names, whether it must be used, and the secrets that it has. */
interface Side {
  readonly id?: string;
  readonly required?: boolean;
  /** Value by identity; `*` as identity is everybody's. */
  readonly secrets?: Readonly<Record<string, string>>;
}

function config({ id, required = false }: Side): { readonly ppk?: PpkConfig } {
  if (id === undefined && !required) return {};
  return { ppk: { ...(id === undefined ? {} : { id: parseIdentityPattern(id) }), required } };
}

function credentials({ secrets = { one: 'quantum' } }: Side): Credentials {
  const base = sharedKey();
  const ppks = Object.entries(secrets).map(([id, value]) => ({
    name: `ppk-${id}`,
    use: 'ppk' as const,
    secret: new Secret(utf8(value)),
    owners: id === '*' ? [] : [parseIdentity(id)],
  }));
  return { ...base, shared: [...base.shared, ...ppks] };
}

function between(a: Side, b: Side, further: PairOptions = {}) {
  return pair({
    ...further,
    a: { ...config(a), ...further.a },
    b: { ...config(b), ...further.b },
    credentials: { a: credentials(a), b: credentials(b) },
  });
}

function warnings(host: Host): readonly string[] {
  return host.eventsOf('log').flatMap(({ level, text }) => (level === 'warn' ? [text] : []));
}

/** It comes up, and both say alike whether a PPK is in the keys. */
function works(a: Side, b: Side, used: boolean, further?: PairOptions) {
  const made = between(a, b, further);
  made.a.initiate('site', 'net');
  assertSettles(made.sim, made.a, made.b);
  for (const host of [made.a, made.b]) assert.equal(onlyIke(host).ppk, used ? true : undefined);
  return made;
}

/** It fails twice, with nothing left behind. */
function fails(a: Side, b: Side, atA: RegExp, atB: RegExp | undefined): void {
  const { sim, a: hostA, b: hostB } = between(a, b);
  for (let time = 0; time < 2; time++) {
    for (const host of [hostA, hostB]) host.events.length = 0;
    hostA.initiate('site', 'net');
    sim.run(10 * MINUTE);
    const [told] = hostA.eventsOf('failed');
    assert.match(`${told?.failure.code} ${told?.failure.summary}`, atA);
    const end = hostB.eventsOf('failed').find(({ failure }) => failure.code !== 'peer/silent');
    if (atB !== undefined) assert.match(`${end?.failure.code} ${end?.failure.summary}`, atB);
    sim.quiet();
    sim.assertEmpty();
  }
}

test('SK_x = prf+(PPK, SK_x), as node:crypto computes it', () => {
  const prf = prfOf(nodeProvider(), PrfId.PRF_HMAC_SHA2_256) as Prf;
  const [ppk, key] = [utf8('a key of any length'), Uint8Array.from({ length: 32 }, (_, i) => i)];
  const mixed = ppkKeys({
    prf,
    ppk,
    skD: new Secret(key),
    skPi: new Secret(key.toReversed()),
    skPr: new Secret(key.map(octet => octet ^ 0xff)),
  });
  const expected = (octets: Uint8Array): string =>
    createHmac('sha256', ppk).update(octets).update(Uint8Array.of(1)).digest('hex');
  assert.equal(Buffer.from(mixed.skD.reveal()).toString('hex'), expected(key));
  assert.equal(Buffer.from(mixed.skPi.reveal()).toString('hex'), expected(key.toReversed()));
  assert.equal(Buffer.from(mixed.skPr.reveal()).toString('hex'), expected(key.map(octet => octet ^ 0xff)));
});

const ONE = { id: 'one' };

for (const [ours, theirs] of [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const)
  test(`both have it, required by ${[ours && 'a', theirs && 'b'].filter(Boolean).join(' and ') || 'nobody'}`, () => {
    const { sim, a, b } = works({ ...ONE, required: ours }, { required: theirs }, true);
    assert.deepEqual([...warnings(a), ...warnings(b)], []);
    a.rekey({ ike: onlyIke(a).id });
    assertSettles(sim, a, b);
    assert.equal(onlyIke(b).ppk, true, 'and stays in what the keys come from');
    b.rekey({ child: 'net' });
    assertSettles(sim, a, b);
    assertEnds(sim, a);
  });

test('a secret that is everybody’s, and a pattern of what is taken', () => {
  works(ONE, { id: 'o*' }, true);
  works(
    { id: 'some@where', secrets: { '*': 'x' } },
    { id: '*@where', secrets: { '*': 'x' }, required: true },
    true,
  );
  works({ id: '192.0.2.7', secrets: { '192.0.2.7': 'x' } }, { secrets: { '192.0.2.7': 'x' } }, true);
});

test('without a child, in fragments, and with several rounds of authentication', () => {
  works({ ...ONE, required: true }, { required: true }, true, { both: { childless: 'force' } });
  works({ ...ONE, required: true }, {}, true, { settings: { fragmentSize: 256 } });
  const first = connection('a', 'b').local;
  const asked = connection('b', 'a').remote;
  const local = [...first, ...first.map(round => ({ ...round, id: fqdn('user') }))];
  const remote = [
    ...asked,
    ...asked.map(round => ({ ...round, id: { kind: 'exact' as const, identity: fqdn('user') } })),
  ];
  const { b } = works({ ...ONE, required: true }, {}, true, { a: { local }, b: { remote } });
  assert.equal(onlyIke(b).remoteId, 'user');
});

test('nobody names one: none is used, and nothing is said', () => {
  const { a, b } = works({}, {}, false);
  assert.deepEqual([...warnings(a), ...warnings(b)], []);
});

test('a peer without any, and one that has not this one: without it where nobody requires it, which is told', () => {
  works(ONE, { secrets: {} }, false);
  const { a, b } = works(ONE, { secrets: { other: 'quantum' } }, false);
  assert.match(
    warnings(a).join(),
    /the peer does not use the PPK one: .* no protection from quantum computers/,
  );
  assert.match(warnings(b).join(), /there is no PPK that the peer names/);
  works(ONE, { id: 'two' }, false);
});

test('required by the initiator: fails, twice', () => {
  fails(
    { ...ONE, required: true },
    { secrets: {} },
    /^auth\/ppk site: the peer uses no PPK, and ppk_required is yes/,
    undefined,
  );
  fails(
    { ...ONE, required: true },
    { secrets: { other: 'x' } },
    /^auth\/refused-by-peer/,
    /^auth\/ppk site: there is no PPK one, and the peer requires it/,
  );
  fails(
    { ...ONE, required: true, secrets: {} },
    {},
    /^auth\/no-key site: there is no PPK for one/,
    undefined,
  );
  fails({ id: 'o*', required: true }, {}, /^auth\/no-key site: ppk_id names o\*/, undefined);
});

test('required by the responder: fails, twice', () => {
  fails({}, { required: true }, /^auth\/refused-by-peer/, /^auth\/ppk site: the peer uses no PPK/);
  fails(
    ONE,
    { required: true, secrets: { other: 'x' } },
    /^auth\/refused-by-peer/,
    /^auth\/ppk site: there is no PPK one, and ppk_required is yes/,
  );
  fails(ONE, { id: 'two', required: true }, /^auth\/refused-by-peer/, /^auth\/ppk site: there is no PPK one/);
});

test('another PPK of the same name: fails, twice, and the responder knows which key it is', () => {
  const other = { secrets: { one: 'another' } };
  fails(ONE, other, /^auth\/refused-by-peer/, /^auth\/ppk the PPK one is another at the peer/);
  fails(
    { ...ONE, required: true },
    other,
    /^auth\/refused-by-peer/,
    /^auth\/wrong-key a holds another secret than psk, or the PPK one is another there/,
  );
});

test('the PPK changes SK_d: what the child has for keys is not what it would have without', () => {
  const keysOf = (a: Side): string => {
    const { a: host } = works(a, {}, a.id !== undefined);
    return host.backEnd.inbound(onlyChild(host).spiIn)?.keyIn ?? '';
  };
  // The same seed, so the same exchange but for the PPK.
  assert.notEqual(keysOf(ONE), keysOf({}));
});

// ── peers that do otherwise ──

function errors(payloads: Parameters<typeof findNotify>[0] | undefined): boolean {
  return payloads !== undefined && findNotify(payloads, NotifyError.AUTHENTICATION_FAILED) !== undefined;
}

for (const [what, beside] of [
  ['names none', []],
  ['names it empty', [notify(NotifyStatus.PPK_IDENTITY)]],
  ['names it by a type alone', [notify(NotifyStatus.PPK_IDENTITY, Uint8Array.of(2))]],
  ['names it by another type', [notify(NotifyStatus.PPK_IDENTITY, Uint8Array.of(1, 111, 110, 101))]],
  ['names one that is not there', [notify(NotifyStatus.PPK_IDENTITY, Uint8Array.of(2, 0, 255))]],
  ['names it, and has not mixed it in', [notify(NotifyStatus.PPK_IDENTITY, Uint8Array.of(2, 111, 110, 101))]],
] as const)
  test(`a peer that says it uses a PPK and ${what} is refused: twice`, () => {
    const { sim, a, peer } = withScriptedPeer();
    a.act((engine, now) => engine.configure([connection('a', 'b')], credentials({}), now));
    for (let time = 0; time < 2; time++) {
      const answer = peer.attempt({
        init: payloads => [...payloads, notify(NotifyStatus.USE_PPK)],
        auth: payloads => [...payloads, ...beside],
      });
      assert.ok(errors(answer), 'AUTHENTICATION_FAILED');
      assert.equal(answer?.payloads.length, 1);
      sim.run(MINUTE);
      sim.assertEmpty();
    }
  });

test('a PPK that was not agreed on in IKE_SA_INIT is not looked at', () => {
  const { a, peer } = withScriptedPeer();
  a.act((engine, now) => engine.configure([connection('a', 'b')], credentials({}), now));
  const answer = peer.attempt({
    auth: payloads => [...payloads, notify(NotifyStatus.PPK_IDENTITY, Uint8Array.of(2, 111, 110, 101))],
  });
  assert.ok(answer?.payloads.some(({ type }) => type === PayloadType.AUTH));
  assert.equal(onlyIke(a).ppk, undefined);
});

test('an answer to IKE_SA_INIT that was stripped of USE_PPK is waited out: a better one is gone on with', () => {
  const { sim, a, b, ba } = between({ ...ONE, required: true }, {});
  let stripped = false;
  ba.script = ({ content }) => {
    if (stripped || content.kind !== 'ike' || content.datagram[18] !== 34) return 'pass';
    stripped = true;
    // The type of the notify, made one that nobody knows.
    const changed = content.datagram.slice();
    const at = changed.findIndex((octet, i) => octet === 0x40 && changed[i + 1] === 0x33);
    assert.ok(at > 0, 'USE_PPK stands in the answer');
    changed[at + 1] = 0xff;
    return changed;
  };
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(stripped, true);
  assert.equal(onlyIke(a).ppk, true);
});
