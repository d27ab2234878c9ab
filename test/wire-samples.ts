import { PayloadType } from '../src/iana/ikev2.ts';
import type { KnownType, PayloadOf } from '../src/wire/v2/payloads/index.ts';

/** `length` octets that tell their place. */
export function counting(length: number, from = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (from + i) & 0xff);
}

const NOTHING = new Uint8Array(0);

/** At least one payload of every type that has a codec: a codec without a sample does not compile. */
export const V2_SAMPLES: { readonly [T in KnownType]: readonly [PayloadOf<T>, ...PayloadOf<T>[]] } = {
  [PayloadType.SA]: [
    {
      type: PayloadType.SA,
      proposals: [
        {
          number: 1,
          protocol: 1,
          spi: NOTHING,
          transforms: [
            { type: 1, id: 20, keyLength: 256 },
            { type: 2, id: 5 },
            { type: 4, id: 31 },
          ],
        },
        {
          number: 2,
          protocol: 3,
          spi: counting(4),
          transforms: [
            { type: 1, id: 12, keyLength: 128, attributes: [{ type: 18, value: counting(5), long: true }] },
            { type: 3, id: 12, attributes: [{ type: 20, value: counting(2) }] },
            { type: 3, id: 13, attributes: [{ type: 14, value: counting(2), long: true }] },
            { type: 5, id: 0 },
          ],
        },
      ],
    },
    { type: PayloadType.SA, proposals: [{ number: 1, protocol: 2, spi: counting(8), transforms: [] }] },
  ],
  [PayloadType.KE]: [{ type: PayloadType.KE, method: 31, data: counting(32) }],
  [PayloadType.IDi]: [{ type: PayloadType.IDi, idType: 2, data: counting(11, 97) }],
  [PayloadType.IDr]: [
    { type: PayloadType.IDr, idType: 1, data: counting(4) },
    { type: PayloadType.IDr, idType: 13, data: NOTHING },
  ],
  [PayloadType.CERT]: [{ type: PayloadType.CERT, encoding: 4, data: counting(60) }],
  [PayloadType.CERTREQ]: [
    { type: PayloadType.CERTREQ, encoding: 4, data: counting(40) },
    { type: PayloadType.CERTREQ, encoding: 4, data: NOTHING },
  ],
  [PayloadType.AUTH]: [{ type: PayloadType.AUTH, method: 14, data: counting(70) }],
  [PayloadType.Nonce]: [
    { type: PayloadType.Nonce, data: counting(16) },
    { type: PayloadType.Nonce, data: counting(256) },
  ],
  [PayloadType.Notify]: [
    { type: PayloadType.Notify, protocol: 0, spi: NOTHING, notifyType: 16388, data: counting(20) },
    { type: PayloadType.Notify, protocol: 3, spi: counting(4), notifyType: 16393, data: NOTHING },
    { type: PayloadType.Notify, protocol: 0, spi: NOTHING, notifyType: 17, data: Uint8Array.of(0, 19) },
    {
      type: PayloadType.Notify,
      protocol: 0,
      spi: NOTHING,
      notifyType: 16431,
      data: Uint8Array.of(0, 2, 0, 5),
    },
  ],
  [PayloadType.Delete]: [
    { type: PayloadType.Delete, protocol: 1, spiSize: 0, spis: [] },
    { type: PayloadType.Delete, protocol: 3, spiSize: 4, spis: [counting(4), counting(4, 5)] },
  ],
  [PayloadType.VendorID]: [{ type: PayloadType.VendorID, data: counting(16, 60) }],
  [PayloadType.TSi]: [
    {
      type: PayloadType.TSi,
      selectors: [
        { tsType: 7, protocol: 0, startPort: 0, endPort: 65535, start: counting(4), end: counting(4, 9) },
        { tsType: 8, protocol: 17, startPort: 500, endPort: 500, start: counting(16), end: counting(16, 9) },
        { tsType: 10, unknown: Uint8Array.of(10, 0, 0, 7, 1, 2, 3) },
      ],
    },
  ],
  [PayloadType.TSr]: [
    { type: PayloadType.TSr, selectors: [] },
    {
      type: PayloadType.TSr,
      selectors: [
        { tsType: 7, protocol: 6, startPort: 1, endPort: 2, start: counting(4), end: counting(4, 9) },
      ],
    },
  ],
  [PayloadType.CP]: [
    {
      type: PayloadType.CP,
      cfgType: 1,
      attributes: [
        { type: 1, value: NOTHING },
        { type: 7, value: counting(6, 97) },
        { type: 13, value: counting(8) },
        { type: 8, value: counting(17) },
        { type: 25, value: counting(3, 97) },
      ],
    },
    { type: PayloadType.CP, cfgType: 2, attributes: [] },
  ],
  [PayloadType.EAP]: [{ type: PayloadType.EAP, data: Uint8Array.of(1, 7, 0, 5, 1) }],
};
