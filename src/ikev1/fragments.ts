import { V1PayloadType } from '../iana/ikev1.ts';
import type { Host } from '../ike/session.ts';
import { isV4 } from '../lib/ip.ts';
import { Malformed } from '../lib/reader.ts';
import { type Duration, type Instant, SECOND } from '../lib/time.ts';
import type { Connection } from '../policy/connection.ts';
import type { Path } from '../policy/sa.ts';
import { decodeHeader, type Header } from '../wire/header.ts';
import { splitV1Message, V1_FRAGMENT_LIMITS, V1Reassembly } from '../wire/v1/fragments.ts';
import { decodeV1Message } from '../wire/v1/message.ts';

/** A datagram with its header. */
export interface Whole {
  readonly datagram: Uint8Array;
  readonly header: Header;
}

const UDP_HEADER = 8;
const NON_ESP_MARKER = 4;
const LEAST_ROOM = 256;
/** How long the rest of a message is waited for. */
const PATIENCE: Duration = 30 * SECOND;

/** The vendor fragments of one ISAKMP SA, in both directions. */
export class Fragments {
  readonly #host: Host;
  #reassembly: V1Reassembly | undefined;
  #since: Instant = 0;
  #lastId = 0;

  constructor(host: Host) {
    this.#host = host;
  }

  /** When what waits for the rest of its message has waited long enough. */
  get deadline(): Instant | undefined {
    return this.#reassembly === undefined ? undefined : this.#since + PATIENCE;
  }

  /** The message that a datagram is, or completes; undefined where it is a fragment and others are missing. */
  join(datagram: Uint8Array, header: Header, connection: Connection): Whole | undefined {
    if (header.nextPayload !== V1PayloadType.FRAGMENT) return { datagram, header };
    if (connection.fragmentation === 'no') return undefined;
    try {
      const [payload] = decodeV1Message(datagram, header).payloads;
      if (payload?.type !== V1PayloadType.FRAGMENT) return undefined;
      if (this.#reassembly === undefined) this.#since = this.#host.now;
      this.#reassembly ??= new V1Reassembly({
        ...V1_FRAGMENT_LIMITS,
        octets: Math.min(V1_FRAGMENT_LIMITS.octets, this.#host.settings.maxPacket),
      });
      const whole = this.#reassembly.add(payload);
      if (whole === undefined) return undefined;
      this.#reassembly = undefined;
      const inner = decodeHeader(whole);
      // A fragment of fragments nobody sends, and it must not take us round.
      return inner.nextPayload === V1PayloadType.FRAGMENT ? undefined : { datagram: whole, header: inner };
    } catch (error) {
      if (error instanceof Malformed) return undefined;
      throw error;
    }
  }

  /** The datagrams of a message; `allowed`: the peer takes fragments. */
  split(datagram: Uint8Array, path: Path, allowed: boolean): readonly Uint8Array[] {
    const { settings } = this.#host;
    const ip = isV4(path.remote.address) ? 20 : 40;
    const marker = path.local.port === settings.port ? 0 : NON_ESP_MARKER;
    const largest = Math.max(settings.fragmentSize - ip - UDP_HEADER - marker, LEAST_ROOM);
    if (!allowed || datagram.length <= largest) return [datagram];
    this.#lastId = (this.#lastId % 0xffff) + 1;
    return splitV1Message(datagram, largest, this.#lastId);
  }

  tick(): void {
    const { deadline } = this;
    if (deadline !== undefined && deadline <= this.#host.now) this.#reassembly = undefined;
  }
}
