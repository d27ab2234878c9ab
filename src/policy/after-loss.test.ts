import assert from 'node:assert/strict';
import { test } from 'node:test';
import { afterLoss } from './after-loss.ts';
import type { ChildConfig } from './connection.ts';
import type { FailureCode } from './failure.ts';

type Actions = Pick<ChildConfig, 'closeAction' | 'dpdAction'>;

const NONE: Actions = { closeAction: 'none', dpdAction: 'clear' };

const CASES: readonly [actions: Partial<Actions>, code: FailureCode | undefined, follows: string][] = [
  [{}, 'peer/deleted', ''],
  [{ closeAction: 'start' }, 'peer/deleted', 'start'],
  [{ closeAction: 'trap' }, 'peer/deleted', 'trap'],
  [{ closeAction: 'trap|start' }, 'peer/deleted', 'start trap'],
  [{ dpdAction: 'restart' }, 'peer/deleted', ''],
  [{}, 'peer/dead', ''],
  [{ dpdAction: 'restart' }, 'peer/dead', 'start'],
  [{ dpdAction: 'trap' }, 'peer/dead', 'trap'],
  [{ dpdAction: 'trap|restart' }, 'peer/dead', 'start trap'],
  [{ closeAction: 'trap|start' }, 'peer/dead', ''],
  [{ dpdAction: 'restart' }, 'local/expired', 'start'],
  [{ dpdAction: 'trap|restart', closeAction: 'trap|start' }, 'local/stopped', ''],
  [{ dpdAction: 'trap|restart', closeAction: 'trap|start' }, 'local/superseded', ''],
  [{ dpdAction: 'trap|restart', closeAction: 'trap|start' }, undefined, ''],
];

for (const [actions, code, follows] of CASES) {
  test(`after ${code ?? 'an end as wished'}, ${JSON.stringify(actions)}: ${follows || 'nothing'}`, () => {
    const { start, trap } = afterLoss(
      { ...NONE, ...actions },
      code === undefined ? undefined : { code, summary: '' },
    );
    assert.equal([start && 'start', trap && 'trap'].filter(Boolean).join(' '), follows);
  });
}
