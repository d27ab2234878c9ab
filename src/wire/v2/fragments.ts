import { concat } from '../../lib/bytes.ts';
import type { PayloadChain } from '../chain.ts';
import type { Header } from '../header.ts';
import { HeaderFlag } from '../header.ts';
import type { EncryptedFragmentPayload } from './payload.ts';

/** What one IKE SA may hold of unfinished messages. */
export interface FragmentLimits {
  /** Messages in the making: as many as the window allows, and a few of either direction. */
  readonly messages: number;
  /** Fragments of one message. */
  readonly fragments: number;
  /** Of plaintext, over all messages in the making. */
  readonly octets: number;
}

/** Enough for a chain of post-quantum certificates in pieces of 576 octets. */
export const FRAGMENT_LIMITS: FragmentLimits = { messages: 4, fragments: 256, octets: 131_072 };

interface Partial {
  readonly pieces: (Uint8Array | undefined)[];
  /** The type of the first inner payload, which only fragment 1 tells. */
  first: number;
  missing: number;
  octets: number;
}

/**
 * Puts the fragments of protected messages together again (RFC 7383 §2.6), one collection an IKE SA. Takes
 * only what was authenticated and decrypted, one fragment at a time, so nobody but the peer can fill it. It
 * has no clock: whoever gives up on a message calls `discard`.
 */
export class Reassembly {
  readonly #limits: FragmentLimits;
  readonly #partials = new Map<number, Partial>();
  #octets = 0;

  constructor(limits: FragmentLimits = FRAGMENT_LIMITS) {
    this.#limits = limits;
  }

  /** Octets held at present. */
  get octets(): number {
    return this.#octets;
  }

  /** Messages in the making. */
  get size(): number {
    return this.#partials.size;
  }

  /**
   * Takes one opened fragment and returns the whole inner chain once it is complete, undefined before. What
   * must not be stored is passed over: a duplicate, a smaller total than known, a message beyond the limits.
   * Where messages in the making crowd each other out, the oldest goes.
   *
   * @param bytes what `openMessage` gave for this fragment; a copy is kept until the message is complete.
   */
  add(header: Header, fragment: EncryptedFragmentPayload, bytes: Uint8Array): PayloadChain | undefined {
    const { fragmentNumber, totalFragments, firstInner } = fragment;
    if (totalFragments > this.#limits.fragments) return undefined;
    const key = keyOf(header);
    const known = this.#partials.get(key);
    if (known !== undefined && totalFragments < known.pieces.length) return undefined;
    // A larger total: the sender has begun anew with smaller pieces, the earlier ones are useless.
    if (known !== undefined && totalFragments > known.pieces.length) this.#drop(key, known);
    const partial = this.#partials.get(key) ?? this.#begin(key, totalFragments);
    if (partial.pieces[fragmentNumber - 1] !== undefined || !this.#makeRoom(partial, bytes.length))
      return undefined;
    partial.pieces[fragmentNumber - 1] = bytes.slice();
    partial.octets += bytes.length;
    this.#octets += bytes.length;
    if (fragmentNumber === 1) partial.first = firstInner;
    if (--partial.missing > 0) return undefined;
    this.#drop(key, partial);
    return { first: partial.first, bytes: concat(...(partial.pieces as Uint8Array[])) };
  }

  /** Forgets what came of one message; the other fields of the header are not looked at. */
  discard(header: Pick<Header, 'messageId' | 'flags'>): void {
    const partial = this.#partials.get(keyOf(header));
    if (partial !== undefined) this.#drop(keyOf(header), partial);
  }

  /** Forgets everything. */
  clear(): void {
    this.#partials.clear();
    this.#octets = 0;
  }

  #begin(key: number, total: number): Partial {
    for (const [other, oldest] of this.#partials) {
      if (this.#partials.size < this.#limits.messages) break;
      this.#drop(other, oldest);
    }
    const partial: Partial = { pieces: Array(total).fill(undefined), first: 0, missing: total, octets: 0 };
    this.#partials.set(key, partial);
    return partial;
  }

  /** Whether `length` octets more may be held for `partial`, at the cost of older messages where need be. */
  #makeRoom(partial: Partial, length: number): boolean {
    if (partial.octets + length > this.#limits.octets) return false;
    for (const [other, oldest] of this.#partials) {
      if (this.#octets + length <= this.#limits.octets) break;
      if (oldest !== partial) this.#drop(other, oldest);
    }
    return true;
  }

  #drop(key: number, partial: Partial): void {
    this.#partials.delete(key);
    this.#octets -= partial.octets;
  }
}

/** Requests and responses count their Message IDs apart (RFC 7296 §2.2). */
function keyOf(header: Pick<Header, 'messageId' | 'flags'>): number {
  return header.messageId * 2 + ((header.flags & HeaderFlag.RESPONSE) === 0 ? 0 : 1);
}

/** `bytes` in pieces of at most `room` octets, as views; one empty piece where there is nothing. */
export function split(bytes: Uint8Array, room: number): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < bytes.length || pieces.length === 0; at += room)
    pieces.push(bytes.subarray(at, at + room));
  return pieces;
}
