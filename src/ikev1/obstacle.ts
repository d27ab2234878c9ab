import type { Failure } from '../policy/failure.ts';

/** Why phase 1 most likely does not go on: what somebody said while we waited, whom nobody vouches for. */
export class Obstacle {
  #failure: Failure | undefined;

  get failure(): Failure | undefined {
    return this.#failure;
  }

  /** True where nothing was in the way before. */
  note(failure: Failure): boolean {
    const isFirst = this.#failure === undefined;
    this.#failure ??= failure;
    return isFirst;
  }

  /** What was said while we waited in vain tells more than that nothing else came. */
  explain(failure: Failure): Failure {
    return failure.code === 'peer/silent' ? (this.#failure ?? failure) : failure;
  }
}
