/** The registries of ISAKMP, the IPsec DOI and IKEv1 (RFC 2407, 2408, 2409 and the drafts in the field). */

/** Domains of Interpretation */
export const Doi = {
  ISAKMP: 0,
  IPSEC: 1,
  GDOI: 2,
} as const;

/** IPsec Situation bits (RFC 2407 §4.2) */
export const Situation = {
  SIT_IDENTITY_ONLY: 0x01,
  SIT_SECRECY: 0x02,
  SIT_INTEGRITY: 0x04,
} as const;

/** Exchange Types (RFC 2408 §3.1, RFC 2409) */
export const V1ExchangeType = {
  NONE: 0,
  BASE: 1,
  MAIN_MODE: 2,
  AUTHENTICATION_ONLY: 3,
  AGGRESSIVE: 4,
  INFORMATIONAL: 5,
  TRANSACTION: 6,
  QUICK_MODE: 32,
  NEW_GROUP_MODE: 33,
} as const;

/** Payload Types (RFC 2408 §3.1, RFC 3947) */
export const V1PayloadType = {
  NONE: 0,
  SA: 1,
  Proposal: 2,
  Transform: 3,
  KE: 4,
  ID: 5,
  CERT: 6,
  CR: 7,
  HASH: 8,
  SIG: 9,
  NONCE: 10,
  N: 11,
  D: 12,
  VID: 13,
  ATTRIBUTES: 14,
  SAK: 15,
  SAT: 16,
  Key_Download: 17,
  Sequence_Number: 18,
  Proof_of_Possession: 19,
  NAT_D: 20,
  NAT_OA: 21,
  GAP: 22,
  NAT_D_DRAFT: 130,
  NAT_OA_DRAFT: 131,
  FRAGMENT: 132,
} as const;

/** Header flags (RFC 2408 §3.1) */
export const V1HeaderFlag = {
  ENCRYPTION: 0x01,
  COMMIT: 0x02,
  AUTHENTICATION_ONLY: 0x04,
} as const;

/** Phase 1 attributes (RFC 2409 appendix A) */
export const OakleyAttribute = {
  ENCRYPTION_ALGORITHM: 1,
  HASH_ALGORITHM: 2,
  AUTHENTICATION_METHOD: 3,
  GROUP_DESCRIPTION: 4,
  GROUP_TYPE: 5,
  GROUP_PRIME: 6,
  GROUP_GENERATOR_ONE: 7,
  GROUP_GENERATOR_TWO: 8,
  GROUP_CURVE_A: 9,
  GROUP_CURVE_B: 10,
  LIFE_TYPE: 11,
  LIFE_DURATION: 12,
  PRF: 13,
  KEY_LENGTH: 14,
  FIELD_SIZE: 15,
  GROUP_ORDER: 16,
} as const;

/** Phase 1 encryption algorithms */
export const OakleyEncr = {
  DES_CBC: 1,
  IDEA_CBC: 2,
  BLOWFISH_CBC: 3,
  RC5_R16_B64_CBC: 4,
  _3DES_CBC: 5,
  CAST_CBC: 6,
  AES_CBC: 7,
  CAMELLIA_CBC: 8,
} as const;

/** Phase 1 hash algorithms */
export const OakleyHash = {
  MD5: 1,
  SHA: 2,
  TIGER: 3,
  SHA2_256: 4,
  SHA2_384: 5,
  SHA2_512: 6,
} as const;

