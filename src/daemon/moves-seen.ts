import type { IkeEvent } from '../ike/output.ts';
import { equal } from '../lib/bytes.ts';
import type { Endpoint } from '../policy/sa.ts';

/** How often one end of a connection's IKE SAs was elsewhere than before. */
export interface MoveCount {
  readonly connection: string;
  readonly end: 'local' | 'remote';
  readonly count: number;
}

/** Counts the paths that IKE SAs have left, by connection and by the end that was elsewhere. */
export class MovesSeen {
  readonly #counts = new Map<string, MoveCount>();

  note(event: IkeEvent): void {
    if (event.kind !== 'ike-update') return;
    const { connection, path } = event.ike;
    for (const end of ['local', 'remote'] as const)
      if (!isSame(event.from[end], path[end])) this.#add(connection, end);
  }

  get counts(): readonly MoveCount[] {
    return [...this.#counts.values()];
  }

  #add(connection: string, end: MoveCount['end']): void {
    const key = `${end} ${connection}`;
    const count = (this.#counts.get(key)?.count ?? 0) + 1;
    this.#counts.set(key, { connection, end, count });
  }
}

function isSame(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && equal(a.address, b.address);
}
