import { globSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { type OpenSection, openSection, type ParseContext, parseInto } from './parser.ts';
import type { Report } from './report.ts';
import type { Position } from './section.ts';
import { parseYamlInto } from './yaml-source.ts';

const SIZE_LIMIT = 4 * 1024 * 1024;
const INCLUDE_DEPTH_LIMIT = 10;
const FILE_LIMIT = 10_000;

/** A YAML file takes some ten times as long to read as another of its size. */
const YAML_SIZE_LIMIT = 1024 * 1024;

/** Reads `file` and all that it includes. Every failure, to read or to understand, goes to `report`. */
export function readSource(file: string, report: Report): OpenSection {
  const path = resolve(file);
  const root = openSection('', { file: path, line: 0, column: 0 });
  new SourceReader(report).read(path, root.at, root, 0);
  return root;
}

/** Reads YAML files one after the other into one tree, as if they were one file. Failures go to `report`. */
export function readYamlSources(files: readonly string[], report: Report): OpenSection {
  const [first = ''] = files;
  const root = openSection('', { file: first, line: 0, column: 0 });
  for (const file of files) {
    const text = readText(file, { file, line: 0, column: 0 }, YAML_SIZE_LIMIT, report);
    if (text !== undefined) parseYamlInto(root, text, file, report);
  }
  return root;
}

export function isYaml(path: string): boolean {
  return /\.ya?ml$/i.test(path);
}

/** The text of a file; undefined, and a failure at `at`, where it cannot be read. */
function readText(path: string, at: Position, limit: number, report: Report): string | undefined {
  try {
    const size = statSync(path).size;
    if (size > limit) throw new Error(`it is larger than ${limit} octets`);
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path));
  } catch (error) {
    const what = at.line === 0 ? 'the file' : `"${path}"`;
    report.fail('config/unreadable', at, `cannot read ${what}: ${explainReadError(error)}`);
    return undefined;
  }
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
    return readText(path, at, SIZE_LIMIT, this.#report);
  }

  #fail(at: Position, summary: string, remedy?: string): void {
    this.#report.fail('config/unreadable', at, summary, remedy);
  }
}
