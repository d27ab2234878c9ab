import { LineTable } from './line-table.ts';
import type { Report } from './report.ts';
import type { Position, Section, Setting } from './section.ts';

/** A section under construction: files extend it one after the other, and references wait to be resolved. */
export interface OpenSection extends Section {
  readonly settings: Map<string, Setting>;
  readonly sections: Map<string, OpenSection>;
  readonly references: Reference[];
}

/** `: name` after a section's own name: the dotted path, from the root, of a section to inherit from. */
interface Reference {
  readonly path: string;
  readonly at: Position;
}

export interface ParseContext {
  readonly report: Report;
  /** Reads the files that an `include` names into the section it stands in. */
  include(pattern: string, at: Position, into: OpenSection): void;
}

export function openSection(name: string, at: Position): OpenSection {
  return { name, at, settings: new Map(), sections: new Map(), references: [] };
}

/**
 * Reads `text` in the language of swanctl.conf and strongswan.conf into `into`: sections met again are
 * extended, settings met again replaced. What cannot be read is reported with its place, and reading goes on
 * with the next line, so that one run tells everything that is wrong.
 */
export function parseInto(into: OpenSection, text: string, file: string, context: ParseContext): void {
  new Parser(text, file, context).body(into, undefined, 0);
}

const DEPTH_LIMIT = 32;

