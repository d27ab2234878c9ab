import type { PacketCipher } from '../crypto/provider.ts';
import { PayloadType } from '../iana/ikev2.ts';
import { Malformed } from '../lib/reader.ts';
import type { Header } from '../wire/header.ts';
import { Reassembly } from '../wire/v2/fragments.ts';
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
  | { readonly kind: 'message'; readonly payloads: Authentic }
  /** Authentic, and the message is not complete yet. */
  | { readonly kind: 'fragment' }
  | Breach
  /** Not the peer's, or damaged on its way: nothing follows from it (RFC 7296 §2.21). */
  | { readonly kind: 'forged' };

/** Authentic, and the peer broke the protocol. `unsupported` is the type of a critical payload. */
export interface Breach {
  readonly kind: 'malformed';
  readonly text: string;
  readonly unsupported?: number;
}

const FORGED: Opened = { kind: 'forged' };
const FRAGMENT: Opened = { kind: 'fragment' };

/** What stands between the payloads of one IKE SA and the wire: the two ciphers, and the fragments of messages in the making. */
export class Protection {
  readonly #outgoing: PacketCipher;
  readonly #incoming: PacketCipher;
  #reassembly: Reassembly | undefined;

  constructor(outgoing: PacketCipher, incoming: PacketCipher) {
    this.#outgoing = outgoing;
    this.#incoming = incoming;
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
    if (sealed.encrypted?.type === PayloadType.SKF) {
      this.#reassembly ??= new Reassembly();
      whole = this.#reassembly.add(header, sealed.encrypted, chain.bytes);
      if (whole === undefined) return FRAGMENT;
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
      return { kind: 'message', payloads: payloads as Authentic };
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
