import { Malformed } from '../lib/reader.ts';
import { type Element, isList, isSection, type Message, type Value } from './vici/message.ts';

/**
 * How a typed value travels in a control message, both directions in one description, so that daemon and client
 * cannot drift apart. Unknown names are passed over when reading: a newer daemon may say more.
 */
export interface Shape<T> {
  encode(value: T): Element;
  /** Throws Malformed when the element is not of this shape. */
  decode(element: Element, name: string): T;
}

export interface OptionalShape<T> extends Shape<T> {
  readonly optional: true;
}

export type ValueOf<S> = S extends Shape<infer T> ? T : never;

type Fields = Readonly<Record<string, Shape<unknown>>>;

/** The object that `record(fields)` reads and writes. */
export type RecordOf<F> = {
  readonly [K in keyof F as F[K] extends { readonly optional: true } ? never : K]: ValueOf<F[K]>;
} & {
  readonly [K in keyof F as F[K] extends { readonly optional: true } ? K : never]?: ValueOf<F[K]>;
};

export const text: Shape<string> = {
  encode: value => value,
  decode(element, name) {
    if (typeof element !== 'string') throw new Malformed(`"${name}" is no text`, 0);
    return element;
  },
};

/** Text that is one of a type's words; unknown words pass, since a newer daemon may have more of them. */
export function word<W extends string>(): Shape<W> {
  return { encode: value => value, decode: (element, name) => text.decode(element, name) as W };
}

export const flag: Shape<boolean> = {
  encode: value => (value ? 'yes' : 'no'),
  decode: (element, name) => text.decode(element, name) === 'yes',
};

export const number: Shape<number> = {
  encode: value => String(value),
  decode(element, name) {
    const value = text.decode(element, name);
    if (!/^-?\d{1,16}(\.\d{1,9})?$/.test(value)) throw new Malformed(`"${name}" is no number`, 0);
    return Number(value);
  },
};

export const counter: Shape<bigint> = {
  encode: value => String(value),
  decode(element, name) {
    const value = text.decode(element, name);
    if (!/^\d{1,20}$/.test(value)) throw new Malformed(`"${name}" is no counter`, 0);
    return BigInt(value);
  },
};

export const texts: Shape<readonly string[]> = {
  encode: value => value,
  decode(element, name) {
    if (!isList(element)) throw new Malformed(`"${name}" is no list`, 0);
    return element.map((item: Value) => text.decode(item, name));
  },
};

export function optional<T>(shape: Shape<T>): OptionalShape<T> {
  return {
    encode: value => shape.encode(value),
    decode: (element, name) => shape.decode(element, name),
    optional: true,
  };
}

/** Many of one shape: a section whose names are 0, 1, 2 and so on. */
export function many<T>(shape: Shape<T>): Shape<readonly T[]> {
  return {
    encode: values => Object.fromEntries(values.map((value, i) => [String(i), shape.encode(value)])),
    decode(element, name) {
      if (!isSection(element)) throw new Malformed(`"${name}" is no section`, 0);
      return Object.entries(element).map(([i, item]) => shape.decode(item, `${name}.${i}`));
    },
  };
}

/** A section with these names in it. */
export function record<const F extends Fields>(
  fields: F,
): { encode(value: RecordOf<F>): Message } & Shape<RecordOf<F>> {
  const shapes = Object.entries(fields) as unknown as readonly [string, Shape<unknown>][];
  return {
    encode(value) {
      const section: Record<string, Element> = {};
      for (const [key, shape] of shapes) {
        const field = (value as Readonly<Record<string, unknown>>)[key];
        if (field !== undefined) section[key] = shape.encode(field);
      }
      return section;
    },
    decode(element, name) {
      if (!isSection(element)) throw new Malformed(`"${name}" is no section`, 0);
      const result: Record<string, unknown> = {};
      for (const [key, shape] of shapes) {
        const part = element[key];
        if (part !== undefined) result[key] = shape.decode(part, `${name}.${key}`);
        else if (!('optional' in shape)) throw new Malformed(`"${name}" lacks "${key}"`, 0);
      }
      return result as RecordOf<F>;
    },
  };
}
