import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExchangeType, PayloadType, ProtocolId, TransformType } from '../../src/iana/ikev2.ts';
import { NotifyError, NotifyStatus } from '../../src/iana/notify.ts';
import { Integ, KeMethod } from '../../src/iana/transforms.ts';
import { EMPTY } from '../../src/lib/bytes.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { NotifyPayload, Payload, SaPayload, UnknownPayload } from '../../src/wire/v2/payload.ts';
import { assertSettled, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { type Impairment, impair } from '../sim/impairment.ts';
import { type Pair, pair } from '../sim/pair.ts';

/*
 * One end is an engine whose messages are opened with its own keys, changed and sealed again: authentic and wrong.
 * The other must come through unharmed: it works, or it refuses and nothing is left.
 */

interface Row extends Impairment {
  readonly name: string;
  /** Whose messages are changed. */
  readonly by: 'a' | 'b';
  /** What is tried once the SA is up; without it the set-up itself is impaired. */
  readonly act?: 'rekey-child' | 'rekey-ike' | 'delete-child' | 'create-child' | 'liveness';
  /**
   * `works`: as if nothing were wrong. `survives`: traffic goes on, though the faulty end has left something at the
   * other. `up`: the IKE SA stays. `refused`: it comes to nothing at the honest end. `closed`: the IKE SA goes.
   */
  readonly end: 'works' | 'survives' | 'up' | 'refused' | 'closed';
}

const unknown = (critical: boolean): UnknownPayload => ({
  type: 'unknown',
  number: 201,
  critical,
  data: Uint8Array.of(1, 2, 3),
});
const status = (notifyType: number, data: Uint8Array = EMPTY): NotifyPayload => ({
  type: PayloadType.Notify,
  protocol: 0,
  spi: EMPTY,
  notifyType,
  data,
});
const without =
  (type: Payload['type']) =>
  (payloads: readonly Payload[]): readonly Payload[] =>
    payloads.filter(payload => payload.type !== type);
const twice =
  (type: Payload['type']) =>
  (payloads: readonly Payload[]): readonly Payload[] =>
    payloads.flatMap(payload => (payload.type === type ? [payload, payload] : [payload]));
type Like<T, P = Payload> = P extends { readonly type: infer K } ? (T extends K ? P : never) : never;
const each =
  <T extends Payload['type']>(type: T, change: (payload: Like<T>) => Payload) =>
  (payloads: readonly Payload[]): readonly Payload[] =>
    payloads.map(payload => (payload.type === type ? change(payload as Like<T>) : payload));
const proposals = (change: (payload: SaPayload['proposals'][number]) => SaPayload['proposals'][number]) =>
  each(PayloadType.SA, payload => ({ ...payload, proposals: payload.proposals.map(change) }));
const prepend =
  (...more: readonly Payload[]) =>
  (payloads: readonly Payload[]): readonly Payload[] => [...more, ...payloads];
/** Sets a bit in the generic header of the first payload that is not the critical one. */
const reservedBit = (chain: { first: number; bytes: Uint8Array }): { first: number; bytes: Uint8Array } => ({
  first: chain.first,
  bytes: chain.bytes.length > 1 ? chain.bytes.with(1, (chain.bytes[1] ?? 0) | 0x01) : chain.bytes,
});
const flip = (datagram: Uint8Array): Uint8Array =>
  datagram.with(datagram.length - 1, (datagram[datagram.length - 1] ?? 0) ^ 0x40);

const AUTH_REQUEST = 'IKE_AUTH request';
const AUTH_RESPONSE = 'IKE_AUTH response';
const CREATE_REQUEST = 'CREATE_CHILD_SA request';
const CREATE_RESPONSE = 'CREATE_CHILD_SA response';
const INFO_REQUEST = 'INFORMATIONAL request';
const INFO_RESPONSE = 'INFORMATIONAL response';
const INIT_REQUEST = 'IKE_SA_INIT request';
const INIT_RESPONSE = 'IKE_SA_INIT response';

const ROWS: readonly Row[] = [
  // Message flow
  {
    name: 'the first IKE_SA_INIT is lost',
    by: 'a',
    where: INIT_REQUEST,
    once: true,
    drop: true,
    end: 'works',
  },
  { name: 'no answer to IKE_SA_INIT', by: 'b', where: INIT_RESPONSE, drop: true, end: 'refused' },
  { name: 'drop-i2: IKE_AUTH never arrives', by: 'a', where: AUTH_REQUEST, drop: true, end: 'refused' },
  {
    name: 'the first answer to IKE_AUTH is lost',
    by: 'b',
    where: AUTH_RESPONSE,
    once: true,
    drop: true,
    end: 'works',
  },

  // Corrupt and odd content
  {
    name: 'corrupt-encrypted: IKE_AUTH request',
    by: 'a',
    where: AUTH_REQUEST,
    datagram: flip,
    end: 'refused',
  },
  {
    name: 'corrupt-encrypted: IKE_AUTH response, once',
    by: 'b',
    where: AUTH_RESPONSE,
    once: true,
    datagram: flip,
    end: 'works',
  },
  {
    name: 'ke-payload OMIT in IKE_SA_INIT',
    by: 'a',
    where: INIT_REQUEST,
    payloads: without(PayloadType.KE),
    end: 'refused',
  },
  {
    name: 'ke-payload EMPTY',
    by: 'a',
    where: INIT_REQUEST,
    payloads: each(PayloadType.KE, ke => ({ ...ke, data: EMPTY })),
    end: 'refused',
  },
  {
    name: 'ke-payload 0',
    by: 'a',
    where: INIT_REQUEST,
    payloads: each(PayloadType.KE, ke => ({ ...ke, data: new Uint8Array(ke.data.length) })),
    end: 'refused',
  },
  {
    name: 'ke-payload 0 in the answer',
    by: 'b',
    where: INIT_RESPONSE,
    payloads: each(PayloadType.KE, ke => ({ ...ke, data: new Uint8Array(ke.data.length) })),
    end: 'refused',
  },
  {
    name: 'ike-initiator-spi 0',
    by: 'a',
    where: INIT_REQUEST,
    fields: fields => ({ ...fields, initiatorSpi: 0n }),
    end: 'refused',
  },
  {
    name: 'ike-responder-spi 0',
    by: 'b',
    where: INIT_RESPONSE,
    fields: fields => ({ ...fields, responderSpi: 0n }),
    end: 'refused',
  },
  {
    name: 'ike-initiator-nonce OMIT',
    by: 'a',
    where: INIT_REQUEST,
    payloads: without(PayloadType.Nonce),
    end: 'refused',
  },
  {
    name: 'ike-responder-nonce DUPLICATE',
    by: 'b',
    where: INIT_RESPONSE,
    payloads: twice(PayloadType.Nonce),
    end: 'refused',
  },
  {
    name: 'ike-initiator-nonce changed',
    by: 'a',
    where: INIT_REQUEST,
    payloads: each(PayloadType.Nonce, nonce => ({
      ...nonce,
      data: nonce.data.with(0, (nonce.data[0] ?? 0) ^ 1),
    })),
    end: 'refused',
  },
  {
    name: 'major-version-bump',
    by: 'a',
    where: INIT_REQUEST,
    datagram: datagram => datagram.with(17, 0x30),
    end: 'refused',
  },
  {
    name: 'minor-version-bump of IKE_SA_INIT, which AUTH covers',
    by: 'a',
    where: INIT_REQUEST,
    datagram: datagram => datagram.with(17, 0x21),
    end: 'refused',
  },
  {
    name: 'send-bogus-payload-flag in IKE_AUTH',
    by: 'a',
    where: AUTH_REQUEST,
    chain: reservedBit,
    end: 'works',
  },
  {
    name: 'send-bogus-payload-flag in the answer to IKE_AUTH',
    by: 'b',
    where: AUTH_RESPONSE,
    chain: reservedBit,
    end: 'works',
  },
  {
    name: 'send-bogus-isakmp-flag in IKE_AUTH',
    by: 'a',
    where: AUTH_REQUEST,
    fields: fields => ({ ...fields, flags: fields.flags | 0x01 }),
    end: 'works',
  },
  {
    name: 'send-bogus-isakmp-flag in the answer',
    by: 'b',
    where: AUTH_RESPONSE,
    fields: fields => ({ ...fields, flags: fields.flags | 0x80 }),
    end: 'works',
  },

  // Payloads and notifies
  {
    name: 'add-unknown-v2-payload-to_sk IKE_AUTH',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: prepend(unknown(false)),
    end: 'works',
  },
  {
    name: 'add-unknown-v2-payload-to_sk in the answer',
    by: 'b',
    where: AUTH_RESPONSE,
    payloads: prepend(unknown(false)),
    end: 'works',
  },
  {
    name: 'unknown-v2-payload-critical in IKE_AUTH',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: prepend(unknown(true)),
    end: 'refused',
  },
  {
    name: 'unknown-v2-payload-critical in the answer to IKE_AUTH',
    by: 'b',
    where: AUTH_RESPONSE,
    payloads: prepend(unknown(true)),
    end: 'refused',
  },
  {
    name: 'unknown-v2-payload-critical in IKE_SA_INIT',
    by: 'a',
    where: INIT_REQUEST,
    payloads: prepend(unknown(true)),
    end: 'refused',
  },
  {
    name: 'add-v2-notification: an unknown status',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: prepend(status(40_000, new Uint8Array(300))),
    end: 'works',
  },
  {
    name: 'add-v2-notification: an unknown error in a request',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: prepend(status(8_000)),
    end: 'works',
  },
  {
    name: 'add-v2-notification: an unknown status in the answer',
    by: 'b',
    where: AUTH_RESPONSE,
    payloads: prepend(status(40_000)),
    end: 'works',
  },
  {
    name: 'omit-v2-notification: all notifies of IKE_AUTH',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: without(PayloadType.Notify),
    end: 'works',
  },
  {
    name: 'many payloads',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: prepend(...Array.from({ length: 100 }, () => unknown(false))),
    end: 'works',
  },

  // IKE_AUTH
  {
    name: 'bad-ike-auth-xchg: IKE_AUTH as INFORMATIONAL',
    by: 'a',
    where: AUTH_REQUEST,
    fields: fields => ({ ...fields, exchangeType: ExchangeType.INFORMATIONAL }),
    end: 'refused',
  },
  {
    name: 'bad-ike-auth-xchg: IKE_AUTH as CREATE_CHILD_SA',
    by: 'a',
    where: AUTH_REQUEST,
    fields: fields => ({ ...fields, exchangeType: ExchangeType.CREATE_CHILD_SA }),
    end: 'refused',
  },
  {
    name: 'send-no-ikev2-auth',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: without(PayloadType.AUTH),
    end: 'refused',
  },
  {
    name: 'no AUTH in the answer',
    by: 'b',
    where: AUTH_RESPONSE,
    payloads: without(PayloadType.AUTH),
    end: 'refused',
  },
  {
    name: 'a wrong AUTH',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: each(PayloadType.AUTH, auth => ({ ...auth, data: auth.data.with(0, (auth.data[0] ?? 0) ^ 1) })),
    end: 'refused',
  },
  {
    name: 'a wrong AUTH in the answer',
    by: 'b',
    where: AUTH_RESPONSE,
    payloads: each(PayloadType.AUTH, auth => ({ ...auth, data: auth.data.with(0, (auth.data[0] ?? 0) ^ 1) })),
    end: 'refused',
  },
  {
    name: 'force-v2-auth-method: another than was used',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: each(PayloadType.AUTH, auth => ({ ...auth, method: 13 })),
    end: 'refused',
  },
  {
    name: 'send-no-idr: IDr missing in the answer',
    by: 'b',
    where: AUTH_RESPONSE,
    payloads: without(PayloadType.IDr),
    end: 'refused',
  },
  {
    name: 'send-no-idr: IDr missing in the request',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: without(PayloadType.IDr),
    end: 'works',
  },
  {
    name: 'another identity',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: each(PayloadType.IDi, id => ({
      type: PayloadType.IDi,
      idType: id.idType,
      data: Uint8Array.of(0x78),
    })),
    end: 'refused',
  },
  { name: 'DUPLICATE AUTH', by: 'a', where: AUTH_REQUEST, payloads: twice(PayloadType.AUTH), end: 'refused' },
  {
    name: 'half a child: TSr missing',
    by: 'a',
    where: AUTH_REQUEST,
    payloads: without(PayloadType.TSr),
    end: 'refused',
  },

  // CREATE_CHILD_SA
  {
    name: 'v2-proposal-integ: an AEAD with an integrity algorithm',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: proposals(p => ({
      ...p,
      transforms: [...p.transforms, { type: TransformType.INTEG, id: Integ.AUTH_HMAC_SHA2_256_128 }],
    })),
    end: 'works',
  },
  {
    name: 'v2-proposal-dh: an unknown group only',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: proposals(p => ({
      ...p,
      transforms: p.transforms.map(t => (t.type === TransformType.KE ? { ...t, id: 999 } : t)),
    })),
    end: 'works',
  },
  {
    name: 'v2-proposal-protoid',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: proposals(p => ({ ...p, protocol: 77 })),
    end: 'works',
  },
  {
    name: 'ikev2-add-child-transform: of an unknown type',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: proposals(p => ({ ...p, transforms: [...p.transforms, { type: 99, id: 1 }] })),
    end: 'works',
  },
  {
    name: 'child-key-length-attribute 0',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: proposals(p => ({
      ...p,
      transforms: p.transforms.map(t => (t.type === TransformType.ENCR ? { ...t, keyLength: 0 } : t)),
    })),
    end: 'works',
  },
  {
    name: 'an SPI of zero',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: proposals(p => ({ ...p, spi: new Uint8Array(4) })),
    end: 'works',
  },
  {
    name: 'an SPI of no octets',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: proposals(p => ({ ...p, spi: EMPTY })),
    end: 'works',
  },
  {
    name: 'ke-payload of another group than proposed',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: each(PayloadType.KE, ke => ({ ...ke, method: KeMethod.ECP256 })),
    end: 'works',
  },
  {
    name: 'ke-payload OMIT in a rekey of a child',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: without(PayloadType.KE),
    end: 'works',
  },
  {
    name: 'ke-payload 0 in a rekey of a child',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: each(PayloadType.KE, ke => ({ ...ke, data: new Uint8Array(32) })),
    end: 'works',
  },
  {
    name: 'ke-payload 0 in the answer to a rekey of a child',
    by: 'b',
    act: 'rekey-child',
    where: CREATE_RESPONSE,
    once: true,
    payloads: each(PayloadType.KE, ke => ({ ...ke, data: new Uint8Array(32) })),
    end: 'works',
  },
  {
    name: 'ke-payload OMIT in the answer to a rekey of a child',
    by: 'b',
    act: 'rekey-child',
    where: CREATE_RESPONSE,
    once: true,
    payloads: without(PayloadType.KE),
    end: 'works',
  },
  {
    name: 'v2n-rekey-sa-protoid',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    once: true,
    payloads: each(PayloadType.Notify, n => ({ ...n, protocol: ProtocolId.AH })),
    end: 'survives',
  },
  {
    name: 'rekey of an SA that nobody knows',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    once: true,
    payloads: each(PayloadType.Notify, n => ({ ...n, spi: Uint8Array.of(9, 9, 9, 9) })),
    end: 'survives',
  },
  {
    name: 'number-of-TSi-selectors 0',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: each(PayloadType.TSi, ts => ({ ...ts, selectors: [] })),
    end: 'works',
  },
  {
    name: 'rekey-initiate-supernet',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: payloads => payloads.map(p => widen(p)),
    end: 'works',
  },
  {
    name: 'rekey-respond-supernet: more than was offered',
    by: 'b',
    act: 'rekey-child',
    where: CREATE_RESPONSE,
    once: true,
    payloads: payloads => payloads.map(p => widen(p)),
    end: 'works',
  },
  {
    name: 'no nonce in the answer',
    by: 'b',
    act: 'rekey-child',
    where: CREATE_RESPONSE,
    payloads: without(PayloadType.Nonce),
    end: 'closed',
  },
  {
    name: 'no SA in the request',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: without(PayloadType.SA),
    end: 'closed',
  },
  {
    name: 'an algorithm that was not offered',
    by: 'b',
    act: 'rekey-child',
    where: CREATE_RESPONSE,
    once: true,
    payloads: proposals(p => ({
      ...p,
      transforms: p.transforms.map(t => (t.type === TransformType.ENCR ? { ...t, keyLength: 256 } : t)),
    })),
    end: 'works',
  },
  {
    name: 'unknown-v2-payload-critical in CREATE_CHILD_SA',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    once: true,
    payloads: prepend(unknown(true)),
    end: 'works',
  },
  {
    name: 'an unknown error in the answer',
    by: 'b',
    act: 'rekey-child',
    where: CREATE_RESPONSE,
    once: true,
    payloads: () => [status(8_000)],
    end: 'closed',
  },
  {
    name: 'NO_ADDITIONAL_SAS',
    by: 'b',
    act: 'rekey-child',
    where: CREATE_RESPONSE,
    once: true,
    payloads: () => [status(NotifyError.NO_ADDITIONAL_SAS)],
    end: 'closed',
  },
  {
    name: 'INVALID_KE_PAYLOAD for a group never offered',
    by: 'b',
    act: 'rekey-child',
    where: CREATE_RESPONSE,
    once: true,
    payloads: () => [status(NotifyError.INVALID_KE_PAYLOAD, Uint8Array.of(0, 14))],
    end: 'closed',
  },
  {
    name: 'INVALID_KE_PAYLOAD for ever',
    by: 'b',
    act: 'rekey-child',
    where: CREATE_RESPONSE,
    payloads: () => [status(NotifyError.INVALID_KE_PAYLOAD, Uint8Array.of(0, KeMethod.CURVE25519))],
    end: 'survives',
  },
  {
    name: 'TEMPORARY_FAILURE for ever',
    by: 'b',
    act: 'rekey-child',
    where: CREATE_RESPONSE,
    payloads: () => [status(NotifyError.TEMPORARY_FAILURE)],
    end: 'closed',
  },
  {
    name: 'IKE rekey: an SPI of four octets',
    by: 'a',
    act: 'rekey-ike',
    where: CREATE_REQUEST,
    once: true,
    payloads: proposals(p => ({ ...p, spi: Uint8Array.of(1, 2, 3, 4) })),
    end: 'works',
  },
  {
    name: 'IKE rekey: an SPI of zero in the answer',
    by: 'b',
    act: 'rekey-ike',
    where: CREATE_RESPONSE,
    once: true,
    payloads: proposals(p => ({ ...p, spi: new Uint8Array(8) })),
    end: 'closed',
  },
  {
    name: 'IKE rekey: ke-payload 0',
    by: 'a',
    act: 'rekey-ike',
    where: CREATE_REQUEST,
    once: true,
    payloads: each(PayloadType.KE, ke => ({ ...ke, data: new Uint8Array(32) })),
    end: 'works',
  },

  {
    name: 'rekey-initiate-subnet: less than before',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: payloads =>
      payloads.map(p => bound(p, Uint8Array.of(10, 1, 0, 0), Uint8Array.of(10, 1, 0, 255))),
    end: 'works',
  },
  {
    name: 'number-of-TSr-selectors: 250',
    by: 'a',
    act: 'rekey-child',
    where: CREATE_REQUEST,
    payloads: each(PayloadType.TSr, ts => ({
      ...ts,
      selectors: Array.from({ length: 250 }, () => ts.selectors[0]).flatMap(selector => selector ?? []),
    })),
    end: 'works',
  },

  // INFORMATIONAL
  {
    name: 'v2-delete-protoid',
    by: 'a',
    act: 'delete-child',
    where: INFO_REQUEST,
    once: true,
    payloads: each(PayloadType.Delete, d => ({ ...d, protocol: ProtocolId.AH })),
    end: 'up',
  },
  {
    name: 'a DELETE of SPIs of another size',
    by: 'a',
    act: 'liveness',
    where: INFO_REQUEST,
    once: true,
    payloads: () => [
      { type: PayloadType.Delete, protocol: ProtocolId.ESP, spiSize: 3, spis: [Uint8Array.of(1, 2, 3)] },
    ],
    end: 'works',
  },
  {
    name: 'a DELETE of nothing',
    by: 'a',
    act: 'liveness',
    where: INFO_REQUEST,
    once: true,
    payloads: () => [{ type: PayloadType.Delete, protocol: ProtocolId.ESP, spiSize: 4, spis: [] }],
    end: 'works',
  },
  {
    name: 'a DELETE of unknown SPIs',
    by: 'a',
    act: 'liveness',
    where: INFO_REQUEST,
    once: true,
    payloads: () => [
      {
        type: PayloadType.Delete,
        protocol: ProtocolId.ESP,
        spiSize: 4,
        spis: Array.from({ length: 1000 }, (_, i) => Uint8Array.of(1, 2, i >> 8, i & 255)),
      },
    ],
    end: 'works',
  },
  {
    name: 'AUTHENTICATION_FAILED after all',
    by: 'a',
    act: 'liveness',
    where: INFO_REQUEST,
    once: true,
    payloads: () => [status(NotifyError.AUTHENTICATION_FAILED)],
    end: 'closed',
  },
  {
    name: 'an error notify in an INFORMATIONAL request',
    by: 'a',
    act: 'liveness',
    where: INFO_REQUEST,
    once: true,
    payloads: () => [status(NotifyError.INVALID_SYNTAX)],
    end: 'works',
  },
  {
    name: 'INITIAL_CONTACT outside IKE_AUTH',
    by: 'a',
    act: 'liveness',
    where: INFO_REQUEST,
    once: true,
    payloads: () => [status(NotifyStatus.INITIAL_CONTACT)],
    end: 'works',
  },
  {
    name: 'a liveness check that is answered with rubbish',
    by: 'b',
    act: 'liveness',
    where: INFO_RESPONSE,
    once: true,
    payloads: () => [{ type: PayloadType.Nonce, data: new Uint8Array(16) }],
    end: 'closed',
  },
  {
    name: 'an exchange type that is none',
    by: 'a',
    act: 'liveness',
    where: INFO_REQUEST,
    fields: fields => ({ ...fields, exchangeType: 99 }),
    end: 'closed',
  },
];

function widen(payload: Payload): Payload {
  return bound(payload, Uint8Array.of(10, 0, 0, 0), Uint8Array.of(10, 255, 255, 255));
}

/** Selectors of these bounds instead. */
function bound(payload: Payload, start: Uint8Array, end: Uint8Array): Payload {
  if (payload.type !== PayloadType.TSi && payload.type !== PayloadType.TSr) return payload;
  return {
    ...payload,
    selectors: payload.selectors.map(selector =>
      'start' in selector ? { ...selector, start, end } : selector,
    ),
  };
}

const CHECKS = {
  survives: (to: Host, from: Host) => {
    assert.equal(from.gapTo(to, 'net'), undefined);
    assert.equal(to.gapTo(from, 'net'), undefined);
  },
  up: (to: Host, from: Host) => {
    assert.equal(onlyIke(to).initiatorSpi, onlyIke(from).initiatorSpi);
  },
  refused: (to: Host) => {
    to.backEnd.assertEmpty(to.name);
    assert.equal(to.status().length, 0);
    assert.equal(to.eventsOf('ike-up').length - to.eventsOf('ike-down').length, 0);
  },
  closed: (to: Host, from: Host) => {
    assert.ok(
      to.eventsOf('ike-down').length + from.eventsOf('ike-down').length > 0,
      'the IKE SA is still up',
    );
  },
} as const;

/** Long enough for the field's retransmissions, and for what is tried again after a refusal. */
const LONG = 8 * MINUTE;

function begin(made: Pair, act: Row['act']): void {
  const { sim, a } = made;
  if (act === 'rekey-child') a.rekey({ child: 'net' });
  if (act === 'rekey-ike') a.rekey({ ike: a.status()[0]?.id ?? -1 });
  if (act === 'delete-child') a.terminate({ child: 'net' });
  if (act === 'liveness') sim.run(MINUTE);
}

for (const row of ROWS) {
  test(`${row.by === 'a' ? 'initiator' : 'responder'}: ${row.name}: ${row.end}`, () => {
    const made = pair({
      settings: { saveKeys: true },
      ...(row.act === 'liveness' ? { a: { dpdDelay: 30_000 } } : {}),
    });
    const { sim, a, b } = made;
    const [from, to] = row.by === 'a' ? [a, b] : [b, a];
    if (row.act === undefined) {
      const report = impair(sim, from, to, row);
      a.initiate('site', 'net');
      sim.run(LONG);
      assert.ok(report.count > 0, 'nothing was impaired');
    } else {
      a.initiate('site', 'net');
      sim.quiet();
      assertSettled(sim, a, b);
      const report = impair(sim, from, to, row);
      begin(made, row.act);
      sim.run(LONG);
      assert.ok(report.count > 0, 'nothing was impaired');
    }
    if (row.end === 'works') assertSettled(sim, a, b, row.act === 'delete-child' ? [] : ['net']);
    else sim.check(() => CHECKS[row.end as keyof typeof CHECKS](to, from));
    sim.unwatch();
    for (const direction of [made.ab, made.ba]) direction.script = () => 'pass';
    a.terminate({});
    b.terminate({});
    sim.run(LONG);
    sim.assertEmpty();
  });
}

/** Everything two ends do with each other. */
function live({ sim, a, b }: Pair): void {
  a.rekey({ child: 'net' });
  sim.quiet();
  b.rekey({ ike: b.status()[0]?.id ?? -1 });
  sim.quiet();
  b.rekey({ child: 'net' });
  sim.quiet();
  sim.run(10 * SECOND);
}

test('jacob-two-two: every packet comes twice', () => {
  const made = pair();
  const { sim, a, b, ab, ba } = made;
  for (const direction of [ab, ba]) direction.weather = { ...direction.weather, duplicate: 1, jitter: 30 };
  a.initiate('site', 'net');
  sim.quiet();
  live(made);
  assertSettled(sim, a, b);
  for (const host of [a, b]) {
    assert.equal(host.eventsOf('child-rekey').length, 2);
    assert.equal(host.eventsOf('failed').length, 0);
  }
});

for (const order of ['in order', 'backwards'] as const) {
  test(`replay: everything that was ever sent comes again, ${order}, to both ends`, () => {
    const made = pair();
    const { sim, a, b, ab, ba } = made;
    a.initiate('site', 'net');
    sim.quiet();
    live(made);
    const before = [a.status(), b.status()];
    for (const direction of [ab, ba]) {
      const count = direction.recorded.length;
      for (let i = 1; i <= count; i++) direction.replay(order === 'in order' ? i : count + 1 - i);
    }
    sim.quiet();
    const summary = (list: (typeof before)[number]): unknown =>
      list
        .filter(({ state }) => state !== 'CONNECTING')
        .map(({ id, children }) => [id, children.map(child => child.id)]);
    assert.deepEqual([a.status(), b.status()].map(summary), before.map(summary));
    // An IKE_SA_INIT of old makes a half-open SA at most, which goes by itself.
    sim.run(MINUTE);
    assertSettled(sim, a, b);
  });
}

test('send-no-delete: an end that deletes nothing it replaced', () => {
  const made = pair({ settings: { saveKeys: true } });
  const { sim, a, b } = made;
  a.initiate('site', 'net');
  sim.quiet();
  const old = b.status()[0]?.children[0];
  const report = impair(sim, a, b, {
    where: INFO_REQUEST,
    once: true,
    payloads: without(PayloadType.Delete),
  });
  a.rekey({ child: 'net' });
  sim.quiet();
  assert.equal(report.count, 1);
  assert.equal(old?.id !== undefined && b.backEnd.sas.has(old.id), true);
  a.rekey({ child: 'net' });
  sim.quiet();
  sim.run(10 * SECOND);
  assertSettled(sim, a, b);
});
