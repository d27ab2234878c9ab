import type { IkeEvent } from '../ike/output.ts';
import type { Failure } from '../policy/failure.ts';

/** One thing that happened to a connection, kept for `explain`. */
export interface Attempt {
  readonly at: number;
  readonly outcome: 'up' | 'down' | 'failed';
  readonly role: 'initiator' | 'responder';
  readonly child?: string;
  readonly remote: string;
  readonly failure?: Failure;
}

const KEPT_PER_CONNECTION = 16;
/** Names of connections that clients load and unload again may be ever others: the one that nothing happened to for longest makes room. */
const KEPT_CONNECTIONS = 4096;

/** The last things that happened to each connection, in both roles, so that a person can ask why it is down. */
export class History {
  readonly #attempts = new Map<string, Attempt[]>();

  note(event: IkeEvent): void {
    switch (event.kind) {
      case 'ike-up':
      case 'ike-down':
        this.#add(event.ike.connection, {
          at: event.at,
          outcome: event.kind === 'ike-up' ? 'up' : 'down',
          role: event.ike.role,
          remote: event.ike.remoteId ?? '',
          ...(event.failure === undefined ? {} : { failure: event.failure }),
        });
        return;
      case 'failed':
        this.#add(event.connection, {
          at: event.at,
          outcome: 'failed',
          role: event.role,
          remote: event.remote,
          failure: event.failure,
          ...(event.child === undefined ? {} : { child: event.child }),
        });
        return;
      default:
        return;
    }
  }

  /** Oldest first. */
  of(connection: string): readonly Attempt[] {
    return this.#attempts.get(connection) ?? [];
  }

  #add(connection: string, attempt: Attempt): void {
    const list = this.#attempts.get(connection) ?? [];
    // Again the last to have had anything.
    this.#attempts.delete(connection);
    this.#attempts.set(connection, list);
    list.push(attempt);
    if (list.length > KEPT_PER_CONNECTION) list.shift();
    const [oldest] = this.#attempts.keys();
    if (oldest !== undefined && this.#attempts.size > KEPT_CONNECTIONS) this.#attempts.delete(oldest);
  }
}
