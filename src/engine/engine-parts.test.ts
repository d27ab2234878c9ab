import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../crypto/node/provider.ts';
import type { Answer } from '../ike/output.ts';
import { ip } from '../lib/ip.ts';
import { HOUR, MINUTE, SECOND } from '../lib/time.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Failure, FailureCode } from '../policy/failure.ts';
import { Asks } from './asks.ts';
import { Cookies } from './cookies.ts';
import { HalfOpen } from './half-open.ts';
import { isUsable } from './path.ts';
import { Reqids } from './reqids.ts';
import { Revival } from './revival.ts';

const PATH = {
  local: { address: ip('192.0.2.1'), port: 500 },
  remote: { address: ip('192.0.2.2'), port: 500 },
};

test('asks: an answer nobody waits for is undone, one that nobody asked for ignored', () => {
  const asks = new Asks();
  const answers: Answer[] = [];
  const spi = { kind: 'allocate-spi', protocol: 'esp', path: PATH } as const;
  const one = asks.add(spi, answer => answers.push(answer));
  const two = asks.add(spi, answer => answers.push(answer));
  two.withdraw();
  assert.deepEqual(asks.answer(one.id, { kind: 'spi', spi: 300 }), []);
  assert.deepEqual(asks.answer(two.id, { kind: 'spi', spi: 301 }), [
    { kind: 'release-spi', protocol: 'esp', spi: 301 },
  ]);
  assert.deepEqual(asks.answer(two.id, { kind: 'spi', spi: 301 }), []);
  assert.deepEqual(asks.answer(99, { kind: 'done' }), []);
  assert.deepEqual(answers, [{ kind: 'spi', spi: 300 }]);
  assert.equal(asks.size, 0);
});

test('cookies: secrets change, the one before still counts, and no older one', () => {
  const provider = nodeProvider();
  const nonce = provider.random(32);
  const remote = { address: ip('192.0.2.7'), port: 4500 };
  const cookies = new Cookies(provider, 0);
  const cookie = cookies.make(nonce, 5n, remote, 0);
  const accepts = (at: number): boolean => cookies.accepts(cookie, nonce, 5n, remote, at);
  assert.ok(accepts(59 * SECOND));
  assert.ok(accepts(61 * SECOND));
  assert.ok(accepts(119 * SECOND));
  assert.ok(!accepts(122 * SECOND));
  const again = cookies.make(nonce, 5n, remote, 122 * SECOND);
  assert.notDeepEqual(again, cookie);
  assert.ok(
    !cookies.accepts(again, nonce, 5n, remote, 60 * MINUTE),
    'after a long calm neither secret counts',
  );
  assert.ok(!cookies.accepts(again, provider.random(32), 5n, remote, 60 * MINUTE));
});

test('half-open: counted by source, found by digest, the oldest known', () => {
  const limits = { cookieThreshold: 100, cookieThresholdPerAddress: 2, blockThreshold: 3, halfOpenLimit: 10 };
  const halfOpen = new HalfOpen<string>();
  const source = ip('192.0.2.9');
  assert.equal(halfOpen.verdict(source, limits, 0), 'serve');
  halfOpen.add('d1', source, 'one');
  halfOpen.add('d2', source, 'two');
  assert.equal(halfOpen.verdict(source, limits, 0), 'cookie');
  assert.equal(halfOpen.verdict(ip('192.0.2.8'), limits, 0), 'serve');
  halfOpen.add('d3', source, 'three');
  assert.equal(halfOpen.verdict(source, limits, 0), 'drop');
  assert.equal(halfOpen.find('d2'), 'two');
  assert.equal(halfOpen.oldest, 'one');
  halfOpen.delete('one');
  halfOpen.delete('one');
  assert.equal(halfOpen.oldest, 'two');
  assert.equal(halfOpen.verdict(source, limits, 0), 'cookie');
  halfOpen.delete('two');
  halfOpen.delete('three');
  assert.equal(halfOpen.size, 0);
  assert.equal(halfOpen.verdict(source, limits, 0), 'serve');
});

test('paths that nothing is answered along', () => {
  const from = (remote: string, port = 500): boolean =>
    isUsable({ local: PATH.local, remote: { address: ip(remote), port } });
  assert.ok(from('192.0.2.2') && from('2001:db8::1') && from('192.0.2.1', 501));
  for (const remote of [
    '0.0.0.0',
    '224.0.0.251',
    '239.1.1.1',
    '255.255.255.255',
    'ff02::1',
    '::',
    '192.0.2.1',
  ])
    assert.ok(!from(remote), remote);
  assert.ok(!from('192.0.2.2', 0));
});

const CHILD = { name: 'net', closeAction: 'none', dpdAction: 'clear', reqid: 0 } as ChildConfig;
const CONNECTION = { name: 'site', keyingTries: 1 } as Connection;

test('reqids: the same for the same selectors, the configured one where there is one', () => {
  const reqids = new Reqids();
  const first = reqids.take(CONNECTION, CHILD, 'a === b');
  assert.equal(reqids.take(CONNECTION, CHILD, 'a === b'), first);
  assert.notEqual(reqids.take(CONNECTION, CHILD, 'a === c'), first);
  assert.equal(reqids.take(CONNECTION, { ...CHILD, reqid: 77 }, 'a === d'), 77);
  assert.deepEqual(reqids.ownerOf(77), { connection: 'site', child: 'net' });
  assert.equal(reqids.ownerOf(78), undefined);
});

