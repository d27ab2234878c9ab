import type { Random } from '../sim/random.ts';

/** One to three wounds: bits, octets, lengths, cuts, copies and insertions, each where parsers break. */
export function mutate(source: Uint8Array, random: Random): Uint8Array {
  let bytes: Uint8Array = source.slice();
  for (let wounds = 1 + random.below(3); wounds > 0 && bytes.length > 0; wounds--)
    bytes = wound(bytes, random);
  return bytes;
}

const EDGES: readonly number[] = [0, 1, 3, 4, 7, 8, 0x7f, 0x80, 0xfe, 0xff];

function wound(bytes: Uint8Array, random: Random): Uint8Array {
  const at = random.below(bytes.length);
  switch (random.below(6)) {
    case 0:
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      return bytes;
    case 1:
      bytes[at] = EDGES[random.below(EDGES.length)] as number;
      return bytes;
    case 2: {
      const value = random.below(3) === 0 ? random.below(0x10000) : random.below(bytes.length + 8);
      bytes[at] = value >> 8;
      if (at + 1 < bytes.length) bytes[at + 1] = value;
      return bytes;
    }
    case 3:
      return bytes.slice(0, at);
    case 4: {
      const from = random.below(bytes.length);
      bytes.copyWithin(at, from, from + random.below(16));
      return bytes;
    }
    default: {
      const inserted = 1 + random.below(9);
      const longer = new Uint8Array(bytes.length + inserted);
      longer.set(bytes.subarray(0, at));
      for (let i = 0; i < inserted; i++) longer[at + i] = random.below(256);
      longer.set(bytes.subarray(at), at + inserted);
      return longer;
    }
  }
}

/** The seed of a run: FUZZ_SEED, or a fixed one, so that the suite is the same every time. */
export const FUZZ_SEED = Number(process.env['FUZZ_SEED'] ?? 20_260_701);

/** Inputs in a run: FUZZ_RUNS for a long one. */
export function fuzzRuns(usual: number): number {
  return Number(process.env['FUZZ_RUNS'] ?? usual);
}
