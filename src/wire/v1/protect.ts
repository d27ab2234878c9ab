import { V1HeaderFlag } from '../../iana/ikev1.ts';
import type { PayloadChain } from '../chain.ts';
import { HEADER_LENGTH } from '../header.ts';
import { type V1MessageFields, writeV1Header } from './message.ts';

/** What this room asks of a cipher, the CBC ciphers of the crypto room are such; IVs are one block long. */
export interface V1Cipher {
  readonly blockLength: number;
  /** A fresh array; `text` is a whole number of blocks. */
  encrypt(iv: Uint8Array, text: Uint8Array): Uint8Array;
  /** The inverse. */
  decrypt(iv: Uint8Array, text: Uint8Array): Uint8Array;
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
 * @param iv which one it is only the exchange knows.
 */
export function sealV1Message(
  fields: V1MessageFields,
  chain: PayloadChain,
  cipher: V1Cipher,
  iv: Uint8Array,
): V1Sealed {
  const { blockLength } = cipher;
  const text = new Uint8Array(Math.ceil(chain.bytes.length / blockLength) * blockLength);
  text.set(chain.bytes);
  const datagram = new Uint8Array(HEADER_LENGTH + text.length);
  datagram.set(cipher.encrypt(iv, text), HEADER_LENGTH);
  writeV1Header({ ...fields, flags: fields.flags | V1HeaderFlag.ENCRYPTION }, chain.first, datagram);
  return { datagram, nextIv: datagram.slice(-blockLength) };
}

/**
 * Decrypts a message; undefined where it is no whole number of blocks. There is no integrity here: the HASH
 * inside must be checked, and until it is, `nextIv` must not become the exchange's IV.
 */
export function openV1Message(datagram: Uint8Array, cipher: V1Cipher, iv: Uint8Array): V1Opened | undefined {
  const text = datagram.subarray(HEADER_LENGTH);
  if (text.length === 0 || text.length % cipher.blockLength !== 0) return undefined;
  return { bytes: cipher.decrypt(iv, text), nextIv: datagram.slice(-cipher.blockLength) };
}
