import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { issueCrl, makeAuthority, TEST_TIME } from '../../test/certificate-builder.ts';
import type { IkeEvent } from '../ike/output.ts';
import { CrlFiles, crlFolder } from './crl-files.ts';

const DAY = 86_400_000;
const ROOT = makeAuthority();

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-crl-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function fetched(name: string, thisUpdate = TEST_TIME): IkeEvent & { readonly der: Uint8Array } {
  const der = issueCrl(ROOT, { thisUpdate, nextUpdate: thisUpdate + 30 * DAY });
  return { kind: 'list-fetched', at: 0, name, thisUpdate, der };
}

test('lists are written under the names that charon gives them, and nothing else', async t => {
  const folder = folderOf(t);
  const said: string[] = [];
  const files = new CrlFiles(folder, text => void said.push(text));
  const [base, delta] = [fetched('0a0b'), fetched('0a0b_delta')];
  for (const event of [base, delta]) files.note(event);
  files.note({ kind: 'log', at: 0, level: 'info', group: 'cfg', text: 'something else' });
  await files.settled();
  assert.deepEqual(readdirSync(folder).sort(), ['0a0b.crl', '0a0b_delta.crl']);
  assert.deepEqual(new Uint8Array(readFileSync(join(folder, '0a0b.crl'))), base.der);
  assert.equal(statSync(join(folder, '0a0b.crl')).mode & 0o777, 0o644 & ~process.umask());
  const written = (name: string, { length }: Uint8Array) =>
    `  written crl file '${join(folder, name)}' (${length} bytes)`;
  assert.deepEqual(said, [
    `crl caching to ${folder} enabled`,
    written('0a0b.crl', base.der),
    written('0a0b_delta.crl', delta.der),
  ]);
  // The same once more is not written.
  files.note(base);
  await files.settled();
  assert.equal(said.length, 3);
});

test('a list never takes the place of a younger one, but that of what is no list', async t => {
  const folder = folderOf(t);
  const file = join(folder, '0a0b.crl');
  const files = new CrlFiles(folder, () => undefined);
  const [old, young] = [fetched('0a0b', TEST_TIME - DAY), fetched('0a0b')];
  writeFileSync(file, 'not a list');
  for (const [event, expected] of [
    [old, old],
    [young, young],
    [old, young],
  ] as const) {
    files.note(event);
    await files.settled();
    assert.deepEqual(new Uint8Array(readFileSync(file)), expected.der);
  }
});

test('of several that come at once the last is there in the end', async t => {
  const folder = folderOf(t);
  const files = new CrlFiles(folder, () => undefined);
  const events = [3, 2, 1, 0].map(days => fetched('0a0b', TEST_TIME - days * DAY));
  for (const event of events) files.note(event);
  await files.settled();
  assert.deepEqual(new Uint8Array(readFileSync(join(folder, '0a0b.crl'))), events[3]?.der);
  assert.deepEqual(readdirSync(folder), ['0a0b.crl']);
});

test('what cannot be written is said each time, and leaves nothing behind', async t => {
  const folder = folderOf(t);
  const said: string[] = [];
  const files = new CrlFiles(join(folder, 'missing'), text => void said.push(text));
  const inTheWay = new CrlFiles(folder, text => void said.push(text));
  mkdirSync(join(folder, '0a0b.crl'));
  chmodSync(join(folder, '0a0b.crl'), 0o500);
  for (let time = 0; time < 2; time++)
    for (const one of [files, inTheWay]) {
      said.length = 0;
      one.note(fetched('0a0b'));
      await one.settled();
      assert.equal(said.length, 1);
      assert.match(said[0] ?? '', /^ {2}writing crl file '.*0a0b\.crl' failed: E/);
    }
  assert.deepEqual(readdirSync(folder), ['0a0b.crl']);
});

test('the folder is where the configuration has its lists', t => {
  const folder = folderOf(t);
  writeFileSync(join(folder, 'swanctl.conf'), '');
  assert.equal(crlFolder(folder), join(folder, 'x509crl'));
  assert.equal(crlFolder(join(folder, 'swanctl.conf')), join(folder, 'x509crl'));
  assert.equal(crlFolder(undefined), '/etc/swanctl/x509crl');
});
