import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PrimeChecks } from './prime-checks.ts';

test('primes are checked one after the other, and no more than a few wait', async () => {
  const open: ((verdict: boolean) => void)[] = [];
  let running = 0;
  const checks = new PrimeChecks(async () => {
    running++;
    assert.equal(running, 1);
    const verdict = await new Promise<boolean>(resolve => open.push(resolve));
    running--;
    return verdict;
  });
  const answers = Array.from({ length: 5 }, (_, i) => checks.check(Uint8Array.of(i)));
  const refused = await answers[4];
  assert.equal(refused?.kind === 'failed' && refused.failure.code, 'local/half-open-limit');
  const verdicts = [true, false, true, true];
  for (const [i, verdict] of verdicts.entries()) {
    while (open.length <= i) await undefined;
    open[i]?.(verdict);
    assert.equal((await answers[i])?.kind, verdict ? 'done' : 'failed');
  }
  const again = checks.check(Uint8Array.of(9));
  while (open.length <= verdicts.length) await undefined;
  open.at(-1)?.(true);
  assert.deepEqual(await again, { kind: 'done' });
});

test('a check that breaks down does not hold up the next', async () => {
  let first = true;
  const checks = new PrimeChecks(async () => {
    if (!first) return true;
    first = false;
    throw new Error('broken');
  });
  await assert.rejects(checks.check(Uint8Array.of(1)), /broken/);
  assert.deepEqual(await checks.check(Uint8Array.of(2)), { kind: 'done' });
});
