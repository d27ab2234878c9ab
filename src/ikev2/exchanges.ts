import { ExchangeType } from '../iana/ikev2.ts';
import { knownName, nameOf } from '../iana/name.ts';
import { NotifyError } from '../iana/notify.ts';
import { noAnswer } from '../ike/failures.ts';
import { type AskStep, Conversation, type Outcome } from '../ike/flow.ts';
import type { EngineSettings } from '../ike/output.ts';
import { Rate } from '../ike/rate.ts';
import { tell } from '../ike/steps.ts';
import { EMPTY } from '../lib/bytes.ts';
import type { Instant } from '../lib/time.ts';
import type { Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import { type Header, HeaderFlag } from '../wire/header.ts';
import type { Payload } from '../wire/v2/payload.ts';
import type { Channel } from './channel.ts';
import { answerTo, type Flow, type Message, notify, Refused, type Reply, type Step } from './flow.ts';
import type { IkeState } from './ike-sa.ts';
import type { Owner } from './owner.ts';
import type { Breach } from './protection.ts';
import { Requests } from './requests.ts';
import { Responses } from './responses.ts';
import { verdictOn } from './states.ts';

interface Serving {
  readonly exchange: number;
  /** The response goes where the request came from (RFC 7296 §2.11). */
  readonly path: Path;
}

interface Continuation {
  readonly exchanges: readonly number[];
  readonly continues: (request: Message) => boolean;
  readonly conversation: Conversation<Step, Reply>;
  /** The response that was sent, in IKE_SA_INIT alone. */
  readonly sent: Uint8Array;
}

/** Where silence ends the SA, and not the task alone. One that was replaced has nothing to lose by it. */
const LIVING: ReadonlySet<IkeState> = new Set(['ESTABLISHED', 'REKEYING', 'REKEYED']);
/** CREATE_CHILD_SA requests that are served: a gateway may set up hundreds at once, nobody needs as many all the time. */
const CREATIONS_AT_ONCE = 256;
const CREATIONS_PER_SECOND = 20;

/**
 * The exchanges of one IKE SA: windows, duplicates and retransmission on one side, conversations on the other; the
 * messages themselves are `Channel`'s. One request of each side is under way at a time (RFC 7296 §2.3).
 */
export class Exchanges {
  readonly #owner: Owner;
  readonly #channel: Channel;
  readonly #requests = new Requests();
  readonly #responses = new Responses();
  #task: Conversation<Step, void> | undefined;
  /** The task's answer to IKE_SA_INIT is in its hands, and may be given back. */
  #judging = false;
  #serving: Serving | undefined;
  #server: Conversation<Step, Reply> | undefined;
  #continuations: readonly Continuation[] = [];
  #creations: Rate | undefined;

  constructor(owner: Owner, channel: Channel) {
    this.#owner = owner;
    this.#channel = channel;
  }

  /** When `tick` is due. */
  get deadline(): Instant | undefined {
    return this.#requests.due;
  }

  /** Whether a task may begin: none runs, and no request of an earlier one is unanswered. */
  get free(): boolean {
    return this.#task === undefined && this.#requests.exchange === undefined;
  }

  /** What the task waits for, in words. */
  get phase(): string | undefined {
    const exchange = this.#requests.exchange;
    return exchange === undefined ? undefined : `answer to ${knownName(ExchangeType, exchange)}`;
  }

  /** Whether there are Message IDs left for requests. */
  get supply(): 'fresh' | 'worn' | 'spent' {
    return this.#requests.supply;
  }

  /** Runs a flow of ours; `free` must hold. */
  run(flow: Flow<void>, settled: (outcome: Outcome<void>) => void): void {
    this.#task = new Conversation<Step, void>(
      flow,
      (step, conversation) => this.#perform(step, conversation),
      outcome => {
        this.#task = undefined;
        this.#endJudging();
        settled(outcome);
      },
    );
    this.#task.resume();
  }

  /** Ends the running task. Its unanswered request is still sent until the answer comes: the window must move on. */
  dropTask(): void {
    this.#task?.drop();
    this.#task = undefined;
    this.#endJudging();
  }

  /** Takes up the request that made this SA: its Message ID is 0, and its answer goes to `path`. */
  accept(flow: Flow<Reply>, request: Message, path: Path): void {
    this.#channel.trace('in', request, path);
    this.#begin(ExchangeType.IKE_SA_INIT, path);
    this.#serve(flow);
  }

  /** The IKE_SA_INIT request came again, octet by octet. */
  repeat(path: Path): void {
    if (this.#responses.current !== 0 || this.#responses.serving) return;
    this.#tellRepeated();
    this.#channel.send(this.#responses.last, path);
  }

  receive(datagram: Uint8Array, header: Header, path: Path): void {
    if ((header.flags & HeaderFlag.RESPONSE) !== 0) this.#receiveResponse(datagram, header, path);
    else this.#receiveRequest(datagram, header, path);
  }

  /** Sends the outstanding request again when it is due, or gives up. */
  tick(): void {
    const { host } = this.#owner;
    if (this.#requests.due === undefined || this.#requests.due > host.now) return;
    const datagrams = this.#requests.again(host.settings, host);
    const { resent, messageId } = this.#requests;
    if (datagrams !== undefined) {
      tell(this.#owner, 'ike', () => `retransmit ${resent} of request with message ID ${messageId}`);
      this.#sendAll(datagrams, this.#requests.sentInAll);
      return;
    }
    tell(this.#owner, 'ike', () => `giving up after ${resent} retransmits`);
    if (this.#owner.state === 'CONNECTING')
      tell(this.#owner, 'ike', () => 'establishing IKE_SA failed, peer not responding');
    const exchange = this.#requests.exchange ?? 0;
    const failure = noAnswer(
      nameOf(ExchangeType, exchange),
      this.#requests.sentInAll,
      this.#owner.path,
      exchange === ExchangeType.IKE_SA_INIT,
    );
    this.#requests.done();
    if (LIVING.has(this.#owner.state) || this.#task === undefined) this.#owner.silent(failure);
    else this.#task.fail(failure);
  }

  /** Sends what is unanswered once more, out of turn; false where nothing is. With `anew` all patience begins again. */
  resend(anew = false): boolean {
    if (this.#requests.exchange === undefined) return false;
    if (anew) this.#requests.restart(this.#owner.host.settings, this.#owner.host);
    this.#sendAll(this.#requests.datagrams, 0);
    return true;
  }

  /** Ends all conversations and wipes the keys. */
  close(): void {
    this.#requests.done();
    this.dropTask();
    this.#server?.drop();
    for (const { conversation } of this.#continuations) conversation.drop();
    this.#continuations = [];
    this.#channel.close();
  }

  #sendAll(datagrams: readonly Uint8Array[], sent: number): void {
    for (const path of this.#owner.waysOut(sent)) this.#channel.send(datagrams, path);
  }

  #receiveResponse(datagram: Uint8Array, header: Header, path: Path): void {
    // RFC 7296 §2.1: a response to nothing is dropped, whatever it says.
    if (!this.#requests.answeredBy(header.messageId, header.exchangeType)) return;
    if (header.exchangeType === ExchangeType.IKE_SA_INIT) {
      this.#receiveFirstResponse(datagram, header, path);
      return;
    }
    const opened = this.#channel.open(datagram, header);
    if (opened.kind === 'forged' || opened.kind === 'fragment') return;
    this.#requests.done();
    this.#owner.answered(path);
    if (opened.kind === 'malformed') {
      const failure: Failure = {
        code: 'peer/malformed',
        summary: `the answer to ${knownName(ExchangeType, header.exchangeType)} breaks the protocol: ${opened.text}`,
      };
      this.#task?.fail(failure);
      // Before there is an SA to delete, the task itself knows what to say.
      if (this.#owner.state !== 'CONNECTING') this.#owner.terminate(failure);
      return;
    }
    const message: Message = { header, payloads: opened.payloads, octets: EMPTY };
    this.#channel.trace('in', message, path);
    this.#task?.resume({ ...message, request: EMPTY });
  }

  /** Nobody vouches for an answer to IKE_SA_INIT: a bad one may be forged, and a good one follow (RFC 7296 §2.21.1). */
  #receiveFirstResponse(datagram: Uint8Array, header: Header, path: Path): void {
    if (this.#judging) return;
    const payloads = this.#channel.openPlain(datagram, header);
    if (payloads === undefined) return;
    const message: Message = { header, payloads, octets: datagram };
    this.#channel.trace('in', message, path);
    this.#judging = true;
    this.#task?.resume({ ...message, request: this.#requests.datagrams[0] });
  }

  #receiveRequest(datagram: Uint8Array, header: Header, path: Path): void {
    const arrival = this.#responses.arrival(header.messageId);
    if (arrival === 'answered' && this.#channel.isAuthenticBeginning(datagram, header)) {
      this.#tellRepeated();
      this.#channel.send(this.#responses.last, path);
      return;
    }
    if (arrival !== 'new') return;
    const opened = this.#channel.open(datagram, header);
    if (opened.kind === 'forged' || opened.kind === 'fragment') return;
    const { exchangeType } = header;
    const verdict = verdictOn(exchangeType, this.#owner.state);
    if (verdict === 'drop') return;
    if (opened.kind === 'malformed') {
      this.#begin(exchangeType, path);
      this.#owner.heard(path);
      this.#refuseMalformed(opened, `${knownName(ExchangeType, exchangeType)} request: ${opened.text}`);
      return;
    }
    const message: Message = { header, payloads: opened.payloads, octets: EMPTY };
    const continuation = this.#continuations.find(
      ({ exchanges, continues }) => exchanges.includes(exchangeType) && continues(message),
    );
    if (continuation === undefined && verdict === 'continue') return;
    this.#begin(exchangeType, path);
    this.#owner.heard(path);
    this.#channel.trace('in', message, path);
    if (continuation !== undefined) {
      this.#continuations = this.#continuations.filter(other => other !== continuation);
      this.#server = continuation.conversation;
      continuation.conversation.resume({ ...message, response: continuation.sent });
    } else if (verdict === 'temporary' || this.#isFlood(exchangeType))
      this.#reply({ payloads: [notify(NotifyError.TEMPORARY_FAILURE)] });
    else this.#serve(this.#owner.serve(message, path));
  }

  #tellRepeated(): void {
    const { current } = this.#responses;
    tell(
      this.#owner,
      'ike',
      () => `received retransmit of request with ID ${current}, retransmitting response`,
    );
  }

  /** A peer may keep us busy with key exchanges, but not without end (RFC 8019 §5). */
  #isFlood(exchange: number): boolean {
    if (exchange !== ExchangeType.CREATE_CHILD_SA) return false;
    this.#creations ??= new Rate(CREATIONS_PER_SECOND, CREATIONS_AT_ONCE);
    return !this.#creations.allows(this.#owner.host.now);
  }

  /** RFC 7296 §2.21.3: the peer is told and the SA closed; but a critical payload we do not know is no breach (§2.5). */
  #refuseMalformed({ unsupported }: Breach, summary: string): void {
    if (unsupported !== undefined) {
      this.#reply({
        payloads: [notify(NotifyError.UNSUPPORTED_CRITICAL_PAYLOAD, Uint8Array.of(unsupported))],
      });
      const failure: Failure = { code: 'peer/critical-payload', summary };
      if (this.#owner.state === 'CONNECTING') this.#owner.broken(failure);
      else this.#owner.tellFailed(failure);
      return;
    }
    this.#reply({ payloads: [notify(NotifyError.INVALID_SYNTAX)] });
    this.#owner.broken({ code: 'peer/malformed', summary, notify: 'INVALID_SYNTAX' });
  }

  #begin(exchange: number, path: Path): void {
    this.#responses.begin();
    this.#serving = { exchange, path };
  }

  #serve(flow: Flow<Reply>): void {
    this.#server = new Conversation<Step, Reply>(
      flow,
      (step, conversation) => this.#perform(step, conversation),
      outcome => this.#served(outcome),
    );
    this.#server.resume();
  }

  #served(outcome: Outcome<Reply>): void {
    this.#server = undefined;
    if (outcome.kind === 'returned') {
      this.#reply(outcome.value);
      return;
    }
    const { error, failure } = outcome;
    const refusal = error instanceof Refused ? error : undefined;
    this.#reply({ payloads: [answerTo(error, failure)] });
    if (refusal?.fatal === true || this.#owner.state === 'CONNECTING') this.#owner.broken(failure);
    else this.#owner.tellFailed(failure, refusal?.child);
  }

  #perform<Result>(step: Step | AskStep, conversation: Conversation<Step, Result>): void {
    switch (step.kind) {
      case 'ask':
        this.#endJudging();
        conversation.whenDropped(
          this.#owner.host.ask(step.question, answer => {
            conversation.resume(answer);
            this.#owner.settle();
          }),
        );
        return;
      case 'request':
        this.#endJudging();
        this.#request(step.exchange, step.payloads);
        return;
      case 'wait':
        this.#judging = false;
        this.#requests.hurry();
        return;
      case 'respond': {
        const sent = this.#reply({ payloads: step.payloads });
        const { exchanges, continues } = step;
        this.#continuations = [
          ...this.#continuations,
          { exchanges, continues, conversation: conversation as unknown as Conversation<Step, Reply>, sent },
        ];
      }
    }
  }

  /** The answer to IKE_SA_INIT was good enough to go on with: the request is not sent again. */
  #endJudging(): void {
    if (this.#judging) this.#requests.done();
    this.#judging = false;
  }

  #request(exchange: number, payloads: readonly Payload[]): void {
    const { host, path } = this.#owner;
    const messageId = this.#requests.idFor(exchange);
    const datagrams = this.#channel.encode({ exchange, messageId, response: false }, payloads, path);
    this.#requests.sent(exchange, datagrams, this.#schedule(exchange), host);
    this.#channel.send(datagrams, path);
  }

  /** Where TCP is left to try, UDP must not take all the patience: it is given two more chances (RFC 9329 §5.1). */
  #schedule(exchange: number): EngineSettings {
    const { host, path, connection } = this.#owner;
    const isLast =
      exchange !== ExchangeType.IKE_SA_INIT || path.tcp === true || connection.tcp !== 'fallback';
    if (isLast) return host.settings;
    return { ...host.settings, retransmitTries: Math.min(host.settings.retransmitTries, TRIES_BEFORE_TCP) };
  }

  /** Sends and stores the response to the request being served; the octets where AUTH will cover them. */
  #reply(reply: Reply): Uint8Array {
    const serving = this.#serving;
    if (serving === undefined) return EMPTY;
    const { exchange, path } = serving;
    const messageId = this.#responses.current;
    const datagrams = this.#channel.encode({ exchange, messageId, response: true }, reply.payloads, path);
    this.#serving = undefined;
    this.#responses.answered(datagrams);
    this.#channel.send(datagrams, path);
    reply.afterwards?.();
    return exchange === ExchangeType.IKE_SA_INIT ? (datagrams[0] as Uint8Array) : EMPTY;
  }
}

const TRIES_BEFORE_TCP = 2;
