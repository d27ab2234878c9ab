import type { EmergingSa } from './ike-sa.ts';

/** Whether an IKE SA is the one that events speak of: it is established, and no other has taken its children over. */
export class Charge {
  readonly #sa: Pick<EmergingSa, 'host' | 'status'>;
  #isHeld = false;
  #announced = false;

  constructor(sa: Pick<EmergingSa, 'host' | 'status'>) {
    this.#sa = sa;
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  take(): void {
    this.#isHeld = true;
  }

  /** The event that the SA is up, once. */
  announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.#sa.host.event({ kind: 'ike-up', ike: this.#sa.status() });
  }

  /** Its successor was announced by its name. */
  passOn(successor: Charge): void {
    successor.#isHeld = true;
    successor.#announced = true;
    this.#isHeld = false;
  }
}
