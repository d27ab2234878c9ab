import { V1PayloadType } from '../../../iana/ikev1.ts';
import type { Codec } from '../../codec.ts';
import type { V1KnownPayload } from '../payload.ts';
import { attributes } from './attributes.ts';
import { cert, certRequest } from './cert.ts';
import { hash, ke, natD, signature, vendorId } from './data.ts';
import { del } from './delete.ts';
import { fragment } from './fragment.ts';
import { id } from './id.ts';
import { natOa } from './nat-oa.ts';
import { nonce } from './nonce.ts';
import { notify } from './notify.ts';
import { sa } from './sa.ts';

export type V1KnownType = V1KnownPayload['type'];

/** The member of `V1KnownPayload` that may have the type `T`. */
export type V1PayloadOf<T extends V1KnownType> = V1KnownPayload extends infer P
  ? P extends V1KnownPayload
    ? T extends P['type']
      ? P
      : never
    : never
  : never;

/** One codec for each payload of the union: a payload without one does not compile, nor one without a payload. */
const V1_CODECS: { readonly [T in V1KnownType]: Codec<V1PayloadOf<T>> } = {
  [V1PayloadType.SA]: sa,
  [V1PayloadType.KE]: ke,
  [V1PayloadType.ID]: id,
  [V1PayloadType.CERT]: cert,
  [V1PayloadType.CR]: certRequest,
  [V1PayloadType.HASH]: hash,
  [V1PayloadType.SIG]: signature,
  [V1PayloadType.NONCE]: nonce,
  [V1PayloadType.N]: notify,
  [V1PayloadType.D]: del,
  [V1PayloadType.VID]: vendorId,
  [V1PayloadType.ATTRIBUTES]: attributes,
  [V1PayloadType.NAT_D]: natD,
  [V1PayloadType.NAT_D_DRAFT]: natD,
  [V1PayloadType.NAT_OA]: natOa,
  [V1PayloadType.NAT_OA_DRAFT]: natOa,
  [V1PayloadType.FRAGMENT]: fragment,
};

/** The codec for a payload type from the wire; undefined where this code has none. */
export function v1CodecFor(type: number): Codec<V1KnownPayload> | undefined {
  return (V1_CODECS as Readonly<Record<number, unknown>>)[type] as Codec<V1KnownPayload> | undefined;
}
