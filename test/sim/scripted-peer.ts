import assert from 'node:assert/strict';
import { keyExchangeOf } from '../../src/crypto/ke/key-exchange.ts';
import {
  type IkeSaKeys,
  ikeSaKeys,
  pskAuth,
  rekeyedIkeSaKeys,
  signedOctets,
} from '../../src/crypto/keymat-v2.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { type Prf, prfOf } from '../../src/crypto/prf/prf.ts';
import type { CryptoProvider, PacketCipher } from '../../src/crypto/provider.ts';
import {
  AuthMethod,
  ExchangeType,
  IdType,
  PayloadType,
  ProtocolId,
  TransformType,
} from '../../src/iana/ikev2.ts';
import { NotifyStatus } from '../../src/iana/notify.ts';
import { Encr, KeMethod, PrfId, SequenceNumbers, type Transform } from '../../src/iana/transforms.ts';
import { concat, EMPTY, u64 } from '../../src/lib/bytes.ts';
import type { IpAddress } from '../../src/lib/ip.ts';
import { utf8 } from '../../src/lib/text.ts';
import { SECOND } from '../../src/lib/time.ts';
import type { Endpoint, Path } from '../../src/policy/sa.ts';
import { type TrafficSelector, toWireSelector } from '../../src/policy/traffic-selector.ts';
import type { PayloadChain } from '../../src/wire/chain.ts';
import { type Header, HeaderFlag } from '../../src/wire/header.ts';
import {
  decodeMessage,
  decodePayloads,
  encodeMessage,
  encodePayloads,
  type MessageFields,
} from '../../src/wire/v2/message.ts';
import type { NotifyPayload, Payload, SaPayload, TsPayload } from '../../src/wire/v2/payload.ts';
import { openMessage, sealChain } from '../../src/wire/v2/protect.ts';
import { subnet } from './configuration.ts';
import type { Packet } from './packet.ts';
import type { Simulation } from './simulation.ts';

/** One IKE SA as the peer holds it: plain, and all of it open to a test. */
export interface PeerSa {
  readonly role: 'initiator' | 'responder';
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly keys: IkeSaKeys;
  readonly outgoing: PacketCipher;
  readonly incoming: PacketCipher;
  /** The Message ID of the next request. */
  nextId: number;
}

/** A message that came, opened. */
export interface Received {
  readonly header: Header;
  readonly datagram: Uint8Array;
  readonly payloads: readonly Payload[];
  readonly response: boolean;
  /** Absent for IKE_SA_INIT. */
  readonly sa?: PeerSa;
  readonly path: Path;
}

/** How a message is made to differ from what it should be. */
export interface Oddity {
  readonly messageId?: number;
  /** Instead of the flags it should have. */
  readonly flags?: number;
  /** Done to the payloads as octets, before they are protected. */
  readonly chain?: (chain: PayloadChain) => PayloadChain;
  /** Done to the datagram after all protection. */
  readonly mangle?: (datagram: Uint8Array) => Uint8Array;
  readonly initiatorSpi?: bigint;
  readonly responderSpi?: bigint;
}

/** Where the set-up differs from an honest one. */
export interface Twist {
  readonly init?: (payloads: readonly Payload[]) => readonly Payload[];
  readonly mangleInit?: (datagram: Uint8Array) => Uint8Array;
  readonly auth?: (payloads: readonly Payload[]) => readonly Payload[];
  readonly authOddity?: Oddity;
  readonly authExchange?: number;
}

const SUITE = { encryption: Encr.ENCR_AES_GCM_16, keyLength: 128, integrity: 0 };
const IKE_TRANSFORMS: readonly Transform[] = [
  { type: TransformType.ENCR, id: Encr.ENCR_AES_GCM_16, keyLength: 128 },
  { type: TransformType.PRF, id: PrfId.PRF_HMAC_SHA2_256 },
  { type: TransformType.KE, id: KeMethod.CURVE25519 },
];
const ESP_TRANSFORMS: readonly Transform[] = [
  { type: TransformType.ENCR, id: Encr.ENCR_AES_GCM_16, keyLength: 128 },
  { type: TransformType.KE, id: KeMethod.CURVE25519 },
  { type: TransformType.SN, id: SequenceNumbers.SEQUENTIAL_32 },
];

export interface PeerOptions {
  readonly name: string;
  readonly address: IpAddress;
  /** FQDN. */
  readonly id: string;
  readonly secret?: string;
  /** Where it sends to. */
  readonly remote: Endpoint;
}

