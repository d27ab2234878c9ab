import type { V1PayloadType } from '../../iana/ikev1.ts';

/** A data attribute (RFC 2408 §3.3): a number stands in the short form (TV), octets in the long one (TLV). */
export interface V1Attribute {
  readonly type: number;
  readonly value: number | Uint8Array;
}

export interface V1Transform {
  /** Transform #, 1 for the first. */
  readonly number: number;
  /** Transform-Id, of the registry that the proposal's protocol names. */
  readonly id: number;
  readonly attributes: readonly V1Attribute[];
}

export interface V1Proposal {
  /** Proposal #; proposals of the same number belong together (RFC 2408 §4.2). */
  readonly number: number;
  readonly protocol: number;
  readonly spi: Uint8Array;
  /** Alternatives, best first. */
  readonly transforms: readonly V1Transform[];
}

export interface V1SaPayload {
  readonly type: typeof V1PayloadType.SA;
  readonly doi: number;
  /** Of the IPsec DOI; 0 with another, where its place is not known. */
  readonly situation: number;
  /** Empty unless DOI and situation are those of plain IPsec (SIT_IDENTITY_ONLY). */
  readonly proposals: readonly V1Proposal[];
  /** The whole body as it stood on the wire, SAi_b of RFC 2409 §5. Absent on payloads we make; where present it is what is written. */
  readonly body?: Uint8Array;
}

export interface V1KePayload {
  readonly type: typeof V1PayloadType.KE;
  readonly data: Uint8Array;
}

export interface V1IdPayload {
  readonly type: typeof V1PayloadType.ID;
  readonly idType: number;
  /** 0 is any. */
  readonly protocol: number;
  /** 0 is any. */
  readonly port: number;
  readonly data: Uint8Array;
  /** As with SA: IDii_b and IDir_b of RFC 2409 §5. */
  readonly body?: Uint8Array;
}

export interface V1CertPayload {
  readonly type: typeof V1PayloadType.CERT;
  readonly encoding: number;
  readonly data: Uint8Array;
}

export interface V1CertRequestPayload {
  readonly type: typeof V1PayloadType.CR;
  readonly encoding: number;
  /** The DER name of a certification authority; empty asks for any. */
  readonly data: Uint8Array;
}

export interface V1HashPayload {
  readonly type: typeof V1PayloadType.HASH;
  readonly data: Uint8Array;
}

export interface V1SignaturePayload {
  readonly type: typeof V1PayloadType.SIG;
  readonly data: Uint8Array;
}

export interface V1NoncePayload {
  readonly type: typeof V1PayloadType.NONCE;
  readonly data: Uint8Array;
}

export interface V1NotifyPayload {
  readonly type: typeof V1PayloadType.N;
  readonly doi: number;
  readonly protocol: number;
  /** 16 octets for an ISAKMP SA: both cookies. */
  readonly spi: Uint8Array;
  readonly notifyType: number;
  readonly data: Uint8Array;
}

export interface V1DeletePayload {
  readonly type: typeof V1PayloadType.D;
  readonly doi: number;
  readonly protocol: number;
  readonly spiSize: number;
  readonly spis: readonly Uint8Array[];
}

export interface V1VendorIdPayload {
  readonly type: typeof V1PayloadType.VID;
  readonly data: Uint8Array;
}

/** Mode config and XAUTH (draft-dukes-ike-mode-cfg §3.2). */
export interface V1AttributesPayload {
  readonly type: typeof V1PayloadType.ATTRIBUTES;
  readonly cfgType: number;
  /** Ties the messages of one transaction together. */
  readonly identifier: number;
  readonly attributes: readonly V1Attribute[];
}

/** A hash of address and port (RFC 3947 §3.2); the drafts before it had a number of their own. */
export interface V1NatDPayload {
  readonly type: typeof V1PayloadType.NAT_D | typeof V1PayloadType.NAT_D_DRAFT;
  readonly data: Uint8Array;
}

/** An original address (RFC 3947 §5.2). */
export interface V1NatOaPayload {
  readonly type: typeof V1PayloadType.NAT_OA | typeof V1PayloadType.NAT_OA_DRAFT;
  readonly idType: number;
  readonly data: Uint8Array;
}

/** A piece of a larger message, as Cisco and Microsoft made it up. */
export interface V1FragmentPayload {
  readonly type: typeof V1PayloadType.FRAGMENT;
  readonly fragmentId: number;
  /** 1 for the first. */
  readonly fragmentNumber: number;
  readonly last: boolean;
  readonly data: Uint8Array;
}

/** A payload type that has no codec here, kept whole. IKEv1 has no critical bit. */
export interface V1UnknownPayload {
  readonly type: 'unknown';
  readonly number: number;
  readonly data: Uint8Array;
}

export type V1KnownPayload =
  | V1SaPayload
  | V1KePayload
  | V1IdPayload
  | V1CertPayload
  | V1CertRequestPayload
  | V1HashPayload
  | V1SignaturePayload
  | V1NoncePayload
  | V1NotifyPayload
  | V1DeletePayload
  | V1VendorIdPayload
  | V1AttributesPayload
  | V1NatDPayload
  | V1NatOaPayload
  | V1FragmentPayload;

export type V1Payload = V1KnownPayload | V1UnknownPayload;
