import type { ConfiguredMark, Unique } from '../policy/kernel-config.ts';
import type { Mark } from '../policy/sa.ts';
import { integer, Unfit, type ValueType } from './value-types.ts';

const u32 = integer(0, 0xffff_ffff);
const UNIQUE: Readonly<Record<string, Unique>> = { '%unique': 'unique', '%unique-dir': 'unique-dir' };

/** The mark that packets have. */
export const mark: ValueType<ConfiguredMark> = {
  name: 'value/mask, %unique or %unique-dir',
  read(text) {
    const [value, mask] = halves(text);
    return { value: number(value), mask };
  },
};

/** The mark that packets get. */
export const newMark: ValueType<Mark | 'same'> = {
  name: 'value/mask or %same',
  read(text) {
    const [value, mask] = halves(text);
    return value.toLowerCase() === '%same' ? 'same' : { value: u32.read(value), mask };
  },
};

/** The XFRM interface of one direction; 0 is none. */
export const interfaceId: ValueType<number | Unique> = {
  name: 'number, %unique or %unique-dir',
  read: number,
};

/** The name of a network interface. */
export const interfaceName: ValueType<string> = {
  name: 'name of a network interface',
  read(text) {
    // The kernel keeps 16 octets with the terminating zero, and numbers what has a % in it.
    if (!/^[^\s/:%\0]+$/.test(text) || text === '.' || text === '..') throw new Unfit('it cannot be a name');
    if (Buffer.byteLength(text) > 15) throw new Unfit('it is longer than 15 octets');
    return text;
  },
};

function number(text: string): number | Unique {
  const unique = UNIQUE[text.toLowerCase()];
  if (unique !== undefined) return unique;
  if (text.startsWith('%')) throw new Unfit('it is neither a number, %unique nor %unique-dir');
  return u32.read(text);
}

function halves(text: string): readonly [value: string, mask: number] {
  const [value = '', mask, ...more] = text.split('/').map(part => part.trim());
  if (more.length > 0) throw new Unfit('it is no value and mask');
  return [value, mask === undefined ? 0xffff_ffff : u32.read(mask)];
}
