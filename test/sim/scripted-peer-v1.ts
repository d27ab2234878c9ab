import assert from 'node:assert/strict';
import { keyExchangeOf } from '../../src/crypto/ke/key-exchange.ts';
import {
  hash1,
  hash2,
  hash3,
  hashI,
  hashR,
  type PhaseOneKeys,
  phaseOneCipherKey,
  phaseOneIv,
  phaseOneKeys,
  phaseTwoIv,
  skeyidPsk,
  v1Hash,
} from '../../src/crypto/keymat-v1.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import type { CbcCipher, CryptoProvider } from '../../src/crypto/provider.ts';
import {
  Doi,
  EncapMode,
  EspTransform,
  IpsecAttribute,
  IsakmpTransform,
  OakleyAttribute,
  OakleyAuthMethod,
  OakleyEncr,
  OakleyHash,
  V1ExchangeType,
  V1HeaderFlag,
  V1IdType,
  V1Notify,
  V1PayloadType,
  V1ProtocolId,
} from '../../src/iana/ikev1.ts';
import { Encr, KeMethod } from '../../src/iana/transforms.ts';
import { concat, EMPTY, equal, u64 } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { Malformed } from '../../src/lib/reader.ts';
import { utf8 } from '../../src/lib/text.ts';
import { SECOND } from '../../src/lib/time.ts';
import type { Path } from '../../src/policy/sa.ts';
import type { PayloadChain } from '../../src/wire/chain.ts';
import { decodeHeader, type Header } from '../../src/wire/header.ts';
import {
  decodeV1Message,
  decodeV1Payloads,
  encodeV1Body,
  encodeV1Message,
  encodeV1Payloads,
  prependHash,
} from '../../src/wire/v1/message.ts';
import type {
  V1Attribute,
  V1AttributesPayload,
  V1DeletePayload,
  V1IdPayload,
  V1NotifyPayload,
  V1Payload,
  V1SaPayload,
} from '../../src/wire/v1/payload.ts';
import { openV1Message, sealV1Message } from '../../src/wire/v1/protect.ts';
import type { Packet } from './packet.ts';
import type { PeerOptions } from './scripted-peer.ts';
import type { Simulation } from './simulation.ts';

/** One ISAKMP SA as the peer holds it: plain, and all of it open to a test. */
export interface V1PeerSa {
  readonly role: 'initiator' | 'responder';
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly keys: PhaseOneKeys;
  readonly cipher: CbcCipher;
  readonly firstIv: Uint8Array;
  /** The next IV of each exchange that is under way, by Message ID; that of phase 1 stays the last block of phase 1. */
  readonly ivs: Map<number, Uint8Array>;
  /** HASH_I and HASH_R of an identity. */
  readonly proof: (side: 'initiator' | 'responder', id: V1IdPayload) => Uint8Array;
}

/** A message that came, opened. */
export interface V1Received {
  readonly header: Header;
  readonly datagram: Uint8Array;
  readonly payloads: readonly V1Payload[];
  readonly encrypted: boolean;
  readonly path: Path;
}

/** How a message is made to differ from what it should be. */
export interface V1Oddity {
  readonly payloads?: (payloads: readonly V1Payload[]) => readonly V1Payload[];
  /** Done to the octets of the payloads behind the HASH, before it is made of them. */
  readonly covered?: (octets: Uint8Array) => Uint8Array;
  /** Done to the HASH in front, or to that in the proof. */
  readonly hash?: (hash: Uint8Array) => Uint8Array;
  readonly messageId?: number;
  /** With the HASH of a first message, in quick mode too: of the fourth, which says CONNECTED. */
  readonly fourth?: true;
  readonly flags?: number;
  readonly iv?: Uint8Array;
  /** Sent in the clear though it should not be. */
  readonly clear?: true;
  /** Done to the datagram after all protection. */
  readonly mangle?: (datagram: Uint8Array) => Uint8Array;
}

/** A quick mode of the peer's that is under way. */
export interface V1Quick {
  readonly messageId: number;
  readonly spiIn: number;
  readonly ni: Uint8Array;
  /** Of the first message. */
  readonly datagram: Uint8Array;
}

