import type { IkeEvent, Output } from '../ike/output.ts';
import { toHex } from '../lib/bytes.ts';
import { type Instant, MINUTE } from '../lib/time.ts';
import type { Path } from '../policy/sa.ts';
import { HeaderFlag } from '../wire/header.ts';
import { Lately } from './lately.ts';

/** A datagram of IKE that went by. */
export interface TracedDatagram {
  readonly direction: 'in' | 'out';
  readonly octets: number;
  readonly path: Path;
  /** Absent on those of nobody. */
  readonly ike?: number;
  readonly connection?: string;
  /** Sent before: a request that was not answered, or the answer to one that came again. */
  readonly repeated?: 'request' | 'response';
}

type Owner = Required<Pick<TracedDatagram, 'ike' | 'connection'>>;

type MessageEvent = Extract<IkeEvent, { kind: 'message' }>;

/** SAs whose datagrams are known by their SPIs, and how long after the last of them. */
const TRACED = 4096;
const KNOWN_FOR = 10 * MINUTE;

/** Tells whoever listens of datagrams, with the SA that they belong to as far as that is known. */
export class DatagramTrace {
  readonly #listeners = new Set<(datagram: TracedDatagram) => void>();
  /** Whose the datagrams with these SPIs are, the youngest. */
  readonly #known = new Lately<string, Owner>(TRACED, KNOWN_FOR);
  /** What the engine said last of a message going out: the datagrams that follow carry it. */
  #announced: MessageEvent | undefined;

  on(listener: (datagram: TracedDatagram) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** `outputs` is what the engine made of it. */
  incoming(datagram: Uint8Array, path: Path, outputs: readonly Output[], at: Instant): void {
    if (this.#listeners.size > 0) this.#tell('in', datagram, path, messageIn(outputs), at);
  }

  outgoing(datagram: Uint8Array, path: Path, at: Instant): void {
    if (this.#listeners.size > 0) this.#tell('out', datagram, path, this.#announced, at);
  }

  note(event: IkeEvent): void {
    if (event.kind === 'message' && event.direction === 'out') this.#announced = event;
  }

  /** What comes next has nothing to do with what was said so far. */
  turn(): void {
    this.#announced = undefined;
  }

  #tell(
    direction: 'in' | 'out',
    datagram: Uint8Array,
    path: Path,
    message: MessageEvent | undefined,
    at: Instant,
  ): void {
    // A repeated message is not announced: it is known by the SPIs that it carries.
    const spis = toHex(datagram.subarray(0, 16));
    const owner = message === undefined ? this.#known.get(spis) : ownerOf(message);
    if (owner !== undefined) this.#known.note(spis, owner, at);
    const repeated = direction === 'out' && message === undefined ? { repeated: kindOf(datagram) } : {};
    for (const listener of this.#listeners)
      listener({ direction, octets: datagram.length, path, ...owner, ...repeated });
  }
}

function ownerOf({ ike, connection }: MessageEvent): Owner {
  return { ike, connection };
}

/** IKEv1 has no flag for it: what is sent again there is always ours to be answered. */
function kindOf(datagram: Uint8Array): 'request' | 'response' {
  const isV2 = (datagram[17] ?? 0) >> 4 === 2;
  return isV2 && ((datagram[19] ?? 0) & HeaderFlag.RESPONSE) !== 0 ? 'response' : 'request';
}

function messageIn(outputs: readonly Output[]): MessageEvent | undefined {
  for (const output of outputs) {
    if (output.kind === 'event' && output.event.kind === 'message' && output.event.direction === 'in')
      return output.event;
  }
  return undefined;
}
