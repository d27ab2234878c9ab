import { V1ExchangeType, V1Notify } from '../iana/ikev1.ts';
import { knownName } from '../iana/name.ts';
import { noAnswer } from '../ike/failures.ts';
import type { Outcome } from '../ike/flow.ts';
import { Rate } from '../ike/rate.ts';
import { tell } from '../ike/steps.ts';
import { equal, toHex } from '../lib/bytes.ts';
import type { Instant } from '../lib/time.ts';
import type { Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import { decodeHeader, type Header } from '../wire/header.ts';
import type { V1Payload } from '../wire/v1/payload.ts';
import { Conversations } from './conversations.ts';
import { Exchange, isPhaseOne } from './exchange.ts';
import { ExchangeTable } from './exchange-table.ts';
import {
  type Awaited,
  type Flow,
  findNotify,
  type Message,
  notify,
  type Refused,
  type Sending,
} from './flow.ts';
import { HASH_1 } from './hash-rule.ts';
import { Held } from './held.ts';
import type { IsakmpKeys } from './isakmp-keys.ts';
import type { Owner } from './owner.ts';
import { type Arrived, isEncrypted, type Opened, open, readClear, seal } from './protection.ts';
import { verdictOn } from './states.ts';
import { messageInWords } from './trace.ts';

/** A peer may have us make children, but not without end (as RFC 8019 §5 says of IKEv2). */
const CREATIONS_AT_ONCE = 256;
const CREATIONS_PER_SECOND = 20;

/**
 * The messages of one ISAKMP SA: exchanges by Message ID, each with its own chain of IVs; duplicates, retransmission,
 * and what may begin when. Nothing follows from a message before it is known to be the peer's.
 */
export class Exchanges {
  readonly #owner: Owner;
  readonly #table = new ExchangeTable();
  /** All that may be meant; one, once the peer has shown which. */
  #keys: readonly IsakmpKeys[] = [];
  readonly #conversations: Conversations;
  readonly #held = new Held();
  #creations: Rate | undefined;

  constructor(owner: Owner) {
    this.#owner = owner;
    this.#conversations = new Conversations(owner, this.#table, (exchange, sending) =>
      this.#say(exchange, sending),
    );
  }

  /** From now on messages are encrypted. Of several candidates that one is kept by which the peer's next message is accepted. */
  protect(candidates: readonly IsakmpKeys[]): void {
    this.#keys = candidates;
  }

  /** When `tick` is due. */
  get deadline(): Instant | undefined {
    return this.#table.deadline;
  }

  /** What the oldest exchange that waits is waiting for, in words. */
  get phase(): string | undefined {
    for (const { type, count, waiting } of this.#table.all())
      if (waiting !== undefined) return `message ${count + 1} of ${knownName(V1ExchangeType, type)}`;
    return undefined;
  }

  /** Whether a conversation is under way. */
  get busy(): boolean {
    return this.#conversations.busy;
  }

  /** Whether the peer has shown that it has our keys. */
  get secured(): boolean {
    return this.#keys.length === 1 && this.#table.phaseOne?.iv !== undefined;
  }

  /** Runs a flow of ours. The returned function drops it. */
  run(flow: Flow<void>, settled: (outcome: Outcome<void>) => void): () => void {
    return this.#conversations.run(flow, settled);
  }

  /** Takes up the message that made this SA. */
  accept(flow: Flow<void>, message: Message, datagram: Uint8Array): void {
    const { path } = message;
    const exchange = new Exchange(message.header.exchangeType, 0, false, path);
    exchange.taken(this.#digestOf(datagram), undefined, path);
    this.#trace('in', exchange, message);
    this.#table.phaseOne = exchange;
    this.#conversations.serve(flow, exchange);
  }

  /** The first message came again, octet by octet. */
  repeat(path: Path): void {
    const { phaseOne } = this.#table;
    if (phaseOne?.count === 2) this.#transmit(phaseOne.sent, path);
  }

  /** Sends an Informational message under encryption (RFC 2409 §5.7), or in the clear while the peer has no keys. */
  inform(payloads: readonly V1Payload[], path: Path = this.#owner.path): readonly Uint8Array[] {
    const { host } = this.#owner;
    const messageId = this.#table.newMessageId(host.provider);
    const exchange = new Exchange(V1ExchangeType.INFORMATIONAL, messageId, false, path);
    const early = this.#owner.stage === 'PHASE_1' && !this.secured;
    this.#say(exchange, early ? { payloads, clear: true } : { payloads, hash: HASH_1 });
    return exchange.sent;
  }

  /** A whole message that names this SA. */
  receive(datagram: Uint8Array, header: Header, path: Path): void {
    const digest = this.#digestOf(datagram);
    const exchange = this.#table.find(header);
    if (exchange === undefined) this.#receiveFirst({ datagram, header, path, number: 1 }, digest);
    else if (exchange.isRepeated(digest)) this.#answerAgain(exchange, path);
    else if (exchange.type === header.exchangeType && !exchange.wasRefused(digest))
      this.#receiveNext(exchange, { datagram, header, path, number: exchange.count + 1 }, digest);
    else if (exchange.waiting?.awaited.connected === true)
      this.#receiveConnected(exchange, { datagram, header, path, number: 1 });
  }

  /** Phase 1 is done: what overtook its end is looked at now. */
  release(): void {
    for (const { datagram, header, path } of this.#held.take()) this.receive(datagram, header, path);
  }

  /** Sends again what is due, gives up what has had its time, forgets what is over. */
  tick(): void {
    const { host } = this.#owner;
    for (const exchange of this.#table.all()) {
      if (exchange.due !== undefined && exchange.due <= host.now) {
        if (exchange.again(host.settings, host)) this.#sendAgain(exchange);
        else this.#giveUp(exchange);
      } else if (exchange.forgetAt !== undefined && exchange.forgetAt <= host.now)
        this.#table.forget(exchange);
    }
  }

  /** The peer refuses the SA of this SPI of ours; without an SPI that is known, the only negotiation of ours there is. */
  refuse(spi: number | undefined, failure: Failure): boolean {
    const waiting = [...this.#table.all()].filter(exchange => exchange.waiting !== undefined);
    const [ours, ...others] = waiting.filter(({ initiated }) => initiated);
    const meant =
      waiting.find(exchange => spi !== undefined && exchange.waiting?.awaited.spi === spi) ??
      (others.length === 0 ? ours : undefined);
    if (meant !== undefined) this.#failWaiting(meant, failure);
    return meant !== undefined;
  }

  /** The first packet came by a Child SA. */
  traffic(child: number): void {
    for (const exchange of this.#table.all()) {
      const { waiting } = exchange;
      if (waiting?.awaited.child === child) this.#goOn(exchange);
    }
  }

  /** Phase 1 only goes on if the peer says something better: it is asked once more. */
  hurry(): void {
    this.#table.phaseOne?.hurry();
  }

  /** Ends all conversations, forgets all exchanges and wipes the keys. */
  close(): void {
    this.#conversations.drop();
    this.#table.clear();
    this.#held.take();
    for (const keys of this.#keys) keys.wipe();
    this.#keys = [];
  }

  /** The next message of an exchange that is under way. */
  #receiveNext(exchange: Exchange, arrived: Arrived, digest: string): void {
    const { waiting } = exchange;
    if (waiting === undefined) return;
    const { conversation, awaited } = waiting;
    let refusal: Refused | undefined;
    for (const opened of this.#openings(exchange, arrived, awaited)) {
      const { message, breach } = opened;
      const isPeers = awaited.hash !== undefined;
      if (breach !== undefined && !isPeers) continue;
      const reason = breach === undefined ? awaited.reject?.(message) : undefined;
      refusal ??= reason;
      if (reason !== undefined) continue;
      this.#take(exchange, opened, digest);
      this.#trace('in', exchange, message);
      if (breach === undefined) conversation.resume(message);
      else conversation.fail(malformed(exchange.type, breach));
      this.#owner.settle();
      return;
    }
    refusal ??= awaited.otherwise;
    if (refusal === undefined) return;
    exchange.refused(digest);
    this.#tellRefusal(refusal, arrived.path);
  }

  /**
   * An Informational message under the ID of an exchange: CONNECTED. By RFC 2408 §4.8 it has that ID and says nothing of its IV, which
   * is that of a message that begins, or of the next one.
   */
  #receiveConnected(exchange: Exchange, arrived: Arrived): void {
    const { header } = arrived;
    const [keys] = this.#keys;
    if (header.exchangeType !== V1ExchangeType.INFORMATIONAL || !isEncrypted(header) || keys === undefined)
      return;
    for (const iv of [keys.ivFor(header.messageId, this.#lastBlock(keys)), this.#ivOf(exchange, keys)]) {
      const opened = open(arrived, keys, iv, HASH_1);
      if (opened === undefined || opened.breach !== undefined) continue;
      if (findNotify(opened.message, V1Notify.CONNECTED) === undefined) continue;
      this.#trace('in', exchange, opened.message);
      this.#goOn(exchange);
      this.#owner.settle();
      return;
    }
  }

  /** What was waited for has shown itself otherwise than by the next message, or need not come. */
  #goOn(exchange: Exchange): void {
    const { waiting } = exchange;
    exchange.waiting = undefined;
    exchange.due = undefined;
    waiting?.conversation.resume(undefined);
  }

  /** The readings of a message: in the clear one, under encryption one for each candidate key that makes sense of it. */
  *#openings(exchange: Exchange, arrived: Arrived, { hash, clear }: Awaited): Iterable<Opened> {
    if (!isEncrypted(arrived.header)) {
      const opened = hash === undefined ? readClear(arrived, clear) : undefined;
      if (opened !== undefined) yield opened;
      return;
    }
    for (const keys of this.#keys) {
      const opened = open(arrived, keys, this.#ivOf(exchange, keys), hash);
      if (opened !== undefined) yield opened;
    }
  }

  #take(exchange: Exchange, { message, nextIv }: Opened, digest: string): void {
    const { keys, path } = message;
    exchange.taken(digest, nextIv, path);
    if (keys !== undefined && this.#keys.length > 1) {
      for (const other of this.#keys) if (other !== keys) other.wipe();
      this.#keys = [keys];
    }
    if (exchange !== this.#table.phaseOne) this.#owner.heard(path, exchange.count > 1);
  }

  /** A stranger's message, or a damaged one, looks the same: the negotiation goes on. */
  #tellRefusal({ failure, notifyType }: Refused, path: Path): void {
    this.#owner.setbacks.suspect(failure);
    this.inform([notify(notifyType)], path);
  }

  /** The first message of an exchange. */
  #receiveFirst(arrived: Arrived, digest: string): void {
    const { header, path } = arrived;
    const { exchangeType, messageId } = header;
    const { stage } = this.#owner;
    if (isPhaseOne(exchangeType)) return;
    if (!isEncrypted(header)) {
      if (exchangeType === V1ExchangeType.INFORMATIONAL) this.#hint(arrived);
      return;
    }
    if (stage === 'PHASE_1') this.#nudge(path);
    const verdict = verdictOn(exchangeType, stage);
    if (verdict === 'drop' || !this.#table.mayBegin(messageId)) return;
    const [keys] = this.#keys;
    const opened =
      keys === undefined || this.#keys.length > 1
        ? undefined
        : open(arrived, keys, keys.ivFor(messageId, this.#lastBlock(keys)), HASH_1);
    if (verdict === 'hold') {
      if (
        opened?.breach === undefined &&
        opened !== undefined &&
        exchangeType === V1ExchangeType.INFORMATIONAL
      )
        this.#owner.informedEarly(opened.message, true);
      else this.#held.add(arrived);
    } else if (
      opened !== undefined &&
      this.#conversations.served < this.#owner.host.settings.maxIkev1Exchanges &&
      !this.#isFlood(exchangeType)
    )
      this.#begin(opened, digest);
  }

  /** The peer begins an exchange. */
  #begin(opened: Opened, digest: string): void {
    const { message, breach } = opened;
    const { exchangeType, messageId } = message.header;
    const exchange = this.#table.admit(exchangeType, messageId, message.path);
    this.#take(exchange, opened, digest);
    this.#trace('in', exchange, message);
    if (breach !== undefined) {
      this.#owner.setbacks.failed(malformed(exchangeType, breach), undefined);
      this.#table.ended(exchange, this.#owner.host.now);
      return;
    }
    const flow = this.#owner.serve(message, payloads => {
      exchange.sent = this.inform(payloads, message.path);
    });
    if (flow === undefined) this.#table.ended(exchange, this.#owner.host.now);
    else this.#conversations.serve(flow, exchange);
    this.#owner.settle();
  }

  #isFlood(exchange: number): boolean {
    if (exchange !== V1ExchangeType.QUICK_MODE) return false;
    this.#creations ??= new Rate(CREATIONS_PER_SECOND, CREATIONS_AT_ONCE);
    return !this.#creations.allows(this.#owner.host.now);
  }

  /** Nobody vouches for a message in the clear: at best it explains why phase 1 does not go on. */
  #hint(arrived: Arrived): void {
    const opened = readClear(arrived);
    if (opened === undefined || opened.breach !== undefined) return;
    if (this.#owner.stage === 'PHASE_1') this.#owner.informedEarly(opened.message, false);
    else this.#owner.hinted();
  }

  /**
   * In aggressive mode the peer may think phase 1 done while its last message was lost. Who names our cookie has got
   * our answer, so that more than one may go to that address: it is sent again, once for each message that comes.
   */
  #nudge(path: Path): void {
    const { phaseOne } = this.#table;
    if (phaseOne?.type !== V1ExchangeType.AGGRESSIVE || phaseOne.initiated) return;
    if (phaseOne.waiting !== undefined) this.#answerAgain(phaseOne, path);
  }

  /** The peer has not got our last message: one answer for each that comes, and to the address that we know alone. */
  #answerAgain(exchange: Exchange, path: Path): void {
    if (exchange.due !== undefined && exchange.initiated) return;
    if (equal(path.remote.address, exchange.path.remote.address)) this.#transmit(exchange.sent, path);
  }

  /** By the clock. Who has not said anything yet may not know that phase 1 is done: its last message goes along. */
  #sendAgain(exchange: Exchange): void {
    if (exchange.sent.length === 0) return;
    const { path, heardAt } = this.#owner;
    const { phaseOne } = this.#table;
    if (
      phaseOne !== undefined &&
      phaseOne !== exchange &&
      phaseOne.type === V1ExchangeType.AGGRESSIVE &&
      phaseOne.initiated &&
      heardAt <= phaseOne.sentAt
    )
      this.#transmit(phaseOne.sent, path);
    const { resent, messageId, count, initiated } = exchange;
    const kind = initiated ? 'request' : 'response';
    const about = `${kind} message ID ${messageId}, seq ${(count + 1) >> 1}`;
    tell(this.#owner, 'ike', () => `sending retransmit ${resent} of ${about}`);
    this.#transmit(exchange.sent, initiated ? path : exchange.path);
  }

  #giveUp(exchange: Exchange): void {
    if (exchange.waiting?.awaited.connected === true) {
      tell(
        this.#owner,
        'ike',
        () => 'the peer set the commit bit and does not say CONNECTED: going on without it',
      );
      this.#goOn(exchange);
      this.#owner.settle();
      return;
    }
    const { type, count, sentAt, initiated } = exchange;
    const { host, heardAt } = this.#owner;
    const what = `message ${count} of ${knownName(V1ExchangeType, type)}`;
    const isFirst = isPhaseOne(type) && count === 1;
    tell(this.#owner, 'ike', () => `giving up after ${exchange.resent} retransmits`);
    if (isPhaseOne(type) && initiated)
      tell(this.#owner, 'ike', () => 'establishing IKE_SA failed, peer not responding');
    const failure = noAnswer(what, host.settings.retransmitTries + 1, exchange.path, isFirst);
    const isAlive =
      isPhaseOne(type) || !initiated || heardAt >= sentAt || this.#owner.setbacks.unanswered(failure);
    if (isAlive) this.#failWaiting(exchange, failure);
    this.#owner.settle();
  }

  #failWaiting(exchange: Exchange, failure: Failure): void {
    const { waiting } = exchange;
    exchange.waiting = undefined;
    exchange.due = undefined;
    waiting?.conversation.fail(failure);
  }

  /** Makes the next message of `exchange` and sends it for the first time. */
  #say(exchange: Exchange, sending: Sending): void {
    const { host, path: current } = this.#owner;
    const path = exchange.initiated ? current : exchange.path;
    const [keys] = this.#keys;
    const { datagram, nextIv } = seal(exchange.fieldsIn(this.#owner), sending, keys, () =>
      this.#ivOf(exchange, keys as IsakmpKeys),
    );
    const { payloads } = sending;
    this.#trace('out', exchange, { header: decodeHeader(datagram), path, payloads });
    const datagrams = this.#owner.split(datagram, path);
    exchange.wasSent(datagrams, nextIv, host.now);
    this.#transmit(datagrams, path);
  }

  #ivOf(exchange: Exchange, keys: IsakmpKeys): Uint8Array {
    if (exchange.iv !== undefined) return exchange.iv;
    return isPhaseOne(exchange.type) ? keys.firstIv : keys.ivFor(exchange.messageId, this.#lastBlock(keys));
  }

  /** The last block of phase 1, or what it would have begun with where nothing in it was encrypted. */
  #lastBlock(keys: IsakmpKeys): Uint8Array {
    return this.#table.phaseOne?.iv ?? keys.firstIv;
  }

  #digestOf(datagram: Uint8Array): string {
    return toHex(this.#owner.host.provider.hash('sha256', datagram).subarray(0, 16));
  }

  #transmit(datagrams: readonly Uint8Array[], path: Path): void {
    const { host, connection } = this.#owner;
    for (const datagram of datagrams) host.transmit(datagram, path, connection.dscp);
  }

  #trace(
    direction: 'in' | 'out',
    { initiated }: Exchange,
    message: Pick<Message, 'header' | 'path' | 'payloads'>,
  ): void {
    const { host, id, connection } = this.#owner;
    if (!host.settings.traceMessages) return;
    const text = messageInWords(message, (direction === 'out') === initiated);
    host.event({
      kind: 'message',
      direction,
      ike: id,
      connection: connection.name,
      text,
      path: message.path,
    });
  }
}

function malformed(exchange: number, breach: string): Failure {
  return { code: 'peer/malformed', summary: `${knownName(V1ExchangeType, exchange)}: ${breach}` };
}