const CIPHER = Encr.ENCR_AES_CBC;
const GROUP = KeMethod.ECP256;
const KEY_OCTETS = 16;

/**
 * A peer that speaks IKEv1 by the wire and crypto rooms alone, knows the secret, and does exactly what a test says: main
 * mode with a shared key, quick mode without an exchange of its own. Left to itself it answers as an honest peer would.
 */
export class V1ScriptedPeer {
  readonly name: string;
  readonly provider: CryptoProvider;
  /** What it does with a message that came; the default is `honest`. */
  answer: (message: V1Received) => void = message => this.honest(message);
  /** How its honest answers differ, by the number of the message in its exchange. */
  readonly odd: { main?: Record<number, V1Oddity>; quick?: Record<number, V1Oddity> } = {};
  /** Everything that came and could be opened, in order. */
  readonly received: V1Received[] = [];
  /** Every datagram that came. */
  readonly datagrams: Uint8Array[] = [];
  sa: V1PeerSa | undefined;
  /** Authentication Method that it offers. */
  method: number = OakleyAuthMethod.PRE_SHARED_KEY;
  /** ESP SPIs of the children it took part in, own inbound one first. */
  readonly children: { readonly spiIn: number; readonly spiOut: number }[] = [];
  readonly #sim: Simulation;
  readonly #options: PeerOptions;
  readonly #hash;
  readonly #secret: Uint8Array;
  #half:
    | { readonly publicValue: Uint8Array; readonly nonce: Uint8Array; readonly sa: V1SaPayload }
    | undefined;
  #cookies = { initiator: 0n, responder: 0n };
  /** The cookie of the last main mode that it began. */
  #begunBy = 0n;
  #spis = 0x6000_0000;
  readonly #nonces = new Map<number, { readonly ni: Uint8Array; nr: Uint8Array }>();
  /** Message IDs of quick modes that it began, or has answered. */
  readonly #known = new Set<number>();

