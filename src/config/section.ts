/**
 * What a configuration text says before anybody asks what it means: named sections of settings, each knowing
 * where it was written. Files and control messages both become this, so that what follows knows neither.
 */
export interface Section {
  readonly name: string;
  readonly at: Position;
  readonly settings: ReadonlyMap<string, Setting>;
  /** In the order of their first mention. */
  readonly sections: ReadonlyMap<string, Section>;
}

export interface Setting {
  readonly key: string;
  /** Quotes and escapes resolved; undefined for `key =`, which clears what would be inherited. */
  readonly value: string | undefined;
  /** Present where the source had a list of its own (control messages); a file's lists are commas in `value`. */
  readonly items?: readonly (string | Uint8Array)[];
  /** Of each of `items`, where they are known. */
  readonly itemPlaces?: readonly Position[];
  /** Of the key. */
  readonly at: Position;
  /** Of the value's first character. */
  readonly valueAt: Position;
  /** Whether `value` stands in the file character by character on one line, so that offsets are columns. */
  readonly verbatim: boolean;
}

/** Lines and columns count from 1; line 0 says that there is no text to point into. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** `file:line:column`, or the file alone where there are no lines. */
export function formatPosition(at: Position): string {
  return at.line === 0 ? at.file : `${at.file}:${at.line}:${at.column}`;
}

/** A tree of names, as a control message carries it. */
export interface PlainTree {
  readonly [name: string]: string | Uint8Array | readonly (string | Uint8Array)[] | PlainTree;
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** The section that `tree` describes; `origin` names the source in errors, followed by the path of each setting. */
export function sectionFromTree(name: string, tree: PlainTree, origin: string): Section {
  const settings = new Map<string, Setting>();
  const sections = new Map<string, Section>();
  for (const [key, value] of Object.entries(tree)) {
    const at: Position = { file: `${origin} ${name}.${key}`, line: 0, column: 0 };
    const place = { key, at, valueAt: at, verbatim: false };
    if (typeof value === 'string') settings.set(key, { ...place, value });
    else if (value instanceof Uint8Array) {
      settings.set(key, { ...place, value: decoder.decode(value), items: [value] });
    } else if (isList(value))
      settings.set(key, { ...place, value: value.map(asText).join(', '), items: value });
    else {
      const inner = sectionFromTree(`${name}.${key}`, value, origin);
      sections.set(key, { ...inner, name: key });
    }
  }
  return { name, at: { file: `${origin} ${name}`, line: 0, column: 0 }, settings, sections };
}

function isList(
  value: readonly (string | Uint8Array)[] | PlainTree,
): value is readonly (string | Uint8Array)[] {
  return Array.isArray(value);
}

function asText(item: string | Uint8Array): string {
  return typeof item === 'string' ? item : decoder.decode(item);
}
