/** Waits for what others bring about. */
export class Conditions {
  readonly #waiting = new Set<() => void>();

  /** Something has changed: whoever waits looks again. */
  look(): void {
    for (const check of [...this.#waiting]) check();
  }

  /** Resolves once `condition` holds, or when `patience` milliseconds are over. */
  until(condition: () => boolean, patience = 30_000): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise(resolve => {
      const check = (): void => {
        if (condition()) done();
      };
      const done = (): void => {
        this.#waiting.delete(check);
        clearTimeout(limit);
        resolve();
      };
      const limit = setTimeout(done, patience);
      this.#waiting.add(check);
    });
  }
}
