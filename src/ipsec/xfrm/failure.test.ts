import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Failed } from '../../policy/failure.ts';
import { SystemFailure } from '../../sys/failure.ts';
import { kernelFailure } from './failure.ts';

test('each errno of the kernel is told by what it means', () => {
  for (const [errno, detail, code, summary] of [
    [1, undefined, 'local/no-privilege', 'installing is not permitted'],
    [
      93,
      'Requested type not found',
      'local/unsupported',
      'installing failed: this kernel lacks IPsec (Requested type not found)',
    ],
    [38, undefined, 'local/unsupported', 'installing failed: this kernel lacks an algorithm (ENOSYS)'],
    [17, undefined, 'kernel/install', 'installing failed: its SPI is in use already'],
    [22, 'Invalid key', 'kernel/install', 'installing failed: Invalid key'],
  ] as const) {
    const error = kernelFailure(new SystemFailure(errno, 'netlink', detail), 'installing');
    assert.ok(error instanceof Failed);
    assert.deepEqual([error.failure.code, error.failure.summary], [code, summary]);
  }
});

test('what is told already, and defects, pass unchanged', () => {
  const failed = new Failed({ code: 'local/unsupported', summary: 'no' });
  const defect = new TypeError('oops');
  assert.equal(kernelFailure(failed, 'installing'), failed);
  assert.equal(kernelFailure(defect, 'installing'), defect);
});
