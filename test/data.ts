import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/** Official vectors, captures and corpora lie outside the project: CYGNET_DATA names the folder, `../shared` is the default. */
const root = resolve(import.meta.dirname, '..', process.env['CYGNET_DATA'] ?? '../shared');

/** Absolute path of a data file or folder. */
export function dataPath(path: string): string {
  return resolve(root, path);
}

/**
 * For the `skip` option of a test that reads `path`: false when it is there, otherwise the reason. In CI
 * absence is a failure, so the test then runs and fails on the missing file.
 */
export function withoutData(path: string): string | false {
  return existsSync(dataPath(path)) || process.env['CI'] !== undefined
    ? false
    : `no ${path} below ${root}: set CYGNET_DATA`;
}
