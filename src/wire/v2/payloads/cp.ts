import { Malformed } from '../../../lib/reader.ts';
import type { Codec } from '../../codec.ts';
import type { CfgAttributeValue, CpPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |   CFG Type    |                    RESERVED                   |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                   Configuration Attributes                    ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//
// each attribute:
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |R|         Attribute Type      |            Length             |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                             Value                             ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Split tunnels of some gateways list hundreds of subnets; nobody has been seen to list more. */
export const MAX_CFG_ATTRIBUTES = 1024;

/** Configuration (RFC 7296 §3.15). */
export const cp: Codec<CpPayload> = {
  decode(body, type) {
    const cfgType = body.u8('CP type');
    body.take(3, 'CP reserved');
    const attributes: CfgAttributeValue[] = [];
    while (body.remaining > 0) {
      if (attributes.length === MAX_CFG_ATTRIBUTES) {
        throw new Malformed(`CP: more than ${MAX_CFG_ATTRIBUTES} attributes`, body.offset);
      }
      const attributeType = body.u16('CP attribute type') & 0x7fff;
      const length = body.u16('CP attribute length');
      attributes.push({ type: attributeType, value: body.take(length, 'CP attribute') });
    }
    return { type, cfgType, attributes };
  },
  encode(payload, out) {
    out.u8(payload.cfgType).zeros(3);
    for (const { type, value } of payload.attributes) out.u16(type).u16(value.length).bytes(value);
  },
};
