import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { type ControlScene, labConnection, pair, StoppedClock } from '../../test/control-scene.ts';
import type { Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import { namesPeer } from './choose-path.ts';

interface Case {
  readonly version: '1' | '2';
  /** Who ends what: the peer the child or all, silence, or we ourselves. */
  readonly end: 'peer: child' | 'peer: all' | 'silence' | 'here: child' | 'here: all';
  readonly child: Record<string, string>;
  /** What there is afterwards. */
  readonly trap: boolean;
  readonly up: boolean;
}

const ALL = { close_action: 'trap|start', dpd_action: 'trap|start' };

const CASES: readonly Case[] = (['1', '2'] as const).flatMap(version => [
  { version, end: 'peer: child', child: {}, trap: false, up: false },
  { version, end: 'peer: child', child: { close_action: 'trap' }, trap: true, up: false },
  { version, end: 'peer: child', child: { close_action: 'start' }, trap: false, up: true },
  { version, end: 'peer: child', child: { close_action: 'trap|start' }, trap: true, up: true },
  { version, end: 'peer: child', child: { dpd_action: 'trap' }, trap: false, up: false },
  { version, end: 'peer: all', child: {}, trap: false, up: false },
  { version, end: 'peer: all', child: { close_action: 'trap' }, trap: true, up: false },
  { version, end: 'peer: all', child: { close_action: 'start' }, trap: false, up: true },
  { version, end: 'peer: all', child: { close_action: 'trap|start' }, trap: true, up: true },
  { version, end: 'here: child', child: ALL, trap: false, up: false },
  { version, end: 'here: all', child: ALL, trap: false, up: false },
  { version, end: 'peer: child', child: { start_action: 'trap' }, trap: true, up: false },
]);

const SILENCE: readonly Case[] = [
  { version: '2', end: 'silence', child: {}, trap: false, up: false },
  { version: '2', end: 'silence', child: { close_action: 'trap|start' }, trap: false, up: false },
  { version: '2', end: 'silence', child: { dpd_action: 'trap' }, trap: true, up: false },
  { version: '2', end: 'silence', child: { dpd_action: 'restart' }, trap: false, up: true },
  { version: '2', end: 'silence', child: { dpd_action: 'trap|restart' }, trap: true, up: true },
];

for (const { version, end, child, trap, up } of [...CASES, ...SILENCE]) {
  const after = [trap && 'a trap', up && 'a new SA'].filter(Boolean).join(' and ') || 'nothing';
  test(`IKEv${version}, ${end}, ${JSON.stringify(child)}: ${after}`, async () => {
    const clock = new StoppedClock();
    const { wire, alice, bob } = await pair();
    await using _a = alice;
    await using _b = bob;
    using _ = clock;
    for (const [scene, who] of [
      [alice, 'alice'],
      [bob, 'bob'],
    ] as const) {
      const lab = labConnection(who, who === 'alice' ? child : {});
      await scene.client.request('load-conn', {
        lab: { ...lab, version, proposals: ['aes128-sha256-x25519'], keyingtries: '0' },
      });
    }
    await alice.client.request('initiate', { child: 'net' });
    const [first] = alice.backend.sas.keys();
    const failures: (Failure | undefined)[] = [];
    alice.gateway.on(event => {
      if (event.kind === 'child-down') failures.push(event.failure);
    });
    const isFirstIn = (): boolean => first !== undefined && alice.backend.sas.has(first);
    const order = trapsMadeWhile(alice, isFirstIn);
    /** Gives the event loop its turns, and lets time pass in them, until `condition` holds. */
    const eventually = async (condition: () => boolean): Promise<void> => {
      for (; !condition(); clock.pass(100)) await turn();
    };
    if (end === 'silence') {
      wire.cut = true;
      alice.gateway.rekey({ connection: 'lab' });
    } else {
      const what = end.endsWith('child') ? { child: 'net' } : { ike: 'lab' };
      await (end.startsWith('peer') ? bob : alice).client.request('terminate', what);
    }
    await eventually(() => !isFirstIn());
    wire.cut = false;
    if (up) await eventually(() => alice.backend.sas.size === 1);
    if (trap) await eventually(() => alice.policies.list.length === 1);
    // What would be done wrongly would be done by now.
    for (let i = 0; i < 20; i++, clock.pass(100)) await turn();
    assert.equal(alice.policies.has('lab', 'net'), trap);
    assert.equal(alice.backend.policies.size, trap ? 1 : 0);
    assert.equal(alice.backend.sas.size, up ? 1 : 0);
    assert.equal(failures.length, 1);
    if (trap && child['start_action'] === undefined)
      assert.deepEqual(order, [true], 'the trap came before the SA went');
  });
}

test('whom a connection names: hosts alone can be called', () => {
  const names = (...remoteAddresses: string[]): boolean =>
    namesPeer({ remoteAddresses } as unknown as Connection);
  assert.ok(names('192.0.2.1') && names('gw.example.org') && names('192.0.2.0/24', '2001:db8::1'));
  assert.ok(!names() && !names('%any') && !names('192.0.2.0/24') && !names('192.0.2.1-192.0.2.9', '%any6'));
});

/** For each trap that is put in, whether `condition` held then. */
function trapsMadeWhile({ backend }: ControlScene, condition: () => boolean): readonly boolean[] {
  const seen: boolean[] = [];
  const add = backend.addPolicy.bind(backend);
  backend.addPolicy = async policy => {
    seen.push(condition());
    await add(policy);
  };
  return seen;
}
