import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer, EngineSettings } from '../../src/ike/output.ts';
import { HOUR, SECOND } from '../../src/lib/time.ts';
import { context, encodeDer, Tag } from '../../src/pki/der.ts';
import type { Connection, RemoteAuth } from '../../src/policy/connection.ts';
import type { Failure } from '../../src/policy/failure.ts';
import {
  type CrlOptions,
  type Issued,
  issue,
  issueCrl,
  makeAuthority,
  TEST_TIME,
} from '../certificate-builder.ts';
import { assertSettles, onlyIke } from '../sim/ends.ts';
import type { FetchQuestion, Host } from '../sim/host.ts';
import { type Pair, pair } from '../sim/pair.ts';
import { authority, certified, pairV1 } from '../sim/pair-v1.ts';
import type { Simulation } from '../sim/simulation.ts';

const URI = 'http://pki.example.org/lab.crl';
const DAY = 24 * HOUR;

interface Scene {
  readonly version?: 'v2' | 'main' | 'aggressive';
  readonly uris?: readonly string[];
  readonly own?: Issued;
  /** What b asks of a. */
  readonly remote?: Partial<RemoteAuth>;
  readonly settings?: Partial<EngineSettings>;
}

/** Ends with certificates; that of a, which begins, names lists. Nothing is begun. */
function scene({ version = 'v2', uris = [URI], own = moon(uris), remote, settings }: Scene = {}): Pair {
  const ends = certified({ name: 'moon', own }, { name: 'sun', ...(remote === undefined ? {} : { remote }) });
  // With all steps told, as the daemon has it: what tells of them must bear every end.
  const options = { ...ends, settings: { fetchStatus: true, traceMessages: true, ...settings } };
  if (version === 'v2') return pair(options);
  const both: Partial<Connection> = version === 'aggressive' ? { aggressive: true } : {};
  return pairV1({ ...options, both });
}

function moon(uris: readonly string[], from = authority()): Issued {
  return issue(from, { subject: 'C=CH, O=Lab, CN=moon', names: ['dns:moon.example.org'], crlUris: uris });
}

/** The list of our authority, made at the time of the simulation. */
function list({ sim }: Pair, options: CrlOptions = {}): Answer {
  const [thisUpdate, nextUpdate] = [sim.schedule.now - DAY, sim.schedule.now + DAY];
  return { kind: 'octets', octets: issueCrl(authority(), { thisUpdate, nextUpdate, ...options }) };
}

/** Nothing comes of it, and nothing is left. */
function ends(sim: Simulation): void {
  sim.unwatch();
  sim.run(500 * SECOND);
  sim.assertEmpty();
}

/** What `host` said of the status of certificates. */
function told(host: Host): readonly string[] {
  const steps = host.eventsOf('step').map(({ text }) => text);
  return steps.filter(text => /certificate (status|was)|crl (from|fetching|correctly)|ocsp/.test(text));
}

function failure(host: Host): Failure {
  const [event] = host.eventsOf('failed');
  assert.ok(event !== undefined, `${host.name} told of no failure`);
  return event.failure;
}

/** Answers with `octets`, and tells what was asked for. */
function serving(host: Host, answer: () => Answer): readonly FetchQuestion[] {
  const asked: FetchQuestion[] = [];
  host.fetch = wanted => {
    asked.push(wanted);
    return answer();
  };
  return asked;
}

/** AuthorityKeyIdentifier with this key identifier. */
function keyed(key: Uint8Array) {
  const identifier = encodeDer(context(0, false), key);
  return { oid: '2.5.29.35', critical: false, der: encodeDer(Tag.SEQUENCE, identifier) };
}

