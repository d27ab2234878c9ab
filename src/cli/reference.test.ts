import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { cliReference } from './reference.ts';

const PAGE = resolve(import.meta.dirname, '../../docs/reference/cli.md');

test('docs/reference/cli.md is what the commands say', () => {
  const page = cliReference();
  if (process.env['CYGNET_UPDATE_DOCS'] !== undefined) writeFileSync(PAGE, page);
  assert.equal(readFileSync(PAGE, 'utf8'), page, 'run CYGNET_UPDATE_DOCS=1 npm test');
});