  constructor(sim: Simulation, options: PeerOptions) {
    this.#sim = sim;
    this.#options = options;
    this.name = options.name;
    const random = sim.random.fork();
    this.provider = nodeProvider({ random: length => random.octets(length) });
    this.#hash = v1Hash(this.provider, 'sha256');
    this.#secret = utf8(options.secret ?? 'the secret of the simulation');
    sim.network.attach(this.name, options.address, (content, path) => this.#receive(content, path));
  }

  // ── phase 1, by the peer ──

  /** Message 1, and its answer if one comes. */
  offer(oddity: V1Oddity = {}): V1Received | undefined {
    this.sa = undefined;
    this.#begunBy = this.#newCookie();
    this.#cookies = { initiator: this.#begunBy, responder: 0n };
    const sa = phaseOneSa(this.method);
    this.#half = { publicValue: EMPTY, nonce: EMPTY, sa };
    this.#clear([sa], oddity);
    const answer = this.await(({ header, payloads }) => isMain(header) && has(payloads, V1PayloadType.SA));
    if (answer !== undefined) this.#cookies = { ...this.#cookies, responder: answer.header.responderSpi };
    return answer;
  }

  /** Message 3, and its answer: the keys are there then. */
  share(oddity: V1Oddity = {}): V1Received | undefined {
    const half = this.#keyExchange().initiate();
    const nonce = this.provider.random(32);
    const { sa } = this.#begun;
    this.#half = { publicValue: half.publicValue, nonce, sa };
    this.#clear(shareOf(half.publicValue, nonce), oddity);
    const answer = this.await(({ header, payloads }) => isMain(header) && has(payloads, V1PayloadType.KE));
    if (answer === undefined) return undefined;
    const theirs = {
      publicValue: find(answer.payloads, V1PayloadType.KE).data,
      nonce: find(answer.payloads, V1PayloadType.NONCE).data,
    };
    const secret = half.finish(theirs.publicValue).reveal();
    this.sa = this.#make('initiator', { publicValue: half.publicValue, nonce }, theirs, secret);
    return answer;
  }

  /** Message 5, and its answer: phase 1 is done then. */
  prove(oddity: V1Oddity = {}): V1Received | undefined {
    const id = this.#id;
    const sa = this.current;
    const proof = oddity.hash?.(sa.proof('initiator', id)) ?? sa.proof('initiator', id);
    const payloads: readonly V1Payload[] = [id, { type: V1PayloadType.HASH, data: proof }];
    this.#send(V1ExchangeType.MAIN_MODE, 0, oddity.payloads?.(payloads) ?? payloads, oddity);
    return this.await(({ header, encrypted }) => isMain(header) && encrypted);
  }

  /** Main mode as an honest peer begins it. Fails unless it comes about. */
  establish(): V1PeerSa {
    this.offer();
    this.share();
    assert.ok(this.prove() !== undefined, 'main mode came to nothing');
    return this.current;
  }

  // ── after it ──

  /** The first message of a quick mode; sent, unless `unsent`. */
  beginQuick(oddity: V1Oddity = {}, unsent = false): V1Quick {
    const messageId = oddity.messageId ?? this.newMessageId();
    this.#known.add(messageId);
    const spiIn = this.newSpi();
    const ni = this.provider.random(32);
    const payloads = this.quickPayloads(spiIn, ni);
    const datagram = this.seal(
      V1ExchangeType.QUICK_MODE,
      messageId,
      oddity.payloads?.(payloads) ?? payloads,
      oddity,
    );
    if (!unsent) this.transmit(datagram);
    return { messageId, spiIn, ni, datagram };
  }

  /** What the first message of its quick mode says behind the HASH. */
  quickPayloads(spiIn: number, ni: Uint8Array): readonly V1Payload[] {
    return [
      espSa(spiIn),
      { type: V1PayloadType.NONCE, data: ni },
      this.#network('10.2.0.0'),
      this.#network('10.1.0.0'),
    ];
  }

  /** Waits for the answer to a quick mode; undefined where none comes. */
  quickAnswer({ messageId, spiIn, ni }: V1Quick): V1Received | undefined {
    const answer = this.await(({ header }) => header.messageId === messageId);
    if (answer === undefined || !has(answer.payloads, V1PayloadType.SA)) return answer;
    const nr = find(answer.payloads, V1PayloadType.NONCE).data.slice();
    this.#nonces.set(messageId, { ni, nr });
    this.children.push({ spiIn, spiOut: spiOf(answer.payloads) });
    return answer;
  }

  /** The third message. */
  endQuick({ messageId }: V1Quick, oddity: V1Oddity = {}): void {
    this.#send(V1ExchangeType.QUICK_MODE, messageId, oddity.payloads?.([]) ?? [], oddity);
  }

  /** A quick mode as an honest peer begins it; the SPIs of its child. */
  quick(): { readonly spiIn: number; readonly spiOut: number } {
    const begun = this.beginQuick();
    assert.ok(this.quickAnswer(begun) !== undefined, 'quick mode went unanswered');
    this.endQuick(begun);
    this.#sim.run(SECOND);
    const child = this.children.at(-1);
    assert.ok(child !== undefined);
    return child;
  }

  /** An Informational message. */
  inform(payloads: readonly V1Payload[], oddity: V1Oddity = {}): Uint8Array {
    const messageId = oddity.messageId ?? this.newMessageId();
    const datagram = this.seal(V1ExchangeType.INFORMATIONAL, messageId, payloads, oddity);
    this.transmit(datagram);
    return datagram;
  }

  /** A message of a transaction: the first of one, or with its `messageId` the answer. */
  transaction(
    cfgType: number,
    attributes: readonly V1Attribute[],
    { identifier = 7, messageId = this.newMessageId() }: { identifier?: number; messageId?: number } = {},
  ): Uint8Array {
    const payload: V1AttributesPayload = { type: V1PayloadType.ATTRIBUTES, cfgType, identifier, attributes };
    const datagram = this.seal(V1ExchangeType.TRANSACTION, messageId, [payload]);
    this.transmit(datagram);
    return datagram;
  }

  /** A message under the keys, or in the clear where `oddity` says so. The IV chain goes on from it. */
  seal(
    exchange: number,
    messageId: number,
    payloads: readonly V1Payload[],
    oddity: V1Oddity = {},
  ): Uint8Array {
    const sa = this.current;
    const fields = {
      initiatorSpi: sa.initiatorSpi,
      responderSpi: sa.responderSpi,
      exchangeType: exchange,
      flags: oddity.flags ?? 0,
      messageId,
    };
    const chain = this.#chainOf(exchange, messageId, payloads, oddity);
    if (oddity.clear === true) {
      const all = decodeV1Payloads(chain.first, chain.bytes).payloads;
      return oddity.mangle?.(encodeV1Message(fields, all)) ?? encodeV1Message(fields, all);
    }
    const iv = oddity.iv ?? this.#ivOf(sa, messageId);
    const { datagram, nextIv } = sealV1Message(fields, chain, sa.cipher, iv);
    if (oddity.iv === undefined) sa.ivs.set(messageId, nextIv);
    return oddity.mangle?.(datagram) ?? datagram;
  }

  transmit(datagram: Uint8Array): void {
    const local = { address: this.#options.address, port: 500 };
    this.#sim.network.send({ kind: 'ike', datagram }, { local, remote: this.#options.remote });
  }

  /** The SA that messages go by. */
  get current(): V1PeerSa {
    assert.ok(this.sa !== undefined, 'the peer has no ISAKMP SA');
    return this.sa;
  }

  /** The oldest message not yet looked at for which `which` holds; undefined where none comes in a minute. */
  await(which: (message: V1Received) => boolean): V1Received | undefined {
    this.#sim.settle();
    for (let tenth = 0; tenth < 600 && !this.received.some(which); tenth++) this.#sim.run(SECOND / 10);
    const at = this.received.findIndex(which);
    return at < 0 ? undefined : this.received.splice(at, 1)[0];
  }

  /** Of the messages of this exchange that came since the last look, the payloads. */
  take(exchange: number): readonly (readonly V1Payload[])[] {
    this.#sim.run(SECOND);
    const found = this.received.filter(({ header }) => header.exchangeType === exchange);
    this.received.splice(0, this.received.length, ...this.received.filter(one => !found.includes(one)));
    return found.map(({ payloads }) => payloads);
  }

  newSpi(): number {
    return ++this.#spis;
  }

  newMessageId(): number {
    const octets = this.provider.random(4);
    return new DataView(octets.buffer, octets.byteOffset).getUint32(0) || 1;
  }

  /** What an honest peer does with a message. */
  honest(message: V1Received): void {
    const { header, payloads } = message;
    switch (header.exchangeType) {
      case V1ExchangeType.MAIN_MODE:
        if (header.initiatorSpi !== this.#begunBy) this.#answerMain(message);
        return;
      case V1ExchangeType.QUICK_MODE:
        this.#answerQuick(message);
        return;
      case V1ExchangeType.INFORMATIONAL:
        for (const payload of payloads)
          if (payload.type === V1PayloadType.N && payload.notifyType === V1Notify.R_U_THERE)
            this.inform([{ ...payload, notifyType: V1Notify.R_U_THERE_ACK }]);
    }
  }

  #answerMain({ header, payloads, encrypted }: V1Received): void {
    const { odd } = this;
    if (has(payloads, V1PayloadType.SA)) {
      const sa = find(payloads, V1PayloadType.SA);
      this.#cookies = { initiator: header.initiatorSpi, responder: this.#newCookie() };
      this.#half = { publicValue: EMPTY, nonce: EMPTY, sa };
      const [proposal] = sa.proposals;
      const [transform] = proposal?.transforms ?? [];
      assert.ok(proposal !== undefined && transform !== undefined);
      const { body: _, ...plain } = sa;
      this.#clear([{ ...plain, proposals: [{ ...proposal, transforms: [transform] }] }], odd.main?.[2]);
    } else if (has(payloads, V1PayloadType.KE)) {
      const theirs = {
        publicValue: find(payloads, V1PayloadType.KE).data.slice(),
        nonce: find(payloads, V1PayloadType.NONCE).data.slice(),
      };
      const { publicValue, sharedSecret } = this.#keyExchange().respond(theirs.publicValue);
      const nonce = this.provider.random(32);
      this.#clear(shareOf(publicValue, nonce), odd.main?.[4]);
      this.sa = this.#make('responder', theirs, { publicValue, nonce }, sharedSecret.reveal());
    } else if (encrypted) {
      const oddity = odd.main?.[6] ?? {};
      const proof = this.current.proof('responder', this.#id);
      const all: readonly V1Payload[] = [
        this.#id,
        { type: V1PayloadType.HASH, data: oddity.hash?.(proof) ?? proof },
      ];
      this.#send(V1ExchangeType.MAIN_MODE, 0, oddity.payloads?.(all) ?? all, oddity);
    }
  }

  #answerQuick({ header, payloads }: V1Received): void {
    const { messageId } = header;
    if (!has(payloads, V1PayloadType.SA) || this.#known.has(messageId)) return;
    this.#known.add(messageId);
    const spiIn = this.newSpi();
    const [ni, nr] = [find(payloads, V1PayloadType.NONCE).data.slice(), this.provider.random(32)];
    this.#nonces.set(messageId, { ni, nr });
    const { body: _, ...sa } = find(payloads, V1PayloadType.SA);
    const [proposal] = sa.proposals;
    const [transform] = proposal?.transforms ?? [];
    assert.ok(proposal !== undefined && transform !== undefined);
    this.children.push({ spiIn, spiOut: spiOf(payloads) });
    const chosen: V1SaPayload = {
      ...sa,
      proposals: [{ ...proposal, spi: spiOctets(spiIn), transforms: [transform] }],
    };
    const all: readonly V1Payload[] = [
      chosen,
      { type: V1PayloadType.NONCE, data: nr },
      ...payloads.filter(({ type }) => type === V1PayloadType.ID),
    ];
    const oddity = this.odd.quick?.[2] ?? {};
    this.#send(V1ExchangeType.QUICK_MODE, messageId, oddity.payloads?.(all) ?? all, oddity);
  }

  /** The payloads of a message, after phase 1 with the HASH in front that covers them. */
  #chainOf(
    exchange: number,
    messageId: number,
    payloads: readonly V1Payload[],
    { covered, hash, fourth }: V1Oddity,
  ): PayloadChain {
    const { first, bytes } = encodeV1Payloads(payloads);
    const rest = { first, bytes: covered?.(bytes) ?? bytes };
    if (messageId === 0) return rest;
    const { skeyidA } = this.current.keys;
    const nonces = this.#nonces.get(messageId);
    const isFirst = exchange !== V1ExchangeType.QUICK_MODE || nonces === undefined || fourth === true;
    const data = isFirst
      ? hash1(this.#hash, skeyidA, messageId, rest.bytes)
      : has(payloads, V1PayloadType.SA)
        ? hash2(this.#hash, skeyidA, messageId, nonces.ni, rest.bytes)
        : hash3(this.#hash, skeyidA, messageId, { initiator: nonces.ni, responder: nonces.nr });
    return prependHash(hash?.(data) ?? data, rest);
  }

  #send(exchange: number, messageId: number, payloads: readonly V1Payload[], oddity: V1Oddity): void {
    this.transmit(this.seal(exchange, messageId, payloads, oddity));
  }

  /** A message of main mode before there are keys. */
  #clear(payloads: readonly V1Payload[], oddity: V1Oddity = {}): void {
    const { initiator, responder } = this.#cookies;
    const datagram = encodeV1Message(
      {
        initiatorSpi: initiator,
        responderSpi: responder,
        exchangeType: V1ExchangeType.MAIN_MODE,
        flags: oddity.flags ?? 0,
        messageId: oddity.messageId ?? 0,
      },
      oddity.payloads?.(payloads) ?? payloads,
    );
    this.transmit(oddity.mangle?.(datagram) ?? datagram);
  }

  #make(
    role: V1PeerSa['role'],
    initiator: { readonly publicValue: Uint8Array; readonly nonce: Uint8Array },
    responder: { readonly publicValue: Uint8Array; readonly nonce: Uint8Array },
    sharedSecret: Uint8Array,
  ): V1PeerSa {
    const hash = this.#hash;
    const cookies = this.#cookies;
    const nonces = { initiator: initiator.nonce, responder: responder.nonce };
    const keys = phaseOneKeys(hash, skeyidPsk(hash, this.#secret, nonces), sharedSecret, cookies);
    const cipher = this.provider.cbcCipher(
      CIPHER,
      phaseOneCipherKey(hash, keys.skeyidE, KEY_OCTETS).reveal(),
    );
    assert.ok(cipher !== undefined);
    const { sa } = this.#begun;
    const saBody = sa.body ?? encodeV1Body(sa);
    return {
      role,
      initiatorSpi: cookies.initiator,
      responderSpi: cookies.responder,
      keys,
      cipher,
      firstIv: phaseOneIv(hash, initiator.publicValue, responder.publicValue, cipher.blockLength),
      ivs: new Map(),
      proof: (side, id) => {
        const inputs = {
          skeyid: keys.skeyid,
          initiatorPublic: initiator.publicValue,
          responderPublic: responder.publicValue,
          cookies,
          saBody,
          idBody: encodeV1Body(id),
        };
        return side === 'initiator' ? hashI(hash, inputs) : hashR(hash, inputs);
      },
    };
  }

  #ivOf(sa: V1PeerSa, messageId: number): Uint8Array {
    const known = sa.ivs.get(messageId);
    if (known !== undefined || messageId === 0) return known ?? sa.firstIv;
    return phaseTwoIv(this.#hash, sa.ivs.get(0) ?? sa.firstIv, messageId, sa.cipher.blockLength);
  }

  #receive(content: Packet['content'], path: Path): void {
    if (content.kind !== 'ike') return;
    const datagram = content.datagram.slice();
    const isRepeated = this.datagrams.some(other => equal(other, datagram));
    this.datagrams.push(datagram);
    if (isRepeated) return;
    const header = decodeHeader(datagram);
    const encrypted = (header.flags & V1HeaderFlag.ENCRYPTION) !== 0;
    const payloads = encrypted ? this.#open(datagram, header) : decodeV1Message(datagram, header).payloads;
    if (payloads === undefined) return;
    const message: V1Received = { header, datagram, payloads, encrypted, path };
    this.received.push(message);
    this.answer(message);
  }

  #open(datagram: Uint8Array, header: Header): readonly V1Payload[] | undefined {
    const { sa } = this;
    if (sa === undefined || sa.initiatorSpi !== header.initiatorSpi) return undefined;
    const opened = openV1Message(datagram, sa.cipher, this.#ivOf(sa, header.messageId));
    if (opened === undefined) return undefined;
    try {
      const { payloads } = decodeV1Payloads(header.nextPayload, opened.bytes);
      sa.ivs.set(header.messageId, opened.nextIv);
      return payloads;
    } catch (error) {
      // Keys of another main mode.
      if (error instanceof Malformed) return undefined;
      throw error;
    }
  }

  get #begun() {
    assert.ok(this.#half !== undefined, 'nothing is begun');
    return this.#half;
  }

  get #id(): V1IdPayload {
    return {
      type: V1PayloadType.ID,
      idType: V1IdType.ID_FQDN,
      protocol: 0,
      port: 0,
      data: utf8(this.#options.id),
    };
  }

  #network(address: string): V1IdPayload {
    return {
      type: V1PayloadType.ID,
      idType: V1IdType.ID_IPV4_ADDR_SUBNET,
      protocol: 0,
      port: 0,
      data: concat(ip(address), ip('255.255.0.0')),
    };
  }

  #keyExchange() {
    const exchange = keyExchangeOf(this.provider, GROUP);
    assert.ok(exchange !== undefined);
    return exchange;
  }

  #newCookie(): bigint {
    const octets = this.provider.random(8);
    octets[0] = 0x77;
    return new DataView(octets.buffer, octets.byteOffset).getBigUint64(0);
  }
}

