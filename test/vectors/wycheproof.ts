import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { fromHex } from '../../src/lib/bytes.ts';
import { dataPath } from '../data.ts';

/** One case: `result` is what the vectors' authors want of it, the rest is text and hex by name. */
export interface Case {
  readonly tcId: number;
  readonly comment?: string;
  readonly flags?: readonly string[];
  readonly result: 'valid' | 'invalid' | 'acceptable';
  readonly [field: string]: unknown;
}

export interface Group {
  readonly tests: readonly Case[];
  readonly [field: string]: unknown;
}

/** The path below the data folder of a file of Wycheproof's vectors. */
export function wycheproofFile(name: string): string {
  return `vectors/wycheproof/${name}_test.json.gz`;
}

/** The groups of a file. */
export function groupsOf(name: string): readonly Group[] {
  const file = JSON.parse(gunzipSync(readFileSync(dataPath(wycheproofFile(name)))).toString()) as {
    readonly testGroups: readonly Group[];
  };
  return file.testGroups;
}

/** The octets of a field in hex. */
export function hexOf(of: Case | Group, field: string): Uint8Array {
  const octets = fromHex(String(of[field]));
  if (octets === undefined) throw new Error(`${field} is not hex`);
  return octets;
}

/** Names a case in a failure. */
export function nameOf(file: string, { tcId, comment, flags, result }: Case): string {
  return `${file} #${tcId} (${result}): ${comment ?? ''} ${flags?.join(' ') ?? ''}`;
}
