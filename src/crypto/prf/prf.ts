import { concat } from '../../lib/bytes.ts';
import { cbcMacOf, cmac, cmacPrfKey, xcbc, xcbcPrfKey } from '../aes-mac.ts';
import type { CryptoProvider } from '../provider.ts';
import { type PrfAlgorithm, prfRow } from './registry.ts';

/** A pseudorandom function, ready for use. Lengths in octets. */
export interface Prf {
  readonly id: number;
  /** As proposals name it. */
  readonly keyword: string;
  readonly outputLength: number;
  /** Of SK_d, SK_pi and SK_pr (RFC 7296 §2.14); nonces should have at least half of it (§2.10). */
  readonly preferredKeyLength: number;
  /** Set on the two AES functions: SKEYSEED is then keyed with the first half as many octets of each nonce. */
  readonly fixedKeyLength?: number;
  /** prf(key, parts one after the other): `outputLength` fresh octets. Keys of any length. */
  mac(key: Uint8Array, ...parts: readonly Uint8Array[]): Uint8Array;
}

/** The function of a PRF transform ID; undefined when it is not known. */
export function prfOf(provider: CryptoProvider, id: number): Prf | undefined {
  const row = prfRow(id);
  if (row === undefined) return undefined;
  return {
    id,
    keyword: row.keywords[0],
    outputLength: row.output,
    preferredKeyLength: row.preferredKey,
    ...(row.fixedKey === undefined ? {} : { fixedKeyLength: row.fixedKey }),
    mac: macOf(provider, row.primitive),
  };
}

/**
 * prf+ (RFC 7296 §2.13): `length` octets of T1 | T2 | … where Tn = prf(key, Tn−1 | seed | n). Throws RangeError
 * beyond 255 rounds, which the octet n cannot count.
 */
export function prfPlus(prf: Prf, key: Uint8Array, seed: Uint8Array, length: number): Uint8Array {
  const rounds = Math.ceil(length / prf.outputLength);
  if (rounds > 255) throw new RangeError(`prf+ yields at most 255 blocks, ${rounds} wanted`);
  const stream = new Uint8Array(rounds * prf.outputLength);
  let last = stream.subarray(0, 0);
  for (let round = 1; round <= rounds; round++) {
    const at = (round - 1) * prf.outputLength;
    stream.set(prf.mac(key, last, seed, Uint8Array.of(round)), at);
    last = stream.subarray(at, at + prf.outputLength);
  }
  return stream.subarray(0, length);
}

function macOf(provider: CryptoProvider, primitive: PrfAlgorithm['primitive']): Prf['mac'] {
  if (primitive.kind === 'hmac') return (key, ...parts) => provider.hmac(primitive.hash, key, ...parts);
  const cbcMac = (key: Uint8Array) => cbcMacOf(provider.aesBlock(key));
  return primitive.kind === 'xcbc'
    ? (key, ...parts) => xcbc(cbcMac, xcbcPrfKey(cbcMac, key))(concat(...parts))
    : (key, ...parts) => cmac(cbcMac, cmacPrfKey(cbcMac, key))(concat(...parts));
}
