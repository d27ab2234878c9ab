import { Malformed } from '../../../lib/reader.ts';
import type { Codec } from '../../codec.ts';
import type { DeletePayload } from '../payload.ts';

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// | Protocol ID   |   SPI Size    |          Num of SPIs          |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// ~               Security Parameter Index(es) (SPI)              ~
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/** Far above what a peer has to delete at once, far below what 64 KiB could hold. */
export const MAX_SPIS = 1024;

/**
 * Delete (RFC 7296 §3.11). For the IKE SA itself the SPI size is zero and there is nothing to list, whatever
 * the count says.
 */
export const del: Codec<DeletePayload> = {
  decode(body, type) {
    const protocol = body.u8('Delete protocol');
    const spiSize = body.u8('Delete SPI size');
    const count = body.u16('Delete SPI count');
    if (body.remaining !== spiSize * count) {
      throw new Malformed(
        `Delete: ${count} SPIs of ${spiSize} octets announced in ${body.remaining}`,
        body.offset,
      );
    }
    if (spiSize === 0) return { type, protocol, spiSize, spis: [] };
    if (count > MAX_SPIS) throw new Malformed(`Delete: ${count} SPIs, limit ${MAX_SPIS}`, body.offset);
    const spis: Uint8Array[] = [];
    for (let i = 0; i < count; i++) spis.push(body.take(spiSize, 'Delete SPI'));
    return { type, protocol, spiSize, spis };
  },
  encode(payload, out) {
    out.u8(payload.protocol).u8(payload.spiSize).u16(payload.spis.length);
    for (const spi of payload.spis) out.bytes(spi);
  },
};