/** Phase 1 authentication methods */
export const OakleyAuthMethod = {
  PRE_SHARED_KEY: 1,
  DSS_SIGNATURES: 2,
  RSA_SIGNATURES: 3,
  RSA_ENCRYPTION: 4,
  REVISED_RSA_ENCRYPTION: 5,
  ECDSA_256: 9,
  ECDSA_384: 10,
  ECDSA_521: 11,
  HybridInitRSA: 64221,
  HybridRespRSA: 64222,
  HybridInitDSS: 64223,
  HybridRespDSS: 64224,
  XAUTHInitPreShared: 65001,
  XAUTHRespPreShared: 65002,
  XAUTHInitDSS: 65003,
  XAUTHRespDSS: 65004,
  XAUTHInitRSA: 65005,
  XAUTHRespRSA: 65006,
  XAUTHInitRSAEncryption: 65007,
  XAUTHRespRSAEncryption: 65008,
  XAUTHInitRSARevisedEncryption: 65009,
  XAUTHRespRSARevisedEncryption: 65010,
} as const;

/** Phase 1 groups */
export const OakleyGroup = {
  MODP768: 1,
  MODP1024: 2,
  EC2N_GP_2_155: 3,
  EC2N_GP_2_185: 4,
  MODP1536: 5,
  EC2N_DRAFT_GROUP: 6,
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
  BRAINPOOLP224R1: 27,
  BRAINPOOLP256R1: 28,
  BRAINPOOLP384R1: 29,
  BRAINPOOLP512R1: 30,
} as const;

/** Phase 1 group types */
export const OakleyGroupType = {
  MODP: 1,
  ECP: 2,
  EC2N: 3,
} as const;

/** Phase 1 life types */
export const OakleyLifeType = {
  SECONDS: 1,
  KILOBYTES: 2,
} as const;

/** Protocol identifiers (RFC 2407 §4.4.1) */
export const V1ProtocolId = {
  PROTO_ISAKMP: 1,
  PROTO_IPSEC_AH: 2,
  PROTO_IPSEC_ESP: 3,
  PROTO_IPCOMP: 4,
  PROTO_GIGABEAM_RADIO: 5,
} as const;

/** ISAKMP transforms */
export const IsakmpTransform = {
  KEY_IKE: 1,
} as const;

/** AH transforms */
export const AhTransform = {
  AH_MD5: 2,
  AH_SHA: 3,
  AH_DES: 4,
  AH_SHA2_256: 5,
  AH_SHA2_384: 6,
  AH_SHA2_512: 7,
  AH_RIPEMD: 8,
  AH_AES_XCBC_MAC: 9,
  AH_RSA: 10,
  AH_AES_128_GMAC: 11,
  AH_AES_192_GMAC: 12,
  AH_AES_256_GMAC: 13,
} as const;

/** ESP transforms */
export const EspTransform = {
  ESP_DES_IV64: 1,
  ESP_DES: 2,
  ESP_3DES: 3,
  ESP_RC5: 4,
  ESP_IDEA: 5,
  ESP_CAST: 6,
  ESP_BLOWFISH: 7,
  ESP_3IDEA: 8,
  ESP_DES_IV32: 9,
  ESP_RC4: 10,
  ESP_NULL: 11,
  ESP_AES_CBC: 12,
  ESP_AES_CTR: 13,
  ESP_AES_CCM_8: 14,
  ESP_AES_CCM_12: 15,
  ESP_AES_CCM_16: 16,
  ESP_AES_GCM_8: 18,
  ESP_AES_GCM_12: 19,
  ESP_AES_GCM_16: 20,
  ESP_SEED_CBC: 21,
  ESP_CAMELLIA: 22,
  ESP_NULL_AUTH_AES_GMAC: 23,
} as const;

/** IPComp transforms */
export const IpcompTransform = {
  IPCOMP_OUI: 1,
  IPCOMP_DEFLATE: 2,
  IPCOMP_LZS: 3,
  IPCOMP_LZJH: 4,
} as const;

