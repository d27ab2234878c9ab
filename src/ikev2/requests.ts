import { ExchangeType } from '../iana/ikev2.ts';
import { type Chance, type RetransmissionSchedule, waitAfter } from '../ike/retransmission.ts';
import type { Instant } from '../lib/time.ts';

interface Outstanding {
  readonly messageId: number;
  readonly exchange: number;
  /** As first sent: a retransmission is bit-identical (RFC 7296 §2.1). */
  readonly datagrams: readonly Uint8Array[];
  /** How often it was sent again, and may be. */
  resent: number;
  tries: number;
  due: Instant;
}

interface Clock extends Chance {
  readonly now: Instant;
}

/** Message IDs are 32 bits and never wrap (RFC 7296 §2.2): from half of them on the SA wants new keys. */
const WORN = 2 ** 31;
const LAST = 2 ** 32 - 1;

/**
 * Our side's requests: one at a time (a window of 1 is all that a peer must offer, RFC 7296 §2.3), sent again with
 * growing pauses until its answer comes or patience ends.
 */
export class Requests {
  #next: number;
  #outstanding: Outstanding | undefined;

  /** @param next the Message ID of the first request */
  constructor(next = 0) {
    this.#next = next;
  }

  /** The Message ID that a request of `exchange` will have. IKE_SA_INIT is 0, however often it is begun anew. */
  idFor(exchange: number): number {
    return exchange === ExchangeType.IKE_SA_INIT ? 0 : this.#next;
  }

  /** Whether there are Message IDs left: plenty, a last half of them, none. */
  get supply(): 'fresh' | 'worn' | 'spent' {
    return this.#next < WORN ? 'fresh' : this.#next < LAST ? 'worn' : 'spent';
  }

  /** The request that awaits its answer: its exchange type. */
  get exchange(): number | undefined {
    return this.#outstanding?.exchange;
  }

  get datagrams(): readonly Uint8Array[] {
    return this.#outstanding?.datagrams ?? [];
  }

  get messageId(): number {
    return this.#outstanding?.messageId ?? 0;
  }

  /** How often the outstanding request was sent again. */
  get resent(): number {
    return this.#outstanding?.resent ?? 0;
  }

  /** How often the outstanding request was sent. */
  get sentInAll(): number {
    return 1 + this.resent;
  }

  /** When the outstanding request is to be sent again, or given up. */
  get due(): Instant | undefined {
    return this.#outstanding?.due;
  }

  /** A request with the ID `idFor` gave was sent for the first time. */
  sent(
    exchange: number,
    datagrams: readonly Uint8Array[],
    schedule: RetransmissionSchedule,
    clock: Clock,
  ): void {
    const messageId = this.idFor(exchange);
    this.#next = messageId + 1;
    this.#outstanding = {
      messageId,
      exchange,
      datagrams,
      resent: 0,
      tries: schedule.retransmitTries,
      due: clock.now + waitAfter(schedule, 0, clock),
    };
  }

  /** Whether a response with these fields of the header answers the outstanding request. */
  answeredBy(messageId: number, exchange: number): boolean {
    return this.#outstanding?.messageId === messageId && this.#outstanding.exchange === exchange;
  }

  /** The outstanding request goes another way now: it is waited for as if it were new. */
  restart(schedule: RetransmissionSchedule, clock: Clock): void {
    const outstanding = this.#outstanding;
    if (outstanding === undefined) return;
    outstanding.resent = 0;
    outstanding.due = clock.now + waitAfter(schedule, 0, clock);
  }

  /** The request has its answer. */
  done(): void {
    this.#outstanding = undefined;
  }

  /** An answer came that is not to be believed at once: the request is sent once more, and no oftener. */
  hurry(): void {
    const outstanding = this.#outstanding;
    if (outstanding !== undefined) outstanding.tries = Math.min(outstanding.tries, outstanding.resent + 1);
  }

  /** The datagrams to send once more now that `due` has come; undefined when patience has ended. */
  again(schedule: RetransmissionSchedule, clock: Clock): readonly Uint8Array[] | undefined {
    const outstanding = this.#outstanding;
    if (outstanding === undefined || outstanding.resent >= outstanding.tries) return undefined;
    outstanding.resent++;
    outstanding.due = clock.now + waitAfter(schedule, outstanding.resent, clock);
    return outstanding.datagrams;
  }
}