function isMain({ exchangeType }: Header): boolean {
  return exchangeType === V1ExchangeType.MAIN_MODE;
}

function has(payloads: readonly V1Payload[], type: V1Payload['type']): boolean {
  return payloads.some(payload => payload.type === type);
}

/** The first payload of `type`; fails where there is none. */
export function find<T extends V1Payload['type']>(
  payloads: readonly V1Payload[],
  type: T,
): Extract<V1Payload, { type: T }> {
  const payload = payloads.find(
    (payload): payload is Extract<V1Payload, { type: T }> => payload.type === type,
  );
  assert.ok(payload !== undefined, `no payload of type ${type}`);
  return payload;
}

/** The notify types in messages, in order. */
export function notifyTypes(messages: readonly (readonly V1Payload[])[]): readonly number[] {
  return messages.flatMap(payloads =>
    payloads.flatMap(payload => (payload.type === V1PayloadType.N ? [payload.notifyType] : [])),
  );
}

export function notifyOf(
  notifyType: number,
  data: Uint8Array = EMPTY,
  about: { readonly protocol?: number; readonly spi?: Uint8Array } = {},
): V1NotifyPayload {
  const { protocol = V1ProtocolId.PROTO_ISAKMP, spi = EMPTY } = about;
  return { type: V1PayloadType.N, doi: Doi.IPSEC, protocol, spi, notifyType, data };
}

