import assert from 'node:assert/strict';
import { test } from 'node:test';
import { runScripts } from './start-scripts.ts';

test('scripts run one after the other, and one that fails keeps no other from running', async () => {
  const lines: string[] = [];
  await runScripts(['sleep 0.02; echo first; echo $PATH', 'exit 2', 'echo last >&2'], text =>
    lines.push(text),
  );
  assert.deepEqual(lines, [
    'script: first',
    'script: /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    "script 'exit 2' ended with 2",
    'script: last',
  ]);
});

test('a script that takes too long is ended, told of, and keeps no other from running', async t => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const lines: string[] = [];
  const command = 'echo begun; sleep 100';
  const hear = (text: string): void => {
    lines.push(text);
    if (text === 'script: begun') t.mock.timers.tick(1000);
  };
  await runScripts([command, 'echo last'], hear, { patience: 1000 });
  assert.deepEqual(lines, [
    'script: begun',
    `script '${command}' was ended since it took more than 1 s`,
    'script: last',
  ]);
});
