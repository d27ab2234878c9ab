import { concat } from '../lib/bytes.ts';

/** Encrypts whole blocks in CBC from a zero IV and yields the last block of the result. */
export type CbcMac = (blocks: Uint8Array) => Uint8Array;

/** AES-XCBC and AES-CMAC under one 128-bit key: 16 octets, not yet cut to 12. */
export type BlockMac = (message: Uint8Array) => Uint8Array;

/** CBC-MAC from single block encryptions, for providers that have nothing faster. */
export function cbcMacOf(encryptBlock: (block: Uint8Array) => Uint8Array): CbcMac {
  return blocks => {
    let chain: Uint8Array = new Uint8Array(BLOCK);
    for (let at = 0; at < blocks.length; at += BLOCK) {
      chain = encryptBlock(xor(chain, blocks.subarray(at, at + BLOCK)));
    }
    return chain;
  };
}

/** AES-XCBC-MAC without its truncation (RFC 3566 §4). `cbcMac` makes a chain under the key it is given. */
export function xcbc(cbcMac: (key: Uint8Array) => CbcMac, key: Uint8Array): BlockMac {
  const derive = cbcMac(key);
  const [k1, whole, padded] = [1, 2, 3].map(octet => derive(new Uint8Array(BLOCK).fill(octet)));
  const chain = cbcMac(k1 as Uint8Array);
  return message => chain(finished(message, whole as Uint8Array, padded as Uint8Array));
}

/** AES-CMAC (RFC 4493 §2.4). */
export function cmac(cbcMac: (key: Uint8Array) => CbcMac, key: Uint8Array): BlockMac {
  const chain = cbcMac(key);
  const whole = doubled(chain(new Uint8Array(BLOCK)));
  const padded = doubled(whole);
  return message => chain(finished(message, whole, padded));
}

const BLOCK = 16;

/** The message in whole blocks, its last one masked: with `whole` if it was whole, otherwise with `padded` behind 10…0. */
function finished(message: Uint8Array, whole: Uint8Array, padded: Uint8Array): Uint8Array {
  const isWhole = message.length > 0 && message.length % BLOCK === 0;
  const length = isWhole ? message.length : message.length - (message.length % BLOCK) + BLOCK;
  const blocks = new Uint8Array(length);
  blocks.set(message);
  if (!isWhole) blocks[message.length] = 0x80;
  const mask = isWhole ? whole : padded;
  for (let i = 0; i < BLOCK; i++)
    blocks[length - BLOCK + i] = (blocks[length - BLOCK + i] as number) ^ (mask[i] as number);
  return blocks;
}

/** Multiplication by x in GF(2^128), without a branch on the secret (RFC 4493 §2.3). */
function doubled(block: Uint8Array): Uint8Array {
  const result = new Uint8Array(BLOCK);
  for (let i = 0; i < BLOCK; i++) result[i] = ((block[i] as number) << 1) | ((block[i + 1] ?? 0) >> 7);
  result[BLOCK - 1] = (result[BLOCK - 1] as number) ^ (0x87 & -((block[0] as number) >> 7));
  return result;
}

function xor(a: Uint8Array, b: Uint8Array): Uint8Array {
  return a.map((octet, i) => octet ^ (b[i] as number));
}

/** A key of any length as AES-XCBC-PRF-128 wants it: padded with zeros, or digested when too long (RFC 4434 §2). */
export function xcbcPrfKey(cbcMac: (key: Uint8Array) => CbcMac, key: Uint8Array): Uint8Array {
  if (key.length > BLOCK) return xcbc(cbcMac, new Uint8Array(BLOCK))(key);
  return key.length === BLOCK ? key : concat(key, new Uint8Array(BLOCK - key.length));
}

/** A key of any length as AES-CMAC-PRF-128 wants it: digested unless it has 128 bits (RFC 4615 §3). */
export function cmacPrfKey(cbcMac: (key: Uint8Array) => CbcMac, key: Uint8Array): Uint8Array {
  return key.length === BLOCK ? key : cmac(cbcMac, new Uint8Array(BLOCK))(key);
}
