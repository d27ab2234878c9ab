import { isDeepStrictEqual } from 'node:util';
import { wipeKeys } from '../policy/direction-keys.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import { kernelOptions } from '../policy/kernel-config.ts';
import { UNLIMITED } from '../policy/lifetimes.ts';
import { type ManualSa, sameKeys } from '../policy/manual-sa.ts';
import type { ChildSaParameters, ChildSaUsage } from '../policy/sa.ts';
import { now } from './clock.ts';
import { failureOf } from './failure-of.ts';
import type { Gateway } from './gateway.ts';

/** One manual SA and what has become of it. */
export interface ManualState {
  readonly sa: ManualSa;
  readonly id: number;
  readonly reqid: number;
  readonly state: 'INSTALLED' | 'EXPIRED' | 'FAILED';
  readonly installedAt?: number;
  readonly failure?: Failure;
}

/** Numbers from here on are of manual SAs: those of the engine, and its reqids, count up from 1. */
const FIRST = 0x4000_0000;
const FIRST_REQID = 0x8000_0000;

/**
 * The SAs with given keys: which are in the back end, by name. What the configuration says is put in as a whole by
 * `take`; what it does not change is not touched. All changes happen in turn.
 */
export class ManualSas {
  readonly #gateway: Gateway;
  readonly #onFailure: (what: string, failure: Failure) => void;
  readonly #states = new Map<string, ManualState>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** Those whose place a policy has taken that stops their traffic. */
  readonly #stopped = new Set<number>();
  #last = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(gateway: Gateway, onFailure: (what: string, failure: Failure) => void) {
    this.#gateway = gateway;
    this.#onFailure = onFailure;
    gateway.onExpired(id => {
      const known = this.list.find(state => state.id === id);
      if (known !== undefined) this.#expire(known.sa.name, id);
    });
  }

  get list(): readonly ManualState[] {
    return [...this.#states.values()];
  }

  usage({ id, state }: ManualState): Promise<ChildSaUsage | undefined> {
    return state === 'INSTALLED' ? this.#gateway.usage(id) : Promise.resolve(undefined);
  }

  get natPort(): number {
    return this.#gateway.natPort;
  }

  /** What keeps `sa` from standing beside those that are there: an SPI that it has too. */
  clashOf(sa: ManualSa): Failure | undefined {
    const other = this.list.find(
      ({ sa: known }) => known.protocol === sa.protocol && known.spiIn === sa.spiIn && known.name !== sa.name,
    );
    if (other === undefined) return undefined;
    return {
      code: 'config/invalid-value',
      summary: `spi_in of "${sa.name}" is that of the manual SA "${other.sa.name}"`,
      remedy: 'give it another one, here and at the peer',
    };
  }

  /** Makes `wanted` all that there is. What cannot be installed is told of and kept as failed; the others stand. */
  take(wanted: readonly ManualSa[]): Promise<void> {
    return this.#inTurn(async () => {
      const kept = new Map(wanted.map(sa => [sa.name, sa]));
      // All that goes goes first: what comes may have its SPIs.
      const gone = this.list.filter(({ sa }) => {
        const next = kept.get(sa.name);
        return next === undefined || !isSameManual(sa, next);
      });
      for (const { sa } of gone) await this.#remove(sa.name);
      for (const sa of wanted) {
        if (this.#states.get(sa.name)?.state === 'FAILED') await this.#remove(sa.name, false);
        if (this.#states.has(sa.name)) continue;
        try {
          await this.#install(sa);
        } catch (error) {
          const failure = failureOf(error);
          this.#states.set(sa.name, { sa, id: 0, reqid: sa.reqid, state: 'FAILED', failure });
          this.#onFailure(`manual SA ${sa.name}`, failure);
        }
      }
    });
  }

  /** Waits until all that was asked for has been done. */
  async settled(): Promise<void> {
    await this.#turn;
  }

  /** Ends the timers; the back end takes out what is in it. */
  close(): void {
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  async #install(sa: ManualSa): Promise<void> {
    if (sa.localPort !== undefined && sa.encap && sa.localPort !== this.#gateway.natPort) {
      throw new Failed({
        code: 'config/invalid-value',
        summary: `"${sa.name}" is to send from UDP port ${sa.localPort}, but the daemon has ${this.#gateway.natPort}`,
        remedy: 'leave local_port out, or start the daemon with --nat-port',
      });
    }
    const id = FIRST + ++this.#last;
    const reqid = sa.reqid > 0 ? sa.reqid : FIRST_REQID + this.#last;
    await this.#gateway.installSa(parametersOf(sa, id, reqid, this.#gateway.natPort));
    this.#states.set(sa.name, { sa, id, reqid, state: 'INSTALLED', installedAt: now() });
    if (sa.lifeTime > 0) this.#expireAfter(sa.name, id, sa.lifeTime);
  }

  async #remove(name: string, wiped = true): Promise<void> {
    const known = this.#states.get(name);
    if (known === undefined) return;
    clearTimeout(this.#timers.get(name));
    this.#timers.delete(name);
    this.#states.delete(name);
    if (known.state !== 'FAILED') await this.#gateway.removeSa(known.id);
    if (this.#stopped.delete(known.id)) await this.#gateway.removePolicy(known.id);
    if (wiped) wipeKeys(known.sa);
  }

  /** setTimeout takes 31 bits of milliseconds; a longer wait is waited in parts. */
  #expireAfter(name: string, id: number, left: number): void {
    const wait = Math.min(left, 2 ** 31 - 1);
    const timer = setTimeout(() => {
      if (left > wait) this.#expireAfter(name, id, left - wait);
      else this.#expire(name, id);
    }, wait).unref();
    this.#timers.set(name, timer);
  }

  /** The end of its life must not let its traffic by in clear: a policy that stops it takes its place. */
  #expire(name: string, id: number): void {
    void this.#inTurn(async () => {
      const known = this.#states.get(name);
      if (known?.id !== id || known.state !== 'INSTALLED') return;
      const { sa, reqid } = known;
      const failure: Failure = {
        code: 'kernel/expired',
        summary: `the life of manual SA "${name}" is over: its traffic is stopped`,
        remedy: 'give both sides new keys and SPIs',
      };
      this.#states.set(name, { ...known, state: 'EXPIRED', failure });
      this.#onFailure(`manual SA ${name}`, failure);
      try {
        await this.#gateway.addDrop(dropOf(sa, id, reqid));
        this.#stopped.add(id);
        await this.#gateway.removeSa(id);
      } catch (error) {
        this.#onFailure(`manual SA ${name}`, failureOf(error));
      }
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

/** Whether two say the same, keys included. */
export function isSameManual(a: ManualSa, b: ManualSa): boolean {
  // Secrets keep their octets to themselves, so that all are equal to isDeepStrictEqual.
  return isDeepStrictEqual(a, b) && sameKeys(a.keysIn, b.keysIn) && sameKeys(a.keysOut, b.keysOut);
}

function dropOf(
  { localTs, remoteTs, protocol, mode, local, remote, kernel }: ManualSa,
  id: number,
  reqid: number,
) {
  const options = kernel === undefined ? {} : { kernel: kernelOptions(kernel, reqid) };
  return { id, localTs, remoteTs, protocol, mode, reqid, local, remote, ...options };
}

function parametersOf(sa: ManualSa, id: number, reqid: number, natPort: number): ChildSaParameters {
  const { name, protocol, mode, algorithms, spiIn, spiOut, keysIn, keysOut, localTs, remoteTs } = sa;
  const [from, to] = sa.encap ? [natPort, sa.remotePort] : [0, 0];
  return {
    id,
    name,
    protocol,
    mode,
    algorithms,
    spiIn,
    spiOut,
    keysIn,
    keysOut,
    localTs,
    remoteTs,
    path: { local: { address: sa.local, port: from }, remote: { address: sa.remote, port: to } },
    udpEncapsulation: sa.encap,
    replayWindow: sa.replayWindow,
    tfcPadding: sa.tfcPadding,
    reqid,
    lifetimes: {
      ...UNLIMITED,
      lifeTime: sa.lifeTime,
      lifeBytes: sa.lifeBytes,
      lifePackets: sa.lifePackets,
    },
    ...(sa.kernel === undefined ? {} : { kernel: kernelOptions(sa.kernel, reqid) }),
  };
}
