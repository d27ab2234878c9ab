#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { run } from './program.ts';
import { TERMINAL } from './terminal.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

// Whoever reads us may have read enough: `cygnet log | head`.
process.stdout.on('error', () => process.exit(0));

process.exitCode = await run(process.argv.slice(2), TERMINAL, version);
