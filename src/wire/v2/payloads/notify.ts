import type { Codec } from '../../codec.ts';
import type { NotifyPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |  Protocol ID  |   SPI Size    |      Notify Message Type      |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                Security Parameter Index (SPI)                 ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                       Notification Data                       ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Notify (RFC 7296 §3.10). */
export const notify: Codec<NotifyPayload> = {
  decode(body, type) {
    const protocol = body.u8('Notify protocol');
    const spiSize = body.u8('Notify SPI size');
    const notifyType = body.u16('Notify type');
    return { type, protocol, spi: body.take(spiSize, 'Notify SPI'), notifyType, data: body.rest() };
  },
  encode(payload, out) {
    out.u8(payload.protocol).u8(payload.spi.length).u16(payload.notifyType);
    out.bytes(payload.spi).bytes(payload.data);
  },
};