const BLANK = /[ \t\r]*/y;
const BLANK_LINES = /(?:[ \t\r\n]|#[^\n]*)*/y;
const NAME = /[^#{}:,="\r\n\t ]+/y;
const WORD = /[^#}"\r\n\t ]+/y;
const PATTERN = /(?:\\[^\r\n]|[^"\\#}\r\n\t ])+/y;
const REST_OF_LINE = /[^\n]*/y;

const QUOTING = 'a value that holds #, } or " must stand in double quotes';

class Parser {
  readonly #text: string;
  readonly #context: ParseContext;
  readonly #lines: LineTable;
  #at: number;

  constructor(text: string, file: string, context: ParseContext) {
    this.#text = text;
    this.#context = context;
    this.#at = text.startsWith('\ufeff') ? 1 : 0;
    this.#lines = new LineTable(text, file, this.#at);
  }

  /** Statements up to the closing brace of the section opened at `opened`, or to the end of the file. */
  body(section: OpenSection, opened: Position | undefined, depth: number): void {
    const seenHere = new Set<string>();
    for (;;) {
      this.#skip(BLANK_LINES);
      const start = this.#at;
      const character = this.#text[start];
      if (character === undefined) {
        if (opened !== undefined) {
          this.#fail(
            opened,
            `section "${section.name}" is opened here and never closed`,
            'add the missing }',
          );
        }
        return;
      }
      if (character === '}') {
        this.#at++;
        if (opened !== undefined) return;
        this.#fail(this.#position(start), 'this } closes no section', `remove it; ${QUOTING}`);
        continue;
      }
      const name = this.#take(NAME);
      if (name === '') this.#unnamed(character, start, section, depth);
      else if (name === 'include' && this.#isInclude()) this.#include(section, start);
      else this.#statement(name, start, section, seenHere, depth);
    }
  }

  #statement(name: string, start: number, section: OpenSection, seenHere: Set<string>, depth: number): void {
    const at = this.#position(start);
    this.#skip(BLANK);
    if (this.#text[this.#at] === '=') {
      this.#at++;
      const setting = this.#value(name, at);
      if (seenHere.has(name)) {
        this.#context.report.warn(at, `"${name}" is set a second time in this section; the last one counts`);
      }
      seenHere.add(name);
      section.settings.set(name, setting);
      return;
    }
    const references = this.#text[this.#at] === ':' ? this.#references() : [];
    const after = this.#at;
    this.#skip(BLANK_LINES);
    if (this.#text[this.#at] !== '{') {
      this.#at = after;
      this.#fail(
        at,
        `"${name}" is followed by neither "=" nor "{"`,
        `write "${name} = value" or "${name} { … }"; ${QUOTING}`,
      );
      this.#skip(REST_OF_LINE);
      return;
    }
    this.#at++;
    this.#section(name, at, references, section, depth);
  }

  #section(
    name: string,
    at: Position,
    references: readonly Reference[],
    parent: OpenSection,
    depth: number,
  ): void {
    const known = parent.sections.get(name);
    const inner = known ?? openSection(name, at);
    if (depth >= DEPTH_LIMIT) {
      this.#fail(at, `sections are nested more than ${DEPTH_LIMIT} deep`, 'flatten the file');
      this.#at = this.#text.length;
      return;
    }
    if (known === undefined) parent.sections.set(name, inner);
    // At the top files are put together; what is in there is meant once.
    else if (depth > 0 && known.at.file === at.file)
      this.#context.report.warn(
        at,
        `section "${name}" stands here again, after line ${known.at.line}: the two are taken as one`,
        'make them one, or give this one another name',
      );
    inner.references.push(...references);
    this.body(inner, at, depth + 1);
  }

  /** Something stands where a name should: told, and read past so that what follows keeps its meaning. */
  #unnamed(character: string, start: number, section: OpenSection, depth: number): void {
    const at = this.#position(start);
    if (character === '{') {
      this.#fail(at, 'this section has no name', 'write its name before the {');
      this.#at++;
      if (depth < DEPTH_LIMIT) this.body(openSection('', at), at, depth + 1);
      else this.#at = this.#text.length;
      return;
    }
    if (character === '"') {
      this.#fail(at, 'a quoted text stands where a key should', `write key = "…"`);
      this.#quoted();
    } else {
      this.#fail(at, `"${character}" has no name before it in section "${section.name || 'of the file'}"`);
    }
    this.#skip(REST_OF_LINE);
  }

  /** `a, b.c` after the colon. */
  #references(): Reference[] {
    const references: Reference[] = [];
    do {
      this.#at++;
      this.#skip(BLANK_LINES);
      const start = this.#at;
      const path = this.#take(NAME);
      if (path === '') {
        this.#fail(this.#position(start), 'the name of a section to inherit from is missing here');
      } else references.push({ path, at: this.#position(start) });
      this.#skip(BLANK_LINES);
    } while (this.#text[this.#at] === ',');
    return references;
  }

  /** Words and quoted texts up to the end of the line, a comment or a brace, with one space between them. */
  #value(key: string, at: Position): Setting {
    this.#skip(BLANK);
    const start = this.#at;
    const pieces: string[] = [];
    let end = start;
    for (;;) {
      this.#skip(BLANK);
      const character = this.#text[this.#at];
      if (character === '"') {
        const piece = this.#quoted();
        if (piece === undefined) break;
        pieces.push(piece);
      } else {
        const piece = this.#take(WORD);
        if (piece === '') break;
        pieces.push(piece);
        if (this.#text[this.#at] === '#') {
          this.#context.report.warn(
            this.#position(this.#at),
            `the value of "${key}" ends before this #, which begins a comment`,
            'put the value in double quotes if the # belongs to it, or a space before the # if not',
          );
        }
      }
      end = this.#at;
    }
    const value = pieces.length === 0 ? undefined : pieces.join(' ');
    const valueAt = this.#position(start);
    return { key, value, at, valueAt, verbatim: this.#text.slice(start, end) === value };
  }

  /** A text in double quotes, escapes resolved; undefined when it is never closed. */
  #quoted(): string | undefined {
    const start = this.#at++;
    let value = '';
    for (;;) {
      const character = this.#text[this.#at++];
      if (character === undefined) {
        this.#fail(this.#position(start), 'this quoted text is never closed', 'add the closing double quote');
        this.#at = this.#text.length;
        return undefined;
      }
      if (character === '"') return value;
      if (character === '\\') value += this.#escape();
      else if (character !== '\r') value += character;
    }
  }

  /** What follows a backslash in quotes: n, r and t are controls, an end of line joins, all else stands for itself. */
  #escape(): string {
    if (this.#text.startsWith('\r\n', this.#at)) this.#at++;
    const character = this.#text[this.#at] ?? '';
    if (character !== '') this.#at++;
    return ESCAPES[character] ?? character;
  }

  #isInclude(): boolean {
    const match = /[ \t]+([^=\s]?)/y;
    match.lastIndex = this.#at;
    const next = match.exec(this.#text);
    return next !== null && next[1] !== '' && next[1] !== '{';
  }

  #include(section: OpenSection, start: number): void {
    this.#skip(BLANK);
    const quoted = this.#text[this.#at] === '"';
    const pattern = quoted ? this.#quoted() : this.#take(PATTERN).replace(/\\(["#} ])/g, '$1');
    if (pattern === undefined) return;
    if (pattern === '') {
      this.#fail(this.#position(start), 'this include names no file');
      this.#skip(REST_OF_LINE);
      return;
    }
    this.#context.include(pattern, this.#position(start), section);
  }

  #fail(at: Position, summary: string, remedy?: string): void {
    this.#context.report.fail('config/invalid-value', at, summary, remedy);
  }

  #skip(pattern: RegExp): void {
    this.#take(pattern);
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const text = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += text.length;
    return text;
  }

  #position(offset: number): Position {
    return this.#lines.position(offset);
  }
}

const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '\n': '' };
