import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { LogFile } from '../config/index.ts';
import { LogFiles, lineText } from './log-files.ts';
import type { LogLine } from './log-lines.ts';

const AT = new Date(2026, 10, 2, 3, 4, 5, 6);
const LINE: LogLine = { group: 'IKE', level: 1, connection: 'lab', ike: 3, text: 'rekeyed' };

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'cygnet-log-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function settings(path: string, levels: LogFile['levels']): LogFile {
  return { path, append: true, ikeName: false, milliseconds: false, levels };
}

test('lines as charon writes them', () => {
  for (const [form, text] of [
    [{ ikeName: false, milliseconds: false }, '01[IKE] rekeyed'],
    [{ ikeName: true, milliseconds: true }, '01[IKE] <lab|3> rekeyed'],
    [
      { ikeName: true, milliseconds: true, timeFormat: '%b %e %T' },
      'Nov  2 03:04:05.006 01[IKE] <lab|3> rekeyed',
    ],
    [
      { ikeName: false, milliseconds: false, timeFormat: '%F %R%% %Q' },
      '2026-11-02 03:04% %Q 01[IKE] rekeyed',
    ],
  ] as const)
    assert.equal(lineText(LINE, AT, form), text);
  assert.match(
    lineText(LINE, AT, { ikeName: false, milliseconds: false, level: true }),
    /^01\[IKE\d\] rekeyed$/,
  );
  assert.equal(
    lineText({ group: 'CFG', level: 1, text: 'x' }, AT, { ikeName: true, milliseconds: false }),
    '01[CFG] x',
  );
});

test('each file has its levels, and is opened anew when it was moved away', async t => {
  const [quiet, loud] = [join(folder(t), 'quiet'), join(folder(t), 'loud')];
  const files = new LogFiles(
    [settings(quiet, { default: 0 }), settings(loud, { default: 0, ike: 2, net: -1 })],
    () => assert.fail('both can be written'),
  );
  files.write(LINE, AT);
  files.write({ ...LINE, level: 3 }, AT);
  files.write({ ...LINE, group: 'NET', level: 0 }, AT);
  files.write({ ...LINE, group: 'CFG', level: 0, text: 'loaded' }, AT);
  renameSync(loud, `${loud}.1`);
  files.reopen();
  files.write({ ...LINE, text: 'afterwards' }, AT);
  await files.close();
  assert.equal(readFileSync(quiet, 'utf8'), '01[NET] rekeyed\n01[CFG] loaded\n');
  assert.equal(readFileSync(`${loud}.1`, 'utf8'), '01[IKE] rekeyed\n01[CFG] loaded\n');
  assert.equal(readFileSync(loud, 'utf8'), '01[IKE] afterwards\n');
});

test('a file that cannot be opened is told of, and disturbs nothing', async t => {
  const path = join(folder(t), 'no', 'such', 'folder');
  const told: string[] = [];
  const files = new LogFiles([settings(path, { default: 1 })], failed => told.push(failed));
  files.write(LINE, AT);
  assert.deepEqual(told, [path]);
  await files.close();
});