/** Phase 2 SA attributes (RFC 2407 §4.5) */
export const IpsecAttribute = {
  SA_LIFE_TYPE: 1,
  SA_LIFE_DURATION: 2,
  GROUP_DESCRIPTION: 3,
  ENCAPSULATION_MODE: 4,
  AUTHENTICATION_ALGORITHM: 5,
  KEY_LENGTH: 6,
  KEY_ROUNDS: 7,
  COMPRESS_DICTIONARY_SIZE: 8,
  COMPRESS_PRIVATE_ALGORITHM: 9,
  ECN_TUNNEL: 10,
  EXTENDED_SEQUENCE_NUMBER: 11,
  SIGNATURE_ENCODING_ALGORITHM: 13,
  ADDRESS_PRESERVATION: 14,
  SA_DIRECTION: 15,
} as const;

/** Phase 2 life types */
export const IpsecLifeType = {
  SECONDS: 1,
  KILOBYTES: 2,
} as const;

/** Encapsulation modes (RFC 2407 §4.5, RFC 3947 §5.1) */
export const EncapMode = {
  TUNNEL: 1,
  TRANSPORT: 2,
  UDP_TUNNEL: 3,
  UDP_TRANSPORT: 4,
  UDP_TUNNEL_DRAFT: 61443,
  UDP_TRANSPORT_DRAFT: 61444,
} as const;

/** Phase 2 authentication algorithms */
export const IpsecAuthAlg = {
  HMAC_MD5: 1,
  HMAC_SHA: 2,
  DES_MAC: 3,
  KPDK: 4,
  HMAC_SHA2_256: 5,
  HMAC_SHA2_384: 6,
  HMAC_SHA2_512: 7,
  HMAC_RIPEMD: 8,
  AES_XCBC_MAC: 9,
  SIG_RSA: 10,
  AES_128_GMAC: 11,
  AES_192_GMAC: 12,
  AES_256_GMAC: 13,
} as const;

/** Notify message types (RFC 2408 §3.14.1, RFC 2407 §4.6.3) */
export const V1Notify = {
  INVALID_PAYLOAD_TYPE: 1,
  DOI_NOT_SUPPORTED: 2,
  SITUATION_NOT_SUPPORTED: 3,
  INVALID_COOKIE: 4,
  INVALID_MAJOR_VERSION: 5,
  INVALID_MINOR_VERSION: 6,
  INVALID_EXCHANGE_TYPE: 7,
  INVALID_FLAGS: 8,
  INVALID_MESSAGE_ID: 9,
  INVALID_PROTOCOL_ID: 10,
  INVALID_SPI: 11,
  INVALID_TRANSFORM_ID: 12,
  ATTRIBUTES_NOT_SUPPORTED: 13,
  NO_PROPOSAL_CHOSEN: 14,
  BAD_PROPOSAL_SYNTAX: 15,
  PAYLOAD_MALFORMED: 16,
  INVALID_KEY_INFORMATION: 17,
  INVALID_ID_INFORMATION: 18,
  INVALID_CERT_ENCODING: 19,
  INVALID_CERTIFICATE: 20,
  CERT_TYPE_UNSUPPORTED: 21,
  INVALID_CERT_AUTHORITY: 22,
  INVALID_HASH_INFORMATION: 23,
  AUTHENTICATION_FAILED: 24,
  INVALID_SIGNATURE: 25,
  ADDRESS_NOTIFICATION: 26,
  NOTIFY_SA_LIFETIME: 27,
  CERTIFICATE_UNAVAILABLE: 28,
  UNSUPPORTED_EXCHANGE_TYPE: 29,
  UNEQUAL_PAYLOAD_LENGTHS: 30,
  CONNECTED: 16384,
  RESPONDER_LIFETIME: 24576,
  REPLAY_STATUS: 24577,
  INITIAL_CONTACT: 24578,
  R_U_THERE: 36136,
  R_U_THERE_ACK: 36137,
  UNITY_LOAD_BALANCE: 40501,
  UNITY_UNKNOWN: 40502,
  UNITY_GROUP_HASH: 40503,
} as const;

