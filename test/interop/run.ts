import { spawnSync } from 'node:child_process';

/* `npm run interop [OPTION…] [FILE…]`: these tests, or those named, one file after the other, since they share the machine. */

const given = process.argv.slice(2);
const files = given.some(argument => !argument.startsWith('-')) ? [] : ['test/interop/**/*.test.ts'];
const { status } = spawnSync(process.execPath, ['--test', '--test-concurrency=1', ...given, ...files], {
  stdio: 'inherit',
});
process.exitCode = status ?? 1;
