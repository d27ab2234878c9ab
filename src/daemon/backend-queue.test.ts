import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IpsecBackend } from '../ipsec/backend.ts';
import { formatIp, ip } from '../lib/ip.ts';
import { Secret } from '../lib/secret.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import { UNLIMITED } from '../policy/lifetimes.ts';
import type { ChildSaParameters } from '../policy/sa.ts';
import { BackendQueue } from './backend-queue.ts';

const PATH = {
  local: { address: ip('192.0.2.1'), port: 4500 },
  remote: { address: ip('192.0.2.2'), port: 4500 },
};

function sa(id: number): ChildSaParameters {
  const keys = { encryption: new Secret(new Uint8Array(20)), integrity: new Secret(new Uint8Array(0)) };
  return {
    id,
    name: 'net',
    protocol: 'esp',
    mode: 'tunnel',
    algorithms: { encryption: 20, keyLength: 128, integrity: 0, esn: false },
    spiIn: 0x1000 + id,
    spiOut: 0x2000 + id,
    keysIn: keys,
    keysOut: keys,
    path: PATH,
    udpEncapsulation: true,
    localTs: [],
    remoteTs: [],
    replayWindow: 64,
    tfcPadding: 0,
    reqid: 1,
    lifetimes: UNLIMITED,
  };
}

