import { Malformed } from '../lib/reader.ts';
import { many, optional, record, type Shape, text, type ValueOf, word } from './shape.ts';
import { isSection } from './vici/message.ts';

const HIGHEST = 0xffff_ffff_ffff_ffffn;

const quantity: Shape<number | bigint> = {
  encode: value => String(value),
  decode(element, name) {
    const value = text.decode(element, name);
    if (/^\d{1,20}$/.test(value)) {
      const count = BigInt(value);
      if (count <= HIGHEST) return count <= Number.MAX_SAFE_INTEGER ? Number(count) : count;
    }
    const measure = /^-?\d[\d.e+-]{0,30}$/.test(value) ? Number(value) : Number.NaN;
    if (Number.isNaN(measure)) throw new Malformed(`"${name}" is no quantity`, 0);
    return measure;
  },
};

const labels: Shape<Readonly<Record<string, string>>> = {
  encode: value => value,
  decode(element, name) {
    if (!isSection(element)) throw new Malformed(`"${name}" is no section`, 0);
    return Object.fromEntries(
      Object.entries(element).map(([label, value]) => [label, text.decode(value, `${name}.${label}`)]),
    );
  },
};

const sampleShape = record({
  labels,
  value: quantity,
  /** Of a histogram: `_bucket`, `_sum` or `_count`. */
  suffix: optional(text),
});

/**
 * One family of metrics: its name, what it counts, and a sample for each set of labels. `cygnet-metrics` streams them
 * as `cygnet-metric` events, a long one as several of the same name.
 */
export const familyShape = record({
  name: text,
  help: text,
  type: word<'counter' | 'gauge' | 'histogram'>(),
  samples: many(sampleShape),
});

export type Family = ValueOf<typeof familyShape>;
export type Sample = ValueOf<typeof sampleShape>;
