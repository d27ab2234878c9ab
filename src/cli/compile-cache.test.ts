import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { keepCompiled } from './compile-cache.ts';

const folder = mkdtempSync(join(tmpdir(), 'cygnet-cache-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const user = process.getuid?.() ?? 0;

/** What threads and the next start will use. */
function chosen(environment: NodeJS.ProcessEnv, who = user): string | undefined {
  keepCompiled(environment, who);
  return environment['NODE_COMPILE_CACHE'];
}

test('a folder of our own is made and used', () => {
  const own = join(folder, 'own');
  assert.equal(chosen({ CACHE_DIRECTORY: own }), own);
  if (user !== 0) assert.equal(chosen({ XDG_CACHE_HOME: folder }), join(folder, 'cygnet'));
});

test('a folder that others may write to, that is another’s, or that only leads to one is left alone', () => {
  const open = join(folder, 'open');
  mkdirSync(open);
  chmodSync(open, 0o777);
  assert.equal(chosen({ CACHE_DIRECTORY: open }), undefined);
  const link = join(folder, 'link');
  symlinkSync(join(folder, 'own'), link);
  assert.equal(chosen({ CACHE_DIRECTORY: link }), undefined);
  assert.equal(chosen({ CACHE_DIRECTORY: join(folder, 'own') }, user + 1), undefined);
});

test('where there is no folder to be had nothing is kept, and what the user has set stays', () => {
  assert.equal(chosen({ CACHE_DIRECTORY: join(folder, 'no', 'such') }), undefined);
  assert.equal(chosen({}, 4711), undefined);
  assert.equal(chosen({ NODE_COMPILE_CACHE: 'elsewhere', CACHE_DIRECTORY: folder }), 'elsewhere');
});
