import { fromHex } from '../lib/bytes.ts';
import { type IpAddress, ipToBigInt, isUnspecified, parseIp } from '../lib/ip.ts';
import { Secret } from '../lib/secret.ts';
import { utf8 } from '../lib/text.ts';
import { type Duration, HOUR, MINUTE, SECOND } from '../lib/time.ts';
import { nearest } from './nearest.ts';

/** How the text of a value becomes the value, with the name that documentation and errors use. */
export interface ValueType<V> {
  readonly name: string;
  /** Throws Unfit or Malformed when the text is not of this type. */
  read(text: string): V;
  /** Its text must not be shown. */
  readonly isSecret?: true;
  /** What a JSON Schema says of it; any scalar where it is absent. */
  readonly json?: JsonType;
}

/** The words of JSON Schema that values need. */
export interface JsonType {
  readonly type?: readonly ('string' | 'number' | 'integer' | 'boolean')[];
  readonly enum?: readonly (string | number | boolean)[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
}

/** Words as an editor sees them that takes YAML's numbers and booleans for what they are. */
function words(list: readonly string[]): JsonType {
  const plain = list.flatMap(word => (/^\d+$/.test(word) ? [Number(word), word] : [word]));
  const truths = [true, false].filter(
    value => list.includes(String(value)) || list.includes(value ? 'yes' : 'no'),
  );
  return { enum: [...plain, ...truths] };
}

/** A value's text is not of the type its key asks for. */
export class Unfit extends Error {
  readonly remedy: string | undefined;
  /** Characters into the text where the trouble begins, when it is known. */
  readonly offset: number | undefined;

