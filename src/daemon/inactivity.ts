import type { ChildSaStatus, IkeEvent, IkeSaStatus } from '../ike/output.ts';
import type { Duration, Instant } from '../lib/time.ts';
import type { Gateway } from './gateway.ts';

type Subject = Pick<Gateway, 'on' | 'connections' | 'usage' | 'status' | 'down'>;

/** setTimeout takes 31 bits of milliseconds. */
const LONGEST = 2 ** 31 - 1;

export interface InactivityOptions {
  readonly now: () => Instant;
  /** An IKE SA goes with its last child. */
  readonly closeIke: boolean;
  readonly onClose: (ike: IkeSaStatus, text: string) => void;
}

/**
 * Ends children that carried nothing for as long as their `inactivity` says, in either direction; a rekeyed one begins
 * anew, as with charon. Their traps stay: the next packet brings them back.
 */
export class Inactivity {
  readonly #gateway: Subject;
  readonly #options: InactivityOptions;
  readonly #watched = new Map<number, NodeJS.Timeout>();

  constructor(gateway: Subject, options: InactivityOptions) {
    this.#gateway = gateway;
    this.#options = options;
    gateway.on(event => this.#note(event));
  }

  /** Forgets all children. */
  close(): void {
    for (const timer of this.#watched.values()) clearTimeout(timer);
    this.#watched.clear();
  }

  #note(event: IkeEvent): void {
    switch (event.kind) {
      case 'child-up':
        this.#begin(event.ike.connection, event.child);
        return;
      case 'child-rekey':
        this.#forget(event.old.id);
        this.#begin(event.ike.connection, event.new);
        return;
      case 'child-down':
        this.#forget(event.child.id);
        return;
      default:
        return;
    }
  }

  #begin(connectionName: string, { id, name }: ChildSaStatus): void {
    const connection = this.#gateway.connections.find(known => known.name === connectionName);
    const limit = connection?.children.find(child => child.name === name)?.inactivity ?? 0;
    if (limit > 0) this.#wait(id, limit, limit, this.#options.now());
  }

  #forget(id: number): void {
    clearTimeout(this.#watched.get(id));
    this.#watched.delete(id);
  }

  #wait(id: number, delay: Duration, limit: Duration, since: Instant): void {
    const timer = setTimeout(() => void this.#look(id, limit, since), Math.min(Math.ceil(delay), LONGEST));
    this.#watched.set(id, timer.unref());
  }

  async #look(id: number, limit: Duration, since: Instant): Promise<void> {
    const timer = this.#watched.get(id);
    const usage = await this.#gateway.usage(id).catch(() => undefined);
    if (timer === undefined || this.#watched.get(id) !== timer) return;
    const left = Math.max(since, usage?.usedIn ?? 0, usage?.usedOut ?? 0) + limit - this.#options.now();
    if (left > 0) {
      this.#wait(id, left, limit, since);
      return;
    }
    this.#forget(id);
    const ike = this.#gateway.status().find(({ children }) => children.some(child => child.id === id));
    const child = ike?.children.find(candidate => candidate.id === id);
    if (ike === undefined || child === undefined) return;
    const whole = this.#options.closeIke && ike.children.length === 1;
    const after = `after ${Math.round(limit / 1000)} seconds of CHILD_SA inactivity`;
    this.#options.onClose(
      ike,
      whole ? `deleting IKE_SA ${after}` : `deleting CHILD_SA ${child.name}{${id}} ${after}`,
    );
    // How it ends is an event.
    this.#gateway.down(whole ? { ike: ike.id } : { ike: ike.id, childId: id }).catch(() => undefined);
  }
}
