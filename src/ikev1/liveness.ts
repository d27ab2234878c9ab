import { V1Notify, V1ProtocolId } from '../iana/ikev1.ts';
import { waitAfter } from '../ike/retransmission.ts';
import type { Host } from '../ike/session.ts';
import { concat, u64 } from '../lib/bytes.ts';
import { type Instant, MINUTE } from '../lib/time.ts';
import type { Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { V1NotifyPayload, V1Payload } from '../wire/v1/payload.ts';
import { type About, notify } from './flow.ts';
import type { PeerFacts } from './isakmp-sa.ts';

/** What dead peer detection asks of its ISAKMP SA. */
export interface Watched {
  readonly host: Host;
  readonly connection: Connection;
  readonly peer: Pick<PeerFacts, 'deadPeerDetection'>;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  inform(payloads: readonly V1Payload[]): void;
  readonly setbacks: {
    /** The peer has had its time. */
    silent(failure: Failure): void;
  };
}

/** Sequence numbers begin below this, so that they do not roll over (RFC 3706 §6.2). */
const HIGHEST_START = 2 ** 31;

/**
 * Dead peer detection (RFC 3706): after a time without proof that the peer lives it is asked, each time in an
 * exchange of its own and with the next number, since nobody answers the same message twice.
 */
export class Liveness {
  readonly #watched: Watched;
  /** The number of the first question: drawn when it is asked. */
  #first: number | undefined;
  #next = 0;
  /** The number and the time of the first unanswered question, and how many there were. */
  #asked: { readonly from: number; readonly since: Instant; readonly times: number } | undefined;
  #due: Instant | undefined;
  #heedHintsFrom: Instant = 0;
  /** The last number that the peer asked with. */
  #peers: number | undefined;

  constructor(watched: Watched) {
    this.#watched = watched;
  }

  /** When `tick` is due. */
  get deadline(): Instant | undefined {
    return this.#due;
  }

  /** The peer is alive as of now. */
  heard(): void {
    const { host, connection, peer } = this.#watched;
    this.#asked = undefined;
    // Who has not said that it knows the question would not answer it (RFC 3706 §5).
    const isAsked = connection.dpdDelay > 0 && peer.deadPeerDetection;
    this.#due = isAsked ? host.now + connection.dpdDelay : undefined;
  }

  /** Somebody without our keys says that something is amiss: no reason to give the SA up, but one to ask, now and then. */
  hinted(): void {
    const { host, peer } = this.#watched;
    const { now } = host;
    if (!peer.deadPeerDetection || this.#asked !== undefined || now < this.#heedHintsFrom) return;
    this.#heedHintsFrom = now + MINUTE;
    this.#question();
  }

  tick(): void {
    const { host, connection } = this.#watched;
    if (this.#due === undefined || this.#due > host.now) return;
    if (this.#asked === undefined || !this.#isOver(this.#asked)) {
      this.#question();
      return;
    }
    const { times } = this.#asked;
    this.stop();
    const summary = `${connection.name}: the peer gave no sign of life when it was asked ${times} times`;
    this.#watched.setbacks.silent({ code: 'peer/dead', summary });
  }

  stop(): void {
    this.#asked = undefined;
    this.#due = undefined;
  }

  /** Our answer to the peer's question; undefined where it is an old one (§6.2), or none. */
  answerTo({ data }: V1NotifyPayload): V1NotifyPayload | undefined {
    const number = numberIn(data);
    if (number === undefined || (this.#peers !== undefined && number < this.#peers)) return undefined;
    // Some ask again with the same number, in another exchange, until they have their answer.
    this.#peers = number;
    return notify(V1Notify.R_U_THERE_ACK, data.slice(), this.#about);
  }

  /** The peer's answer: only one to a question that is out counts. */
  answered({ data }: V1NotifyPayload): void {
    const number = numberIn(data);
    if (number === undefined || this.#asked === undefined) return;
    if (number >= this.#asked.from && number < this.#next) this.heard();
  }

  #question(): void {
    const { host } = this.#watched;
    if (this.#first === undefined) {
      const octets = host.provider.random(4);
      this.#first = new DataView(octets.buffer, octets.byteOffset, 4).getUint32(0) % HIGHEST_START;
      this.#next = this.#first;
    }
    const { from, since, times } = this.#asked ?? { from: this.#next, since: host.now, times: 0 };
    this.#asked = { from, since, times: times + 1 };
    this.#due = host.now + waitAfter(host.settings, times, host);
    const data = new Uint8Array(4);
    new DataView(data.buffer).setUint32(0, this.#next++);
    this.#watched.inform([notify(V1Notify.R_U_THERE, data, this.#about)]);
  }

  /** `dpd_timeout`, or without one as often as any message is sent. */
  #isOver({ since, times }: { readonly since: Instant; readonly times: number }): boolean {
    const { host, connection } = this.#watched;
    if (connection.dpdTimeout > 0) return host.now - since >= connection.dpdTimeout;
    return times > host.settings.retransmitTries;
  }

  /** Both cookies stand for an SPI. */
  get #about(): About {
    const { initiatorSpi, responderSpi } = this.#watched;
    return { protocol: V1ProtocolId.PROTO_ISAKMP, spi: concat(u64(initiatorSpi), u64(responderSpi)) };
  }
}

function numberIn(data: Uint8Array): number | undefined {
  return data.length === 4 ? new DataView(data.buffer, data.byteOffset, 4).getUint32(0) : undefined;
}
