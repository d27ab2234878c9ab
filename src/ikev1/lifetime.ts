import type { Host } from '../ike/session.ts';
import { Timers } from '../ike/timers.ts';
import { type Duration, type Instant, MINUTE, SECOND } from '../lib/time.ts';
import type { Connection } from '../policy/connection.ts';
import type { IsakmpKeys } from './isakmp-keys.ts';
import type { PeerFacts, Role } from './isakmp-sa.ts';
import { phaseOneTimes } from './life.ts';

/** What happens to an ISAKMP SA in its time. */
export type TimerName = 'half-open' | 'keepalive' | 'reauth' | 'expire' | 'bereft' | 'orphaned';

/** How long children outlive an SA that has ended, until there is another one for them. */
const ORPHANS_LIFE: Duration = 3 * MINUTE;
/** How long an SA is kept whose children have another one: who made that deletes it, or leaves it to the other end, as charon does. */
const REPLACED_LIFE: Duration = 10 * SECOND;
/** A user has so long to say who it is: a person types a password meanwhile. */
export const USERS_TIME: Duration = 5 * MINUTE;
/** Peers tell of each SA in a message of its own, and these may come in any order. */
const BEREFT: Duration = 10 * SECOND;

/** The clock of one ISAKMP SA, from its first message to its end. */
export class Lifetime {
  readonly #host: Host;
  readonly #timers = new Timers<TimerName>();

  constructor(host: Host) {
    this.#host = host;
  }

  get deadline(): Instant | undefined {
    return this.#timers.deadline;
  }

  get expiresAt(): Instant | undefined {
    return this.#timers.get('expire');
  }

  get reauthAt(): Instant | undefined {
    return this.#timers.get('reauth');
  }

  /** What is due, the soonest first. */
  take(): TimerName | undefined {
    return this.#timers.take(this.#host.now);
  }

  /** A negotiation has so long to come to an end: a responder's, or one that waits for a user. */
  begin(life: Duration): void {
    this.#timers.set('half-open', this.#host.now + life);
  }

  established(
    { connection, role, peer }: { connection: Connection; role: Role; peer: PeerFacts },
    keys: IsakmpKeys,
  ): void {
    const { now } = this.#host;
    this.#timers.clear('half-open');
    const { reauth, expire } = phaseOneTimes(connection, keys.suite.life, this.#host.jitter(1));
    // Who began it makes it anew; the other end only where that is late.
    this.#timers.set('reauth', now + (role === 'initiator' ? reauth : (reauth + expire) / 2));
    this.#timers.set('expire', now + expire);
    if (peer.natLocal) this.keepAlive();
  }

  /** The next packet that holds a NAT's mapping open. */
  keepAlive(): void {
    const { now, settings } = this.#host;
    if (settings.natKeepAlive > 0) this.#timers.set('keepalive', now + settings.natKeepAlive);
  }

  /** It could not be made anew: there is time for another attempt or two. */
  reauthAgain(): void {
    const expire = this.#timers.get('expire');
    const left = expire === undefined ? 0 : expire - this.#host.now;
    if (left > MINUTE) this.#timers.set('reauth', this.#host.now + left / 2);
  }

  /** Its children are with another one; `bereft`: they wait for another one, which is begun if the peer does not say soon that they have gone too. */
  ended(bereft: boolean): void {
    for (const name of ['reauth', 'expire', 'keepalive', 'bereft'] as const) this.#timers.clear(name);
    if (bereft) this.#timers.set('bereft', this.#host.now + BEREFT);
    this.#timers.set('orphaned', this.#host.now + (bereft ? ORPHANS_LIFE : REPLACED_LIFE));
  }
}
