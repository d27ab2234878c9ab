import { crossed, isFor } from '../ike/crossing.ts';
import type { Session } from '../ike/session.ts';
import { toHex } from '../lib/bytes.ts';
import { type Duration, type Instant, SECOND } from '../lib/time.ts';
import type { Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { Identity } from '../policy/identity.ts';

const REPLACED: Failure = {
  code: 'local/superseded',
  reason: 'unique-replace',
  summary: 'the peer has made another IKE SA in its place',
};

/** How long the peer has to make all children of an SA that replaces another, and to end that by itself, as charon gives it. */
const OVERLAP: Duration = 10 * SECOND;

/** Which identities have which IKE SAs, and what a new one does to the others (`unique` of a connection, RFC 7296 §2.4). */
export class Uniqueness {
  /** Since when each has been established. */
  readonly #byPair = new Map<string, Map<Session, Instant>>();
  readonly #pairOf = new Map<Session, string>();

  /** Whether a further SA between the two may be. */
  admits(connection: Connection, localId: Identity, remoteId: Identity, initialContact: boolean): boolean {
    if (connection.unique !== 'keep' || initialContact) return true;
    return !this.#byPair.has(pairOf(localId, remoteId));
  }

  /** `session` is established between these; `initialContact`: the peer says that it has no other. Returns those that go. */
  established(
    session: Session,
    identities: { readonly local: Identity; readonly remote: Identity },
    initialContact: boolean,
    now: Instant,
  ): void {
    const pair = pairOf(identities.local, identities.remote);
    const sessions = this.#byPair.get(pair) ?? new Map<Session, Instant>();
    this.#byPair.set(pair, sessions);
    this.#pairOf.set(session, pair);
    const { unique } = session.connection;
    const mayStay = unique === 'never' || (unique === 'no' && !initialContact);
    if (!mayStay) this.#displace([...sessions], session, initialContact, now);
    this.#byPair.set(pair, sessions.set(session, now));
  }

  /** What `session` does to the others between the same two; those that go take themselves out of the maps. */
  #displace(
    others: readonly (readonly [Session, Instant])[],
    session: Session,
    initialContact: boolean,
    now: Instant,
  ): void {
    const { unique } = session.connection;
    const path = session.status().path;
    for (const [other, since] of others) {
      const isAnew = session.version === 2 && isFor(other.status(), session.connection, path);
      const surplus = unique === 'replace' ? crossed(session, other, since, now) : undefined;
      if (initialContact) other.close(REPLACED);
      else if (surplus !== undefined) surplus.terminate(REPLACED);
      // Only who answers decides: an initiator that makes a second SA has its reasons.
      else if (session.role !== 'responder') continue;
      else if (isAnew) other.terminateLater?.(OVERLAP, REPLACED);
      else if (unique === 'replace') other.terminate(REPLACED);
    }
  }

  /** The sessions between these two. */
  between(local: Identity, remote: Identity): IteratorObject<Session> {
    return this.#byPair.get(pairOf(local, remote))?.keys() ?? [].values();
  }

  /** The peer of `session` says, later than with its proof, that it has no other: all others are gone. */
  onlyContact(session: Session): void {
    const pair = this.#pairOf.get(session);
    if (pair === undefined || session.connection.unique === 'never') return;
    for (const other of [...(this.#byPair.get(pair)?.keys() ?? [])])
      if (other !== session) other.close(REPLACED);
  }

  /** `successor` took over from `session` by a rekey. */
  moved(session: Session, successor: Session): void {
    const pair = this.#pairOf.get(session);
    if (pair === undefined) return;
    const sessions = this.#byPair.get(pair);
    const since = sessions?.get(session);
    if (sessions === undefined || since === undefined) return;
    sessions.delete(session);
    sessions.set(successor, since);
    this.#pairOf.delete(session);
    this.#pairOf.set(successor, pair);
  }

  delete(session: Session): void {
    const pair = this.#pairOf.get(session);
    if (pair === undefined) return;
    this.#pairOf.delete(session);
    const sessions = this.#byPair.get(pair);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#byPair.delete(pair);
  }
}

function pairOf(local: Identity, remote: Identity): string {
  return `${local.type}:${toHex(local.data)} ${remote.type}:${toHex(remote.data)}`;
}
