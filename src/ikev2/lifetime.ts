import type { Host } from '../ike/session.ts';
import { Timers } from '../ike/timers.ts';
import { type Duration, type Instant, SECOND } from '../lib/time.ts';
import type { Connection } from '../policy/connection.ts';
import { ikeLifetimes } from '../policy/lifetimes.ts';
import type { Path } from '../policy/sa.ts';
import type { IkeSa } from './ike-sa.ts';
import type { PeerFacts } from './peer-facts.ts';

/** What happens to an IKE SA in its time. */
export type TimerName = 'half-open' | 'keepalive' | 'liveness' | 'rekey' | 'reauth' | 'expire' | 'fragments';

/** How long the rest of a fragmented message is waited for. */
const FRAGMENTS_LIFE: Duration = 30 * SECOND;

/** The clock of one IKE SA, from its first message to its end. */
export class Lifetime {
  readonly #host: Host;
  readonly #timers = new Timers<TimerName>();
  /** When the next keepalive is due. */
  #awake: Instant = 0;

  constructor(host: Host) {
    this.#host = host;
  }

  get deadline(): Instant | undefined {
    return this.#timers.deadline;
  }

  get rekeyAt(): Instant | undefined {
    return this.#timers.get('rekey');
  }

  get reauthAt(): Instant | undefined {
    return this.#timers.get('reauth');
  }

  get expiresAt(): Instant | undefined {
    return this.#timers.get('expire');
  }

  /** What is due, the soonest first. */
  take(): TimerName | undefined {
    return this.#timers.take(this.#host.now);
  }

  /** The negotiation of a responder has so long to come to an end. */
  begin(life: Duration): void {
    this.#timers.set('half-open', this.#host.now + life);
  }

  /** A part of a message has come. */
  gather(): void {
    if (this.#timers.get('fragments') === undefined)
      this.#timers.set('fragments', this.#host.now + FRAGMENTS_LIFE);
  }

  /** @param predecessor whose time to authenticate anew goes on: a rekey proves nobody. */
  established(
    { connection, peer, path }: Pick<IkeSa, 'connection' | 'peer' | 'path'>,
    predecessor?: Lifetime,
  ): void {
    const host = this.#host;
    const { now } = host;
    this.#timers.clear('half-open');
    const fractions = { rekey: host.jitter(1), reauth: host.jitter(1) };
    const { rekey, reauth, expire } = ikeLifetimes(connection, fractions);
    if (rekey !== undefined) this.#timers.set('rekey', now + rekey);
    const wanted = Math.min(reauth ?? Number.POSITIVE_INFINITY, asTheyWant(peer, connection));
    if (Number.isFinite(wanted)) this.#timers.set('reauth', now + wanted);
    if (expire !== undefined) this.#timers.set('expire', now + expire);
    const inherited = predecessor?.reauthAt;
    if (inherited !== undefined) this.#timers.set('reauth', inherited);
    this.watch(connection.dpdDelay);
    this.behindNat(peer.natLocal && path.tcp !== true);
  }

  /** Whether there is a NAT's mapping to be held open. */
  behindNat(isSo: boolean): void {
    if (!isSo) this.#timers.clear('keepalive');
    else if (this.#timers.get('keepalive') === undefined) this.keepAlive();
  }

  /** The peer is asked whether it is there when it has been silent for `delay`; never where that is 0. */
  watch(delay: Duration): void {
    if (delay > 0) this.#timers.set('liveness', this.#host.now + delay);
  }

  /** Holds a NAT's mapping open; true where that comes so late that this host must have slept, and the peer is to be asked instead. */
  remind(path: Path): boolean {
    const { now, settings } = this.#host;
    const hasSlept = settings.keepAliveDpdMargin > 0 && now - this.#awake > settings.keepAliveDpdMargin;
    if (!hasSlept) this.#host.keepalive(path);
    this.keepAlive();
    return hasSlept;
  }

  /** The next packet that holds a NAT's mapping open. */
  keepAlive(): void {
    const { now, settings } = this.#host;
    if (settings.natKeepAlive === 0) return;
    this.#awake = now + settings.natKeepAlive;
    this.#timers.set('keepalive', this.#awake);
  }

  /** Its children are with a successor. */
  replaced(): void {
    for (const name of ['rekey', 'reauth', 'liveness', 'keepalive'] as const) this.#timers.clear(name);
  }
}

/** New proofs before the peer's patience ends: by over_time, or by a fifth where that would be nearly at once. */
function asTheyWant({ authLifetime }: PeerFacts, { overTime }: Pick<Connection, 'overTime'>): Duration {
  if (authLifetime === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(authLifetime - overTime, authLifetime * 0.8, SOONEST);
}

/** Whatever a peer says. */
const SOONEST: Duration = 10 * SECOND;
