import { PrfId } from '../../iana/transforms.ts';
import { type Algorithm, byId } from '../algorithm.ts';
import type { HashName } from '../provider.ts';

/** Pseudorandom functions: PRF transforms (RFC 8247 §2.2). Sizes in octets. */
export interface PrfAlgorithm extends Algorithm {
  /** Proposal keywords, the canonical one first. */
  readonly keywords: readonly [string, ...string[]];
  readonly primitive: { readonly kind: 'hmac'; readonly hash: HashName } | { readonly kind: 'xcbc' | 'cmac' };
  readonly output: number;
  /** Length of SK_d, SK_pi and SK_pr, and of the nonce that suits this function. */
  readonly preferredKey: number;
  /** Set where SKEYSEED is keyed with a piece of each nonce, not with all of both (RFC 7296 §2.14). */
  readonly fixedKey?: number;
}

/** The row of a transform ID, or undefined for a function that is not known here. */
export function prfRow(id: number): PrfAlgorithm | undefined {
  return index.get(id);
}

export const PRFS: readonly PrfAlgorithm[] = [
  // RFC 4868
  {
    id: PrfId.PRF_HMAC_SHA2_256,
    name: 'PRF_HMAC_SHA2_256',
    keywords: ['prfsha256', 'prfsha2_256'],
    primitive: { kind: 'hmac', hash: 'sha256' },
    output: 32,
    preferredKey: 32,
    uses: ['ike'],
    status: 'default',
    strength: 256,
  },
  {
    id: PrfId.PRF_HMAC_SHA2_384,
    name: 'PRF_HMAC_SHA2_384',
    keywords: ['prfsha384', 'prfsha2_384'],
    primitive: { kind: 'hmac', hash: 'sha384' },
    output: 48,
    preferredKey: 48,
    uses: ['ike'],
    status: 'default',
    strength: 384,
  },
  {
    id: PrfId.PRF_HMAC_SHA2_512,
    name: 'PRF_HMAC_SHA2_512',
    keywords: ['prfsha512', 'prfsha2_512'],
    primitive: { kind: 'hmac', hash: 'sha512' },
    output: 64,
    preferredKey: 64,
    uses: ['ike'],
    status: 'default',
    strength: 512,
  },
  // RFC 4434
  {
    id: PrfId.PRF_AES128_XCBC,
    name: 'PRF_AES128_XCBC',
    keywords: ['prfaesxcbc'],
    primitive: { kind: 'xcbc' },
    output: 16,
    preferredKey: 16,
    fixedKey: 16,
    uses: ['ike'],
    status: 'allowed',
    strength: 128,
  },
  // RFC 4615
  {
    id: PrfId.PRF_AES128_CMAC,
    name: 'PRF_AES128_CMAC',
    keywords: ['prfaescmac'],
    primitive: { kind: 'cmac' },
    output: 16,
    preferredKey: 16,
    fixedKey: 16,
    uses: ['ike'],
    status: 'allowed',
    strength: 128,
  },
  // RFC 2104: "MUST-" in RFC 8247
  {
    id: PrfId.PRF_HMAC_SHA1,
    name: 'PRF_HMAC_SHA1',
    keywords: ['prfsha1', 'prfsha'],
    primitive: { kind: 'hmac', hash: 'sha1' },
    output: 20,
    preferredKey: 20,
    uses: ['ike'],
    status: 'allowed',
    strength: 160,
  },
  // "MUST NOT" in RFC 8247
  {
    id: PrfId.PRF_HMAC_MD5,
    name: 'PRF_HMAC_MD5',
    keywords: ['prfmd5'],
    primitive: { kind: 'hmac', hash: 'md5' },
    output: 16,
    preferredKey: 16,
    uses: ['ike'],
    status: 'weak',
    strength: 128,
  },
];

const index = byId(PRFS);
