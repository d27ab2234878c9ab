import type { HashName } from '../crypto/provider.ts';
import {
  AhTransform,
  EspTransform,
  IpsecAuthAlg,
  OakleyEncr,
  OakleyGroup,
  OakleyHash,
} from '../iana/ikev1.ts';
import { Encr, Integ, KeMethod, PrfId } from '../iana/transforms.ts';

/*
 * The numbers of IKEv1 beside those of the registries, which are IKEv2's. What is not in these tables has no row
 * there (RC5, IDEA, Tiger, EC2N groups), or no number here (ChaCha20, ML-KEM).
 */

/** Two numbers for one thing: IKEv1's, and the transform ID of IKEv2. */
type Pair = readonly [v1: number, v2: number];

/** Encryption Algorithm of phase 1 (RFC 2409 appendix A, RFC 3602, RFC 4312). Old ones are known so that they can be named. */
const PHASE_ONE_ENCRYPTION: readonly Pair[] = [
  [OakleyEncr.DES_CBC, Encr.ENCR_DES],
  [OakleyEncr.IDEA_CBC, Encr.ENCR_IDEA],
  [OakleyEncr.BLOWFISH_CBC, Encr.ENCR_BLOWFISH],
  [OakleyEncr.RC5_R16_B64_CBC, Encr.ENCR_RC5],
  [OakleyEncr._3DES_CBC, Encr.ENCR_3DES],
  [OakleyEncr.CAST_CBC, Encr.ENCR_CAST],
  [OakleyEncr.AES_CBC, Encr.ENCR_AES_CBC],
  [OakleyEncr.CAMELLIA_CBC, Encr.ENCR_CAMELLIA_CBC],
];

/** Hash Algorithm of phase 1: the hash, its HMAC as prf, and the integrity algorithm whose keyword stands for both. */
const PHASE_ONE_HASHES: readonly {
  readonly v1: number;
  readonly prf: number;
  readonly integrity: number;
  readonly name: HashName;
}[] = [
  { v1: OakleyHash.MD5, prf: PrfId.PRF_HMAC_MD5, integrity: Integ.AUTH_HMAC_MD5_96, name: 'md5' },
  { v1: OakleyHash.SHA, prf: PrfId.PRF_HMAC_SHA1, integrity: Integ.AUTH_HMAC_SHA1_96, name: 'sha1' },
  {
    v1: OakleyHash.SHA2_256,
    prf: PrfId.PRF_HMAC_SHA2_256,
    integrity: Integ.AUTH_HMAC_SHA2_256_128,
    name: 'sha256',
  },
  {
    v1: OakleyHash.SHA2_384,
    prf: PrfId.PRF_HMAC_SHA2_384,
    integrity: Integ.AUTH_HMAC_SHA2_384_192,
    name: 'sha384',
  },
  {
    v1: OakleyHash.SHA2_512,
    prf: PrfId.PRF_HMAC_SHA2_512,
    integrity: Integ.AUTH_HMAC_SHA2_512_256,
    name: 'sha512',
  },
];

/** Groups whose numbers mean something else in IKEv1, or nothing: EC2N curves (RFC 2409 §6.3, §6.4) and KEMs. */
const FOREIGN_GROUPS: ReadonlySet<number> = new Set([
  OakleyGroup.EC2N_GP_2_155,
  OakleyGroup.EC2N_GP_2_185,
  OakleyGroup.EC2N_DRAFT_GROUP,
]);

/** ESP transforms (RFC 2407 §4.4.4 and after). */
const ESP_ENCRYPTION: readonly Pair[] = [
  [EspTransform.ESP_DES, Encr.ENCR_DES],
  [EspTransform.ESP_3DES, Encr.ENCR_3DES],
  [EspTransform.ESP_RC5, Encr.ENCR_RC5],
  [EspTransform.ESP_IDEA, Encr.ENCR_IDEA],
  [EspTransform.ESP_CAST, Encr.ENCR_CAST],
  [EspTransform.ESP_BLOWFISH, Encr.ENCR_BLOWFISH],
  [EspTransform.ESP_NULL, Encr.ENCR_NULL],
  [EspTransform.ESP_AES_CBC, Encr.ENCR_AES_CBC],
  [EspTransform.ESP_AES_CTR, Encr.ENCR_AES_CTR],
  [EspTransform.ESP_AES_CCM_8, Encr.ENCR_AES_CCM_8],
  [EspTransform.ESP_AES_CCM_12, Encr.ENCR_AES_CCM_12],
  [EspTransform.ESP_AES_CCM_16, Encr.ENCR_AES_CCM_16],
  [EspTransform.ESP_AES_GCM_8, Encr.ENCR_AES_GCM_8],
  [EspTransform.ESP_AES_GCM_12, Encr.ENCR_AES_GCM_12],
  [EspTransform.ESP_AES_GCM_16, Encr.ENCR_AES_GCM_16],
  [EspTransform.ESP_CAMELLIA, Encr.ENCR_CAMELLIA_CBC],
  [EspTransform.ESP_NULL_AUTH_AES_GMAC, Encr.ENCR_NULL_AUTH_AES_GMAC],
];

