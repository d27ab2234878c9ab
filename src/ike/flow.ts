import type { Failure } from '../policy/failure.ts';
import { Failed } from '../policy/failure.ts';
import type { Answer, Question } from './output.ts';

/**
 * A conversation, written in the order in which its RFC draws it. `yield*` stands exactly where somebody else
 * has the turn: the peer (the version's own steps) or the shell (`ask`). A flow throws `Failed` when it comes to
 * nothing; what it holds (an SPI, a half-made SA) it gives back in `finally`, for it may be dropped at any step.
 */
export type Flow<Step, Result> = Generator<Step | AskStep, Result, unknown>;

export interface AskStep {
  readonly kind: 'ask';
  readonly question: Question;
}

/** The good answer to each kind of question. */
interface Answers {
  readonly resolve: Extract<Answer, { kind: 'path' }>;
  readonly paths: Extract<Answer, { kind: 'paths' }>;
  readonly 'allocate-spi': Extract<Answer, { kind: 'spi' }>;
  readonly install: Extract<Answer, { kind: 'done' }>;
  readonly lease: Extract<Answer, { kind: 'lease' }>;
  readonly 'assign-address': Extract<Answer, { kind: 'done' }>;
  readonly 'check-safe-prime': Extract<Answer, { kind: 'done' }>;
  readonly fetch: Extract<Answer, { kind: 'octets' }>;
}

/** Puts `question` to the shell and resumes with its answer. Throws Failed when the shell could not do it. */
export function* ask<Kind extends keyof Answers>(
  question: Extract<Question, { kind: Kind }>,
): Flow<never, Answers[Kind]> {
  const answer = (yield { kind: 'ask', question }) as Answer;
  if (answer.kind === 'failed') throw new Failed(answer.failure);
  return answer as Answers[Kind];
}

/** How a flow ended. */
export type Outcome<Result> =
  | { readonly kind: 'returned'; readonly value: Result }
  | { readonly kind: 'failed'; readonly failure: Failure; readonly error: unknown };

/**
 * One running flow: the session resumes it with what it waited for, and gets its next step. It never throws: a
 * defect in a flow is an outcome too, so that one conversation ends and the daemon goes on.
 */
export class Conversation<Step, Result> {
  readonly #flow: Flow<Step, Result>;
  readonly #perform: (step: Step | AskStep, conversation: Conversation<Step, Result>) => void;
  readonly #settle: (outcome: Outcome<Result>) => void;
  #running = false;
  #over = false;
  #withdraw: (() => void) | undefined;

  constructor(
    flow: Flow<Step, Result>,
    perform: (step: Step | AskStep, conversation: Conversation<Step, Result>) => void,
    settle: (outcome: Outcome<Result>) => void,
  ) {
    this.#flow = flow;
    this.#perform = perform;
    this.#settle = settle;
  }

  /** Whether it has come to its end, by itself or by `drop`. */
  get over(): boolean {
    return this.#over;
  }

  /** What is to be undone should it be dropped while it waits at the present step. */
  whenDropped(withdraw: () => void): void {
    this.#withdraw = withdraw;
  }

  /** Goes on with `value` as the result of the step it waits at. The first call starts it. */
  resume(value?: unknown): void {
    this.#advance(() => this.#flow.next(value));
  }

  /** Goes on by throwing `failure` at the step it waits at. */
  fail(failure: Failure): void {
    this.#advance(() => this.#flow.throw(new Failed(failure)));
  }

  /** Ends it where it stands; its `finally` blocks run, and nobody is told an outcome. */
  drop(): void {
    if (this.#over) return;
    this.#over = true;
    this.#withdraw?.();
    // A flow that drops its own session while it runs cannot be unwound from inside: it ends at its next step.
    if (!this.#running) this.#flow.return(undefined as Result);
  }

  #advance(next: () => IteratorResult<Step | AskStep, Result>): void {
    if (this.#over) return;
    this.#withdraw = undefined;
    let result: IteratorResult<Step | AskStep, Result>;
    this.#running = true;
    try {
      result = next();
    } catch (error) {
      this.#running = false;
      if (this.#over) return;
      this.#over = true;
      this.#settle({ kind: 'failed', failure: failureOf(error), error });
      return;
    }
    this.#running = false;
    if (this.#over) {
      if (result.done !== true) this.#flow.return(undefined as Result);
      return;
    }
    if (result.done === true) {
      this.#over = true;
      this.#settle({ kind: 'returned', value: result.value });
      return;
    }
    this.#perform(result.value, this);
  }
}

/** The failure that `error` carries; anything else thrown is a defect of ours and says so. */
export function failureOf(error: unknown): Failure {
  if (error instanceof Failed) return error.failure;
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { code: 'local/internal', summary: text };
}