/**
 * A peer that speaks IKEv2 by the wire and crypto rooms alone, knows the secret, and does exactly what a test
 * says. Left to itself it answers every request as an honest peer would.
 */
export class ScriptedPeer {
  readonly name: string;
  readonly provider: CryptoProvider;
  /** What it does with a request; the default is `honest`. */
  answer: (request: Received) => void = request => this.honest(request);
  /** Done to the octets of everything it answers under an SA. */
  spoil: ((chain: PayloadChain) => PayloadChain) | undefined;
  /** Everything that came and could be opened, in order. */
  readonly received: Received[] = [];
  /** Stands before its SA in answers to IKE_AUTH. */
  configuration: readonly Payload[] = [];
  /** The newest SA, and all there were. */
  sa: PeerSa | undefined;
  readonly sas: PeerSa[] = [];
  /** From where to where it sends. */
  path: Path;
  /** ESP SPIs of the children it took part in, own inbound one first. */
  readonly children: { readonly spiIn: number; readonly spiOut: number }[] = [];
  readonly localTs: readonly TrafficSelector[] = [subnet('10.2.0.0/16')];
  readonly remoteTs: readonly TrafficSelector[] = [subnet('10.1.0.0/16')];
  readonly #sim: Simulation;
  readonly #options: PeerOptions;
  readonly #prf: Prf;
  readonly #secret: Uint8Array;
  #inits:
    | {
        readonly request: Uint8Array;
        readonly response: Uint8Array;
        readonly ni: Uint8Array;
        readonly nr: Uint8Array;
      }
    | undefined;
  #spis = 0x5000_0000;

  constructor(sim: Simulation, options: PeerOptions) {
    this.#sim = sim;
    this.#options = options;
    this.name = options.name;
    this.path = { local: { address: options.address, port: 500 }, remote: options.remote };
    const random = sim.random.fork();
    this.provider = nodeProvider({ random: length => random.octets(length) });
    this.#prf = prfOf(this.provider, PrfId.PRF_HMAC_SHA2_256) as Prf;
    this.#secret = utf8(options.secret ?? 'the secret of the simulation');
    sim.network.attach(this.name, options.address, (content, path) => this.#receive(content, path));
  }

  /** Is at `address` too from now on, and sends from there. */
  moveTo(address: IpAddress): void {
    this.#sim.network.attach(this.name, address, (content, path) => this.#receive(content, path));
    this.path = { ...this.path, local: { ...this.path.local, address } };
  }

  /** As `establish`, as far as it goes: the answer to IKE_AUTH, or to what came instead of it. */
  attempt(twist: Twist = {}): Received | undefined {
    const { provider } = this;
    const ni = provider.random(32);
    const half = this.#keyExchange().initiate();
    const spi = this.#newIkeSpi();
    const plain: readonly Payload[] = [
      saPayload(ProtocolId.IKE, EMPTY, IKE_TRANSFORMS),
      { type: PayloadType.KE, method: KeMethod.CURVE25519, data: half.publicValue },
      { type: PayloadType.Nonce, data: ni },
    ];
    const encoded = encodeMessage(
      {
        initiatorSpi: spi,
        responderSpi: 0n,
        exchangeType: ExchangeType.IKE_SA_INIT,
        flags: HeaderFlag.INITIATOR,
        messageId: 0,
      },
      twist.init?.(plain) ?? plain,
    );
    // AUTH covers what is really sent.
    const request = twist.mangleInit?.(encoded) ?? encoded;
    this.transmit(request);
    const response = this.#awaitOrNot(
      ({ header, response }) => response && header.exchangeType === ExchangeType.IKE_SA_INIT,
    );
    if (response === undefined || !has(response, PayloadType.SA)) return response;
    const nr = find(response, PayloadType.Nonce).data;
    const responderSpi = response.header.responderSpi;
    const secret = half.finish(find(response, PayloadType.KE).data).reveal();
    const keys = ikeSaKeys({
      prf: this.#prf,
      suite: SUITE,
      spis: { initiator: spi, responder: responderSpi },
      nonces: { initiator: ni, responder: nr },
      sharedSecret: secret,
    });
    const sa = this.#adopt('initiator', spi, responderSpi, keys, 1);
    this.#inits = { request, response: response.datagram, ni, nr };
    const spiIn = this.newSpi();
    const auth: readonly Payload[] = [
      { type: PayloadType.IDi, idType: IdType.ID_FQDN, data: utf8(this.#options.id) },
      this.#authPayload(sa),
      saPayload(ProtocolId.ESP, spiOctets(spiIn), withoutKe(ESP_TRANSFORMS)),
      ...this.selectors('initiator'),
    ];
    const exchange = twist.authExchange ?? ExchangeType.IKE_AUTH;
    const messageId = this.request(exchange, twist.auth?.(auth) ?? auth, twist.authOddity);
    const answer = this.#awaitOrNot(
      ({ header, response, sa: by }) => response && by === sa && header.messageId === messageId,
    );
    if (answer !== undefined && has(answer, PayloadType.SA))
      this.children.push({ spiIn, spiOut: spiOf(find(answer, PayloadType.SA)) });
    return answer;
  }

  /** Establishes an IKE SA with a child as initiator, as an honest peer does or with a twist. Fails unless it comes about. */
  establish(twist: Twist = {}): PeerSa {
    const answer = this.attempt(twist);
    assert.ok(answer !== undefined && has(answer, PayloadType.AUTH), 'the set-up came to nothing');
    return this.current;
  }

  /** Sends a request and lets time pass until its response is here. */
  exchange(exchange: number, payloads: readonly Payload[], sa = this.current): Received {
    const messageId = this.request(exchange, payloads, {}, sa);
    return this.awaitMessage(
      message => message.response && message.sa === sa && message.header.messageId === messageId,
    );
  }

  /** Sends a request and no more; returns its Message ID. */
  request(exchange: number, payloads: readonly Payload[], oddity: Oddity = {}, sa = this.current): number {
    const messageId = oddity.messageId ?? sa.nextId++;
    this.#send(sa, exchange, messageId, false, payloads, oddity);
    return messageId;
  }

  respond(request: Received, payloads: readonly Payload[], oddity: Oddity = {}): void {
    const { header, sa } = request;
    this.#send(
      sa ?? this.current,
      header.exchangeType,
      oddity.messageId ?? header.messageId,
      true,
      payloads,
      oddity,
    );
  }

