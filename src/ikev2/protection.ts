import type { PacketCipher } from '../crypto/provider.ts';
import { PayloadType } from '../iana/ikev2.ts';
import { Malformed } from '../lib/reader.ts';
import type { Header } from '../wire/header.ts';
import { FRAGMENT_LIMITS, type FragmentLimits, Reassembly } from '../wire/v2/fragments.ts';
import {
  decodeMessage,
  decodePayloads,
  type MessageFields,
  type Message as SealedMessage,
} from '../wire/v2/message.ts';
import type { Payload } from '../wire/v2/payload.ts';
import { openMessage, sealMessage } from '../wire/v2/protect.ts';
import { unknownCritical } from '../wire/v2/rules.ts';

declare const opened: unique symbol;

/** Payloads that the peer, and nobody else, put into this message: only `Protection.open` can say so. */
type Authentic = readonly Payload[] & { readonly [opened]: true };

export type Opened =
  | { readonly kind: 'message'; readonly payloads: Authentic; readonly completes?: Fragment }
  /** Authentic, and the message is not complete yet. */
  | { readonly kind: 'fragment'; readonly fragment: Fragment }
  | Breach
  /** Not the peer's, or damaged on its way: nothing follows from it (RFC 7296 §2.21). */
  | { readonly kind: 'forged' };

/** Authentic, and the peer broke the protocol. `unsupported` is the type of a critical payload. */
export interface Breach {
  readonly kind: 'malformed';
  readonly text: string;
  readonly unsupported?: number;
}

/** Which part of a message came. */
export interface Fragment {
  readonly number: number;
  readonly total: number;
  /** Of the payloads together, once all have come. */
  readonly octets: number;
}

const FORGED: Opened = { kind: 'forged' };

/** What stands between the payloads of one IKE SA and the wire: the two ciphers, and the fragments of messages in the making. */
export class Protection {
  readonly #outgoing: PacketCipher;
  readonly #incoming: PacketCipher;
  readonly #limits: FragmentLimits;
  #reassembly: Reassembly | undefined;

  /** @param longest octets of a message in fragments, where they are fewer than are held at all. */
  constructor(outgoing: PacketCipher, incoming: PacketCipher, longest: number) {
    this.#outgoing = outgoing;
    this.#incoming = incoming;
    this.#limits = { ...FRAGMENT_LIMITS, octets: Math.min(FRAGMENT_LIMITS.octets, longest) };
  }

  /** @param largest octets of one IKE message; undefined: never fragment. */
  seal(fields: MessageFields, payloads: readonly Payload[], largest?: number): readonly Uint8Array[] {
    return sealMessage(fields, payloads, this.#outgoing, largest);
  }

  open(datagram: Uint8Array, header: Header): Opened {
    const sealed = decode(datagram, header);
    const chain = sealed === undefined ? undefined : openMessage(datagram, sealed, this.#incoming);
    if (sealed === undefined || chain === undefined) return FORGED;
    let whole: typeof chain | undefined = chain;
    let fragment: Fragment | undefined;
    if (sealed.encrypted?.type === PayloadType.SKF) {
      this.#reassembly ??= new Reassembly(this.#limits);
      whole = this.#reassembly.add(header, sealed.encrypted, chain.bytes);
      const { fragmentNumber: number, totalFragments: total } = sealed.encrypted;
      fragment = { number, total, octets: whole?.bytes.length ?? 0 };
      if (whole === undefined) return { kind: 'fragment', fragment };
    } else this.#reassembly?.discard(header);
    try {
      const payloads = decodePayloads(whole.first, whole.bytes);
      const unsupported = unknownCritical(payloads) ?? unknownCritical(sealed.payloads);
      if (unsupported !== undefined)
        return {
          kind: 'malformed',
          text: `payload type ${unsupported} is critical and not known`,
          unsupported,
        };
      const completes = fragment === undefined ? {} : { completes: fragment };
      return { kind: 'message', payloads: payloads as Authentic, ...completes };
    } catch (error) {
      if (error instanceof Malformed) return { kind: 'malformed', text: error.message };
      throw error;
    }
  }

  /**
   * Whether `datagram` is an authentic message, or the first fragment of one: the only retransmissions that are
   * answered (RFC 7383 §2.6.1).
   */
  isAuthenticBeginning(datagram: Uint8Array, header: Header): boolean {
    const sealed = decode(datagram, header);
    if (sealed?.encrypted === undefined) return false;
    if (sealed.encrypted.type === PayloadType.SKF && sealed.encrypted.fragmentNumber !== 1) return false;
    return openMessage(datagram, sealed, this.#incoming) !== undefined;
  }

  /** Octets of fragments that wait for the rest. */
  get pending(): number {
    return this.#reassembly?.octets ?? 0;
  }

  /** Forgets all messages in the making. */
  discard(): void {
    this.#reassembly = undefined;
  }

  wipe(): void {
    this.#outgoing.wipe();
    this.#incoming.wipe();
    this.#reassembly = undefined;
  }
}

function decode(datagram: Uint8Array, header: Header): SealedMessage | undefined {
  try {
    return decodeMessage(datagram, header);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}
