import { Malformed, type Reader } from '../../../lib/reader.ts';
import type { Codec } from '../../codec.ts';
import { MAX_ATTRIBUTES, readAttribute, writeAttributes } from '../attribute.ts';
import type { V1Attribute, V1AttributesPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// !     Type      !   RESERVED    !           Identifier          !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                           Attributes                          ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Attributes of mode config and XAUTH (draft-dukes-ike-mode-cfg §3.2, draft-beaulieu-ike-xauth §4). */
export const attributes: Codec<V1AttributesPayload> = {
  decode(body, type) {
    const cfgType = body.u8('Attributes type');
    body.u8('Attributes reserved');
    const identifier = body.u16('Attributes identifier');
    return { type, cfgType, identifier, attributes: readPadded(body) };
  },
  encode(payload, out) {
    out.u8(payload.cfgType).u8(0).u16(payload.identifier);
    writeAttributes(payload.attributes, out);
  },
};

/**
 * Attributes up to the end of `body`, where zeros are no attributes: libreswan fills up its mode-config reply
 * inside the payload. Type 0 is reserved, so nothing that means something is lost.
 */
function readPadded(body: Reader): readonly V1Attribute[] {
  const found: V1Attribute[] = [];
  while (body.remaining >= 4) {
    if (found.length === MAX_ATTRIBUTES)
      throw new Malformed(`more than ${MAX_ATTRIBUTES} attributes`, body.offset);
    const attribute = readAttribute(body);
    if (attribute.type !== 0 || typeof attribute.value === 'number' || attribute.value.length > 0)
      found.push(attribute);
  }
  const at = body.offset;
  if (body.rest().some(octet => octet !== 0)) throw new Malformed('half an attribute', at);
  return found;
}
