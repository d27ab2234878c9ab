import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connection } from '../../test/sim/configuration.ts';
import { EMPTY } from '../lib/bytes.ts';
import { formatIp, ip } from '../lib/ip.ts';
import { Failed } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import type { AskStep, Flow } from './flow.ts';
import type { Answer, Command, Question } from './output.ts';
import type { EventBody, Host } from './session.ts';
import {
  dynamicHosts,
  leaseAddresses,
  NO_VIRTUAL_IPS,
  releaseVirtualIps,
  takeAddresses,
  virtualIpStatus,
  wantedAddresses,
} from './virtual-ips.ts';

const PATH: Path = {
  local: { address: ip('192.0.2.1'), port: 500 },
  remote: { address: ip('198.51.100.2'), port: 500 },
};

function hostWith(last?: readonly string[]): {
  readonly host: Host;
  readonly commands: Command[];
  readonly told: string[];
} {
  const commands: Command[] = [];
  const told: string[] = [];
  let kept = last?.map(ip);
  const host = {
    newId: () => 7,
    command: (command: Command) => commands.push(command),
    event: (event: EventBody) => {
      if (event.kind === 'step' || event.kind === 'log') told.push(event.text);
    },
    settings: { traceMessages: true },
    lastVirtualIps: () => kept,
    keepVirtualIps: (_: unknown, addresses: Uint8Array[]) => {
      kept = addresses;
    },
  };
  return { host: host as unknown as Host, commands, told };
}

/** Runs a flow to its end with these answers. */
function run<R>(
  flow: Flow<never, R>,
  answers: readonly Answer[],
): { readonly asked: Question[]; readonly result: R } {
  const asked: Question[] = [];
  let next = flow.next();
  for (const answer of answers) {
    if (next.done === true) break;
    asked.push((next.value as AskStep).question);
    next = flow.next(answer);
  }
  assert.ok(next.done === true, 'the flow waits for more');
  return { asked, result: next.value };
}

const DONE: Answer = { kind: 'done' };
const REFUSED: Answer = { kind: 'failed', failure: { code: 'kernel/install', summary: 'no' } };

test('what was given last is asked for again, where any would do', () => {
  const any = connection('a', 'b', { vips: ['0.0.0.0', '%any6', '10.9.9.9'] });
  const texts = (last?: readonly string[]): readonly string[] =>
    wantedAddresses(hostWith(last).host, any).map(formatIp);
  assert.deepEqual(texts(), ['0.0.0.0', '::', '10.9.9.9']);
  assert.deepEqual(texts(['10.3.0.1']), ['10.3.0.1', '::', '10.9.9.9']);
  assert.deepEqual(texts(['2001:db8::1', '10.3.0.1', '10.3.0.2']), ['10.3.0.1', '2001:db8::1', '10.9.9.9']);
});

test('addresses are assigned one by one, and none stays where one cannot be', () => {
  const { host, commands } = hostWith();
  const rw = connection('a', 'b', { vips: ['0.0.0.0', '::'] });
  const given = ['10.3.0.1', '2001:db8::1'].map(ip);
  const { asked, result } = run(
    takeAddresses(host, rw, PATH, given, [{ kind: 'dns', address: ip('10.3.0.53') }]),
    [DONE, DONE],
  );
  assert.deepEqual(
    asked.map(({ kind }) => kind),
    ['assign-address', 'assign-address'],
  );
  assert.deepEqual(virtualIpStatus(result), {
    localVips: ['10.3.0.1', '2001:db8::1'],
    received: [{ kind: 'dns', value: '10.3.0.53' }],
  });
  for (let i = 0; i < 2; i++)
    assert.throws(() => run(takeAddresses(host, rw, PATH, given, []), [DONE, REFUSED]), /no/);
  assert.deepEqual(
    commands.map(command => command.kind === 'unassign-address' && formatIp(command.address)),
    ['10.3.0.1', '10.3.0.1'],
  );
});

test('of what a peer gives only that is taken which was asked for and can be an address', () => {
  const { host } = hostWith();
  const rw = connection('a', 'b', { vips: ['0.0.0.0'] });
  const hostile = ['0.0.0.0', '127.0.0.1', '224.0.0.1', '255.255.255.255', '::1', '2001:db8::1'].map(ip);
  const fails = (given: readonly Uint8Array[]) =>
    assert.throws(
      () => run(takeAddresses(host, rw, PATH, given, []), []),
      error => error instanceof Failed && error.failure.code === 'peer/no-address',
    );
  fails([]);
  fails(hostile);
  fails([EMPTY, Uint8Array.of(1, 2, 3)]);
  const more = ['10.3.0.1', '10.3.0.1', '10.3.0.2'].map(ip);
  const { result } = run(takeAddresses(host, rw, PATH, [...hostile, ...more], []), [DONE]);
  assert.deepEqual(result.local.map(formatIp), ['10.3.0.1']);
});

test('a lease is asked for under its number and given back under it', () => {
  const { host, commands, told } = hostWith();
  const gw = connection('b', 'a', { pools: ['four'] });
  const sa = { host, id: 3, connection: gw, path: PATH };
  const { asked, result } = run(leaseAddresses(sa, 'carol', [ip('0.0.0.0')]), [
    { kind: 'lease', addresses: [ip('10.3.0.1')], attributes: [], origins: ['new'] },
  ]);
  assert.deepEqual(told, [
    'peer requested virtual IP %any',
    "assigning new lease to 'carol'",
    "assigning virtual IP 10.3.0.1 to peer 'carol'",
  ]);
  assert.deepEqual(asked[0], {
    kind: 'lease',
    id: 7,
    connection: 'site',
    pools: ['four'],
    identity: 'carol',
    peer: PATH.remote.address,
    wanted: [ip('0.0.0.0')],
  });
  releaseVirtualIps(sa, result.vips);
  releaseVirtualIps(sa, NO_VIRTUAL_IPS);
  assert.deepEqual(commands, [{ kind: 'release-lease', id: 7, of: { ike: 3, connection: gw.name } }]);
  assert.deepEqual(dynamicHosts(result.vips, PATH, 'remote').map(formatIp), ['10.3.0.1']);
  assert.deepEqual(dynamicHosts(result.vips, PATH, 'local').map(formatIp), ['192.0.2.1']);
});

test('where each address comes from is told, and of which kind there is none', () => {
  const { host, told } = hostWith();
  const sa = { host, id: 3, connection: connection('b', 'a', { pools: ['four'] }), path: PATH };
  const wanted = ['10.3.0.9', '::', '0.0.0.0', '0.0.0.0'].map(ip);
  run(leaseAddresses(sa, 'carol', wanted), [
    {
      kind: 'lease',
      addresses: ['10.3.0.9', '10.3.0.2', '10.3.0.3'].map(ip),
      attributes: [],
      origins: ['online', undefined, 'offline', { formerly: 'dave' }],
    },
  ]);
  assert.deepEqual(told, [
    'peer requested virtual IP 10.3.0.9',
    "reassigning online lease to 'carol'",
    "assigning virtual IP 10.3.0.9 to peer 'carol'",
    'peer requested virtual IP %any6',
    "no virtual IP found for %any6 requested by 'carol'",
    'peer requested virtual IP %any',
    "reassigning offline lease to 'carol'",
    "assigning virtual IP 10.3.0.2 to peer 'carol'",
    'peer requested virtual IP %any',
    "reassigning existing offline lease by 'dave' to 'carol'",
    "assigning virtual IP 10.3.0.3 to peer 'carol'",
  ]);
});
