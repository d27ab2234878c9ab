import type { Answer, Question } from '../ike/output.ts';
import type { Fetcher } from '../net/fetcher.ts';
import type { TcpStreams } from '../net/tcp-streams.ts';
import type { Ways } from '../net/ways.ts';
import type { Connection } from '../policy/connection.ts';
import type { Path } from '../policy/sa.ts';
import type { BackendQueue } from './backend-queue.ts';
import { failureOf } from './failure-of.ts';
import { fetchAnswer } from './fetch-answer.ts';
import type { Leases } from './leases.ts';
import { PrimeChecks } from './prime-checks.ts';

/** Who knows what. */
export interface Sources {
  readonly queue: BackendQueue;
  readonly leases: Leases;
  readonly streams: TcpStreams | undefined;
  /** Undefined where there is no connection of the name any more. */
  readonly connection: (name: string) => Connection | undefined;
  /** Rejects with `Failed`. */
  readonly resolve: (connection: Connection) => Promise<Path>;
  /** Undefined where nothing is fetched. */
  readonly fetcher: Fetcher | undefined;
  readonly ways: Pick<Ways, 'paths'>;
}

/** Finds the answers to what the engine asks: from the back end, the pools, the resolver, a prime's tests, elsewhere. */
export class Answers {
  readonly #sources: Sources;
  readonly #primes = new PrimeChecks();

  constructor(sources: Sources) {
    this.#sources = sources;
  }

  /** Never rejects: what cannot be had is an answer too. */
  async to(question: Question): Promise<Answer> {
    const { queue, leases } = this.#sources;
    if (question.kind === 'resolve') return this.#resolve(question.connection, question.tcp === true);
    if (question.kind === 'fetch') return fetchAnswer(this.#sources.fetcher, question);
    if (question.kind === 'paths') return this.#paths(question);
    if (question.kind === 'check-safe-prime') return this.#primes.check(question.prime);
    if (question.kind !== 'lease') return queue.ask(question);
    // What else the engine said in one breath with it comes first: an SA that goes gives back what the same peer wants again.
    await undefined;
    return leases.lease(question);
  }

  async #paths({ path, remotes }: Extract<Question, { kind: 'paths' }>): Promise<Answer> {
    const { ways, queue } = this.#sources;
    try {
      return { kind: 'paths', paths: await ways.paths(path, remotes, address => queue.isVirtual(address)) };
    } catch (error) {
      return { kind: 'failed', failure: failureOf(error) };
    }
  }

  async #resolve(name: string, tcp: boolean): Promise<Answer> {
    const { streams, connection: find, resolve } = this.#sources;
    const connection = find(name);
    if (connection === undefined) {
      return {
        kind: 'failed',
        failure: { code: 'config/unknown-name', summary: `there is no connection "${name}" any more` },
      };
    }
    try {
      const path = await resolve(connection);
      return { kind: 'path', path: tcp && streams !== undefined ? await streams.connect(path) : path };
    } catch (error) {
      return { kind: 'failed', failure: failureOf(error) };
    }
  }
}
