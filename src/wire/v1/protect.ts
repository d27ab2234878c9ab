import { V1HeaderFlag } from '../../iana/ikev1.ts';
import type { PayloadChain } from '../chain.ts';
import { HEADER_LENGTH } from '../header.ts';
import { type V1MessageFields, writeV1Header } from './message.ts';

/**
 * What this room asks of a cipher: CBC with an IV from outside. A packet cipher of the crypto room without
 * integrity is such; its IV may be at most as long as the ISAKMP header.
 */
export interface V1Cipher {
  readonly ivLength: number;
  readonly blockLength: number;
  /** In place: encrypts all of `packet` after the IV at `ivOffset`, with `iv` as that IV. */
  seal(packet: Uint8Array, ivOffset: number, options: { readonly iv: Uint8Array }): void;
  /** In place: decrypts all after the IV at `ivOffset`. False, and nothing changed, where the length cannot be. */
  open(packet: Uint8Array, ivOffset: number): boolean;
}

/** A sealed message, and the IV of the next one of the same exchange: the last block of this one. */
export interface V1Sealed {
  readonly datagram: Uint8Array;
  readonly nextIv: Uint8Array;
}

/** A decrypted payload area with its padding, and the IV of the next message if this one proves authentic. */
export interface V1Opened {
  readonly bytes: Uint8Array;
  readonly nextIv: Uint8Array;
}

/**
 * Encrypts a message (RFC 2409 appendix B): zeros fill up the last block, the encryption flag is set.
 *
 * @param chain all payloads, the HASH in front included (`prependHash`).
 * @param iv of the cipher's `ivLength`; which one it is only the exchange knows.
 */
export function sealV1Message(
  fields: V1MessageFields,
  chain: PayloadChain,
  cipher: V1Cipher,
  iv: Uint8Array,
): V1Sealed {
  const { ivLength, blockLength } = cipher;
  const length = HEADER_LENGTH + Math.ceil(chain.bytes.length / blockLength) * blockLength;
  const datagram = new Uint8Array(length);
  datagram.set(chain.bytes, HEADER_LENGTH);
  // The IV lies where the header comes to lie afterwards: it is not sent.
  cipher.seal(datagram.subarray(HEADER_LENGTH - ivLength), 0, { iv });
  writeV1Header({ ...fields, flags: fields.flags | V1HeaderFlag.ENCRYPTION }, chain.first, datagram);
  return { datagram, nextIv: datagram.slice(length - ivLength) };
}

/**
 * Decrypts a message; undefined where it is no whole number of blocks. There is no integrity here: the HASH
 * inside must be checked, and until it is, `nextIv` must not become the exchange's IV. `datagram` stays as it is.
 */
export function openV1Message(datagram: Uint8Array, cipher: V1Cipher, iv: Uint8Array): V1Opened | undefined {
  const { ivLength, blockLength } = cipher;
  const textLength = datagram.length - HEADER_LENGTH;
  if (textLength <= 0 || textLength % blockLength !== 0) return undefined;
  const packet = datagram.slice(HEADER_LENGTH - ivLength);
  packet.set(iv);
  if (!cipher.open(packet, 0)) return undefined;
  return { bytes: packet.subarray(ivLength), nextIv: datagram.slice(datagram.length - ivLength) };
}
