import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duration, harmless, renderFailure, toJson, volume } from './terminal.ts';

test('what a terminal would obey is shown instead', () => {
  assert.equal(harmless('a\x1b[31mred\x07\r\u202e\x9b\n\tb'), 'a\\x1b[31mred\\x07\\x0d\\u202e\\x9b\n\tb');
  assert.equal(harmless('grüß … “dich” 日本'), 'grüß … “dich” 日本');
});

test('durations have their two largest units', () => {
  for (const [milliseconds, text] of [
    [0, '0s'],
    [499, '0s'],
    [59_499, '59s'],
    [60_000, '1m'],
    [65_000, '1m5s'],
    [3_600_000, '1h'],
    [7_805_000, '2h10m'],
    [442_800_000, '5d3h'],
    [-5, '0s'],
  ] as const) {
    assert.equal(duration(milliseconds), text);
  }
});

test('a failure with nothing but its summary is one line', () => {
  assert.equal(renderFailure({ code: 'peer/silent', summary: 'no answer' }), 'no answer (peer/silent)');
});

test('large numbers become text', () => {
  assert.deepEqual(JSON.parse(toJson({ a: 2n ** 60n, b: 1 })), { a: '1152921504606846976', b: 1 });
});

test('octets have the unit that makes them readable', () => {
  for (const [octets, text] of [
    [0n, '0 B'],
    [1023n, '1023 B'],
    [1024n, '1.00 KiB'],
    [123_456n, '121 KiB'],
    [1_040_000n, '1016 KiB'],
    [1_048_575n, '1.00 MiB'],
    [5n * 1024n ** 3n, '5.00 GiB'],
    [2n ** 64n - 1n, '16.0 EiB'],
  ] as const) {
    assert.equal(volume(octets), text);
  }
});
