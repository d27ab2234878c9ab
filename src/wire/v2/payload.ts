import type { PayloadType } from '../../iana/ikev2.ts';
import type { Transform } from '../../iana/transforms.ts';

/** Every payload carries the critical bit it came with (RFC 7296 §2.5); absent means clear. */
interface Base<T extends number> {
  readonly type: T;
  readonly critical?: boolean;
}

/**
 * A transform attribute other than the key length, kept as it came. Whoever finds one must not accept the
 * transform unless it understands it (RFC 7296 §3.3.6).
 */
export interface TransformAttributeValue {
  readonly type: number;
  readonly value: Uint8Array;
  /** It came in the long form (TLV). Absent: the short form (TV) where the value is two octets, else the long. */
  readonly long?: true;
}

export interface WireTransform extends Transform {
  readonly attributes?: readonly TransformAttributeValue[];
}

export interface WireProposal {
  /** Proposal Num, 1 for the first. */
  readonly number: number;
  readonly protocol: number;
  /** 0, 4 or 8 octets. */
  readonly spi: Uint8Array;
  readonly transforms: readonly WireTransform[];
}

export interface SaPayload extends Base<typeof PayloadType.SA> {
  readonly proposals: readonly WireProposal[];
}

export interface KePayload extends Base<typeof PayloadType.KE> {
  readonly method: number;
  readonly data: Uint8Array;
}

export interface IdPayload extends Base<typeof PayloadType.IDi | typeof PayloadType.IDr> {
  readonly idType: number;
  readonly data: Uint8Array;
  /** The whole body as it stood on the wire, RESERVED octets too: AUTH covers it (RFC 7296 §2.15). Absent on payloads we make. */
  readonly body?: Uint8Array;
}

export interface CertPayload extends Base<typeof PayloadType.CERT> {
  readonly encoding: number;
  readonly data: Uint8Array;
}

export interface CertReqPayload extends Base<typeof PayloadType.CERTREQ> {
  readonly encoding: number;
  readonly data: Uint8Array;
}

export interface AuthPayload extends Base<typeof PayloadType.AUTH> {
  readonly method: number;
  readonly data: Uint8Array;
}

export interface NoncePayload extends Base<typeof PayloadType.Nonce> {
  /** 16 to 256 octets (RFC 7296 §3.9). */
  readonly data: Uint8Array;
}

export interface NotifyPayload extends Base<typeof PayloadType.Notify> {
  readonly protocol: number;
  readonly spi: Uint8Array;
  readonly notifyType: number;
  readonly data: Uint8Array;
}

export interface DeletePayload extends Base<typeof PayloadType.Delete> {
  readonly protocol: number;
  readonly spiSize: number;
  readonly spis: readonly Uint8Array[];
}

export interface VendorIdPayload extends Base<typeof PayloadType.VendorID> {
  readonly data: Uint8Array;
}

/** A selector as it stands on the wire; the policy room gives it meaning. */
export type WireSelector =
  | {
      readonly tsType: 7 | 8;
      /** 0 is any. */
      readonly protocol: number;
      readonly startPort: number;
      readonly endPort: number;
      readonly start: Uint8Array;
      readonly end: Uint8Array;
    }
  /** A selector type this code has no picture of: all its octets, from TS Type on. */
  | { readonly tsType: number; readonly unknown: Uint8Array };

export interface TsPayload extends Base<typeof PayloadType.TSi | typeof PayloadType.TSr> {
  readonly selectors: readonly WireSelector[];
}

export interface CfgAttributeValue {
  readonly type: number;
  readonly value: Uint8Array;
}

export interface CpPayload extends Base<typeof PayloadType.CP> {
  readonly cfgType: number;
  readonly attributes: readonly CfgAttributeValue[];
}

export interface EapPayload extends Base<typeof PayloadType.EAP> {
  readonly data: Uint8Array;
}

/** SK as it came, still sealed (RFC 7296 §3.14): IV, ciphertext and ICV, uncut. Always the last payload. */
export interface EncryptedPayload extends Base<typeof PayloadType.SK> {
  readonly firstInner: number;
  /** Where the body (the IV) begins in the datagram. */
  readonly bodyOffset: number;
}

/** SKF as it came, still sealed (RFC 7383 §2.5). */
export interface EncryptedFragmentPayload extends Base<typeof PayloadType.SKF> {
  /** Zero on all fragments but the first. */
  readonly firstInner: number;
  readonly fragmentNumber: number;
  readonly totalFragments: number;
  /** Where the IV begins in the datagram, after the two fragment numbers. */
  readonly bodyOffset: number;
}

/** A payload type that has no codec here: kept whole, so that the critical bit can be judged (RFC 7296 §2.5). */
export interface UnknownPayload {
  readonly type: 'unknown';
  readonly number: number;
  readonly critical: boolean;
  readonly data: Uint8Array;
}

export type KnownPayload =
  | SaPayload
  | KePayload
  | IdPayload
  | CertPayload
  | CertReqPayload
  | AuthPayload
  | NoncePayload
  | NotifyPayload
  | DeletePayload
  | VendorIdPayload
  | TsPayload
  | CpPayload
  | EapPayload;

export type Payload = KnownPayload | UnknownPayload;
