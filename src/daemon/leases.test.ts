import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Answer } from '../ike/output.ts';
import { formatIp, ip } from '../lib/ip.ts';
import type { Pool } from '../policy/pool.ts';
import { Leases } from './leases.ts';

function pool(name: string, start: string, end: string, more: Partial<Pool> = {}): Pool {
  return { name, start: ip(start), end: ip(end), attributes: [], ...more };
}

const FOUR = pool('four', '10.3.0.1', '10.3.0.2');
const SIX = pool('six', '2001:db8::1', '2001:db8::2');

function leasesOf(...pools: readonly Pool[]): Leases {
  const leases = new Leases();
  leases.configure(pools);
  return leases;
}

let last = 0;

/** Asks for addresses and answers the number of the lease and what was given, or the failure's code. */
function ask(
  leases: Leases,
  identity: string,
  wanted: readonly string[] = ['0.0.0.0'],
  options: { readonly peer?: string; readonly pools?: readonly string[] } = {},
): { readonly id: number; readonly given: string } {
  const id = ++last;
  const answer: Answer = leases.lease({
    kind: 'lease',
    id,
    connection: 'rw',
    pools: options.pools ?? ['four', 'six'],
    identity,
    peer: ip(options.peer ?? '198.51.100.7'),
    wanted: wanted.map(ip),
  });
  if (answer.kind === 'lease') return { id, given: answer.addresses.map(formatIp).join(' ') };
  return { id, given: answer.kind === 'failed' ? answer.failure.code : answer.kind };
}

function shown(leases: Leases): readonly string[] {
  return leases
    .view()
    .flatMap(({ name, leases: list }) =>
      list().map(
        ({ address, identity, online }) =>
          `${name} ${formatIp(address)} ${identity} ${online ? 'on' : 'off'}`,
      ),
    );
}

test('an identity gets the same address again, and another identity another one', () => {
  const leases = leasesOf(FOUR, SIX);
  const carol = ask(leases, 'carol', ['0.0.0.0', '::']);
  assert.equal(carol.given, '10.3.0.1 2001:db8::1');
  const dave = ask(leases, 'dave');
  assert.equal(dave.given, '10.3.0.2');
  leases.release(carol.id);
  leases.release(carol.id);
  assert.deepEqual(shown(leases), [
    'four 10.3.0.1 carol off',
    'four 10.3.0.2 dave on',
    'six 2001:db8::1 carol off',
  ]);
  assert.equal(ask(leases, 'carol', ['::', '0.0.0.0']).given, '2001:db8::1 10.3.0.1');
});

test('whose an address was is answered, and what nobody has any more', () => {
  const leases = leasesOf(FOUR, SIX);
  const origins = (identity: string, wanted: readonly string[]): readonly [number, unknown] => {
    const id = ++last;
    const answer = leases.lease({
      kind: 'lease',
      id,
      connection: 'rw',
      pools: ['four'],
      identity,
      peer: ip('198.51.100.7'),
      wanted: wanted.map(ip),
    });
    return [id, answer.kind === 'lease' ? answer.origins : answer.kind];
  };
  const [carol, first] = origins('carol', ['0.0.0.0', '::']);
  assert.deepEqual(first, ['new', undefined]);
  const [again, second] = origins('carol', ['10.3.0.1']);
  assert.deepEqual(second, ['online']);
  assert.deepEqual(leases.release(carol), [], 'another has it still');
  assert.deepEqual(
    leases.release(again).map(({ address, identity }) => `${formatIp(address)} ${identity}`),
    ['10.3.0.1 carol'],
  );
  assert.deepEqual(leases.release(again), []);
  assert.deepEqual(origins('carol', ['0.0.0.0'])[1], ['offline']);
  const [dave] = origins('dave', ['0.0.0.0']);
  leases.release(dave);
  assert.deepEqual(origins('erin', ['0.0.0.0'])[1], [{ formerly: 'dave' }]);
});

test('when a pool is empty that is said, twice in a row, and what is given back can be had again', () => {
  const leases = leasesOf(FOUR, SIX);
  const [carol, dave] = [ask(leases, 'carol'), ask(leases, 'dave')];
  assert.equal(ask(leases, 'erin').given, 'local/no-virtual-ip');
  assert.equal(ask(leases, 'erin').given, 'local/no-virtual-ip');
  // One family of two is better than none.
  assert.equal(ask(leases, 'frank', ['0.0.0.0', '::']).given, '2001:db8::1');
  leases.release(dave.id);
  leases.release(carol.id);
  assert.equal(ask(leases, 'erin').given, '10.3.0.2', 'the address that was given back longest ago');
  assert.equal(ask(leases, 'carol').given, '10.3.0.1');
  assert.equal(ask(leases, 'dave').given, 'local/no-virtual-ip');
});

test('the failure says how full each pool is', () => {
  const leases = leasesOf(FOUR);
  ask(leases, 'carol');
  ask(leases, 'dave');
  const answer = leases.lease({
    kind: 'lease',
    id: 900,
    connection: 'rw',
    pools: ['four', 'gone'],
    identity: 'erin',
    peer: ip('198.51.100.7'),
    wanted: [ip('0.0.0.0')],
  });
  assert.ok(answer.kind === 'failed');
  assert.deepEqual(answer.failure.ours, [
    'pool four: IPv4, 2 of 2 addresses in use',
    'pool gone: there is none of that name',
  ]);
});

