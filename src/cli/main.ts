#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { keepCompiled } from './compile-cache.ts';

keepCompiled(process.env, process.getuid?.());
// Only what is loaded from here on is kept.
const [{ run }, { TERMINAL }] = await Promise.all([import('./program.ts'), import('./terminal.ts')]);

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

// Whoever reads us may have read enough: `cygnet log | head`.
process.stdout.on('error', () => process.exit(0));

process.exitCode = await run(process.argv.slice(2), TERMINAL, version);
