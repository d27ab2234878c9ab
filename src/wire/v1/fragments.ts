import { V1HeaderFlag, V1PayloadType } from '../../iana/ikev1.ts';
import { concat } from '../../lib/bytes.ts';
import { decodeHeader, HEADER_LENGTH } from '../header.ts';
import { encodeV1Message } from './message.ts';
import type { V1FragmentPayload } from './payload.ts';

/** What one IKE SA may hold of an unfinished message. */
export interface V1FragmentLimits {
  readonly fragments: number;
  readonly octets: number;
}

/** Room for a certificate chain in pieces of 576 octets; these octets are held before anybody is authenticated. */
export const V1_FRAGMENT_LIMITS: V1FragmentLimits = { fragments: 64, octets: 32_768 };

const GENERIC_HEADER = 4;
const FRAGMENT_HEADER = 4;

/**
 * Puts vendor fragments together again, one message at a time and an IKE SA: a new Fragment ID throws away what
 * there was. The fragments are authenticated by nothing; the message they make is judged when it is whole.
 */
export class V1Reassembly {
  readonly #limits: V1FragmentLimits;
  #id: number | undefined;
  readonly #pieces = new Map<number, Uint8Array>();
  #last: number | undefined;
  #octets = 0;

  constructor(limits: V1FragmentLimits = V1_FRAGMENT_LIMITS) {
    this.#limits = limits;
  }

  /** Octets held at present. */
  get octets(): number {
    return this.#octets;
  }

  /**
   * Takes one fragment and returns the whole datagram once it is complete, undefined before. Passed over: a
   * duplicate, a number after the last, a second and different last, anything beyond the limits. What is kept
   * is a copy.
   */
  add({ fragmentId, fragmentNumber, last, data }: V1FragmentPayload): Uint8Array | undefined {
    if (fragmentId !== this.#id) this.clear();
    this.#id = fragmentId;
    if (fragmentNumber > this.#limits.fragments || this.#octets + data.length > this.#limits.octets)
      return undefined;
    if (this.#pieces.has(fragmentNumber) || !this.#fits(fragmentNumber, last)) return undefined;
    this.#pieces.set(fragmentNumber, data.slice());
    this.#octets += data.length;
    if (last) this.#last = fragmentNumber;
    if (this.#pieces.size !== this.#last) return undefined;
    const pieces = Array.from({ length: this.#last }, (_, i) => this.#pieces.get(i + 1) as Uint8Array);
    this.clear();
    return concat(...pieces);
  }

  /** Forgets what there is. */
  clear(): void {
    this.#id = undefined;
    this.#pieces.clear();
    this.#last = undefined;
    this.#octets = 0;
  }

  #fits(number: number, last: boolean): boolean {
    if (this.#last !== undefined) return number < this.#last && !last;
    return !last || [...this.#pieces.keys()].every(other => other < number);
  }
}

/**
 * A finished message in datagrams of at most `largest` octets each, UDP and IP not counted: itself where it
 * fits, otherwise vendor fragments under a copy of its header without the encryption flag.
 *
 * @param fragmentId must differ from that of the message before.
 */
export function splitV1Message(datagram: Uint8Array, largest: number, fragmentId: number): Uint8Array[] {
  if (datagram.length <= largest) return [datagram];
  const room = largest - HEADER_LENGTH - GENERIC_HEADER - FRAGMENT_HEADER;
  const total = Math.ceil(datagram.length / room);
  if (room < 1 || total > 255) throw new RangeError(`${datagram.length} octets in fragments of ${largest}`);
  const header = decodeHeader(datagram);
  const fields = { ...header, flags: header.flags & ~V1HeaderFlag.ENCRYPTION };
  return Array.from({ length: total }, (_, i) =>
    encodeV1Message(fields, [
      {
        type: V1PayloadType.FRAGMENT,
        fragmentId,
        fragmentNumber: i + 1,
        last: i + 1 === total,
        data: datagram.subarray(i * room, (i + 1) * room),
      },
    ]),
  );
}
