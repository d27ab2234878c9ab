import { createCipheriv, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { Aead } from './aead.ts';

/**
 * CCM (RFC 3610) of a block cipher that OpenSSL has in CBC and CTR alone, such as Camellia: `prefix` is what stands
 * before the mode in OpenSSL's names, `camellia-128`.
 */
export function composedCcm(prefix: string, key: KeyObject, tagLength: number): Aead {
  /** S_0 and text under the key stream from S_1 on; encrypts and decrypts (RFC 3610 §2.3). */
  const stream = (nonce: Uint8Array, text: Uint8Array): { first: Uint8Array; text: Uint8Array } => {
    const counter = new Uint8Array(BLOCK);
    counter[0] = BLOCK - 2 - nonce.length;
    counter.set(nonce, 1);
    const cipher = createCipheriv(`${prefix}-ctr`, key, counter);
    return { first: cipher.update(new Uint8Array(BLOCK)), text: cipher.update(text) };
  };

  const tagOf = (nonce: Uint8Array, aad: Uint8Array, text: Uint8Array, first: Uint8Array): Uint8Array => {
    const mac = createCipheriv(`${prefix}-cbc`, key, new Uint8Array(BLOCK)).setAutoPadding(false);
    const chain = mac.update(authenticatedBlocks(nonce, aad, text, tagLength)).subarray(-BLOCK);
    return chain.map((octet, i) => octet ^ (first[i] as number)).subarray(0, tagLength);
  };

  return {
    seal(nonce, aad, text) {
      const sealed = stream(nonce, text);
      return { text: sealed.text, tag: tagOf(nonce, aad, text, sealed.first) };
    },
    open(nonce, aad, text, tag) {
      const opened = stream(nonce, text);
      const expected = tagOf(nonce, aad, opened.text, opened.first);
      return tag.length === tagLength && timingSafeEqual(expected, tag) ? opened.text : undefined;
    },
  };
}

const BLOCK = 16;

/** B_0, the associated data behind its length, the text: each filled up with zeros to whole blocks (RFC 3610 §2.2). */
function authenticatedBlocks(
  nonce: Uint8Array,
  aad: Uint8Array,
  text: Uint8Array,
  tagLength: number,
): Uint8Array {
  const lengthOctets = BLOCK - 1 - nonce.length;
  const aadPrefix = aad.length === 0 ? 0 : aad.length < 0xff00 ? 2 : 6;
  const textAt = BLOCK + wholeBlocks(aadPrefix + aad.length);
  const blocks = new Uint8Array(textAt + wholeBlocks(text.length));
  const view = new DataView(blocks.buffer);
  // Texts stay below 2^32, and four octets of length lie inside the first block for every nonce of at most 11
  view.setUint32(BLOCK - 4, text.length);
  blocks[0] = (aad.length > 0 ? 0x40 : 0) | (((tagLength - 2) / 2) << 3) | (lengthOctets - 1);
  blocks.set(nonce, 1);
  if (aadPrefix === 2) view.setUint16(BLOCK, aad.length);
  if (aadPrefix === 6) {
    view.setUint16(BLOCK, 0xfffe);
    view.setUint32(BLOCK + 2, aad.length);
  }
  blocks.set(aad, BLOCK + aadPrefix);
  blocks.set(text, textAt);
  return blocks;
}

function wholeBlocks(length: number): number {
  return Math.ceil(length / BLOCK) * BLOCK;
}