  transmit(datagram: Uint8Array): void {
    this.#sim.network.send({ kind: 'ike', datagram }, this.path);
  }

  /** The SA that messages go by where none is named. */
  get current(): PeerSa {
    assert.ok(this.sa !== undefined, 'the peer has no IKE SA');
    return this.sa;
  }

  /** The oldest message not yet looked at for which `which` holds; waits for it. */
  awaitMessage(which: (message: Received) => boolean): Received {
    const start = this.received.findIndex(which);
    if (start < 0) this.#sim.until(() => this.received.some(which));
    const at = this.received.findIndex(which);
    return this.received.splice(at, 1)[0] as Received;
  }

  /** As `awaitMessage`; undefined where none comes in a minute. */
  #awaitOrNot(which: (message: Received) => boolean): Received | undefined {
    for (let second = 0; second < 60 && !this.received.some(which); second++) this.#sim.run(SECOND);
    const at = this.received.findIndex(which);
    return at < 0 ? undefined : this.received.splice(at, 1)[0];
  }

  /** What an honest peer does with `request`. */
  honest(request: Received): void {
    switch (request.header.exchangeType) {
      case ExchangeType.IKE_SA_INIT:
        this.#answerInit(request);
        return;
      case ExchangeType.IKE_AUTH:
        this.#answerAuth(request);
        return;
      case ExchangeType.CREATE_CHILD_SA:
        this.#answerCreateChild(request);
        return;
      case ExchangeType.INFORMATIONAL:
        this.respond(request, this.#answerDeletes(request));
    }
  }

  /** SA, Nonce, KE, TSi and TSr of a CREATE_CHILD_SA request for a child; what `finish` makes of the answer is recorded. */
  childRequest(spiIn = this.newSpi(), nonce = this.provider.random(32)): readonly Payload[] {
    return [
      saPayload(ProtocolId.ESP, spiOctets(spiIn), ESP_TRANSFORMS),
      { type: PayloadType.Nonce, data: nonce },
      { type: PayloadType.KE, method: KeMethod.CURVE25519, data: this.#keyExchange().initiate().publicValue },
      ...this.selectors('initiator'),
    ];
  }

  /** SA, Nonce and KE of a CREATE_CHILD_SA request that rekeys the IKE SA; nothing is made of the answer. */
  ikeRekeyRequest(): readonly Payload[] {
    return this.#ikeRekey(this.provider.random(32)).payloads;
  }

  /** Rekeys `old`; returns what takes up the SA once the answer is here. */
  beginIkeRekey(nonce: Uint8Array, old = this.current): () => PeerSa {
    const { payloads, spi, finish } = this.#ikeRekey(nonce);
    const messageId = this.request(ExchangeType.CREATE_CHILD_SA, payloads, {}, old);
    return () => {
      const answer = this.awaitMessage(
        ({ response, header, sa }) => response && sa === old && header.messageId === messageId,
      );
      const responderSpi = spiOfIke(find(answer, PayloadType.SA));
      const keys = rekeyedIkeSaKeys({
        oldPrf: this.#prf,
        oldSkD: old.keys.skD,
        prf: this.#prf,
        suite: SUITE,
        spis: { initiator: spi, responder: responderSpi },
        nonces: { initiator: nonce, responder: find(answer, PayloadType.Nonce).data },
        sharedSecret: finish(find(answer, PayloadType.KE).data).reveal(),
      });
      return this.#adopt('initiator', spi, responderSpi, keys, 0);
    };
  }

  #ikeRekey(nonce: Uint8Array) {
    const spi = this.#newIkeSpi();
    const { publicValue, finish } = this.#keyExchange().initiate();
    const payloads: readonly Payload[] = [
      saPayload(ProtocolId.IKE, u64(spi), IKE_TRANSFORMS),
      { type: PayloadType.Nonce, data: nonce },
      { type: PayloadType.KE, method: KeMethod.CURVE25519, data: publicValue },
    ];
    return { spi, payloads, finish };
  }

  /** N(REKEY_SA) for the SA whose packets come in here by `spiIn`. */
  rekeyNotify(spiIn: number): NotifyPayload {
    return {
      type: PayloadType.Notify,
      protocol: ProtocolId.ESP,
      spi: spiOctets(spiIn),
      notifyType: NotifyStatus.REKEY_SA,
      data: EMPTY,
    };
  }

  /** TSi and TSr with this peer as initiator or responder of the exchange. */
  selectors(role: 'initiator' | 'responder'): readonly TsPayload[] {
    const ours = this.localTs.map(toWireSelector);
    const theirs = this.remoteTs.map(toWireSelector);
    const initiator = role === 'initiator';
    return [
      { type: PayloadType.TSi, selectors: initiator ? ours : theirs },
      { type: PayloadType.TSr, selectors: initiator ? theirs : ours },
    ];
  }

  newSpi(): number {
    return ++this.#spis;
  }

  #answerInit(request: Received): void {
    const { provider } = this;
    const nr = provider.random(32);
    const ni = find(request, PayloadType.Nonce).data;
    const { publicValue, sharedSecret } = this.#keyExchange().respond(find(request, PayloadType.KE).data);
    const spi = this.#newIkeSpi();
    const { initiatorSpi } = request.header;
    const response = encodeMessage(
      {
        initiatorSpi,
        responderSpi: spi,
        exchangeType: ExchangeType.IKE_SA_INIT,
        flags: HeaderFlag.RESPONSE,
        messageId: 0,
      },
      [
        saPayload(ProtocolId.IKE, EMPTY, IKE_TRANSFORMS),
        { type: PayloadType.KE, method: KeMethod.CURVE25519, data: publicValue },
        { type: PayloadType.Nonce, data: nr },
      ],
    );
    const keys = ikeSaKeys({
      prf: this.#prf,
      suite: SUITE,
      spis: { initiator: initiatorSpi, responder: spi },
      nonces: { initiator: ni, responder: nr },
      sharedSecret: sharedSecret.reveal(),
    });
    this.#adopt('responder', initiatorSpi, spi, keys, 0);
    this.#inits = { request: request.datagram, response, ni, nr };
    this.transmit(response);
  }

  #answerAuth(request: Received): void {
    const spiIn = this.newSpi();
    const sa = request.payloads.find(payload => payload.type === PayloadType.SA);
    if (sa !== undefined) this.children.push({ spiIn, spiOut: spiOf(sa) });
    this.respond(request, [
      { type: PayloadType.IDr, idType: IdType.ID_FQDN, data: utf8(this.#options.id) },
      this.#authPayload(this.current),
      ...this.configuration,
      ...(sa === undefined
        ? []
        : [
            saPayload(ProtocolId.ESP, spiOctets(spiIn), withoutKe(ESP_TRANSFORMS)),
            ...request.payloads.filter(({ type }) => type === PayloadType.TSi || type === PayloadType.TSr),
          ]),
    ]);
  }

  #answerCreateChild(request: Received): void {
    const sa = find(request, PayloadType.SA);
    const nr = this.provider.random(32);
    const { publicValue, sharedSecret } = this.#keyExchange().respond(find(request, PayloadType.KE).data);
    const proposal = sa.proposals[0];
    const answer: Payload[] = [
      { type: PayloadType.Nonce, data: nr },
      { type: PayloadType.KE, method: KeMethod.CURVE25519, data: publicValue },
    ];
    if (proposal?.protocol !== ProtocolId.IKE) {
      const spiIn = this.newSpi();
      this.children.push({ spiIn, spiOut: spiOf(sa) });
      this.respond(request, [
        saPayload(ProtocolId.ESP, spiOctets(spiIn), ESP_TRANSFORMS),
        ...answer,
        ...request.payloads.filter(({ type }) => type === PayloadType.TSi || type === PayloadType.TSr),
      ]);
      return;
    }
    const old = request.sa ?? this.current;
    const spi = this.#newIkeSpi();
    const initiatorSpi = spiOfIke(sa);
    this.respond(request, [saPayload(ProtocolId.IKE, u64(spi), IKE_TRANSFORMS), ...answer]);
    const keys = rekeyedIkeSaKeys({
      oldPrf: this.#prf,
      oldSkD: old.keys.skD,
      prf: this.#prf,
      suite: SUITE,
      spis: { initiator: initiatorSpi, responder: spi },
      nonces: { initiator: find(request, PayloadType.Nonce).data, responder: nr },
      sharedSecret: sharedSecret.reveal(),
    });
    this.#adopt('responder', initiatorSpi, spi, keys, 0);
  }

  #answerDeletes({ payloads }: Received): readonly Payload[] {
    const spis: Uint8Array[] = [];
    for (const payload of payloads) {
      if (payload.type !== PayloadType.Delete || payload.protocol !== ProtocolId.ESP) continue;
      for (const octets of payload.spis) {
        const at = this.children.findIndex(({ spiOut }) => spiOut === spiNumber(octets));
        const [child] = at < 0 ? [] : this.children.splice(at, 1);
        if (child !== undefined) spis.push(spiOctets(child.spiIn));
      }
    }
    return spis.length === 0
      ? []
      : [{ type: PayloadType.Delete, protocol: ProtocolId.ESP, spiSize: 4, spis }];
  }

  /** ID and AUTH of a further round of authentication (RFC 4739), as `id`, by `secret` where it is not the peer's own. */
  proof(id: string, secret?: string): readonly Payload[] {
    const sa = this.current;
    const type = sa.role === 'initiator' ? PayloadType.IDi : PayloadType.IDr;
    return [
      { type, idType: IdType.ID_FQDN, data: utf8(id) },
      this.#authPayload(sa, id, secret === undefined ? this.#secret : utf8(secret)),
    ];
  }

  #authPayload(sa: PeerSa, id = this.#options.id, secret = this.#secret): Payload {
    const inits = this.#inits;
    assert.ok(inits !== undefined);
    const initiator = sa.role === 'initiator';
    const octets = signedOctets({
      prf: this.#prf,
      message: initiator ? inits.request : inits.response,
      nonce: initiator ? inits.nr : inits.ni,
      skP: initiator ? sa.keys.skPi : sa.keys.skPr,
      idBody: concat(Uint8Array.of(IdType.ID_FQDN, 0, 0, 0), utf8(id)),
    });
    const data = pskAuth({ prf: this.#prf, secret, signedOctets: octets });
    return { type: PayloadType.AUTH, method: AuthMethod.SHARED_KEY_MIC, data };
  }

  #adopt(
    role: PeerSa['role'],
    initiatorSpi: bigint,
    responderSpi: bigint,
    keys: IkeSaKeys,
    nextId: number,
  ): PeerSa {
    const cipher = (side: 'i' | 'r'): PacketCipher => {
      const made = this.provider.packetCipher({
        ...SUITE,
        encryptionKey: side === 'i' ? keys.skEi : keys.skEr,
        integrityKey: side === 'i' ? keys.skAi : keys.skAr,
      });
      assert.ok(made !== undefined);
      return made;
    };
    const [i, r] = [cipher('i'), cipher('r')];
    const initiator = role === 'initiator';
    const sa: PeerSa = {
      role,
      initiatorSpi,
      responderSpi,
      keys,
      outgoing: initiator ? i : r,
      incoming: initiator ? r : i,
      nextId,
    };
    this.sa = sa;
    this.sas.push(sa);
    return sa;
  }

  #send(
    sa: PeerSa,
    exchangeType: number,
    messageId: number,
    response: boolean,
    payloads: readonly Payload[],
    oddity: Oddity,
  ): void {
    const flags = (sa.role === 'initiator' ? HeaderFlag.INITIATOR : 0) | (response ? HeaderFlag.RESPONSE : 0);
    const fields: MessageFields = {
      initiatorSpi: oddity.initiatorSpi ?? sa.initiatorSpi,
      responderSpi: oddity.responderSpi ?? sa.responderSpi,
      exchangeType,
      flags: oddity.flags ?? flags,
      messageId,
    };
    const chain = encodePayloads(payloads);
    const [datagram] = sealChain(
      fields,
      oddity.chain?.(chain) ?? (response ? this.spoil?.(chain) : undefined) ?? chain,
      sa.outgoing,
    );
    assert.ok(datagram !== undefined);
    this.transmit(oddity.mangle?.(datagram) ?? datagram);
  }

  #receive(content: Packet['content'], path: Path): void {
    if (content.kind !== 'ike') return;
    const { datagram } = content;
    const message = decodeMessage(datagram);
    const { header } = message;
    const response = (header.flags & HeaderFlag.RESPONSE) !== 0;
    let received: Received;
    if (message.encrypted === undefined) {
      received = { header, datagram, payloads: message.payloads, response, path };
    } else {
      const sa = this.sas.find(
        ({ initiatorSpi, responderSpi }) =>
          initiatorSpi === header.initiatorSpi && responderSpi === header.responderSpi,
      );
      const chain = sa === undefined ? undefined : openMessage(datagram, message, sa.incoming);
      if (sa === undefined || chain === undefined) return;
      received = { header, datagram, payloads: decodePayloads(chain.first, chain.bytes), response, sa, path };
    }
    this.received.push(received);
    if (!response) this.answer(received);
  }

  #keyExchange() {
    const exchange = keyExchangeOf(this.provider, KeMethod.CURVE25519);
    assert.ok(exchange !== undefined);
    return exchange;
  }

  #newIkeSpi(): bigint {
    const octets = this.provider.random(8);
    octets[0] = 0x77;
    return new DataView(octets.buffer, octets.byteOffset).getBigUint64(0);
  }
}

