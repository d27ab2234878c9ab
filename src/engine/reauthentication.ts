import { crossed, SIMULTANEOUS } from '../ike/crossing.ts';
import type { Session } from '../ike/session.ts';
import { type Duration, SECOND } from '../lib/time.ts';
import { namesHost } from '../policy/address-match.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { EngineHost } from './host.ts';

const REPLACED: Failure = { code: 'local/superseded', summary: 'made anew, with new proofs of identity' };

/** How long the peer has to end what is too many. */
const OVERLAP: Duration = 10 * SECOND;

/** What goes when another one stands, and the names of the children that this was asked to make. */
interface Replaced {
  old: Session;
  readonly children: Set<string>;
}

/** Begins an IKE SA of `connection`, with `child` where there is one. */
type Begin = (connection: Connection, child: ChildConfig | undefined) => Session;

/**
 * IKE SAs that are made anew from scratch, with new proofs of identity (RFC 7296 §2.8.3): make before break, where the old one
 * goes when the new one stands with its children; break before make, where the new one is begun when the old one has gone.
 */
export class Reauthentications {
  readonly #host: EngineHost;
  readonly #begin: Begin;
  /** Those that were begun in the place of another. */
  readonly #made = new Set<Session>();
  /** Which SA goes when this one stands; either may have new keys by then. */
  readonly #replaces = new Map<Session, Replaced>();
  /** What is begun when this one has gone. */
  readonly #follows = new Map<Session, readonly ChildConfig[]>();

  constructor(host: EngineHost, begin: Begin) {
    this.#host = host;
    this.#begin = begin;
  }

