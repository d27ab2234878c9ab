import type { IpPacket } from '../../esp/ip-packet.ts';
import { SelectorPair } from '../../esp/selector.ts';
import { Spd } from '../../esp/spd.ts';
import { type Duration, type Instant, SECOND } from '../../lib/time.ts';
import type { BackendEvent, StandingPolicy } from '../../policy/sa.ts';

interface Trap {
  readonly id: number;
  readonly reqid: number;
  /** When an SA was last asked for, and did not come yet. */
  asked: Instant | undefined;
}

/** A question is asked again when so long no SA came of it: what Linux waits too. */
const PATIENCE: Duration = 30 * SECOND;

/** Policies that ask for an SA as soon as a packet wants one (RFC 4301 §5.1 step 3b). */
export class Traps {
  readonly #traps = new Map<number, Trap>();
  readonly #spd = new Spd<Trap>();

  add({ id, reqid, localTs, remoteTs }: StandingPolicy): void {
    const trap: Trap = { id, reqid, asked: undefined };
    this.#traps.set(id, trap);
    this.#spd.insert(trap, new SelectorPair(localTs, remoteTs));
  }

  remove(id: number): void {
    const trap = this.#traps.get(id);
    if (trap === undefined) return;
    this.#traps.delete(id);
    this.#spd.delete(trap);
  }

  /** An SA came: the next packet without one is a new question. */
  answered(reqid: number): void {
    for (const trap of this.#traps.values()) if (trap.reqid === reqid) trap.asked = undefined;
  }

  /** Whether the outbound packet at `start` of `buffer`, which no SA takes, fell into a trap; tells of the first. */
  catch(
    packet: IpPacket,
    buffer: Uint8Array,
    start: number,
    now: Instant,
    onEvent: (event: BackendEvent) => void,
  ): boolean {
    const trap = this.#spd.find(packet);
    if (trap === undefined) return false;
    if (trap.asked !== undefined && now - trap.asked < PATIENCE) return true;
    trap.asked = now;
    const [at, length] = packet.version === 4 ? [12, 4] : [8, 16];
    onEvent({
      kind: 'acquire',
      reqid: trap.reqid,
      source: buffer.slice(start + at, start + at + length),
      destination: buffer.slice(start + at + length, start + at + 2 * length),
      protocol: packet.protocol,
    });
    return true;
  }
}
