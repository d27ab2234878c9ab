import assert from 'node:assert/strict';
import { mock, type TestContext, test } from 'node:test';
import type { ChildSaStatus, IkeEvent, IkeSaStatus } from '../ike/output.ts';
import { SECOND } from '../lib/time.ts';
import type { Connection } from '../policy/connection.ts';
import { NO_USAGE } from '../policy/sa.ts';
import { Inactivity } from './inactivity.ts';
import type { SaTarget } from './sa-target.ts';

const LIMIT = 60 * SECOND;

/** A gateway in which children are used when the test says so, and time goes when the test says so. */
function scene(t: TestContext, options: { closeIke?: boolean; children?: number; limit?: number } = {}) {
  mock.timers.enable({ apis: ['setTimeout'] });
  t.after(() => mock.timers.reset());
  let time = 1_000_000;
  let listener: (event: IkeEvent) => void = () => undefined;
  const used = new Map<number, number>();
  const downs: SaTarget[] = [];
  const children = Array.from(
    { length: options.children ?? 1 },
    (_, i) => ({ id: i + 1, name: 'net' }) as ChildSaStatus,
  );
  const ike = { id: 7, connection: 'site', children } as unknown as IkeSaStatus;
  const closed: string[] = [];
  const inactivity = new Inactivity(
    {
      connections: [
        {
          name: 'site',
          children: [{ name: 'net', inactivity: options.limit ?? LIMIT }],
        } as unknown as Connection,
      ],
      on: listen => {
        listener = listen;
        return () => undefined;
      },
      usage: async id => {
        const usedOut = used.get(id);
        return usedOut === undefined ? NO_USAGE : { ...NO_USAGE, usedOut };
      },
      status: () => [ike],
      down: async target => downs.push(target),
    },
    { now: () => time, closeIke: options.closeIke ?? false, onClose: (_, text) => void closed.push(text) },
  );
  return {
    inactivity,
    downs,
    closed,
    tell: (event: Partial<IkeEvent> & { kind: IkeEvent['kind'] }) =>
      listener({ at: time, ike, ...event } as IkeEvent),
    child: (id: number) => children[id - 1] as ChildSaStatus,
    use: (id: number) => void used.set(id, time),
    pass: async (duration: number) => {
      for (let left = duration; left > 0; left -= SECOND) {
        time += SECOND;
        mock.timers.tick(SECOND);
        await Promise.resolve()
          .then(() => undefined)
          .then(() => undefined);
      }
    },
  };
}

test('a child that carries nothing goes after its time, not before', async t => {
  const { tell, child, pass, downs, closed } = scene(t);
  tell({ kind: 'child-up', child: child(1) });
  await pass(LIMIT - SECOND);
  assert.deepEqual(downs, []);
  await pass(2 * SECOND);
  assert.deepEqual(downs, [{ ike: 7, childId: 1 }]);
  assert.deepEqual(closed, ['deleting CHILD_SA net{1} after 60 seconds of CHILD_SA inactivity']);
  await pass(10 * LIMIT);
  assert.equal(downs.length, 1, 'once');
});

test('traffic puts it off', async t => {
  const { tell, child, use, pass, downs } = scene(t);
  tell({ kind: 'child-up', child: child(1) });
  for (let i = 0; i < 5; i++) {
    await pass(LIMIT - 2 * SECOND);
    use(1);
  }
  assert.deepEqual(downs, []);
  await pass(LIMIT + SECOND);
  assert.equal(downs.length, 1);
});

test('a rekeyed child begins anew; what has gone is not looked at', async t => {
  const { tell, child, pass, downs } = scene(t, { children: 2 });
  tell({ kind: 'child-up', child: child(1) });
  await pass(LIMIT / 2);
  tell({ kind: 'child-rekey', old: child(1), new: child(2) });
  await pass(LIMIT - SECOND);
  assert.deepEqual(downs, []);
  tell({ kind: 'child-down', child: child(2) });
  await pass(10 * LIMIT);
  assert.deepEqual(downs, []);
});

test('with the last child the IKE SA may go too', async t => {
  const { tell, child, pass, downs, closed } = scene(t, { closeIke: true });
  tell({ kind: 'child-up', child: child(1) });
  await pass(LIMIT + SECOND);
  assert.deepEqual(downs, [{ ike: 7 }]);
  assert.deepEqual(closed, ['deleting IKE_SA after 60 seconds of CHILD_SA inactivity']);
});

test('but not while there are others', async t => {
  const { tell, child, pass, downs } = scene(t, { closeIke: true, children: 2 });
  tell({ kind: 'child-up', child: child(2) });
  await pass(LIMIT + SECOND);
  assert.deepEqual(downs, [{ ike: 7, childId: 2 }]);
});

test('without a limit nothing is looked at', async t => {
  const { tell, child, pass, downs } = scene(t, { limit: 0 });
  tell({ kind: 'child-up', child: child(1) });
  await pass(10 * LIMIT);
  assert.deepEqual(downs, []);
});

test('after the end nothing is looked at', async t => {
  const { inactivity, tell, child, pass, downs } = scene(t);
  tell({ kind: 'child-up', child: child(1) });
  inactivity.close();
  await pass(10 * LIMIT);
  assert.deepEqual(downs, []);
});
