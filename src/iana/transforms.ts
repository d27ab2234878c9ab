/** The transform identifiers of IKEv2, one table a transform type (RFC 7296 §3.3.2). */

/** Transform Type 1: encryption algorithms */
export const Encr = {
  ENCR_DES_IV64: 1,
  ENCR_DES: 2,
  ENCR_3DES: 3,
  ENCR_RC5: 4,
  ENCR_IDEA: 5,
  ENCR_CAST: 6,
  ENCR_BLOWFISH: 7,
  ENCR_3IDEA: 8,
  ENCR_DES_IV32: 9,
  ENCR_NULL: 11,
  ENCR_AES_CBC: 12,
  ENCR_AES_CTR: 13,
  ENCR_AES_CCM_8: 14,
  ENCR_AES_CCM_12: 15,
  ENCR_AES_CCM_16: 16,
  ENCR_AES_GCM_8: 18,
  ENCR_AES_GCM_12: 19,
  ENCR_AES_GCM_16: 20,
  ENCR_NULL_AUTH_AES_GMAC: 21,
  ENCR_CAMELLIA_CBC: 23,
  ENCR_CAMELLIA_CTR: 24,
  ENCR_CAMELLIA_CCM_8: 25,
  ENCR_CAMELLIA_CCM_12: 26,
  ENCR_CAMELLIA_CCM_16: 27,
  ENCR_CHACHA20_POLY1305: 28,
  ENCR_AES_CCM_8_IIV: 29,
  ENCR_AES_GCM_16_IIV: 30,
  ENCR_CHACHA20_POLY1305_IIV: 31,
  ENCR_KUZNYECHIK_MGM_KTREE: 32,
  ENCR_MAGMA_MGM_KTREE: 33,
  ENCR_KUZNYECHIK_MGM_MAC_KTREE: 34,
  ENCR_MAGMA_MGM_MAC_KTREE: 35,
} as const;

/** Transform Type 2: pseudorandom functions */
export const PrfId = {
  PRF_HMAC_MD5: 1,
  PRF_HMAC_SHA1: 2,
  PRF_HMAC_TIGER: 3,
  PRF_AES128_XCBC: 4,
  PRF_HMAC_SHA2_256: 5,
  PRF_HMAC_SHA2_384: 6,
  PRF_HMAC_SHA2_512: 7,
  PRF_AES128_CMAC: 8,
  PRF_HMAC_STREEBOG_512: 9,
} as const;

/** Transform Type 3: integrity algorithms */
export const Integ = {
  NONE: 0,
  AUTH_HMAC_MD5_96: 1,
  AUTH_HMAC_SHA1_96: 2,
  AUTH_DES_MAC: 3,
  AUTH_KPDK_MD5: 4,
  AUTH_AES_XCBC_96: 5,
  AUTH_HMAC_MD5_128: 6,
  AUTH_HMAC_SHA1_160: 7,
  AUTH_AES_CMAC_96: 8,
  AUTH_AES_128_GMAC: 9,
  AUTH_AES_192_GMAC: 10,
  AUTH_AES_256_GMAC: 11,
  AUTH_HMAC_SHA2_256_128: 12,
  AUTH_HMAC_SHA2_384_192: 13,
  AUTH_HMAC_SHA2_512_256: 14,
} as const;

/** Transform Type 4: key exchange methods */
export const KeMethod = {
  NONE: 0,
  MODP768: 1,
  MODP1024: 2,
  MODP1536: 5,
  MODP2048: 14,
  MODP3072: 15,
  MODP4096: 16,
  MODP6144: 17,
  MODP8192: 18,
  ECP256: 19,
  ECP384: 20,
  ECP521: 21,
  MODP1024_160: 22,
  MODP2048_224: 23,
  MODP2048_256: 24,
  ECP192: 25,
  ECP224: 26,
  BRAINPOOL224: 27,
  BRAINPOOL256: 28,
  BRAINPOOL384: 29,
  BRAINPOOL512: 30,
  CURVE25519: 31,
  CURVE448: 32,
  GOST3410_2012_256: 33,
  GOST3410_2012_512: 34,
  ML_KEM_512: 35,
  ML_KEM_768: 36,
  ML_KEM_1024: 37,
} as const;

/** Transform Type 5: sequence number properties (RFC 9827) */
export const SequenceNumbers = {
  SEQUENTIAL_32: 0,
  PARTIAL_64: 1,
  UNSPECIFIED_32: 2,
} as const;

/** One algorithm as a proposal names it: what the wire carries and what the configuration means. */
export interface Transform {
  readonly type: number;
  readonly id: number;
  /** Key Length attribute in bits (RFC 7296 §3.3.5); absent for algorithms of one key length. */
  readonly keyLength?: number;
}
