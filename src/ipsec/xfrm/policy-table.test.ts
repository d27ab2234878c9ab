import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../../lib/ip.ts';
import { type PolicyAction, type PolicyId, policyKey } from './policy.ts';
import { PolicyTable } from './policy-table.ts';

function id(last: number): PolicyId {
  const any = { port: 0, mask: 0 };
  return {
    direction: 'out',
    selector: {
      source: { address: ip('10.1.0.0'), length: 16 },
      destination: { address: ip(`10.2.0.${last}`), length: 32 },
      protocol: 0,
      sourcePort: any,
      destinationPort: any,
    },
  };
}

const action = (priority: number): PolicyAction => ({ priority });

/** A kernel that is a map, and refuses what it is told to. */
function table() {
  const kernel = new Map<string, number>();
  const calls: string[] = [];
  let refuse: PolicyId | undefined;
  const store = {
    update(policy: PolicyId, { priority }: PolicyAction) {
      if (refuse !== undefined && policyKey(policy) === policyKey(refuse)) throw new Error('no');
      calls.push(`update ${priority}`);
      kernel.set(policyKey(policy), priority);
    },
    delete(policy: PolicyId) {
      calls.push('delete');
      assert.ok(kernel.delete(policyKey(policy)));
    },
  };
  const refuseOn = (policy: PolicyId): void => {
    refuse = policy;
  };
  return { policies: new PolicyTable(store), calls, shown: () => [...kernel.values()], refuseOn };
}

test('of two that want the same policy the first in priority is shown, of equals the latest', () => {
  const { policies, shown, calls } = table();
  policies.set('trap', [{ id: id(1), action: action(10) }]);
  policies.set('old', [{ id: id(1), action: action(5) }]);
  assert.deepEqual(shown(), [5]);
  policies.set('new', [{ id: id(1), action: action(5) }]);
  assert.deepEqual(calls, ['update 10', 'update 5', 'update 5']);
  policies.clear('new');
  policies.clear('old');
  assert.deepEqual(shown(), [10]);
  policies.clear('trap');
  assert.deepEqual(shown(), []);
  assert.equal(policies.size, 0);
});

test('taking away what is not shown does not touch the kernel', () => {
  const { policies, calls } = table();
  policies.set('old', [{ id: id(1), action: action(5) }]);
  policies.set('new', [{ id: id(1), action: action(5) }]);
  calls.length = 0;
  policies.clear('old');
  policies.clear('nobody');
  assert.deepEqual(calls, []);
});

test('what an owner wants anew replaces what it wanted', () => {
  const { policies, shown } = table();
  policies.set(
    'a',
    [1, 2].map(last => ({ id: id(last), action: action(last) })),
  );
  policies.set(
    'a',
    [2, 3].map(last => ({ id: id(last), action: action(10 * last) })),
  );
  assert.deepEqual(shown().sort(), [20, 30]);
});

test('a refusal takes back all of its owner, and nothing of others', () => {
  const { policies, shown, refuseOn } = table();
  policies.set('other', [{ id: id(1), action: action(7) }]);
  refuseOn(id(2));
  assert.throws(
    () =>
      policies.set(
        'a',
        [1, 2, 3].map(last => ({ id: id(last), action: action(last) })),
      ),
    /no/,
  );
  assert.deepEqual(shown(), [7]);
  assert.equal(policies.size, 1);
});
