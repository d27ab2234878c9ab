import { Malformed } from '../lib/reader.ts';
import { nearest } from './nearest.ts';
import type { Report } from './report.ts';
import type { Position, Section, Setting } from './section.ts';
import { type JsonType, Unfit, type ValueType } from './value-types.ts';

/**
 * One key of the configuration: what it takes, what holds without it, what it is for. The tables in `schema/` are
 * made of these; reading, errors and docs/reference/configuration.md all come of the same rows.
 */
export interface Key<V> {
  /** What a value looks like, in words. */
  readonly typeName: string;
  /** What holds when the key is absent: a value as it would be written, or in words where it depends on others. */
  readonly default: string;
  readonly use: string;
  readonly support: Support;
  /** Why it is refused, or has no effect. */
  readonly because?: string;
  /** The same of single values. */
  readonly valueBecause?: Readonly<Record<string, string>>;
  /** Of one value, for the JSON Schema. */
  readonly json: JsonType | undefined;
  readonly isList: boolean;
  /** Values that are supported otherwise than the key is. */
  readonly valueSupport?: Readonly<Record<string, Support | undefined>>;
  /** The value of `setting`, or what holds without it. Failures are reported, and the default returned. */
  read(setting: Setting | undefined, report: Report): V;
}

/**
 * `yes`: heeded. `ignored`: known to charon and harmless to leave out, so a value other than the default is named
 * in a warning. `refused`: leaving it out would weaken or change what was asked for, so it is an error.
 */
export type Support = 'yes' | 'ignored' | 'refused';

export type Table = Readonly<Record<string, Key<unknown>>>;

/** What reading a section by a table gives. */
export type Values<T extends Table> = { readonly [K in keyof T]: T[K] extends Key<infer V> ? V : never };

/** A key with one value. */
export function one<V>(type: ValueType<V>, standard: string, use: string): Key<V> {
  const fallback = type.read(standard);
  return make(type, standard, use, (setting, report) => readOne(type, setting, report) ?? fallback);
}

/** A key with one value that may be absent; `otherwise` says in words what holds then. */
export function maybe<V>(type: ValueType<V>, otherwise: string, use: string): Key<V | undefined> {
  return make(type, otherwise, use, (setting, report) => readOne(type, setting, report));
}

/** A key with a list of values between commas; `standard` is the list that holds when it is absent or empty. */
export function list<V>(type: ValueType<V>, standard: string, use: string): Key<readonly V[]> {
  const fallback = standard === '' ? [] : standard.split(',').map(item => type.read(item.trim()));
  const key = make<readonly V[]>(type, standard, use, (setting, report) => {
    const values = itemsOf(setting).flatMap(({ text, at }) => {
      const value = attempt(type, text, setting as Setting, at, report);
      return value === undefined ? [] : [value];
    });
    return values.length === 0 ? fallback : values;
  });
  return { ...key, typeName: `list of: ${type.name}`, isList: true };
}

/** As a `key` of the tables, but not heeded: see `Support`. `because` where there is more to say than that it is not there yet. */
export function ignored<V>(key: Key<V>, because?: string): Key<V> {
  return { ...withSupport(key, 'ignored'), ...(because !== undefined && { because }) };
}

/** `because` where there is more to say than that it is not there yet. */
export function refused<V>(key: Key<V>, because?: string): Key<V> {
  return { ...withSupport(key, 'refused'), ...(because !== undefined && { because }) };
}

/** As `key`, but some of its values are not heeded. */
export function heedingNot<V>(
  key: Key<V>,
  valueSupport: Readonly<Record<string, Exclude<Support, 'yes'>>>,
  valueBecause: Readonly<Record<string, string>> = {},
): Key<V> {
  return { ...key, valueSupport, valueBecause };
}

/**
 * Reads the settings of `section` by `table`. Keys that no table knows are failures with the nearest that exists;
 * `alsoKnown` are names that something else reads, sections among them.
 */
export function readSection<T extends Table>(
  section: Section,
  table: T,
  report: Report,
  alsoKnown: (name: string) => boolean = () => false,
): Values<T> {
  for (const setting of section.settings.values()) {
    if (Object.hasOwn(table, setting.key) || alsoKnown(setting.key)) continue;
    const meant = nearest(setting.key, Object.keys(table));
    report.fail(
      'config/unknown-key',
      setting.at,
      `there is no key "${setting.key}" in a section such as "${section.name}"`,
      meant === undefined ? 'remove it' : `did you mean "${meant}"?`,
    );
  }
  const values: Record<string, unknown> = {};
  for (const [name, key] of Object.entries(table)) {
    const setting = section.settings.get(name);
    values[name] = key.read(setting, report);
    if (setting?.value !== undefined) tellUnsupported(name, key, setting, values[name], report);
  }
  return values as Values<T>;
}

