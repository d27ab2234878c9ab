import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exposition } from './exposition.ts';

test('what stands in labels cannot leave them', () => {
  const text = exposition([
    { name: 'a', help: 'one\ntwo', type: 'gauge', samples: [{ labels: { x: 'q"\\\n' }, value: 3n }] },
    { name: 'b', help: 'none', type: 'counter', samples: [] },
  ]);
  assert.equal(text, '# HELP a one\\ntwo\n# TYPE a gauge\na{x="q\\"\\\\\\n"} 3\n');
});
