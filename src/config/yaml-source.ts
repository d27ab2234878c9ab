import { type Alias, isAlias, isMap, isScalar, isSeq, type Node, type Pair, parseDocument } from 'yaml';
import { LineTable } from './line-table.ts';
import { type OpenSection, openSection } from './parser.ts';
import type { Report } from './report.ts';
import type { Position, Section, Setting } from './section.ts';

/** Sections within sections. */
const DEPTH_LIMIT = 32;
/** Nodes that are read, those that aliases repeat among them: aliases that multiply each other stop here. */
const NODE_LIMIT = 200_000;
/** Errors of form that are told of one file: what follows the first is often its consequence. */
const ERROR_LIMIT = 20;

/**
 * Reads YAML into `into`, as `parseInto` does with the language of swanctl.conf: mappings are sections, scalars and
 * sequences of scalars are settings, taken as they are written (`yes`, `1h` and `0x10` are no booleans or numbers yet),
 * and `<<` inherits. What is wrong is reported with its place.
 */
export function parseYamlInto(into: OpenSection, text: string, file: string, report: Report): void {
  const document = parseDocument(text, {
    // Scalars stay text: what they mean is said by the key.
    schema: 'failsafe',
    // Its own check is quadratic in the size of a mapping.
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: 'error',
  });
  const reader = new YamlReader(text, new LineTable(text, file), report);
  for (const { code, message, pos } of document.errors.slice(0, ERROR_LIMIT)) {
    const summary = code === 'RESOURCE_EXHAUSTION' ? 'the file is nested too deep' : lowered(message);
    report.fail('config/invalid-value', reader.position(pos[0]), summary);
  }
  if (document.errors.length > 0) return;
  for (const { message, pos } of document.warnings.slice(0, ERROR_LIMIT))
    report.fail('config/invalid-value', reader.position(pos[0]), lowered(message));
  const { contents } = document;
  if (contents === null || (isScalar(contents) && contents.source === '')) return;
  if (!isMap(contents)) {
    reader.fail(contents, 'the file is no mapping of sections', 'begin with a line such as "connections:"');
    return;
  }
  reader.section(contents, into, 0);
}

class YamlReader {
  readonly #text: string;
  readonly #lines: LineTable;
  readonly #report: Report;
  /** What each anchor names so far; a later one of the same name takes its place. */
  readonly #anchors = new Map<string, Node>();
  #nodes = 0;

  constructor(text: string, lines: LineTable, report: Report) {
    this.#text = text;
    this.#lines = lines;
    this.#report = report;
  }

  /** Adds the pairs of a mapping to `section`; what it inherits stands behind its own. */
  section(map: Node, section: OpenSection, depth: number): void {
    if (!isMap(map) || this.#isTooMuch(map, depth)) return;
    const own = new Map<string, Position>();
    const inherited: Node[] = [];
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      const name = this.#name(pair.key);
      if (name === undefined) continue;
      if (name === '<<') {
        inherited.push(...this.#inherited(pair.value, pair.key));
        continue;
      }
      const at = this.position(pair.key.range?.[0] ?? 0);
      const before = own.get(name);
      if (before !== undefined) {
        this.fail(
          pair.key,
          `"${name}" stands here a second time, after line ${before.line}`,
          'remove one of them',
        );
        continue;
      }
      own.set(name, at);
      this.#entry(name, at, pair.value, section, depth);
    }
    for (const from of inherited) this.#inherit(from, section, depth);
    this.#note(map);
  }

  fail(node: Node | null | undefined, summary: string, remedy?: string): void {
    this.#report.fail('config/invalid-value', this.position(node?.range?.[0] ?? 0), summary, remedy);
  }

  position(offset: number): Position {
    return this.#lines.position(offset);
  }

  #entry(name: string, at: Position, written: Node | null, section: OpenSection, depth: number): void {
    const value = this.#resolved(written);
    if (value === undefined || this.#isTooMuch(written, depth)) return;
    const isEmpty = value === null || (isScalar(value) && textOf(value) === undefined);
    if (isMap(value) || (isEmpty && namesSection(name, section.name, depth))) {
      const inner = section.sections.get(name) ?? openSection(name, at);
      section.sections.set(name, inner);
      if (value !== null) this.section(value, inner, depth + 1);
      return;
    }
    const setting = this.#setting(name, at, value, written);
    if (setting !== undefined) section.settings.set(name, setting);
  }

  /** `written` is where it stands: an alias, or `value` itself. */
  #setting(key: string, at: Position, value: Node | null, written: Node | null): Setting | undefined {
    if (value === null) return { key, value: undefined, at, valueAt: at, verbatim: false };
    this.#note(value);
    const start = written?.range?.[0] ?? 0;
    const place = { key, at, valueAt: this.position(start), verbatim: false };
    if (isSeq(value)) {
      const items = (value.items as Node[]).flatMap(item => this.#item(item) ?? []);
      return {
        ...place,
        value: items.length === 0 ? undefined : items.map(({ text }) => text).join(', '),
        items: items.map(({ text }) => text),
        itemPlaces: items.map(item => item.at),
      };
    }
    if (!isScalar(value)) return undefined;
    const text = textOf(value);
    if (text === undefined || written !== value) return { ...place, value: text };
    // Within quotes the value begins one column later.
    const offset = value.type === 'PLAIN' ? 0 : 1;
    const verbatim = this.#text.startsWith(text, start + offset) && !text.includes('\n');
    return { ...place, value: text, verbatim, ...(verbatim && { valueAt: this.position(start + offset) }) };
  }

  #item(written: Node): { readonly text: string; readonly at: Position } | undefined {
    const item = this.#resolved(written);
    if (item === undefined || this.#isTooMuch(written, 0)) return undefined;
    if (item !== null && !isScalar(item)) {
      this.fail(written, 'a list holds values alone', 'sections are mappings of their names');
      return undefined;
    }
    if (item !== null) this.#note(item);
    const text = item === null ? undefined : textOf(item);
    return text === undefined ? undefined : { text, at: this.position(written.range?.[0] ?? 0) };
  }

  #name(key: Node): string | undefined {
    if (isScalar(key) && typeof key.value === 'string' && key.value !== '') return key.value;
    this.fail(key, 'the name of a key or section is missing here, or is no text');
    return undefined;
  }

