/** Which protocols may use an algorithm. */
export type Protocol = 'ike' | 'esp' | 'ah';

/**
 * What RFC 8247 (IKEv2) and RFC 8221 (ESP, AH) leave of an algorithm: `default` stands in default proposals,
 * `allowed` is sound but has to be named, `weak` works when it is named and is reported wherever it is used.
 */
export type Status = 'default' | 'allowed' | 'weak';

/** What every row of every registry says of its algorithm. Rows stand in order of preference. */
export interface Algorithm {
  /** IANA transform ID. */
  readonly id: number;
  /** IANA name. */
  readonly name: string;
  readonly uses: readonly Protocol[];
  readonly status: Status;
  /** Security in bits against the best known classical attack, with the longest key. */
  readonly strength: number;
}

/** The rows of a registry by transform ID. Throws when two rows claim one ID: a defect of the table. */
export function byId<Row extends Algorithm>(rows: readonly Row[]): ReadonlyMap<number, Row> {
  const index = new Map(rows.map(row => [row.id, row]));
  if (index.size !== rows.length) throw new Error('two algorithms with one transform ID');
  return index;
}