  /** Makes `session` anew, as now configured; nothing happens where that is under way, or its connection is no more. */
  start(session: Session): void {
    const connection = this.#configured(session);
    if (connection === undefined || this.#isUnderWay(session)) return;
    if (session.version === 2 && !canBeBegun(session, connection)) {
      this.#host.event({
        kind: 'log',
        level: 'warn',
        group: 'ike',
        ike: session.id,
        connection: connection.name,
        text: 'the IKE SA is to be made anew, which the peer alone can do: it stays until the peer does, or its time is over',
      });
      return;
    }
    const children = recreated(session, connection);
    // Children of IKEv1 outlive their SA, so that there is nothing to be gained by breaking first.
    if (session.version === 2 && !this.#host.settings.makeBeforeBreak) {
      this.#follows.set(session, children);
      session.terminate(REPLACED);
      return;
    }
    this.#replaces.set(this.#beginAll(connection, children), {
      old: session,
      children: new Set(children.map(({ name }) => name)),
    });
  }

  /**
   * `session` stands: what it replaces goes, once the children have been made that it was begun for. `others` gives those that stand
   * between the same two: where both ends made the old one anew at once, one of two is too many.
   */
  established(session: Session, others: () => Iterable<Session>): void {
    const replaced = this.#replaces.get(session);
    for (const other of this.#made.size === 0 ? [] : others()) {
      const { establishedAt } = other;
      if (other === replaced?.old || establishedAt === undefined || !this.#areOfBoth(session, other))
        continue;
      const surplus = crossed(session, other, establishedAt, this.#host.now);
      if (surplus !== undefined) this.#endSurplus(surplus, surplus === session ? other : session);
    }
    if (replaced !== undefined) afterChildren(session, () => this.#conclude(session, replaced));
  }

  /** A rekey put `successor` in the place of `session`. */
  succeeded(session: Session, successor: Session): void {
    const replaced = this.#replaces.get(session);
    if (replaced !== undefined) this.#replaces.set(successor, replaced);
    this.#replaces.delete(session);
    if (this.#made.has(session)) this.#made.add(successor);
    for (const one of this.#replaces.values()) if (one.old === session) one.old = successor;
  }

  /** `session` has gone: what was to come after it is begun. */
  removed(session: Session): void {
    this.#made.delete(session);
    this.#replaces.delete(session);
    const children = this.#follows.get(session);
    this.#follows.delete(session);
    const connection = this.#configured(session);
    if (children !== undefined && connection !== undefined) this.#beginAll(connection, children);
  }

  /** Nothing is begun any more. */
  forget(): void {
    this.#follows.clear();
  }

  /** All children of the new one have been made, but for those that the old one has been given meanwhile. */
  #conclude(session: Session, replaced: Replaced): void {
    const [fresh = session] = [...this.#replaces].find(([, one]) => one === replaced) ?? [];
    const connection = this.#configured(fresh);
    const late = connection === undefined ? [] : recreated(replaced.old, connection);
    const missing = late.filter(({ name }) => !replaced.children.has(name));
    if (missing.length === 0) {
      this.#replaces.delete(fresh);
      replaced.old.terminate(REPLACED);
      return;
    }
    for (const child of missing) {
      replaced.children.add(child.name);
      fresh.initiateChild(child);
    }
    afterChildren(fresh, () => this.#conclude(fresh, replaced));
  }

  /** One of the two was made anew from here and the other one by the peer, for the same connection. */
  #areOfBoth(one: Session, other: Session): boolean {
    const ours = this.#made.has(one) ? one : other;
    const theirs = ours === one ? other : one;
    return (
      this.#made.has(ours) &&
      theirs.version === 2 &&
      theirs.role === 'responder' &&
      one.connection.name === other.connection.name
    );
  }

  /** Who began the one that is left knows when that has all its children; the other end does it in case it does not. */
  #endSurplus(surplus: Session, left: Session): void {
    if (left.role === 'initiator') afterChildren(left, () => surplus.terminate(REPLACED));
    else surplus.terminateLater?.(OVERLAP, REPLACED);
  }

  #beginAll(connection: Connection, [first, ...others]: readonly ChildConfig[]): Session {
    const successor = this.#begin(connection, first);
    this.#made.add(successor);
    for (const child of others) successor.initiateChild(child);
    return successor;
  }

  #configured({ connection }: Session): Connection | undefined {
    return this.#host.connections.find(({ name }) => name === connection.name);
  }

  #isUnderWay(session: Session): boolean {
    if (this.#follows.has(session) || [...this.#replaces.values()].some(({ old }) => old === session))
      return true;
    return [...this.#host.ofConnection(session.connection.name)].some(
      other => this.#replacesFromThere(other, session) || this.#replacesFromThere(session, other),
    );
  }

  /** Whether the peer has just made `fresh` while it had `old`, which it is about to end. */
  #replacesFromThere(fresh: Session, old: Session): boolean {
    if (fresh.version !== 2 || fresh.role !== 'responder') return false;
    const [{ establishedAt, remoteId }, before] = [fresh.status(), old.status()];
    return (
      establishedAt !== undefined &&
      before.establishedAt !== undefined &&
      establishedAt > before.establishedAt &&
      this.#host.now - establishedAt < SIMULTANEOUS &&
      remoteId === before.remoteId
    );
  }
}

function afterChildren(session: Session, action: () => void): void {
  if (session.whenChildrenMade === undefined) action();
  else session.whenChildrenMade(action);
}

/** Who has a virtual IP of ours, or comes from anywhere, cannot be called: it was told how long its proof holds (RFC 4478). */
function canBeBegun(session: Session, { remoteAddresses }: Connection): boolean {
  if (session.role === 'initiator') return true;
  return namesHost(remoteAddresses) && session.status().remoteVips === undefined;
}

/** The children to be made along with the successor: those of IKEv1 it takes over as they are. */
function recreated(session: Session, connection: Connection): readonly ChildConfig[] {
  if (session.version === 1 && connection.version === 1) return [];
  const names = session.status().children.map(({ name }) => name);
  return connection.children.filter(({ name }) => names.includes(name));
}