/** A question or an answer of dead peer detection. */
export function aliveNotify(sa: V1PeerSa, notifyType: number, sequence: number): V1NotifyPayload {
  return notifyOf(notifyType, spiOctets(sequence), { spi: cookiesOf(sa) });
}

export function deleteOfChild(spiIn: number): V1DeletePayload {
  return {
    type: V1PayloadType.D,
    doi: Doi.IPSEC,
    protocol: V1ProtocolId.PROTO_IPSEC_ESP,
    spiSize: 4,
    spis: [spiOctets(spiIn)],
  };
}

export function deleteOfIsakmp(sa: V1PeerSa): V1DeletePayload {
  return {
    type: V1PayloadType.D,
    doi: Doi.IPSEC,
    protocol: V1ProtocolId.PROTO_ISAKMP,
    spiSize: 16,
    spis: [cookiesOf(sa)],
  };
}

export function cookiesOf({ initiatorSpi, responderSpi }: V1PeerSa): Uint8Array {
  return concat(u64(initiatorSpi), u64(responderSpi));
}

export function spiOctets(spi: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, spi);
  return octets;
}

export function phaseOneSa(method: number = OakleyAuthMethod.PRE_SHARED_KEY): V1SaPayload {
  return {
    type: V1PayloadType.SA,
    doi: Doi.IPSEC,
    situation: 1,
    proposals: [
      {
        number: 1,
        protocol: V1ProtocolId.PROTO_ISAKMP,
        spi: EMPTY,
        transforms: [
          {
            number: 1,
            id: IsakmpTransform.KEY_IKE,
            attributes: [
              { type: OakleyAttribute.ENCRYPTION_ALGORITHM, value: OakleyEncr.AES_CBC },
              { type: OakleyAttribute.KEY_LENGTH, value: 8 * KEY_OCTETS },
              { type: OakleyAttribute.HASH_ALGORITHM, value: OakleyHash.SHA2_256 },
              { type: OakleyAttribute.GROUP_DESCRIPTION, value: GROUP },
              { type: OakleyAttribute.AUTHENTICATION_METHOD, value: method },
            ],
          },
        ],
      },
    ],
  };
}

export function espSa(spiIn: number): V1SaPayload {
  return {
    type: V1PayloadType.SA,
    doi: Doi.IPSEC,
    situation: 1,
    proposals: [
      {
        number: 1,
        protocol: V1ProtocolId.PROTO_IPSEC_ESP,
        spi: spiOctets(spiIn),
        transforms: [
          {
            number: 1,
            id: EspTransform.ESP_AES_GCM_16,
            attributes: [
              { type: IpsecAttribute.KEY_LENGTH, value: 128 },
              { type: IpsecAttribute.ENCAPSULATION_MODE, value: EncapMode.TUNNEL },
            ],
          },
        ],
      },
    ],
  };
}

function shareOf(publicValue: Uint8Array, nonce: Uint8Array): readonly V1Payload[] {
  return [
    { type: V1PayloadType.KE, data: publicValue },
    { type: V1PayloadType.NONCE, data: nonce },
  ];
}

function spiOf(payloads: readonly V1Payload[]): number {
  const spi = find(payloads, V1PayloadType.SA).proposals[0]?.spi ?? EMPTY;
  return spi.length === 4 ? new DataView(spi.buffer, spi.byteOffset, 4).getUint32(0) : 0;
}
