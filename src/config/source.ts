import { globSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { type OpenSection, openSection, type ParseContext, parseInto } from './parser.ts';
import type { Report } from './report.ts';
import type { Position } from './section.ts';

const SIZE_LIMIT = 4 * 1024 * 1024;
const INCLUDE_DEPTH_LIMIT = 10;
const FILE_LIMIT = 10_000;

/** Reads `file` and all that it includes. Every failure, to read or to understand, goes to `report`. */
export function readSource(file: string, report: Report): OpenSection {
  const path = resolve(file);
  const root = openSection('', { file: path, line: 0, column: 0 });
  new SourceReader(report).read(path, root.at, root, 0);
  return root;
}

/** One sentence about why a file could not be read, from the error that node:fs threw. */
export function explainReadError(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'ENOENT') return 'it does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'permission is denied';
  if (code === 'EISDIR') return 'it is a directory';
  if (code === 'ERR_ENCODING_INVALID_ENCODED_DATA') return 'it is not UTF-8 text';
  return error instanceof Error ? error.message : String(error);
}

class SourceReader {
  readonly #report: Report;
  #files = 0;

  constructor(report: Report) {
    this.#report = report;
  }

  /** `at` is who asked for the file: the include statement, or the file itself. */
  read(path: string, at: Position, into: OpenSection, depth: number): void {
    const text = this.#text(path, at);
    if (text === undefined) return;
    const context: ParseContext = {
      report: this.#report,
      include: (pattern, from, section) => this.#include(pattern, path, from, section, depth + 1),
    };
    parseInto(into, text, path, context);
  }

  #include(pattern: string, from: string, at: Position, into: OpenSection, depth: number): void {
    if (depth > INCLUDE_DEPTH_LIMIT) {
      this.#fail(
        at,
        `includes are nested more than ${INCLUDE_DEPTH_LIMIT} deep`,
        'a file may include itself',
      );
      return;
    }
    const folder = dirname(from);
    if (!/[*?[]/.test(pattern)) {
      this.read(resolve(folder, pattern), at, into, depth);
      return;
    }
    // As a shell does it: hidden files must be asked for, and a pattern that fits no file is no error.
    const hidden = basename(pattern).startsWith('.');
    for (const match of globSync(pattern, { cwd: folder }).sort()) {
      const path = resolve(folder, match);
      if (basename(path).startsWith('.') !== hidden) continue;
      if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) this.read(path, at, into, depth);
    }
  }

  #text(path: string, at: Position): string | undefined {
    if (++this.#files > FILE_LIMIT) {
      if (this.#files === FILE_LIMIT + 1) this.#fail(at, `more than ${FILE_LIMIT} files are included`);
      return undefined;
    }
    try {
      const size = statSync(path).size;
      if (size > SIZE_LIMIT) throw new Error(`it is larger than ${SIZE_LIMIT} octets`);
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
    } catch (error) {
      const what = at.line === 0 ? 'the file' : `"${path}"`;
      this.#fail(at, `cannot read ${what}: ${explainReadError(error)}`);
      return undefined;
    }
  }

  #fail(at: Position, summary: string, remedy?: string): void {
    this.#report.fail('config/unreadable', at, summary, remedy);
  }
}