/** Reports the sections inside `section` that `known` does not know; `names` are suggested. */
export function checkSections(
  section: Section,
  known: (name: string) => boolean,
  names: readonly string[],
  report: Report,
): void {
  for (const inner of section.sections.values()) {
    if (known(inner.name)) continue;
    const meant = nearest(inner.name, names);
    report.fail(
      'config/unknown-key',
      inner.at,
      `there is no section "${inner.name}" in a section such as "${section.name}"`,
      meant === undefined ? 'remove it' : `did you mean "${meant}"?`,
    );
  }
}

/** One item of a list, with its place. */
export interface Item {
  readonly text: string;
  /** As it came, where the source keeps octets apart from text. */
  readonly octets?: Uint8Array;
  readonly at: Position;
}

/** The items of a setting: those of its own list, or what stands between the commas of its value. Empty ones are left out. */
export function itemsOf(setting: Setting | undefined): readonly Item[] {
  if (setting?.value === undefined) return [];
  if (setting.items !== undefined) {
    return setting.items.flatMap((item, i) => {
      if (item.length === 0) return [];
      const at = setting.itemPlaces?.[i] ?? setting.valueAt;
      if (typeof item === 'string') return [{ text: item, at }];
      return [{ text: decoder.decode(item), octets: item, at }];
    });
  }
  const items: Item[] = [];
  let start = 0;
  for (const part of setting.value.split(',')) {
    const text = part.trim();
    const offset = start + part.indexOf(text);
    if (text !== '') items.push({ text, at: placeIn(setting, offset) });
    start += part.length + 1;
  }
  return items;
}

/** Where the character at `offset` of the value stands in its file. */
function placeIn(setting: Setting, offset: number): Position {
  if (!setting.verbatim) return setting.valueAt;
  return { ...setting.valueAt, column: setting.valueAt.column + offset };
}

/** The value that `text` stands for; undefined, and a failure at `at`, when it stands for none. */
function attempt<V>(
  type: ValueType<V>,
  text: string,
  setting: Setting,
  at: Position,
  report: Report,
): V | undefined {
  try {
    return type.read(text);
  } catch (error) {
    if (!(error instanceof Unfit || error instanceof Malformed)) throw error;
    const offset = error instanceof Unfit ? (error.offset ?? 0) : 0;
    const place = setting.verbatim ? { ...at, column: at.column + offset } : at;
    const shown = type.isSecret === true ? '' : ` "${text.length > 64 ? `${text.slice(0, 64)}…` : text}"`;
    report.fail(
      'config/invalid-value',
      place,
      `${setting.key} cannot be${shown === '' ? ' this' : shown}: ${error.message}`,
      error instanceof Unfit ? error.remedy : undefined,
    );
    return undefined;
  }
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

function make<V>(
  { name, json }: Pick<ValueType<unknown>, 'name' | 'json'>,
  standard: string,
  use: string,
  read: Key<V>['read'],
): Key<V> {
  return { typeName: name, json, isList: false, default: standard, use, support: 'yes', read };
}

function withSupport<V>(key: Key<V>, support: Support): Key<V> {
  return { ...key, support };
}

function readOne<V>(type: ValueType<V>, setting: Setting | undefined, report: Report): V | undefined {
  if (setting?.value === undefined) return undefined;
  return attempt(type, setting.value, setting, setting.valueAt, report);
}

function tellUnsupported(
  name: string,
  key: Key<unknown>,
  setting: Setting,
  value: unknown,
  report: Report,
): void {
  const ofValue = key.valueSupport?.[typeof value === 'boolean' ? (value ? 'yes' : 'no') : String(value)];
  const support = ofValue ?? key.support;
  // Of a value that is not heeded even the default is told of, where somebody wrote it.
  const isDefault = ofValue === undefined && String(value) === String(key.read(undefined, report));
  if (support === 'yes' || isDefault) return;
  const what = ofValue === undefined ? name : `${name} = ${setting.value}`;
  const because = key.valueBecause?.[String(value)] ?? key.because;
  if (support === 'refused') {
    report.fail(
      'local/unsupported',
      setting.at,
      `${what} is not supported here${because === undefined ? ' yet' : ` (${because})`}, and leaving it out would not be what was asked for`,
      'remove it if the connection may do without',
    );
  } else {
    const why = because === undefined ? ' yet' : `: ${because}`;
    report.warnOnce(what, setting.at, `${what} has no effect here${why}`);
  }
}
