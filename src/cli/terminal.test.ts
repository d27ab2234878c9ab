import assert from 'node:assert/strict';
import { test } from 'node:test';
import { duration, harmless, renderFailure, toJson } from './terminal.ts';

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
