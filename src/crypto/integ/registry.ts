import { Integ } from '../../iana/transforms.ts';
import { type Algorithm, byId } from '../algorithm.ts';
import type { HashName } from '../provider.ts';

/** Integrity algorithms: INTEG transforms (RFC 8247 §2.3, RFC 8221 §6). Sizes in octets. */
export interface IntegrityAlgorithm extends Algorithm {
  /** Proposal keywords, the canonical one first. */
  readonly keywords: readonly [string, ...string[]];
  readonly primitive:
    | { readonly kind: 'hmac'; readonly hash: HashName }
    | { readonly kind: 'xcbc' | 'cmac' }
    /** In AH alone (RFC 4543 §4): the key derivation yields a salt of 4 octets behind the key. */
    | { readonly kind: 'gmac'; readonly salt: number; readonly iv: number };
  /** What the key derivation yields, salt and all. */
  readonly key: number;
  readonly icv: number;
}

/** The row of a transform ID, or undefined for an algorithm that is not known here (NONE is none). */
export function integrityOf(id: number): IntegrityAlgorithm | undefined {
  return index.get(id);
}

/**
 * HMAC-SHA2-256 cut to 96 bits, as a draft had it before RFC 4868 settled on 128: old kernels still do it.
 * The number is the field's private one.
 */
export const AUTH_HMAC_SHA2_256_96 = 1025;

export const INTEGRITY: readonly IntegrityAlgorithm[] = [
  // RFC 4868
  {
    id: Integ.AUTH_HMAC_SHA2_256_128,
    name: 'AUTH_HMAC_SHA2_256_128',
    keywords: ['sha256', 'sha2_256'],
    primitive: { kind: 'hmac', hash: 'sha256' },
    key: 32,
    icv: 16,
    uses: ['ike', 'esp', 'ah'],
    status: 'default',
    strength: 128,
  },
  {
    id: Integ.AUTH_HMAC_SHA2_384_192,
    name: 'AUTH_HMAC_SHA2_384_192',
    keywords: ['sha384', 'sha2_384'],
    primitive: { kind: 'hmac', hash: 'sha384' },
    key: 48,
    icv: 24,
    uses: ['ike', 'esp', 'ah'],
    status: 'default',
    strength: 192,
  },
  {
    id: Integ.AUTH_HMAC_SHA2_512_256,
    name: 'AUTH_HMAC_SHA2_512_256',
    keywords: ['sha512', 'sha2_512'],
    primitive: { kind: 'hmac', hash: 'sha512' },
    key: 64,
    icv: 32,
    uses: ['ike', 'esp', 'ah'],
    status: 'default',
    strength: 256,
  },
  // RFC 3566
  {
    id: Integ.AUTH_AES_XCBC_96,
    name: 'AUTH_AES_XCBC_96',
    keywords: ['aesxcbc'],
    primitive: { kind: 'xcbc' },
    key: 16,
    icv: 12,
    uses: ['ike', 'esp', 'ah'],
    status: 'allowed',
    strength: 96,
  },
  // RFC 4494
  {
    id: Integ.AUTH_AES_CMAC_96,
    name: 'AUTH_AES_CMAC_96',
    keywords: ['aescmac'],
    primitive: { kind: 'cmac' },
    key: 16,
    icv: 12,
    uses: ['ike', 'esp', 'ah'],
    status: 'allowed',
    strength: 96,
  },
  // RFC 4543 §4
  {
    id: Integ.AUTH_AES_256_GMAC,
    name: 'AUTH_AES_256_GMAC',
    keywords: ['aes256gmac'],
    primitive: { kind: 'gmac', salt: 4, iv: 8 },
    key: 36,
    icv: 16,
    uses: ['ah'],
    status: 'allowed',
    strength: 128,
  },
  {
    id: Integ.AUTH_AES_128_GMAC,
    name: 'AUTH_AES_128_GMAC',
    keywords: ['aes128gmac'],
    primitive: { kind: 'gmac', salt: 4, iv: 8 },
    key: 20,
    icv: 16,
    uses: ['ah'],
    status: 'allowed',
    strength: 128,
  },
  {
    id: Integ.AUTH_AES_192_GMAC,
    name: 'AUTH_AES_192_GMAC',
    keywords: ['aes192gmac'],
    primitive: { kind: 'gmac', salt: 4, iv: 8 },
    key: 28,
    icv: 16,
    uses: ['ah'],
    status: 'allowed',
    strength: 128,
  },
  // RFC 2404: "MUST-" in RFC 8247 and RFC 8221, on its way out
  {
    id: Integ.AUTH_HMAC_SHA1_96,
    name: 'AUTH_HMAC_SHA1_96',
    keywords: ['sha1', 'sha'],
    primitive: { kind: 'hmac', hash: 'sha1' },
    key: 20,
    icv: 12,
    uses: ['ike', 'esp', 'ah'],
    status: 'allowed',
    strength: 96,
  },
  // RFC 4595, made for Fibre Channel
  {
    id: Integ.AUTH_HMAC_SHA1_160,
    name: 'AUTH_HMAC_SHA1_160',
    keywords: ['sha1_160'],
    primitive: { kind: 'hmac', hash: 'sha1' },
    key: 20,
    icv: 20,
    uses: ['esp', 'ah'],
    status: 'allowed',
    strength: 160,
  },
  {
    id: AUTH_HMAC_SHA2_256_96,
    name: 'AUTH_HMAC_SHA2_256_96',
    keywords: ['sha256_96', 'sha2_256_96'],
    primitive: { kind: 'hmac', hash: 'sha256' },
    key: 32,
    icv: 12,
    uses: ['esp', 'ah'],
    status: 'allowed',
    strength: 96,
  },
  // RFC 2403: "MUST NOT" in RFC 8247 and RFC 8221
  {
    id: Integ.AUTH_HMAC_MD5_96,
    name: 'AUTH_HMAC_MD5_96',
    keywords: ['md5'],
    primitive: { kind: 'hmac', hash: 'md5' },
    key: 16,
    icv: 12,
    uses: ['ike', 'esp', 'ah'],
    status: 'weak',
    strength: 96,
  },
  {
    id: Integ.AUTH_HMAC_MD5_128,
    name: 'AUTH_HMAC_MD5_128',
    keywords: ['md5_128'],
    primitive: { kind: 'hmac', hash: 'md5' },
    key: 16,
    icv: 16,
    uses: ['esp', 'ah'],
    status: 'weak',
    strength: 128,
  },
];

const index = byId(INTEGRITY);
