import assert from 'node:assert/strict';
import type { Answer } from '../../src/ike/output.ts';
import type { IpAddress } from '../../src/lib/ip.ts';
import { type Duration, type Instant, MINUTE } from '../../src/lib/time.ts';
import { FakeBackEnd } from './back-end.ts';
import { Host, type HostEngine } from './host.ts';
import { type Direction, Network } from './network.ts';
import type { SeededProvider } from './provider.ts';
import { Random } from './random.ts';
import { Schedule } from './schedule.ts';

/** Any instant will do; this one is no multiple of anything. */
const START: Instant = 1_750_000_123_457;
const LADDER_SHOWN = 60;
/** More steps than any honest run takes between two looks of a test. */
const MOST_STEPS = 200_000;

/** A gap in traffic that the two ends caused between themselves. */
export interface Gap {
  readonly at: Instant;
  readonly why: string;
}

/** Hosts, the network between them and the clock. One seed, one run. */
export class Simulation {
  readonly seed: number;
  readonly random: Random;
  readonly schedule = new Schedule(START);
  readonly network: Network;
  readonly hosts: Host[] = [];
  readonly #watches: {
    readonly from: Host;
    readonly to: Host;
    readonly child: string;
    readonly gaps: Gap[];
  }[] = [];

  constructor(seed = 1) {
    this.seed = seed;
    this.random = new Random(seed);
    this.network = new Network(this.schedule, this.random.fork());
    this.network.settle = () => this.settle();
  }

  get now(): Instant {
    return this.schedule.now;
  }

  /** Adds a host around an engine of any make. */
  addHost<E extends HostEngine>(options: {
    readonly name: string;
    readonly address: IpAddress;
    readonly engine: E;
    readonly provider: SeededProvider;
    readonly backEnd?: FakeBackEnd;
    readonly resolve: (connection: string) => Answer;
  }): Host<E> {
    const host = new Host({
      ...options,
      backEnd: options.backEnd ?? new FakeBackEnd(this.schedule, this.random.fork()),
      schedule: this.schedule,
      network: this.network,
    });
    this.hosts.push(host);
    return host;
  }

  /** The direction from one host to another: its weather, script and held packets. */
  between(from: Host | string, to: Host | string): Direction {
    const name = (host: Host | string): string => (typeof host === 'string' ? host : host.name);
    return this.network.direction(name(from), name(to));
  }

  /** Does all that is due at this instant. */
  settle(): void {
    this.#steps(this.now);
  }

  /** Lets `duration` pass. */
  run(duration: Duration): void {
    const until = this.now + duration;
    this.#steps(until);
    this.schedule.advance(until);
  }

  /**
   * Runs until nothing is on its way, asked or being negotiated, however long that takes up to `limit`; then
   * what remains are timers, and tasks that wait for one. Packets that a test holds do not count.
   */
  quiet(limit: Duration = 10 * MINUTE): void {
    const until = this.now + limit;
    this.settle();
    while (!this.#idle()) {
      assert.ok(
        this.#guarded(() => this.schedule.step(until)),
        this.#told(`not quiet after ${limit} ms`),
      );
      this.settle();
    }
  }

  /** Runs until `condition` holds, at most `limit`. */
  until(condition: () => boolean, limit: Duration = 10 * MINUTE): void {
    const until = this.now + limit;
    this.settle();
    while (!condition()) {
      assert.ok(
        this.#guarded(() => this.schedule.step(until)),
        this.#told('it never came to pass'),
      );
      this.settle();
    }
  }

  /** From now on notes, after every step, when a packet of `child` could not pass between the two, in either direction. */
  watch(a: Host, b: Host, child: string): readonly Gap[] {
    const gaps: Gap[] = [];
    this.#watches.push({ from: a, to: b, child, gaps }, { from: b, to: a, child, gaps });
    return gaps;
  }

  unwatch(): void {
    this.#watches.length = 0;
  }

  /** Fails unless every host is as empty as at the start. */
  assertEmpty(): void {
    this.#guarded(() => {
      for (const host of this.hosts) {
        host.backEnd.assertEmpty(host.name);
        for (const { name, online } of host.leases.view())
          assert.equal(online, 0, `${host.name}: addresses of pool ${name} are left with peers`);
        assert.deepEqual(
          host.status().map(({ id, state }) => `${id} ${state}`),
          [],
          `${host.name}: IKE SAs are left`,
        );
      }
    });
  }

  /** Runs `check`; where it fails the seed and the last of the ladder are told with it. */
  check(check: () => void): void {
    this.#guarded(check);
  }

  #idle(): boolean {
    if (this.network.inFlight > 0) return false;
    return this.hosts.every(host => !host.busy && host.status().every(ike => ike.tasksActive.length === 0));
  }

  #steps(until: Instant): void {
    let steps = 0;
    while (this.#guarded(() => this.schedule.step(until))) {
      if (++steps > MOST_STEPS) assert.fail(this.#told(`${steps} steps and no end`));
      for (const { from, to, child, gaps } of this.#watches) {
        const why = this.#guarded(() => from.gapTo(to, child));
        if (why !== undefined) gaps.push({ at: this.now, why });
      }
    }
  }

  #guarded<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      if (error instanceof Told) throw error;
      throw new Told(this.#told(error instanceof Error ? error.message : String(error)), error);
    }
  }

  #told(message: string): string {
    const ladder = this.network.ladder
      .slice(-LADDER_SHOWN)
      .map(line => line.replace(/^\d+/, at => String(Number(at) - START)));
    return `${message}\nseed ${this.seed}, at ${this.now - START} ms; the last of the ladder:\n  ${ladder.join('\n  ')}`;
  }
}

/** A failure with its seed and ladder. */
class Told extends Error {
  constructor(message: string, cause: unknown) {
    super(message, { cause });
    this.name = 'Told';
  }
}
