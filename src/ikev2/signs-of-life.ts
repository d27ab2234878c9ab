import { type Instant, MINUTE } from '../lib/time.ts';
import type { Path } from '../policy/sa.ts';
import { liveness } from './flows/informational.ts';
import type { EmergingSa } from './ike-sa.ts';
import type { Lifetime } from './lifetime.ts';
import type { Mobility } from './mobility.ts';

/** The IKE SA whose peer it is. */
interface Watched extends EmergingSa {
  readonly establishedAt: Instant | undefined;
  readonly mobility: Mobility;
}

/** What shows that the peer is there, and where, or makes one doubt it (RFC 7296 §2.4). */
export class SignsOfLife {
  readonly #sa: Watched;
  readonly #lifetime: Lifetime;
  #heedHintsFrom: Instant = 0;

  constructor(sa: Watched, lifetime: Lifetime) {
    this.#sa = sa;
    this.#lifetime = lifetime;
  }

  /** An authentic request came by `path`. */
  heard(path: Path): void {
    const sa = this.#sa;
    if (sa.establishedAt === undefined) {
      // With its first protected message the initiator moves to the port of ESP in UDP (RFC 7296 §2.23).
      if (sa.role === 'responder') sa.path = path;
      return;
    }
    this.#lifetime.watch(sa.connection.dpdDelay);
    sa.mobility.heard(path);
  }

  /** Somebody without our keys says that something is amiss. */
  hinted(): void {
    const sa = this.#sa;
    const { now } = sa.host;
    // RFC 7296 §2.4: never a reason to give the SA up, but one to ask the peer, now and then.
    if (sa.establishedAt === undefined || now < this.#heedHintsFrom) return;
    this.#heedHintsFrom = now + MINUTE;
    if (sa.running === undefined) sa.start(liveness());
  }
}
