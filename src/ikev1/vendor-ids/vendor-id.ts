import { V1PayloadType } from '../../iana/ikev1.ts';
import { type VendorName, vendorIdOctets, vendorNameOf } from '../../iana/vendor-ids.ts';
import { concat, EMPTY } from '../../lib/bytes.ts';
import type { V1Payload, V1VendorIdPayload } from '../../wire/v1/payload.ts';

/** The Vendor ID payload of that name, with what follows the well-known octets. */
export function vendorId(name: VendorName, more: Uint8Array = EMPTY): V1VendorIdPayload {
  return { type: V1PayloadType.VID, data: concat(vendorIdOctets(name), more) };
}

/** The Vendor IDs in a message that are known, by name, each with its octets. */
export function vendorIdsIn(payloads: readonly V1Payload[]): ReadonlyMap<VendorName, Uint8Array> {
  const found = new Map<VendorName, Uint8Array>();
  for (const payload of payloads) {
    if (payload.type !== V1PayloadType.VID) continue;
    const name = vendorNameOf(payload.data);
    if (name !== undefined) found.set(name, payload.data);
  }
  return found;
}
