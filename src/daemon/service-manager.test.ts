import assert from 'node:assert/strict';
import { mock, type TestContext, test } from 'node:test';
import { handedOver, type ServiceEnvironment, ServiceManager } from './service-manager.ts';

const PID = 4711;

function scene(t: TestContext, environment: ServiceEnvironment) {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  t.after(() => mock.timers.reset());
  const told: string[] = [];
  const opened: string[] = [];
  const warnings: string[] = [];
  const socket = { send: (text: string) => void told.push(text), close: () => void opened.pop() };
  const manager = new ServiceManager(
    environment,
    PID,
    path => {
      opened.push(path);
      if (path === '/broken') throw new Error('connect /broken: ENOENT');
      return socket;
    },
    text => warnings.push(text),
  );
  return { manager, told, opened, warnings, socket };
}

test('a whole life is told in the words of sd_notify', t => {
  const { manager, told, opened } = scene(t, { NOTIFY_SOCKET: '/run/notify' });
  manager.ready('2 connections');
  manager.reloading(1_234_567_890n);
  manager.ready('3 connections');
  for (let i = 0; i < 100; i++) manager.statusSoon(() => `${i} IKE SAs`);
  mock.timers.tick(1000);
  manager.stopping();
  manager.close();
  assert.deepEqual(told, [
    'READY=1\nSTATUS=2 connections',
    'RELOADING=1\nMONOTONIC_USEC=1234567',
    'READY=1\nSTATUS=3 connections',
    'STATUS=0 IKE SAs',
    'STOPPING=1\nSTATUS=SAs are deleted and peers told',
  ]);
  assert.deepEqual(opened, [], 'closed again');
});

test('the watchdog is fed at half its time, until the end', t => {
  const { manager, told } = scene(t, {
    NOTIFY_SOCKET: '@notify',
    WATCHDOG_USEC: '30000000',
    WATCHDOG_PID: `${PID}`,
  });
  mock.timers.tick(45_000);
  assert.deepEqual(told, ['WATCHDOG=1', 'WATCHDOG=1', 'WATCHDOG=1']);
  manager.stopping();
  mock.timers.tick(60_000);
  assert.equal(told.length, 4);
});

for (const [what, environment] of [
  ['another process is watched', { WATCHDOG_USEC: '30000000', WATCHDOG_PID: '1' }],
  ['the time is none', { WATCHDOG_USEC: 'soon' }],
  ['nobody watches', {}],
] as const) {
  test(`no watchdog: ${what}`, t => {
    const { told } = scene(t, { NOTIFY_SOCKET: '@notify', ...environment });
    mock.timers.tick(60_000);
    assert.deepEqual(told, []);
  });
}

test('without a service manager, or with one that is gone, nothing is told and nothing fails', t => {
  const none = scene(t, { WATCHDOG_USEC: '1000' });
  none.manager.ready('x');
  none.manager.statusSoon(() => 'x');
  none.manager.stopping();
  assert.deepEqual([none.told, none.opened], [[], []]);
  mock.timers.reset();
  const broken = scene(t, { NOTIFY_SOCKET: '/broken' });
  broken.manager.ready('x');
  assert.deepEqual(broken.warnings, ['the service manager cannot be told anything: connect /broken: ENOENT']);
  mock.timers.reset();
  const { manager, socket } = scene(t, { NOTIFY_SOCKET: '/run/notify' });
  socket.send = () => {
    throw new Error('ECONNREFUSED');
  };
  manager.ready('x');
});

const HANDED: readonly [ServiceEnvironment, number | undefined][] = [
  [{}, undefined],
  [{ LISTEN_PID: `${PID}`, LISTEN_FDS: '1' }, 3],
  [{ LISTEN_PID: `${PID}`, LISTEN_FDS: '2', LISTEN_FDNAMES: 'other:vici' }, 4],
  [{ LISTEN_PID: `${PID}`, LISTEN_FDS: '1', LISTEN_FDNAMES: 'other:vici' }, 3],
  [{ LISTEN_PID: `${PID}`, LISTEN_FDS: '0' }, undefined],
  [{ LISTEN_PID: `${PID}`, LISTEN_FDS: 'two' }, undefined],
  [{ LISTEN_PID: '1', LISTEN_FDS: '1' }, undefined],
  [{ LISTEN_FDS: '1' }, undefined],
];
for (const [environment, descriptor] of HANDED) {
  test(`handed over by ${JSON.stringify(environment)}: ${descriptor ?? 'nothing'}`, () => {
    assert.equal(handedOver(environment, PID), descriptor);
  });
}
