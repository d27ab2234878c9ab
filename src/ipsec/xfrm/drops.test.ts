import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { kernelDrops } from './drops.ts';

test('what the kernel dropped is read from its own table', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-drops-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const table = join(folder, 'xfrm_stat');
  writeFileSync(
    table,
    'XfrmInError             \t0\nXfrmInNoStates          \t17\nnonsense\nXfrmOutPolBlock\t3\n',
  );
  assert.deepEqual(
    await kernelDrops(table),
    new Map([
      ['XfrmInError', 0],
      ['XfrmInNoStates', 17],
      ['XfrmOutPolBlock', 3],
    ]),
  );
});

test('a kernel that does not count has dropped nothing that is known', async () => {
  assert.equal((await kernelDrops('/proc/self/nowhere')).size, 0);
});