test('a list that was fetched and verified is told of by its key, one that was not is not', () => {
  const key = Uint8Array.from({ length: 20 }, (_, i) => i);
  const names = (by: Issued | undefined, ...keys: readonly Uint8Array[]): readonly string[] => {
    const made = scene();
    const { sim, a, b } = made;
    const [thisUpdate, nextUpdate] = [sim.schedule.now - DAY, sim.schedule.now + DAY];
    const octets = issueCrl(by ?? authority(), { thisUpdate, nextUpdate, extensions: keys.map(keyed) });
    serving(b, () => ({ kind: 'octets', octets }));
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    for (const { der } of b.eventsOf('list-fetched')) assert.deepEqual(der, octets);
    return b.eventsOf('list-fetched').map(({ name }) => name);
  };
  assert.deepEqual(names(undefined, key), ['000102030405060708090a0b0c0d0e0f10111213']);
  assert.deepEqual(names(makeAuthority({ subject: authority().subject }), key), []);
  // Its name would be none, or longer than a file's may be.
  assert.deepEqual(names(undefined), []);
  assert.deepEqual(names(undefined, new Uint8Array(120)), []);
});

for (const version of ['v2', 'main', 'aggressive'] as const) {
  test(`${version}: a list is fetched once the peer has proved itself, and kept`, () => {
    const made = scene({ version });
    const { sim, a, b } = made;
    const asked = serving(b, () => list(made));
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.deepEqual(
      asked.map(({ uri, body, limit, timeout }) => ({ uri, body, limit, timeout })),
      [{ uri: URI, body: undefined, limit: 8 * 1024 * 1024, timeout: 10 * SECOND }],
    );
    assert.deepEqual(told(b), [
      'checking certificate status of "C=CH, O=Lab, CN=moon"',
      `  fetching crl from '${URI}' ...`,
      '  crl correctly signed by "C=CH, O=Lab, CN=Root"',
      'certificate status is good',
    ]);
    a.terminate({ connection: 'site' });
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.equal(asked.length, 1);
  });

  test(`${version}: a certificate that the list revokes is refused, by day and reason`, () => {
    const own = moon([URI]);
    const made = scene({ version, own });
    const { sim, a, b } = made;
    serving(b, () => list(made, { revoked: [{ serial: own.serial, at: TEST_TIME, reason: 1 }] }));
    a.initiate('site', 'net');
    ends(sim);
    const { code, reason, summary, remedy } = failure(b);
    assert.deepEqual([code, reason], ['auth/untrusted-chain', 'revoked']);
    assert.match(summary, /CN=moon .* was revoked on 2030-01-01 00:00:00Z \(keyCompromise\)/);
    assert.match(remedy ?? '', /issue a new certificate/);
    assert.match(told(b).join(), /certificate was revoked on 2030-01-01 00:00:00Z, reason: keyCompromise/);
  });

  test(`${version}: an initiator asks about the responder, and refuses it`, () => {
    const own = issue(authority(), {
      subject: 'C=CH, O=Lab, CN=sun',
      names: ['dns:sun.example.org'],
      crlUris: [URI],
    });
    const both = certified({ name: 'moon' }, { name: 'sun', own });
    const options = { ...both, settings: { fetchStatus: true, traceMessages: true } };
    const made =
      version === 'v2'
        ? pair(options)
        : pairV1({ ...options, both: { aggressive: version === 'aggressive' } });
    const asked = serving(made.a, () => list(made, { revoked: [{ serial: own.serial }] }));
    made.a.initiate('site', 'net');
    ends(made.sim);
    assert.equal(asked.length, 1);
    assert.equal(failure(made.a).reason, 'revoked');
    assert.doesNotMatch(
      made.a
        .eventsOf('log')
        .map(({ text }) => text)
        .join(),
      /a defect/,
    );
  });

  for (const [policy, passes] of [
    ['relaxed', true],
    ['ifuri', false],
    ['strict', false],
  ] as const)
    test(`${version}: nobody there, and ${policy}`, () => {
      const { sim, a, b } = scene({ version, remote: { revocation: policy } });
      a.initiate('site', 'net');
      if (passes) {
        assertSettles(sim, a, b);
        assert.match(
          told(b).join('\n'),
          /crl fetching failed: nothing is at .*\ncertificate status is not available/,
        );
        return;
      }
      ends(sim);
      const { reason, summary, remedy } = failure(b);
      assert.equal(reason, 'revocation-unknown');
      assert.match(summary, /http:\/\/pki\.example\.org\/lab\.crl: nothing is at/);
      assert.match(remedy ?? '', /x509crl/);
    });

  test(`${version}: an answer that takes long, while the peer asks again`, () => {
    const made = scene({ version });
    const { sim, a, b } = made;
    serving(b, () => list(made));
    b.fetchLatency = 9 * SECOND;
    a.initiate('site', 'net');
    assertSettles(sim, a, b);
    assert.equal(b.eventsOf('ike-up').length, 1);
    assert.equal(a.eventsOf('ike-up').length, 1);
    assert.equal(told(b).filter(text => text.includes('fetching')).length, 1);
  });

  test(`${version}: an answer that comes when the SA is long gone`, () => {
    const made = scene({ version });
    const { sim, a, b } = made;
    const asked = serving(b, () => list(made));
    b.fetchLatency = 400 * SECOND;
    a.initiate('site', 'net');
    sim.run(60 * SECOND);
    // In aggressive mode the initiator has all it needs before.
    a.terminate({});
    ends(sim);
    assert.ok(asked.length > 0);
    assert.deepEqual(b.eventsOf('ike-up'), []);
  });

  test(`${version}: no list is asked for a peer that proves nothing`, () => {
    const foreign = makeAuthority({ subject: 'C=XX, CN=Elsewhere' });
    for (const given of [
      { own: moon([URI], foreign) },
      { remote: { certificates: [moon([]).der] } },
      { own: issue(authority(), { subject: 'CN=mars', names: ['dns:mars.example.org'], crlUris: [URI] }) },
    ]) {
      const { sim, a, b } = scene({ version, ...given });
      b.fetch = () => assert.fail('nobody may ask');
      a.initiate('site', 'net');
      ends(sim);
    }
  });
}

