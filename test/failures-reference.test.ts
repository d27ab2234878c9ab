import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { FAILURES } from '../src/policy/failure.ts';

const PAGE = resolve(import.meta.dirname, '../docs/reference/failures.md');

const GROUPS: Readonly<Record<string, string>> = {
  peer: 'What the peer did, or did not do',
  auth: 'Proofs of identity',
  config: 'This side’s configuration',
  kernel: 'The IPsec back end',
  local: 'This machine, and cygnet itself',
};

function page(): string {
  const sections = Object.entries(GROUPS).map(([group, title]) => {
    const rows = Object.entries(FAILURES).filter(([code]) => code.startsWith(`${group}/`));
    return `## ${title}\n\n| Code | It means that |\n|---|---|\n${rows.map(([code, meaning]) => `| \`${code}\` | ${meaning} |`).join('\n')}\n`;
  });
  return `# Failure codes

Every failure is one record: \`code\`, \`summary\`, and where they are known \`ours\` and \`theirs\` (both sides' facts), \`nearest\`
(the pair that came closest), \`remedy\` (the one change that would have made it work, and on which side) and \`notify\` (what
was said on the wire). The command line, \`--json\`, the log and the control socket carry the same record. Codes are stable.

${sections.join('\n')}`;
}

test('the page of failure codes says what the table says (CYGNET_UPDATE_DOCS=1 rewrites it)', () => {
  if (process.env['CYGNET_UPDATE_DOCS'] !== undefined) writeFileSync(PAGE, page());
  assert.equal(readFileSync(PAGE, 'utf8'), page());
  const groups = new Set(Object.keys(FAILURES).map(code => code.split('/')[0]));
  assert.deepEqual([...groups].sort(), Object.keys(GROUPS).sort());
});
