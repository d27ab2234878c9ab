import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errnoName, SystemFailure } from './failure.ts';

test('a failure names the call, the error and what the kernel added', () => {
  const failure = new SystemFailure(98, 'bind 0.0.0.0 port 500');
  assert.equal(failure.code, 'EADDRINUSE');
  assert.equal(failure.message, 'bind 0.0.0.0 port 500: EADDRINUSE');
  assert.equal(
    new SystemFailure(19, 'netlink', 'no such device').message,
    'netlink: ENODEV (no such device)',
  );
});

test('numbers without a name stay numbers', () => {
  assert.equal(errnoName(4000), 'errno 4000');
  assert.equal(errnoName(0), 'errno 0');
  assert.equal(errnoName(-5), 'errno -5');
});