test('several places are asked in turn, and what is no place at all is named', () => {
  const uris = ['ldap://pki/cn=lab', 'file:///etc/passwd', 'http://one/', 'http://two/', 'http://three/'];
  const made = scene({ uris, remote: { revocation: 'strict' } });
  const { sim, a, b } = made;
  const asked: string[] = [];
  b.fetch = ({ uri }) => {
    asked.push(uri);
    if (uri === 'http://one/') return { kind: 'octets', octets: new Uint8Array(9) };
    return list(made);
  };
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.deepEqual(asked, ['http://one/', 'http://two/']);
  assert.match(told(b).join('\n'), /ldap is not fetched here/);
  assert.match(told(b).join('\n'), /files are read only where the configuration names them/);
});

test('all that is fetched for one proof takes half a minute at most', () => {
  const uris = ['http://one/', 'http://two/', 'http://three/', 'http://four/', 'http://five/'];
  const { sim, a, b } = scene({ uris });
  const asked: FetchQuestion[] = [];
  b.fetch = wanted => {
    asked.push(wanted);
    b.fetchLatency = wanted.timeout;
    return { kind: 'failed', failure: { code: 'local/unreachable', summary: 'no answer came' } };
  };
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.deepEqual(
    asked.map(({ timeout }) => timeout),
    [10 * SECOND, 10 * SECOND, 5 * SECOND],
  );
});

test('two at once are judged each', () => {
  const made = scene();
  const { sim, a, b } = made;
  const asked = serving(b, () => list(made));
  b.fetchLatency = SECOND;
  a.initiate('site', 'net');
  a.initiate('site', 'net');
  sim.run(60 * SECOND);
  assert.ok(asked.length <= 2);
  assert.ok(b.status().length >= 1);
});

test('without leave nothing is fetched', () => {
  const { sim, a, b } = scene({ settings: { fetchStatus: false } });
  b.fetch = () => assert.fail('nobody may ask');
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.equal(onlyIke(b).state, 'ESTABLISHED');
});