/** The first payload of `type`; fails where there is none. */
export function find<T extends Payload['type']>(
  { payloads }: { readonly payloads: readonly Payload[] },
  type: T,
): Extract<Payload, { type: T }> {
  const payload = payloads.find((payload): payload is Extract<Payload, { type: T }> => payload.type === type);
  assert.ok(payload !== undefined, `no payload of type ${type}`);
  return payload;
}

export function has({ payloads }: { readonly payloads: readonly Payload[] }, type: Payload['type']): boolean {
  return payloads.some(payload => payload.type === type);
}

/** The notify types of a message, in order. */
export function notifies({ payloads }: { readonly payloads: readonly Payload[] }): readonly number[] {
  return payloads.filter(payload => payload.type === PayloadType.Notify).map(({ notifyType }) => notifyType);
}

export function spiOctets(spi: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, spi);
  return octets;
}

export function saPayload(protocol: number, spi: Uint8Array, transforms: readonly Transform[]): SaPayload {
  return { type: PayloadType.SA, proposals: [{ number: 1, protocol, spi, transforms }] };
}

function withoutKe(transforms: readonly Transform[]): readonly Transform[] {
  return transforms.filter(({ type }) => type !== TransformType.KE);
}

function spiOf(payload: SaPayload): number {
  return spiNumber(payload.proposals[0]?.spi ?? EMPTY);
}

function spiOfIke(payload: SaPayload): bigint {
  const spi = payload.proposals[0]?.spi ?? EMPTY;
  return new DataView(spi.buffer, spi.byteOffset, 8).getBigUint64(0);
}

function spiNumber(octets: Uint8Array): number {
  return octets.length === 4 ? new DataView(octets.buffer, octets.byteOffset, 4).getUint32(0) : 0;
}