  /** What `<<` names: one mapping or several, the first first. */
  #inherited(value: Node | null, key: Node): readonly Node[] {
    const whole = this.#resolved(value);
    const nodes = isSeq(whole) ? (whole.items as Node[]).map(item => this.#resolved(item)) : [whole];
    const maps = nodes.filter(node => node !== undefined);
    if (maps.every(node => isMap(node))) return maps as Node[];
    this.fail(key, '<< takes a mapping or a list of them', 'write it as <<: *name');
    return [];
  }

  #inherit(from: Node, section: OpenSection, depth: number): void {
    const template = openSection(section.name, section.at);
    this.section(from, template, depth + 1);
    addMissing(section, template);
  }

  /** The node that an alias stands for; undefined, and a failure, when there is none. */
  #resolved(node: Node | null): Node | null | undefined {
    if (!isAlias(node)) {
      const tag = node?.tag;
      if (tag === undefined || /^tag:yaml\.org,2002:(str|map|seq)$/.test(tag)) return node;
      this.fail(node, `the tag ${tag} means nothing here`, 'remove it');
      return undefined;
    }
    const found = this.#anchors.get((node as Alias).source);
    if (found === undefined)
      this.fail(
        node,
        `nothing before this has the anchor &${node.source}`,
        'aliases name what stands before them',
      );
    return found;
  }

  /** Remembers the anchor of a node that has been read: from within itself it cannot be named. */
  #note(node: Node): void {
    const { anchor } = node as { anchor?: string };
    if (anchor !== undefined) this.#anchors.set(anchor, node);
  }

  #isTooMuch(node: Node | null, depth: number): boolean {
    this.#nodes++;
    if (depth > DEPTH_LIMIT) {
      this.fail(node, `sections are nested more than ${DEPTH_LIMIT} deep`, 'flatten the file');
      return true;
    }
    if (this.#nodes === NODE_LIMIT) this.fail(node, 'aliases multiply what the file says without end');
    return this.#nodes >= NODE_LIMIT;
  }
}

/** Whether a name with nothing behind it is an empty section; elsewhere it clears a value. */
function namesSection(name: string, parent: string, depth: number): boolean {
  if (depth <= 1 || (depth === 3 && parent === 'children')) return true;
  return depth === 2 && /^(children|(local|remote)(?!_(addrs|port)$).*)$/.test(name);
}

/** Nothing where nothing is written, or null: that clears what would be inherited. */
function textOf({ value, type }: { readonly value: unknown; readonly type?: string }): string | undefined {
  const text = String(value);
  return type === 'PLAIN' && /^(~|null|)$/i.test(text) ? undefined : text;
}

function addMissing(section: OpenSection, template: Section): void {
  for (const [key, setting] of template.settings) {
    if (!section.settings.has(key) && !section.sections.has(key)) section.settings.set(key, setting);
  }
  for (const [name, inner] of template.sections) {
    if (section.settings.has(name)) continue;
    const mine = section.sections.get(name) ?? openSection(name, inner.at);
    section.sections.set(name, mine);
    addMissing(mine, inner);
  }
}

function lowered(message: string): string {
  return `${message.charAt(0).toLowerCase()}${message.slice(1)}`;
}