/** Identification types (RFC 2407 §4.6.2.1) */
export const V1IdType = {
  ID_IPV4_ADDR: 1,
  ID_FQDN: 2,
  ID_USER_FQDN: 3,
  ID_IPV4_ADDR_SUBNET: 4,
  ID_IPV6_ADDR: 5,
  ID_IPV6_ADDR_SUBNET: 6,
  ID_IPV4_ADDR_RANGE: 7,
  ID_IPV6_ADDR_RANGE: 8,
  ID_DER_ASN1_DN: 9,
  ID_DER_ASN1_GN: 10,
  ID_KEY_ID: 11,
  ID_LIST: 12,
} as const;

/** Certificate encodings (RFC 2408 §3.9) */
export const V1CertEncoding = {
  NONE: 0,
  PKCS7_X509: 1,
  PGP: 2,
  DNS_SIGNED_KEY: 3,
  X509_SIGNATURE: 4,
  X509_KEY_EXCHANGE: 5,
  KERBEROS_TOKENS: 6,
  CRL: 7,
  ARL: 8,
  SPKI: 9,
  X509_ATTRIBUTE: 10,
} as const;

/** Mode config message types */
export const ModeCfgType = {
  ISAKMP_CFG_REQUEST: 1,
  ISAKMP_CFG_REPLY: 2,
  ISAKMP_CFG_SET: 3,
  ISAKMP_CFG_ACK: 4,
} as const;

/** Mode config attributes */
export const ModeCfgAttribute = {
  INTERNAL_IP4_ADDRESS: 1,
  INTERNAL_IP4_NETMASK: 2,
  INTERNAL_IP4_DNS: 3,
  INTERNAL_IP4_NBNS: 4,
  INTERNAL_ADDRESS_EXPIRY: 5,
  INTERNAL_IP4_DHCP: 6,
  APPLICATION_VERSION: 7,
  INTERNAL_IP6_ADDRESS: 8,
  INTERNAL_IP6_NETMASK: 9,
  INTERNAL_IP6_DNS: 10,
  INTERNAL_IP6_NBNS: 11,
  INTERNAL_IP6_DHCP: 12,
  INTERNAL_IP4_SUBNET: 13,
  SUPPORTED_ATTRIBUTES: 14,
  INTERNAL_IP6_SUBNET: 15,
  INTERNAL_IP4_SERVER: 23456,
  INTERNAL_IP6_SERVER: 23457,
  UNITY_BANNER: 28672,
  UNITY_SAVE_PASSWD: 28673,
  UNITY_DEF_DOMAIN: 28674,
  UNITY_SPLITDNS_NAME: 28675,
  UNITY_SPLIT_INCLUDE: 28676,
  UNITY_NATT_PORT: 28677,
  UNITY_LOCAL_LAN: 28678,
  UNITY_PFS: 28679,
  UNITY_FW_TYPE: 28680,
  UNITY_BACKUP_SERVERS: 28681,
  UNITY_DDNS_HOSTNAME: 28682,
  CHKPT_DEF_DOMAIN: 16387,
  CHKPT_MAC_ADDRESS: 16388,
  CHKPT_MARCIPAN_REASON_CODE: 16389,
} as const;

/** XAUTH attributes */
export const XauthAttribute = {
  XAUTH_TYPE: 16520,
  XAUTH_USER_NAME: 16521,
  XAUTH_USER_PASSWORD: 16522,
  XAUTH_PASSCODE: 16523,
  XAUTH_MESSAGE: 16524,
  XAUTH_CHALLENGE: 16525,
  XAUTH_DOMAIN: 16526,
  XAUTH_STATUS: 16527,
  XAUTH_NEXT_PIN: 16528,
  XAUTH_ANSWER: 16529,
} as const;

/** XAUTH types */
export const XauthType = {
  GENERIC: 0,
  RADIUS_CHAP: 1,
  OTP: 2,
  S_KEY: 3,
} as const;

/** XAUTH status values */
export const XauthStatus = {
  FAIL: 0,
  OK: 1,
} as const;