interface Case {
  readonly what: string;
  readonly failure: Failure['code'] | undefined;
  readonly established: boolean;
  readonly child?: Partial<ChildConfig>;
  readonly tries?: number;
  readonly again: boolean;
}

const CASES: readonly Case[] = [
  { what: 'silence, one try', failure: 'peer/silent', established: false, again: false },
  { what: 'silence, more tries', failure: 'peer/silent', established: false, tries: 2, again: true },
  { what: 'silence, tries without end', failure: 'peer/silent', established: false, tries: 0, again: true },
  { what: 'a refusal', failure: 'auth/refused-by-peer', established: false, tries: 0, again: false },
  { what: 'dead, clear', failure: 'peer/dead', established: true, again: false },
  {
    what: 'dead, restart',
    failure: 'peer/dead',
    established: true,
    child: { dpdAction: 'restart' },
    again: true,
  },
  {
    what: 'expired, restart',
    failure: 'local/expired',
    established: true,
    child: { dpdAction: 'restart' },
    again: true,
  },
  {
    what: 'deleted, none',
    failure: 'peer/deleted',
    established: true,
    child: { dpdAction: 'restart' },
    again: false,
  },
  {
    what: 'deleted, start',
    failure: 'peer/deleted',
    established: true,
    child: { closeAction: 'start' },
    again: true,
  },
  {
    what: 'stopped',
    failure: 'local/stopped',
    established: true,
    child: { closeAction: 'start', dpdAction: 'restart' },
    again: false,
  },
  { what: 'as wished', failure: undefined, established: true, child: { closeAction: 'start' }, again: false },
];
for (const { what, failure, established, child, tries, again } of CASES) {
  test(`revival: ${what}: ${again ? 'begun anew' : 'left'}`, () => {
    const revival = new Revival();
    revival.ended(
      {
        connection: { ...CONNECTION, keyingTries: tries ?? 1 },
        ours: true,
        establishedAt: established ? 0 : undefined,
        children: [{ ...CHILD, ...child }],
        failure: failure === undefined ? undefined : { code: failure, summary: '' },
      },
      1000,
    );
    const due = revival.take(1000);
    assert.deepEqual(
      due.map(({ connection, children }) => [connection, ...children]),
      again ? [['site', 'net']] : [],
    );
    assert.equal(revival.deadline, undefined);
  });
}

test('revival: a peer that cannot even be written to is tried again in the time that is set for it', () => {
  const ended = (revival: Revival, ours: boolean): void =>
    revival.ended(
      {
        connection: CONNECTION,
        ours,
        establishedAt: undefined,
        children: [CHILD],
        failure: { code: 'local/address', summary: '' },
      },
      1000,
    );
  for (const [interval, ours, at] of [
    [0, true, undefined],
    [MINUTE, false, undefined],
    [MINUTE, true, 1000 + MINUTE],
  ] as const) {
    const revival = new Revival(interval);
    ended(revival, ours);
    assert.equal(revival.deadline, at);
  }
  const revival = new Revival(MINUTE);
  for (let i = 0; i < 10; i++) {
    ended(revival, true);
    assert.equal(revival.deadline, 1000 + MINUTE, 'keyingtries does not count here, and pauses do not grow');
    assert.equal(revival.take(1000 + MINUTE).length, 1);
  }
});

test('revival: pauses grow while it goes wrong at once, and a long life makes up for it', () => {
  const revival = new Revival();
  const lose = (at: number, since: number): number => {
    revival.ended(
      {
        connection: CONNECTION,
        ours: true,
        establishedAt: since,
        children: [{ ...CHILD, dpdAction: 'restart' }],
        failure: { code: 'peer/dead', summary: '' },
      },
      at,
    );
    const due = revival.deadline as number;
    revival.take(due);
    return due - at;
  };
  const pauses = Array.from({ length: 9 }, () => lose(1000, 1000) / SECOND);
  assert.deepEqual(pauses, [0, 5, 10, 20, 40, 80, 160, 300, 300]);
  assert.equal(lose(10 * MINUTE, 1000), 0);
  assert.equal(revival.forget('site'), 0);
});

test('revival: who tries without end is not put off by a peer that has just been started, and refuses', () => {
  const end = (
    revival: Revival,
    keyingTries: number,
    establishedAt: number | undefined,
    code: FailureCode,
  ) => {
    revival.ended(
      {
        connection: { ...CONNECTION, keyingTries },
        ours: true,
        establishedAt,
        children: [{ ...CHILD, dpdAction: 'restart' }],
        failure: { code, summary: '' },
      },
      MINUTE,
    );
    return revival.take(HOUR).length;
  };
  for (const [keyingTries, code, again] of [
    [0, 'peer/no-proposal-chosen', 1],
    [0, 'auth/refused-by-peer', 1],
    [0, 'auth/wrong-key', 0],
    [0, 'local/internal', 0],
    [1, 'peer/no-proposal-chosen', 0],
    [5, 'peer/no-proposal-chosen', 0],
  ] as const) {
    const revival = new Revival();
    assert.equal(end(revival, keyingTries, undefined, code), 0, 'it never stood');
    assert.equal(end(revival, keyingTries, 0, 'peer/dead'), 1);
    for (let time = 0; time < 3; time++)
      assert.equal(end(revival, keyingTries, undefined, code), again, `${code}, ${keyingTries} tries`);
    end(revival, keyingTries, 0, 'peer/dead');
    revival.established(CONNECTION.name);
    assert.equal(end(revival, keyingTries, undefined, code), 0, 'another one, beside that which stands');
  }
});
