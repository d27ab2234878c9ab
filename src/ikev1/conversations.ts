import { type AskStep, Conversation, type Outcome } from '../ike/flow.ts';
import { type Exchange, isPhaseOne } from './exchange.ts';
import type { ExchangeTable } from './exchange-table.ts';
import type { Flow, Sending, Step } from './flow.ts';
import type { Owner } from './owner.ts';

/** A running flow, and the exchange it is in. */
interface Run {
  readonly conversation: Conversation<Step, void>;
  exchange: Exchange | undefined;
}

/** The flows that run on one ISAKMP SA: each gets here what it asks for, and is in one exchange at a time. */
export class Conversations {
  readonly #owner: Owner;
  readonly #table: ExchangeTable;
  /** Makes the next message of an exchange and sends it. */
  readonly #say: (exchange: Exchange, sending: Sending) => void;
  readonly #runs = new Set<Run>();

  constructor(owner: Owner, table: ExchangeTable, say: (exchange: Exchange, sending: Sending) => void) {
    this.#owner = owner;
    this.#table = table;
    this.#say = say;
  }

  /** Whether one is under way. */
  get busy(): boolean {
    return this.#runs.size > 0;
  }

  /** How many are in exchanges that the peer began. */
  get served(): number {
    return [...this.#runs].filter(({ exchange }) => exchange?.initiated === false).length;
  }

  /** Goes on in an exchange that the peer began. */
  serve(flow: Flow<void>, exchange: Exchange): void {
    this.#converse(flow, exchange, outcome => {
      if (outcome.kind === 'failed') this.#owner.setbacks.failed(outcome.failure, outcome.error);
    });
  }

  /** Runs a flow of ours. The returned function drops it. */
  run(flow: Flow<void>, settled: (outcome: Outcome<void>) => void): () => void {
    return this.#converse(flow, undefined, settled);
  }

  /** Ends all of them where they stand. */
  drop(): void {
    for (const { conversation } of [...this.#runs]) conversation.drop();
    this.#runs.clear();
  }

  #converse(
    flow: Flow<void>,
    exchange: Exchange | undefined,
    settled: (outcome: Outcome<void>) => void,
  ): () => void {
    const conversation: Conversation<Step, void> = new Conversation<Step, void>(
      flow,
      step => this.#perform(step, run),
      outcome => {
        this.#end(run);
        settled(outcome);
      },
    );
    const run: Run = { conversation, exchange };
    this.#runs.add(run);
    conversation.resume();
    return () => {
      conversation.drop();
      this.#end(run);
    };
  }

  #end(run: Run): void {
    if (!this.#runs.delete(run)) return;
    if (run.exchange !== undefined) this.#table.ended(run.exchange, this.#owner.host.now);
  }

  #perform(step: Step | AskStep, run: Run): void {
    const { conversation } = run;
    const { host, path } = this.#owner;
    switch (step.kind) {
      case 'ask':
        conversation.whenDropped(
          host.ask(step.question, answer => {
            conversation.resume(answer);
            this.#owner.settle();
          }),
        );
        return;
      case 'begin':
        if (run.exchange !== undefined) this.#table.ended(run.exchange, host.now);
        run.exchange = this.#table.begin(step.exchange, host.provider, path);
        conversation.resume();
        return;
      case 'send':
        this.#say(exchangeOf(run), step.sending);
        conversation.resume();
        return;
      case 'exchange': {
        const exchange = exchangeOf(run);
        const { sending, awaited } = step;
        if (sending !== undefined) this.#say(exchange, sending);
        exchange.waiting = { conversation, awaited };
        // Many set the commit bit and never say that they are ready.
        if (awaited.connected === true) exchange.resend({ ...host.settings, retransmitTries: 1 }, host);
        // Only who begins sends again by itself, and who knows whom it speaks to (VU#419128).
        else if (exchange.initiated || !isPhaseOne(exchange.type)) exchange.resend(host.settings, host);
      }
    }
  }
}

function exchangeOf({ exchange }: Run): Exchange {
  if (exchange === undefined) throw new Error('a flow that sends outside of any exchange');
  return exchange;
}
