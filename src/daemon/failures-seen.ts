import type { IkeEvent } from '../ike/output.ts';
import type { FailureCode } from '../policy/failure.ts';

/** How often one thing failed. */
export interface FailureCount {
  readonly connection: string;
  /** Empty where the IKE SA failed. */
  readonly child: string;
  readonly role: 'initiator' | 'responder';
  readonly code: FailureCode;
  readonly count: number;
  /** Instant of the last. */
  readonly last: number;
}

const CAPACITY = 65_536;

/** Counts failures by connection, child, role and code. */
export class FailuresSeen {
  readonly #counts = new Map<string, FailureCount>();

  note(event: IkeEvent): void {
    if (event.kind === 'failed')
      this.#add(event.connection, event.child ?? '', event.role, event.failure.code, event.at);
    else if (
      event.kind === 'ike-down' &&
      event.failure !== undefined &&
      event.failure.code !== 'local/stopped'
    )
      this.#add(event.ike.connection, '', event.ike.role, event.failure.code, event.at);
  }

  get counts(): readonly FailureCount[] {
    return [...this.#counts.values()];
  }

  /** The last failure of each connection and child. */
  get last(): readonly FailureCount[] {
    const last = new Map<string, FailureCount>();
    for (const failure of this.#counts.values()) {
      const key = `${failure.connection}/${failure.child}`;
      const known = last.get(key);
      if (known === undefined || failure.last >= known.last) last.set(key, failure);
    }
    return [...last.values()];
  }

  #add(connection: string, child: string, role: FailureCount['role'], code: FailureCode, at: number): void {
    const key = `${connection}/${child}/${role}/${code}`;
    const known = this.#counts.get(key);
    if (known === undefined && this.#counts.size >= CAPACITY) return;
    this.#counts.set(key, { connection, child, role, code, count: (known?.count ?? 0) + 1, last: at });
  }
}
