/** So many letters at the beginning say what was meant, whatever follows. */
const PREFIX = 5;

/**
 * The word of `known` that `word` was probably meant to be: fewest insertions, deletions, replacements and
 * swaps of neighbours, at most a third of its length, or else the only one that begins alike; undefined when none is that
 * near.
 */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const lower = word.toLowerCase();
  if (lower.length > 64) return undefined;
  let best: string | undefined;
  let least = Math.max(1, Math.floor(lower.length / 3)) + 1;
  for (const candidate of known) {
    if (Math.abs(candidate.length - lower.length) >= least) continue;
    const steps = distance(lower, candidate.toLowerCase());
    if (steps < least) {
      least = steps;
      best = candidate;
    }
  }
  return (
    best ??
    alone(
      [...known].filter(one => one.toLowerCase().startsWith(lower.slice(0, PREFIX))),
      lower,
    )
  );
}

function alone(alike: readonly string[], word: string): string | undefined {
  return word.length >= PREFIX && alike.length === 1 ? alike[0] : undefined;
}

/** Optimal string alignment distance, three rows at a time. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min(
        (above[j] as number) + 1,
        (row[j - 1] as number) + 1,
        (above[j - 1] as number) + (same ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (before[j - 2] as number) + 1);
      }
      row.push(cost);
    }
    before = above;
    above = row;
  }
  return above[b.length] as number;
}