  constructor(message: string, remedy?: string, offset?: number) {
    super(message);
    this.name = 'Unfit';
    this.remedy = remedy;
    this.offset = offset;
  }
}

export const text: ValueType<string> = {
  name: 'text',
  read(value) {
    if (value === '') throw new Unfit('it is empty');
    return value;
  },
};

const BOOLEANS: Readonly<Record<string, boolean>> = {
  yes: true,
  true: true,
  enabled: true,
  1: true,
  no: false,
  false: false,
  disabled: false,
  0: false,
};

export const boolean: ValueType<boolean> = {
  name: 'yes or no',
  json: words(Object.keys(BOOLEANS)),
  read(value) {
    const lower = value.toLowerCase();
    if (!Object.hasOwn(BOOLEANS, lower)) throw new Unfit('it is neither yes nor no');
    return BOOLEANS[lower] as boolean;
  },
};

/** One of `accepted`, in any case; `synonyms` are further spellings of them. */
export function choice<const W extends string>(
  accepted: readonly W[],
  synonyms: Readonly<Record<string, W>> = {},
): ValueType<W> {
  return {
    name: accepted.join(', '),
    json: words([...accepted, ...Object.keys(synonyms)]),
    read(value) {
      const lower = value.toLowerCase();
      const word = accepted.find(candidate => candidate === lower);
      if (word !== undefined) return word;
      if (Object.hasOwn(synonyms, lower)) return synonyms[lower] as W;
      const meant = nearest(lower, accepted);
      throw new Unfit(
        `it is none of ${accepted.join(', ')}`,
        meant === undefined ? undefined : `did you mean "${meant}"?`,
      );
    },
  };
}

/** Decimal, or hexadecimal after 0x. */
export function integer(from: number, to: number): ValueType<number> {
  return {
    name: to >= 0xffffffff ? 'number' : `number from ${from} to ${to}`,
    json: {
      type: ['integer', 'string'],
      pattern: '^(0[xX][0-9a-fA-F]+|-?[0-9]+)$',
      minimum: from,
      maximum: to,
    },
    read: value => Number(integerBetween(value, BigInt(from), BigInt(to))),
  };
}

/** A number of packets, up to 64 bits. */
export const count: ValueType<bigint> = {
  name: 'number',
  read: value => integerBetween(value, 0n, (1n << 64n) - 1n),
};

const VOLUME_UNITS: Readonly<Record<string, bigint>> = { '': 1n, k: 1n << 10n, m: 1n << 20n, g: 1n << 30n };

export const volume: ValueType<bigint> = {
  name: 'octets, with k, m or g',
  json: { type: ['integer', 'string'], pattern: '^[0-9a-fA-FxX]+ *[kmgKMG]?$', minimum: 0 },
  read(value) {
    const [number, unit] = numberAndUnit(value, VOLUME_UNITS, 'k, m or g');
    return integerBetween(String(integerBetween(number, 0n, U64) * unit), 0n, U64);
  },
};

const TIME_UNITS: Readonly<Record<string, bigint>> = { '': 1n, s: 1n, m: 60n, h: 3600n, d: 86_400n };
const U64 = (1n << 64n) - 1n;
/** Ten years: beyond it a lifetime is a mistake, and its milliseconds no longer fit a timer. */
const TIME_LIMIT = 10n * 366n * 86_400n;

export const time: ValueType<Duration> = {
  name: 'time, with s, m, h or d',
  json: { type: ['integer', 'string'], pattern: '^[0-9a-fA-FxX]+ *[smhdSMHD]?$', minimum: 0 },
  read(value) {
    const [number, unit] = numberAndUnit(value, TIME_UNITS, 's, m, h or d');
    return Number(integerBetween(String(integerBetween(number, 0n, U64) * unit), 0n, TIME_LIMIT)) * SECOND;
  },
};

/** How a duration is written: the largest unit that divides it. */
export function formatTime(duration: Duration): string {
  if (duration % (24 * HOUR) === 0 && duration > 0) return `${duration / (24 * HOUR)}d`;
  if (duration % HOUR === 0 && duration > 0) return `${duration / HOUR}h`;
  if (duration % MINUTE === 0 && duration > 0) return `${duration / MINUTE}m`;
  return `${duration / SECOND}s`;
}

export const dscp: ValueType<number> = {
  name: 'six binary digits',
  read(value) {
    if (!/^[01]{6}$/.test(value)) throw new Unfit('it is not six binary digits');
    return Number.parseInt(value, 2);
  },
};

export const decimal: ValueType<number> = {
  name: 'number with fraction',
  read(value) {
    if (!/^\d{1,6}(\.\d{1,6})?$/.test(value)) throw new Unfit('it is no number');
    return Number(value);
  },
};

/** Text, hex digits after 0x, or Base64 after 0s. */
export const secret: ValueType<Secret> = {
  name: 'secret: text, 0x… hex or 0s… Base64',
  isSecret: true,
  read(value) {
    if (value === '') throw new Unfit('it is empty');
    return new Secret(encodedOctets(value) ?? utf8(value));
  },
};

/** The octets of `0x…` hex or `0s…` Base64; undefined when the text is neither. Throws Unfit. */
export function encodedOctets(value: string): Uint8Array | undefined {
  if (/^0x/i.test(value)) {
    const digits = value.slice(2).replaceAll(/[: ]/g, '');
    const octets = fromHex(digits.length % 2 === 0 ? digits : `0${digits}`);
    if (octets === undefined || octets.length === 0) throw new Unfit('what follows 0x is not hexadecimal');
    return octets;
  }
  if (/^0s/i.test(value)) {
    const encoded = value.slice(2);
    if (encoded === '' || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) {
      throw new Unfit('what follows 0s is not Base64');
    }
    return Uint8Array.from(Buffer.from(encoded, 'base64'));
  }
  return undefined;
}

/** Where a key is, and not the key: its length is checked when its algorithm is known. */
export const keyMaterial: ValueType<string> = {
  ...text,
  name: '0x… hex, 0s… Base64 or a file',
  isSecret: true,
};

export const spi: ValueType<number> = {
  name: 'hexadecimal number from 0x100 on',
  read(value) {
    if (!/^0x[0-9a-f]{1,8}$/i.test(value)) {
      throw new Unfit('it is no hexadecimal number of 32 bits', 'write it as 0xc1000001');
    }
    const number = Number(value);
    if (number < 256) throw new Unfit('SPIs below 0x100 are reserved (RFC 4303 §2.1)');
    return number;
  },
};

/** An address range as three spellings allow: one address, `address/bits`, `first-last`. */
export interface AddressRange {
  readonly start: IpAddress;
  readonly end: IpAddress;
  /** Where it was written as a prefix. */
  readonly prefix?: number;
}

/** Reads an address, prefix or range; undefined when the text is none of these. */
export function parseRange(value: string): AddressRange | undefined {
  const [first, last, ...more] = value.split('-').map(part => part.trim());
  if (first === undefined || more.length > 0) return undefined;
  if (last !== undefined) {
    const start = parseIp(first);
    const end = parseIp(last);
    if (start === undefined || end === undefined || start.length !== end.length) return undefined;
    return ipToBigInt(start) <= ipToBigInt(end) ? { start, end } : undefined;
  }
  const [host, bits, ...rest] = first.split('/');
  const address = parseIp(host as string);
  if (address === undefined || rest.length > 0) return undefined;
  if (bits === undefined) return { start: address, end: address };
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : 129;
  if (prefix > address.length * 8) return undefined;
  const start = address.map((octet, i) => octet & maskOctet(prefix, i));
  const end = address.map((octet, i) => octet | (~maskOctet(prefix, i) & 0xff));
  return { start, end, prefix };
}

/** Octet `i` of the netmask of `prefix` bits. */
function maskOctet(prefix: number, i: number): number {
  const bits = Math.min(8, Math.max(0, prefix - 8 * i));
  return (0xff << (8 - bits)) & 0xff;
}

/** What may stand in local_addrs and remote_addrs: addresses, prefixes, ranges and names of hosts. */
export const host: ValueType<string> = {
  name: 'address, prefix, range or host name',
  read(value) {
    if (/^%any[46]?$/.test(value) || parseRange(value) !== undefined) return value;
    const name = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*\.?$/;
    // What consists of digits alone was meant as an address, and would otherwise wait for the resolver to fail.
    if (!name.test(value) || /^[\d.-]+$/.test(value)) {
      throw new Unfit('it is no address, prefix, range or host name');
    }
    return value;
  },
};

export const ipAddress: ValueType<IpAddress> = {
  name: 'address',
  read(value) {
    const ip = parseIp(value);
    if (ip === undefined) throw new Unfit('it is no IP address');
    if (isUnspecified(ip)) throw new Unfit('an address of a host is wanted here');
    return ip;
  },
};

export const address: ValueType<string> = {
  name: 'address',
  read(value) {
    const ip = parseIp(value === '%any' || value === '%any4' ? '0.0.0.0' : value === '%any6' ? '::' : value);
    if (ip === undefined) throw new Unfit('it is no IP address');
    return value;
  },
};

function numberAndUnit(
  value: string,
  units: Readonly<Record<string, bigint>>,
  names: string,
): readonly [number: string, unit: bigint] {
  const match = /^(0[xX][0-9a-fA-F]+|\d+) *([a-zA-Z]*)$/.exec(value);
  const unit = match?.[2]?.toLowerCase();
  if (match === null || unit === undefined || !Object.hasOwn(units, unit)) {
    throw new Unfit(`it is no whole number followed by ${names}`);
  }
  return [match[1] as string, units[unit] as bigint];
}

function integerBetween(value: string, from: bigint, to: bigint): bigint {
  if (!/^(0[xX][0-9a-fA-F]{1,16}|-?\d{1,40})$/.test(value)) throw new Unfit('it is no whole number');
  if (/^-?0\d/.test(value)) throw new Unfit('it begins with 0, which some programs read as octal');
  const number = BigInt(value);
  if (number < from || number > to) throw new Unfit(`it is not between ${from} and ${to}`);
  return number;
}
