import type { Codec } from '../../codec.ts';
import type { V1NotifyPayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// !              Domain of Interpretation  (DOI)                  !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// !  Protocol-ID  !   SPI Size    !      Notify Message Type      !
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                Security Parameter Index (SPI)                 ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~                       Notification Data                       ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Notification (RFC 2408 §3.14), DPD's R-U-THERE and its answer among them (RFC 3706 §5.3). */
export const notify: Codec<V1NotifyPayload> = {
  decode(body, type) {
    const doi = body.u32('Notify DOI');
    const protocol = body.u8('Notify protocol');
    const spiSize = body.u8('Notify SPI size');
    const notifyType = body.u16('Notify type');
    return { type, doi, protocol, spi: body.take(spiSize, 'Notify SPI'), notifyType, data: body.rest() };
  },
  encode(payload, out) {
    out.u32(payload.doi).u8(payload.protocol).u8(payload.spi.length).u16(payload.notifyType);
    out.bytes(payload.spi).bytes(payload.data);
  },
};
