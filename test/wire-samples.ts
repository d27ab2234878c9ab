import { V1PayloadType } from '../src/iana/ikev1.ts';
import { PayloadType } from '../src/iana/ikev2.ts';
import type { V1KnownType, V1PayloadOf } from '../src/wire/v1/payloads/index.ts';
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

/** As `V2_SAMPLES`, of IKEv1. */
export const V1_SAMPLES: {
  readonly [T in V1KnownType]: readonly [V1PayloadOf<T>, ...V1PayloadOf<T>[]];
} = {
  [V1PayloadType.SA]: [
    {
      type: V1PayloadType.SA,
      doi: 1,
      situation: 1,
      proposals: [
        {
          number: 1,
          protocol: 1,
          spi: counting(8),
          transforms: [
            {
              number: 1,
              id: 1,
              attributes: [
                { type: 1, value: 7 },
                { type: 14, value: 128 },
                { type: 2, value: 4 },
                { type: 3, value: 65001 },
                { type: 4, value: 14 },
                { type: 11, value: 1 },
                { type: 12, value: Uint8Array.of(0, 1, 0x51, 0x80) },
              ],
            },
            { number: 2, id: 1, attributes: [{ type: 6, value: counting(40) }] },
          ],
        },
        { number: 2, protocol: 3, spi: counting(4), transforms: [] },
        {
          number: 2,
          protocol: 2,
          spi: counting(4),
          transforms: [{ number: 1, id: 5, attributes: [{ type: 4, value: 61443 }] }],
        },
      ],
    },
  ],
  [V1PayloadType.KE]: [{ type: V1PayloadType.KE, data: counting(128) }],
  [V1PayloadType.ID]: [
    { type: V1PayloadType.ID, idType: 2, protocol: 17, port: 500, data: counting(5, 97) },
    { type: V1PayloadType.ID, idType: 4, protocol: 0, port: 0, data: counting(8) },
    { type: V1PayloadType.ID, idType: 1, protocol: 0, port: 0, data: counting(4) },
    { type: V1PayloadType.ID, idType: 8, protocol: 0, port: 0, data: counting(32) },
    { type: V1PayloadType.ID, idType: 8, protocol: 0, port: 0, data: counting(31) },
  ],
  [V1PayloadType.CERT]: [{ type: V1PayloadType.CERT, encoding: 4, data: counting(60) }],
  [V1PayloadType.CR]: [{ type: V1PayloadType.CR, encoding: 4, data: NOTHING }],
  [V1PayloadType.HASH]: [{ type: V1PayloadType.HASH, data: counting(20) }],
  [V1PayloadType.SIG]: [{ type: V1PayloadType.SIG, data: counting(64) }],
  [V1PayloadType.NONCE]: [
    { type: V1PayloadType.NONCE, data: counting(8) },
    { type: V1PayloadType.NONCE, data: counting(512) },
  ],
  [V1PayloadType.N]: [
    {
      type: V1PayloadType.N,
      doi: 1,
      protocol: 1,
      spi: counting(16),
      notifyType: 36136,
      data: Uint8Array.of(0, 0, 0, 7),
    },
    { type: V1PayloadType.N, doi: 0, protocol: 1, spi: NOTHING, notifyType: 14, data: NOTHING },
  ],
  [V1PayloadType.D]: [
    { type: V1PayloadType.D, doi: 1, protocol: 3, spiSize: 4, spis: [counting(4), counting(4, 5)] },
    { type: V1PayloadType.D, doi: 1, protocol: 1, spiSize: 16, spis: [counting(16)] },
  ],
  [V1PayloadType.VID]: [{ type: V1PayloadType.VID, data: counting(16, 60) }],
  [V1PayloadType.ATTRIBUTES]: [
    {
      type: V1PayloadType.ATTRIBUTES,
      cfgType: 2,
      identifier: 0xabcd,
      attributes: [
        { type: 1, value: Uint8Array.of(10, 0, 0, 0) },
        { type: 16520, value: 0 },
        { type: 16521, value: counting(4, 97) },
        { type: 16522, value: counting(4, 65) },
        { type: 5, value: Uint8Array.of(0, 0, 14, 16) },
        { type: 28672, value: NOTHING },
      ],
    },
  ],
  [V1PayloadType.NAT_D]: [{ type: V1PayloadType.NAT_D, data: counting(20) }],
  [V1PayloadType.NAT_D_DRAFT]: [{ type: V1PayloadType.NAT_D_DRAFT, data: counting(16) }],
  [V1PayloadType.NAT_OA]: [{ type: V1PayloadType.NAT_OA, idType: 1, data: counting(4) }],
  [V1PayloadType.NAT_OA_DRAFT]: [{ type: V1PayloadType.NAT_OA_DRAFT, idType: 5, data: counting(16) }],
  [V1PayloadType.FRAGMENT]: [
    { type: V1PayloadType.FRAGMENT, fragmentId: 1, fragmentNumber: 1, last: false, data: counting(30) },
    { type: V1PayloadType.FRAGMENT, fragmentId: 1, fragmentNumber: 255, last: true, data: NOTHING },
  ],
};