/** A back end whose calls end when the test says so. */
function slowBackend(): {
  backend: IpsecBackend;
  started: string[];
  finish: (call: string, failure?: Failure) => void;
} {
  const started: string[] = [];
  const open = new Map<string, { resolve: () => void; reject: (error: Error) => void }>();
  const call = (name: string): Promise<void> => {
    started.push(name);
    return new Promise((resolve, reject) => open.set(name, { resolve, reject }));
  };
  const backend = {
    install: (parameters: ChildSaParameters) => call(`install ${parameters.id}`),
    remove: (id: number) => call(`remove ${id}`),
    activateOutbound: (id: number) => call(`activate ${id}`),
    assignAddress: (address: Uint8Array) => call(`assign ${formatIp(address)}`),
    unassignAddress: (address: Uint8Array) => call(`unassign ${formatIp(address)}`),
    allocateSpi: async () => 4711,
  } as unknown as IpsecBackend;
  return {
    backend,
    started,
    finish: (name, failure) => {
      const one = open.get(name);
      assert.ok(one, `${name} is not under way`);
      if (failure === undefined) one.resolve();
      else one.reject(new Failed(failure));
    },
  };
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

test('what concerns one SA keeps its order; other SAs do not wait for it', async () => {
  const { backend, started, finish } = slowBackend();
  const queue = new BackendQueue(backend, failure => assert.fail(failure.summary));
  const installed = queue.ask({ kind: 'install', sa: sa(1), outbound: false });
  void queue.command({ kind: 'activate-outbound', id: 1 });
  void queue.command({ kind: 'remove', id: 1 });
  void queue.command({ kind: 'remove', id: 2 });
  await turn();
  assert.deepEqual(started, ['install 1', 'remove 2']);
  finish('install 1');
  assert.deepEqual(await installed, { kind: 'done' });
  await turn();
  assert.deepEqual(started.slice(2), ['activate 1']);
  finish('activate 1');
  await turn();
  assert.deepEqual(started.slice(3), ['remove 1']);
  finish('remove 1');
  finish('remove 2');
  await queue.settled();
});

test('a refused installation is answered with its reason, and what follows still happens', async () => {
  const { backend, started, finish } = slowBackend();
  const told: Failure[] = [];
  const queue = new BackendQueue(backend, failure => told.push(failure));
  const failure: Failure = { code: 'kernel/install', summary: 'no room' };
  const installed = queue.ask({ kind: 'install', sa: sa(1), outbound: true });
  void queue.command({ kind: 'remove', id: 1 });
  finish('install 1', failure);
  assert.deepEqual(await installed, { kind: 'failed', failure });
  await turn();
  assert.deepEqual(started, ['install 1', 'remove 1']);
  finish('remove 1', { code: 'kernel/install', summary: 'never was' });
  await queue.settled();
  assert.deepEqual(
    told.map(one => one.summary),
    ['never was'],
  );
});

test('an address goes on with its first user, and off after its last and after the SAs that used it', async () => {
  const { backend, started, finish } = slowBackend();
  const told: Failure[] = [];
  const queue = new BackendQueue(backend, failure => told.push(failure));
  const vip = ip('10.3.0.1');
  const assign = () => queue.ask({ kind: 'assign-address', address: vip, path: PATH });
  const first = assign();
  await turn();
  finish('assign 10.3.0.1');
  assert.deepEqual(await first, { kind: 'done' });
  assert.deepEqual(await assign(), { kind: 'done' });
  const installed = queue.ask({ kind: 'install', sa: sa(1), outbound: true });
  finish('install 1');
  await installed;
  void queue.command({ kind: 'unassign-address', address: vip });
  void queue.command({ kind: 'remove', id: 1 });
  void queue.command({ kind: 'unassign-address', address: vip });
  await turn();
  assert.deepEqual(started, ['assign 10.3.0.1', 'install 1', 'remove 1']);
  finish('remove 1');
  await turn();
  assert.deepEqual(started.slice(3), ['unassign 10.3.0.1']);
  finish('unassign 10.3.0.1', { code: 'kernel/install', summary: 'it will not go' });
  await queue.settled();
  assert.deepEqual(
    told.map(({ summary }) => summary),
    ['it will not go'],
  );
});

test('an address that cannot go on is nobody’s, twice in a row', async () => {
  const { backend, started, finish } = slowBackend();
  const queue = new BackendQueue(backend, failure => assert.fail(failure.summary));
  const failure: Failure = { code: 'kernel/install', summary: 'no room' };
  const vip = ip('10.3.0.1');
  for (let time = 0; time < 2; time++) {
    const asked = queue.ask({ kind: 'assign-address', address: vip, path: PATH });
    await turn();
    finish('assign 10.3.0.1', failure);
    assert.deepEqual(await asked, { kind: 'failed', failure });
  }
  void queue.command({ kind: 'unassign-address', address: vip });
  await queue.settled();
  assert.deepEqual(started, ['assign 10.3.0.1', 'assign 10.3.0.1']);
});

test('an SPI is asked for and answered', async () => {
  const queue = new BackendQueue(slowBackend().backend, () => undefined);
  assert.deepEqual(await queue.ask({ kind: 'allocate-spi', protocol: 'esp', path: PATH }), {
    kind: 'spi',
    spi: 4711,
  });
});

test('keys are wiped once an installation has settled, whichever way', async () => {
  const octets = (parameters: ChildSaParameters): number[] =>
    [parameters.keysIn, parameters.keysOut].flatMap(({ encryption, integrity }) => [
      ...encryption.reveal(),
      ...integrity.reveal(),
    ]);
  const keyed = (id: number): ChildSaParameters => ({
    ...sa(id),
    keysIn: {
      encryption: new Secret(new Uint8Array(20).fill(1)),
      integrity: new Secret(new Uint8Array(32).fill(2)),
    },
    keysOut: {
      encryption: new Secret(new Uint8Array(20).fill(3)),
      integrity: new Secret(new Uint8Array(32).fill(4)),
    },
  });
  const { backend, finish } = slowBackend();
  const queue = new BackendQueue(backend, () => undefined);
  for (const [id, failure] of [
    [1, undefined],
    [2, { code: 'kernel/install', summary: 'no' }],
  ] as const) {
    const parameters = keyed(id);
    const done = queue.ask({ kind: 'install', sa: parameters, outbound: true });
    assert.ok(!octets(parameters).includes(0), 'the back end reads them');
    finish(`install ${id}`, failure);
    await done;
    assert.ok(octets(parameters).every(octet => octet === 0));
  }
  const refused = { ...keyed(3), kernel: { markIn: { value: 1, mask: 1 } } };
  assert.equal((await queue.ask({ kind: 'install', sa: refused, outbound: true })).kind, 'failed');
  assert.ok(octets(refused).every(octet => octet === 0));
  const manual = keyed(4);
  const installed = queue.install(manual);
  finish('install 4');
  await installed;
  assert.ok(!octets(manual).includes(0), 'what is configured is the configuration’s');
});
