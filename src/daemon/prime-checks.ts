import { isSafePrime } from '../crypto/node/safe-prime.ts';
import type { Answer } from '../ike/output.ts';

/** Checks that wait or run at a time: each may take seconds, and peers set them off. */
const MOST_WAITING = 4;

/** Checks primes that peers propose, one after the other, whoever they are. */
export class PrimeChecks {
  readonly #isSafe: (prime: Uint8Array) => Promise<boolean>;
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  constructor(isSafe: (prime: Uint8Array) => Promise<boolean> = isSafePrime) {
    this.#isSafe = isSafe;
  }

  async check(prime: Uint8Array): Promise<Answer> {
    if (this.#waiting >= MOST_WAITING)
      return {
        kind: 'failed',
        failure: {
          code: 'local/half-open-limit',
          summary: `${MOST_WAITING} groups of peers are being checked already`,
          remedy: 'let the peer try again later',
        },
      };
    this.#waiting++;
    const before = this.#last;
    const verdict = before.then(() => this.#isSafe(prime));
    this.#last = verdict.catch(() => undefined);
    try {
      if (await verdict) return { kind: 'done' };
      return {
        kind: 'failed',
        failure: {
          code: 'peer/refused',
          summary: 'the prime of the group is none, or no safe one',
          remedy: 'let the peer make its group anew: openssl dhparam makes safe primes alone',
        },
      };
    } finally {
      this.#waiting--;
    }
  }
}