/** Authentication Algorithm of ESP and AH, and the transform of AH that goes with it (RFC 2407 §4.4.3, §4.5). */
const INTEGRITY: readonly { readonly v1: number; readonly ah?: number; readonly v2: number }[] = [
  { v1: IpsecAuthAlg.HMAC_MD5, ah: AhTransform.AH_MD5, v2: Integ.AUTH_HMAC_MD5_96 },
  { v1: IpsecAuthAlg.HMAC_SHA, ah: AhTransform.AH_SHA, v2: Integ.AUTH_HMAC_SHA1_96 },
  { v1: IpsecAuthAlg.DES_MAC, ah: AhTransform.AH_DES, v2: Integ.AUTH_DES_MAC },
  { v1: IpsecAuthAlg.KPDK, v2: Integ.AUTH_KPDK_MD5 },
  { v1: IpsecAuthAlg.HMAC_SHA2_256, ah: AhTransform.AH_SHA2_256, v2: Integ.AUTH_HMAC_SHA2_256_128 },
  { v1: IpsecAuthAlg.HMAC_SHA2_384, ah: AhTransform.AH_SHA2_384, v2: Integ.AUTH_HMAC_SHA2_384_192 },
  { v1: IpsecAuthAlg.HMAC_SHA2_512, ah: AhTransform.AH_SHA2_512, v2: Integ.AUTH_HMAC_SHA2_512_256 },
  { v1: IpsecAuthAlg.AES_XCBC_MAC, ah: AhTransform.AH_AES_XCBC_MAC, v2: Integ.AUTH_AES_XCBC_96 },
  { v1: IpsecAuthAlg.AES_128_GMAC, ah: AhTransform.AH_AES_128_GMAC, v2: Integ.AUTH_AES_128_GMAC },
  { v1: IpsecAuthAlg.AES_192_GMAC, ah: AhTransform.AH_AES_192_GMAC, v2: Integ.AUTH_AES_192_GMAC },
  { v1: IpsecAuthAlg.AES_256_GMAC, ah: AhTransform.AH_AES_256_GMAC, v2: Integ.AUTH_AES_256_GMAC },
];

/** ENCR transform ID of an Encryption Algorithm of phase 1; undefined where it has none. */
export function encryptionFromOakley(number: number): number | undefined {
  return PHASE_ONE_ENCRYPTION.find(([v1]) => v1 === number)?.[1];
}

/** The inverse. */
export function encryptionToOakley(id: number): number | undefined {
  return PHASE_ONE_ENCRYPTION.find(([, v2]) => v2 === id)?.[0];
}

/** What a Hash Algorithm of phase 1 stands for. */
export function hashFromOakley(number: number): (typeof PHASE_ONE_HASHES)[number] | undefined {
  return PHASE_ONE_HASHES.find(({ v1 }) => v1 === number);
}

/** By the PRF transform ID. */
export function hashOfPrf(id: number): (typeof PHASE_ONE_HASHES)[number] | undefined {
  return PHASE_ONE_HASHES.find(({ prf }) => prf === id);
}

/** Whether an INTEG transform ID stands for a hash of phase 1. */
export function isHash(integrity: number): boolean {
  return PHASE_ONE_HASHES.some(row => row.integrity === integrity);
}

/** Whether a Group Description and a KE transform ID of this number are one (RFC 3526, RFC 5903, RFC 6932). */
export function isSharedGroup(number: number): boolean {
  return number > KeMethod.NONE && number <= KeMethod.CURVE448 && !FOREIGN_GROUPS.has(number);
}

/** ENCR transform ID of an ESP transform. */
export function encryptionFromEsp(number: number): number | undefined {
  return ESP_ENCRYPTION.find(([v1]) => v1 === number)?.[1];
}

/** The inverse. */
export function encryptionToEsp(id: number): number | undefined {
  return ESP_ENCRYPTION.find(([, v2]) => v2 === id)?.[0];
}

/** INTEG transform ID of an Authentication Algorithm. */
export function integrityFromIpsec(number: number): number | undefined {
  return INTEGRITY.find(({ v1 }) => v1 === number)?.v2;
}

/** The inverse, and the AH transform where AH has it. */
export function integrityToIpsec(id: number): { readonly v1: number; readonly ah?: number } | undefined {
  return INTEGRITY.find(({ v2 }) => v2 === id);
}
