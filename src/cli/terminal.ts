import type { Failure } from '../control/index.ts';

/** Where a command's words go. Results on standard output, everything else on standard error. */
export interface Terminal {
  out(text: string): void;
  error(text: string): void;
}

export const TERMINAL: Terminal = {
  out: text => void process.stdout.write(`${harmless(text)}\n`),
  error: text => void process.stderr.write(`${harmless(text)}\n`),
};

/** `text` without what a terminal would obey: names and identities come from strangers. */
export function harmless(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, character => {
    const code = character.charCodeAt(0);
    return code > 0xff ? `\\u${code.toString(16)}` : `\\x${code.toString(16).padStart(2, '0')}`;
  });
}

/** A failure as a person reads it: one sentence, both sides, the nearest match, and what to do. */
export function renderFailure(failure: Failure, subject?: string): string {
  const lines = [`${subject === undefined ? '' : `${subject}: `}${failure.summary} (${failure.code})`];
  const row = (label: string, values: readonly string[] | undefined): void => {
    values?.forEach((value, i) => {
      lines.push(`  ${(i === 0 ? label : '').padEnd(9)}${value}`);
    });
  };
  row('ours', failure.ours);
  row('theirs', failure.theirs);
  row('nearest', failure.nearest === undefined ? undefined : [failure.nearest]);
  row('notify', failure.notify === undefined ? undefined : [failure.notify]);
  row('to mend', failure.remedy === undefined ? undefined : [failure.remedy]);
  return lines.join('\n');
}

/** JSON for programs: numbers too large for it become text. */
export function toJson(value: unknown): string {
  return JSON.stringify(
    value,
    (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item),
    2,
  );
}

/** `3s`, `4m`, `2h10m`, `5d3h`: the two largest units. */
export function duration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const units: readonly [number, string][] = [
    [86_400, 'd'],
    [3600, 'h'],
    [60, 'm'],
    [1, 's'],
  ];
  const at = units.findIndex(([size]) => seconds >= size);
  if (at < 0) return '0s';
  const [size, unit] = units[at] as [number, string];
  const first = `${Math.floor(seconds / size)}${unit}`;
  const next = units[at + 1];
  const rest = next === undefined ? 0 : Math.floor((seconds % size) / next[0]);
  return next === undefined || rest === 0 ? first : `${first}${rest}${next[1]}`;
}

const VOLUME_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/** Octets with three digits or more, in the unit that makes them readable: `812 B`, `1.21 MiB`. */
export function volume(octets: bigint): string {
  if (octets < 1024n) return `${octets} B`;
  let value = Number(octets);
  let unit = 0;
  while (value >= 1023.5 && unit < VOLUME_UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value.toPrecision(value < 999.5 ? 3 : 4)} ${VOLUME_UNITS[unit]}`;
}
