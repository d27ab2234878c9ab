import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EngineSettings } from '../../src/ike/output.ts';
import { utf8 } from '../../src/lib/text.ts';
import { SECOND } from '../../src/lib/time.ts';
import { context, encodeDer, encodeOid, Tag } from '../../src/pki/der.ts';
import type { Connection } from '../../src/policy/connection.ts';
import { type Issued, issue } from '../certificate-builder.ts';
import { type OcspOptions, ocspResponse } from '../ocsp-builder.ts';
import { assertSettles } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { type Pair, pair } from '../sim/pair.ts';
import { authority, certified } from '../sim/pair-v1.ts';

const AIA = {
  oid: '1.3.6.1.5.5.7.1.1',
  critical: false,
  der: encodeDer(
    Tag.SEQUENCE,
    encodeDer(
      Tag.SEQUENCE,
      encodeDer(Tag.OID, encodeOid('1.3.6.1.5.5.7.48.1') as Uint8Array),
      encodeDer(context(6, false), utf8('http://pki.example.org/ocsp')),
    ),
  ),
};

function own(name: string, extensions = [AIA]): Issued {
  const subject = `C=CH, O=Lab, CN=${name}`;
  return issue(authority(), { subject, names: [`dns:${name}.example.org`], extensions });
}

interface Scene {
  readonly a?: Connection['ocsp'];
  readonly b?: Connection['ocsp'];
  readonly settings?: Partial<EngineSettings>;
  /** b asks for this. */
  readonly revocation?: 'strict' | 'ifuri' | 'relaxed';
}

/** Ends that have certificates with a responder. Only a can reach it: what b knows of a came through IKE. */
function scene({ a, b, settings, revocation = 'strict' }: Scene): Pair & { readonly moon: Issued } {
  const moon = own('moon');
  const ends = certified(
    { name: 'moon', own: moon },
    { name: 'sun', own: own('sun', []), remote: { revocation } },
  );
  const made = pair({
    ...ends,
    a: { ...ends.a, ...(a !== undefined && { ocsp: a }) },
    b: { ...ends.b, ...(b !== undefined && { ocsp: b }) },
    settings: { fetchStatus: true, ...settings },
  });
  return { ...made, moon };
}

/** a's responder answers. */
function answers({ a, sim }: Pair, moon: Issued, options: OcspOptions = {}): string[] {
  const asked: string[] = [];
  a.fetch = ({ uri, body }) => {
    assert.ok(body !== undefined);
    asked.push(uri);
    const { now } = sim.schedule;
    const times = { thisUpdate: now - SECOND, producedAt: now, nextUpdate: now + 3600 * SECOND };
    return { kind: 'octets', octets: ocspResponse(authority(), moon, { ...times, ...options }) };
  };
  return asked;
}

function reason(host: Host): string | undefined {
  return host.eventsOf('failed')[0]?.failure.reason;
}

for (const [a, b] of [
  [undefined, 'request'],
  ['reply', 'both'],
  ['both', 'request'],
  ['both', 'both'],
] as const)
  test(`a peer that replies (${a ?? 'by default'}) to one that asks (${b}) brings its status along`, () => {
    const made = scene({ a, b });
    const asked = answers(made, made.moon);
    made.b.fetch = () => assert.fail('b need not ask');
    made.a.initiate('site', 'net');
    assertSettles(made.sim, made.a, made.b);
    assert.deepEqual(asked, ['http://pki.example.org/ocsp']);
    made.a.terminate({});
    made.a.initiate('site', 'net');
    assertSettles(made.sim, made.a, made.b);
    assert.equal(asked.length, 1, 'the response is kept');
  });

test('the responder of IKE brings its own along too', () => {
  const made = scene({ a: 'reply', b: 'request' });
  answers(made, made.moon);
  made.b.initiate('site', 'net');
  assertSettles(made.sim, made.a, made.b);
});

for (const [a, b] of [
  ['never', 'request'],
  ['request', 'both'],
  ['reply', undefined],
  ['both', 'reply'],
  ['both', 'never'],
] as const)
  test(`${a} and ${b ?? 'the default'}: nothing is brought along, and b asks by itself, in vain`, () => {
    const made = scene({ a, b });
    answers(made, made.moon);
    made.a.initiate('site', 'net');
    made.sim.unwatch();
    made.sim.run(200 * SECOND);
    assert.equal(reason(made.b), 'revocation-unknown');
  });

test('a revoked certificate brings its own refusal', () => {
  const made = scene({ b: 'request', revocation: 'relaxed' });
  answers(made, made.moon, { status: { at: made.sim.schedule.now - SECOND, reason: 1 } });
  made.a.initiate('site', 'net');
  made.sim.unwatch();
  made.sim.run(200 * SECOND);
  assert.equal(reason(made.b), 'revoked');
});

test('what somebody else has signed, or says of another, is no status', () => {
  for (const options of [{ signer: own('mars'), byKey: false }, { serial: Uint8Array.of(1) }]) {
    const made = scene({ b: 'request' });
    answers(made, made.moon, options);
    made.a.initiate('site', 'net');
    made.sim.unwatch();
    made.sim.run(200 * SECOND);
    assert.equal(reason(made.b), 'revocation-unknown');
  }
});

test('a responder that does not answer holds nothing up for long', () => {
  const made = scene({ b: 'request', revocation: 'relaxed' });
  const waits: number[] = [];
  made.a.fetch = ({ timeout }) => {
    waits.push(timeout);
    return { kind: 'failed', failure: { code: 'local/unreachable', summary: 'no answer came' } };
  };
  made.a.initiate('site', 'net');
  assertSettles(made.sim, made.a, made.b);
  assert.deepEqual(waits, [5 * SECOND]);
});

test('where nothing is fetched, nothing is brought along', () => {
  const made = scene({ b: 'both', settings: { fetchStatus: false }, revocation: 'relaxed' });
  made.a.fetch = () => assert.fail('nobody may ask');
  made.a.initiate('site', 'net');
  assertSettles(made.sim, made.a, made.b);
});
