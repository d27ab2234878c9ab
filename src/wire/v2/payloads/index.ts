import { PayloadType } from '../../../iana/ikev2.ts';
import type { Codec } from '../../codec.ts';
import type { KnownPayload } from '../payload.ts';
import { auth } from './auth.ts';
import { cert, certReq } from './cert.ts';
import { cp } from './cp.ts';
import { del } from './delete.ts';
import { eap } from './eap.ts';
import { id } from './id.ts';
import { ke } from './ke.ts';
import { nonce } from './nonce.ts';
import { notify } from './notify.ts';
import { sa } from './sa.ts';
import { ts } from './ts.ts';
import { vendorId } from './vendor-id.ts';

export type KnownType = KnownPayload['type'];

/** The member of `KnownPayload` that may have the type `T`. */
export type PayloadOf<T extends KnownType> = KnownPayload extends infer P
  ? P extends KnownPayload
    ? T extends P['type']
      ? P
      : never
    : never
  : never;

/** One codec for each payload of the union: a payload without one does not compile, nor one without a payload. */
const CODECS: { readonly [T in KnownType]: Codec<PayloadOf<T>> } = {
  [PayloadType.SA]: sa,
  [PayloadType.KE]: ke,
  [PayloadType.IDi]: id,
  [PayloadType.IDr]: id,
  [PayloadType.CERT]: cert,
  [PayloadType.CERTREQ]: certReq,
  [PayloadType.AUTH]: auth,
  [PayloadType.Nonce]: nonce,
  [PayloadType.Notify]: notify,
  [PayloadType.Delete]: del,
  [PayloadType.VendorID]: vendorId,
  [PayloadType.TSi]: ts,
  [PayloadType.TSr]: ts,
  [PayloadType.CP]: cp,
  [PayloadType.EAP]: eap,
};

/** The codec for a payload type from the wire; undefined where this code has none. */
export function codecFor(type: number): Codec<KnownPayload> | undefined {
  return (CODECS as Readonly<Record<number, unknown>>)[type] as Codec<KnownPayload> | undefined;
}