test('who asks for several gets several, and none of them twice', () => {
  const leases = leasesOf(FOUR);
  const both = ask(leases, 'carol', ['0.0.0.0', '0.0.0.0', '0.0.0.0']);
  assert.equal(both.given, '10.3.0.1 10.3.0.2');
  const again = ask(leases, 'carol', ['10.3.0.2', '10.3.0.2', '10.3.0.1']);
  assert.equal(again.given, '10.3.0.2 10.3.0.1');
  for (const { id } of [both, again]) leases.release(id);
  assert.equal(leases.online('four'), 0);
});

test('while an IKE SA is made anew, both have the address; from elsewhere it is not given twice', () => {
  const leases = leasesOf(FOUR);
  const first = ask(leases, 'carol');
  const again = ask(leases, 'carol', [first.given]);
  assert.equal(again.given, first.given);
  leases.release(first.id);
  assert.deepEqual(shown(leases), ['four 10.3.0.1 carol on']);
  assert.equal(ask(leases, 'carol', [first.given], { peer: '203.0.113.9' }).given, '10.3.0.2');
  leases.release(again.id);
  assert.deepEqual(shown(leases), ['four 10.3.0.1 carol off', 'four 10.3.0.2 carol on']);
});

test('an address that is asked for is given where it is nobody’s', () => {
  const leases = leasesOf(pool('four', '10.3.0.0', '10.3.0.255', { prefix: 24 }));
  assert.equal(ask(leases, 'carol', ['10.3.0.77']).given, '10.3.0.77');
  assert.equal(ask(leases, 'dave', ['10.3.0.77']).given, '10.3.0.1');
  assert.equal(ask(leases, 'erin', ['10.3.0.255']).given, '10.3.0.2', 'not the broadcast address');
  assert.equal(ask(leases, 'frank', ['192.0.2.1']).given, '10.3.0.3', 'not from outside of the pool');
  assert.equal(ask(leases, 'grace', ['0.0.0.0'], { pools: ['other'] }).given, 'local/no-virtual-ip');
});

test('a pool that goes, shrinks or comes back gives no address twice', () => {
  const leases = leasesOf(FOUR);
  const [carol, dave] = [ask(leases, 'carol'), ask(leases, 'dave')];
  leases.configure([pool('other', '10.3.0.1', '10.3.0.3')]);
  assert.equal(ask(leases, 'erin', ['0.0.0.0'], { pools: ['other'] }).given, '10.3.0.3');
  assert.equal(
    ask(leases, 'frank', ['0.0.0.0'], { pools: ['other'] }).given,
    'local/no-virtual-ip',
    'the others are in use, of a pool that is gone',
  );
  leases.configure([pool('four', '10.3.0.2', '10.3.0.9')]);
  assert.equal(leases.online('four'), 2);
  assert.equal(ask(leases, 'grace').given, '10.3.0.4', 'neither dave’s nor erin’s');
  leases.release(carol.id);
  assert.ok(!shown(leases).some(line => line.includes('10.3.0.1 ')), 'outside of the pool by now');
  leases.release(dave.id);
  assert.equal(ask(leases, 'dave').given, '10.3.0.2');
});

test('how many addresses there are, as charon counts them', () => {
  for (const [start, end, prefix, size, firstGiven] of [
    ['10.3.0.0', '10.3.0.255', 24, 254, '10.3.0.1'],
    ['10.3.0.5', '10.3.0.255', 24, 250, '10.3.0.5'],
    ['10.3.0.0', '10.3.0.1', 31, 2, '10.3.0.0'],
    ['10.3.0.0', '10.3.0.3', 30, 2, '10.3.0.1'],
    ['10.3.0.7', '10.3.0.7', 32, 1, '10.3.0.7'],
    ['10.3.0.255', '10.3.0.255', 24, 0, 'local/no-virtual-ip'],
    ['10.8.0.0', '10.255.255.255', 8, 16_252_927, '10.8.0.0'],
    ['10.3.0.1', '10.3.0.9', undefined, 9, '10.3.0.1'],
    ['2001:db8::', '2001:db8::ff', 120, 254, '2001:db8::1'],
    ['2001:db8::', '2001:db8::ffff:ffff:ffff:ffff', 64, 2_147_483_646, '2001:db8::1'],
  ] as const) {
    const one = pool('four', start, end, prefix === undefined ? {} : { prefix });
    const leases = leasesOf(one);
    assert.equal(leases.view()[0]?.size, size, `${start}/${prefix}`);
    const any = start.includes(':') ? '::' : '0.0.0.0';
    assert.equal(ask(leases, 'carol', [any]).given, firstGiven);
  }
});

test('who calls itself by a book is given an address and is not remembered', () => {
  const leases = leasesOf(FOUR);
  const { id, given } = ask(leases, 'x'.repeat(60_000));
  assert.equal(given, '10.3.0.1');
  leases.release(id);
  assert.deepEqual(shown(leases), []);
  assert.equal(ask(leases, 'carol').given, '10.3.0.1');
});

test('attributes of all pools come with an address', () => {
  const leases = leasesOf(
    { ...FOUR, attributes: [{ kind: 'dns', address: ip('10.3.0.53') }] },
    { ...SIX, attributes: [{ kind: 'dns', address: ip('2001:db8::53') }] },
  );
  const answer = leases.lease({
    kind: 'lease',
    id: 901,
    connection: 'rw',
    pools: ['four', 'six'],
    identity: 'carol',
    peer: ip('198.51.100.7'),
    wanted: [ip('::')],
  });
  assert.ok(answer.kind === 'lease');
  assert.equal(answer.attributes.length, 2);
});
