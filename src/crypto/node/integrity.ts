import { createCipheriv, createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { concat } from '../../lib/bytes.ts';
import { type CbcMac, cmac, xcbc } from '../aes-mac.ts';
import type { IntegrityAlgorithm } from '../integ/registry.ts';

/** A MAC under one key over parts one after the other, cut to the length of its ICV. */
export type Mac = (...parts: readonly Uint8Array[]) => Uint8Array;

/** The MAC of an integrity algorithm; undefined for GMAC, which needs a nonce. */
export function macOf(row: IntegrityAlgorithm, key: Uint8Array): Mac | undefined {
  const { primitive, icv } = row;
  if (primitive.kind === 'hmac') return hmac(primitive.hash, createSecretKey(key), icv);
  if (primitive.kind === 'gmac') return undefined;
  const mac = primitive.kind === 'xcbc' ? xcbc(aesCbcMac, key) : cmac(aesCbcMac, key);
  return (...parts) => mac(concat(...parts)).subarray(0, icv);
}

/** CBC-MAC under AES over a whole message in one call. */
export function aesCbcMac(key: Uint8Array): CbcMac {
  const object = createSecretKey(key);
  const name = `aes-${8 * key.length}-cbc`;
  return blocks => createCipheriv(name, object, ZERO_IV).setAutoPadding(false).update(blocks).subarray(-16);
}

const ZERO_IV = new Uint8Array(16);

function hmac(hash: string, key: KeyObject, icv: number): Mac {
  return (...parts) => {
    const mac = createHmac(hash, key);
    for (const part of parts) mac.update(part);
    return mac.digest().subarray(0, icv);
  };
}
