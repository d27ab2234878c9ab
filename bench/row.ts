/** One measured figure: its worth beside what the same run measured of the bare primitives. */
export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** What was measured in the same run to compare with, and how `value` relates to it. */
  readonly baseline?: string;
  readonly ratio?: number;
  /** The bound the figure is held to; `met` says whether it is. */
  readonly target?: string;
  readonly met?: boolean;
  /** Why nothing was measured; `value` is then of no meaning. */
  readonly skipped?: string;
}

/** A table for a terminal. */
export function render(title: string, rows: readonly Row[]): string {
  const cells = rows.map(row => [
    row.name,
    row.skipped === undefined ? `${round(row.value)} ${row.unit}` : `skipped: ${row.skipped}`,
    row.ratio === undefined ? '' : `${round(row.ratio)} × ${row.baseline ?? 'baseline'}`,
    row.target === undefined ? '' : `${row.met === true ? 'ok' : 'MISSED'} (target ${row.target})`,
  ]);
  const widths = [0, 1, 2, 3].map(column => Math.max(...cells.map(row => (row[column] as string).length)));
  return [
    title,
    ...cells.map(
      row =>
        `  ${row
          .map((cell, i) => cell.padEnd(widths[i] as number))
          .join('  ')
          .trimEnd()}`,
    ),
    '',
  ].join('\n');
}

function round(value: number): string {
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}

/** The middle one of several measurements of `work`, each of as many runs as fill `budget` milliseconds: µs of CPU a run. */
export function microseconds(work: () => void, budget = 120, rounds = 5): number {
  work();
  const samples: number[] = [];
  for (let round = 0; round < rounds; round++) {
    let runs = 0;
    const before = process.cpuUsage();
    const end = performance.now() + budget;
    while (performance.now() < end) {
      for (let i = 0; i < 8; i++) work();
      runs += 8;
    }
    const { user, system } = process.cpuUsage(before);
    samples.push((user + system) / runs);
  }
  return samples.sort((a, b) => a - b)[rounds >> 1] as number;
}
