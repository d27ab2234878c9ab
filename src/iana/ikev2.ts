/** The IANA registries of IKEv2 ("Internet Key Exchange Version 2 (IKEv2) Parameters"). */

/** IKEv2 Exchange Types (RFC 7296 §3.1) */
export const ExchangeType = {
  IKE_SA_INIT: 34,
  IKE_AUTH: 35,
  CREATE_CHILD_SA: 36,
  INFORMATIONAL: 37,
  IKE_SESSION_RESUME: 38,
  GSA_AUTH: 39,
  GSA_REGISTRATION: 40,
  GSA_REKEY: 41,
  GSA_INBAND_REKEY: 42,
  IKE_INTERMEDIATE: 43,
  IKE_FOLLOWUP_KE: 44,
} as const;

/** IKEv2 Payload Types (RFC 7296 §3.2) */
export const PayloadType = {
  NONE: 0,
  SA: 33,
  KE: 34,
  IDi: 35,
  IDr: 36,
  CERT: 37,
  CERTREQ: 38,
  AUTH: 39,
  Nonce: 40,
  Notify: 41,
  Delete: 42,
  VendorID: 43,
  TSi: 44,
  TSr: 45,
  SK: 46,
  CP: 47,
  EAP: 48,
  GSPM: 49,
  IDg: 50,
  GSA: 51,
  KD: 52,
  SKF: 53,
  PS: 54,
} as const;

/** Security Protocol Identifiers (RFC 7296 §3.3.1) */
export const ProtocolId = {
  IKE: 1,
  AH: 2,
  ESP: 3,
  FC_ESP_HEADER: 4,
  FC_CT_AUTHENTICATION: 5,
  GIKE_UPDATE: 6,
} as const;

/** Transform Types (RFC 7296 §3.3.2, renamed by RFC 9370 and RFC 9827) */
export const TransformType = {
  ENCR: 1,
  PRF: 2,
  INTEG: 3,
  KE: 4,
  SN: 5,
  ADDKE1: 6,
  ADDKE2: 7,
  ADDKE3: 8,
  ADDKE4: 9,
  ADDKE5: 10,
  ADDKE6: 11,
  ADDKE7: 12,
  KWA: 13,
  GCAUTH: 14,
} as const;

/** Transform Attribute Types (RFC 7296 §3.3.5) */
export const TransformAttribute = {
  KEY_LENGTH: 14,
  Signature_Algorithm_Identifier: 18,
} as const;

/** Identification Types (RFC 7296 §3.5) */
export const IdType = {
  ID_IPV4_ADDR: 1,
  ID_FQDN: 2,
  ID_RFC822_ADDR: 3,
  ID_IPV6_ADDR: 5,
  ID_DER_ASN1_DN: 9,
  ID_DER_ASN1_GN: 10,
  ID_KEY_ID: 11,
  ID_FC_NAME: 12,
  ID_NULL: 13,
} as const;

/** Certificate Encodings (RFC 7296 §3.6) */
export const CertEncoding = {
  PKCS7_X509: 1,
  PGP: 2,
  DNS_Signed_Key: 3,
  X509_SIGNATURE: 4,
  Kerberos_Token: 6,
  CRL: 7,
  ARL: 8,
  SPKI: 9,
  X509_ATTRIBUTE: 10,
  Raw_RSA_Key: 11,
  HASH_AND_URL_CERT: 12,
  HASH_AND_URL_BUNDLE: 13,
  OCSP: 14,
  RAW_PUBLIC_KEY: 15,
} as const;

/** Authentication Methods (RFC 7296 §3.8) */
export const AuthMethod = {
  RSA_SIGNATURE: 1,
  SHARED_KEY_MIC: 2,
  DSS_SIGNATURE: 3,
  ECDSA_256: 9,
  ECDSA_384: 10,
  ECDSA_521: 11,
  GSPM: 12,
  NULL: 13,
  DIGITAL_SIGNATURE: 14,
} as const;

/** Traffic Selector Types (RFC 7296 §3.13.1) */
export const TsType = {
  TS_IPV4_ADDR_RANGE: 7,
  TS_IPV6_ADDR_RANGE: 8,
  TS_FC_ADDR_RANGE: 9,
  TS_SECLABEL: 10,
} as const;

/** Configuration Payload Types (RFC 7296 §3.15) */
export const CfgType = {
  CFG_REQUEST: 1,
  CFG_REPLY: 2,
  CFG_SET: 3,
  CFG_ACK: 4,
} as const;

/** Configuration Attribute Types (RFC 7296 §3.15.1) */
export const CfgAttribute = {
  INTERNAL_IP4_ADDRESS: 1,
  INTERNAL_IP4_NETMASK: 2,
  INTERNAL_IP4_DNS: 3,
  INTERNAL_IP4_NBNS: 4,
  INTERNAL_IP4_DHCP: 6,
  APPLICATION_VERSION: 7,
  INTERNAL_IP6_ADDRESS: 8,
  INTERNAL_IP6_DNS: 10,
  INTERNAL_IP6_DHCP: 12,
  INTERNAL_IP4_SUBNET: 13,
  SUPPORTED_ATTRIBUTES: 14,
  INTERNAL_IP6_SUBNET: 15,
  MIP6_HOME_PREFIX: 16,
  INTERNAL_IP6_LINK: 17,
  INTERNAL_IP6_PREFIX: 18,
  HOME_AGENT_ADDRESS: 19,
  P_CSCF_IP4_ADDRESS: 20,
  P_CSCF_IP6_ADDRESS: 21,
  FTT_KAT: 22,
  EXTERNAL_SOURCE_IP4_NAT_INFO: 23,
  TIMEOUT_PERIOD_FOR_LIVENESS_CHECK: 24,
  INTERNAL_DNS_DOMAIN: 25,
  INTERNAL_DNSSEC_TA: 26,
  ENCDNS_IP4: 27,
  ENCDNS_IP6: 28,
  ENCDNS_DIGEST_INFO: 29,
  INTERNAL_IP4_SERVER: 23456,
  INTERNAL_IP6_SERVER: 23457,
} as const;

/** Hash Algorithms (RFC 7427 §7) */
export const HashAlgorithm = {
  SHA1: 1,
  SHA2_256: 2,
  SHA2_384: 3,
  SHA2_512: 4,
  IDENTITY: 5,
  STREEBOG_256: 6,
  STREEBOG_512: 7,
} as const;
