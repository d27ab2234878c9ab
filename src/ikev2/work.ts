import type { Duration, Instant } from '../lib/time.ts';
import type { Failure } from '../policy/failure.ts';
import { USED_UP } from './endings.ts';
import type { Exchanges } from './exchanges.ts';
import { rekeyIke } from './flows/rekey-ike.ts';
import type { IkeSa, Task } from './ike-sa.ts';
import { isAboutChildren, Tasks } from './tasks.ts';

/** The IKE SA that has the work. */
interface Worker extends IkeSa {
  readonly exchanges: Exchanges;
  /** Its making has come to nothing, or the SA has broken the protocol. */
  broken(failure: Failure): void;
}

/** What this end does on an IKE SA: the one conversation that runs, those that wait for it, and what comes of them. */
export class Work {
  readonly #sa: Worker;
  readonly #tasks = new Tasks();
  #running: Task | undefined;
  #ended = false;

  constructor(sa: Worker) {
    this.#sa = sa;
  }

  get running(): Task | undefined {
    return this.#running;
  }

  get queued(): readonly Task[] {
    return this.#tasks.list;
  }

  /** When the next one may begin. */
  get deadline(): Instant | undefined {
    return this.#mayBegin ? this.#tasks.deadline : undefined;
  }

  add(task: Task, delay: Duration): void {
    this.#tasks.add(task, this.#sa.host.now + delay);
  }

  /** The next one begins, if it can. */
  goOn(): void {
    const sa = this.#sa;
    if (sa.state === 'ESTABLISHED' && sa.exchanges.supply !== 'fresh') this.#renew();
    while (!this.#ended && this.#mayBegin) {
      const task = this.#tasks.take(sa.host.now);
      if (task === undefined) break;
      this.#running = task;
      sa.exchanges.run(task.run(sa), outcome => {
        this.#running = undefined;
        if (outcome.kind === 'failed') this.#failed(task, outcome.failure);
      });
    }
  }

  withdraw(which: (task: Task) => boolean): void {
    this.#tasks.remove(which);
    if (this.#running === undefined || !which(this.#running)) return;
    this.#running = undefined;
    this.#sa.exchanges.dropTask();
  }

  has(which: (task: Task) => boolean): boolean {
    return (this.#running !== undefined && which(this.#running)) || this.#tasks.list.some(which);
  }

  /** What waits about children goes along with them. */
  moveTo(successor: IkeSa): void {
    for (const task of this.#tasks.remove(isAboutChildren)) successor.start(task);
  }

  /** Nothing is done any more. What is returned tells those why that waited in vain. */
  end(): (failure: Failure) => void {
    this.#ended = true;
    this.#running = undefined;
    const undone = this.#tasks.remove(() => true);
    return failure => {
      for (const task of undone) {
        task.failed?.(failure);
        if (task.kind === 'create-child') this.#sa.tellFailed(failure, task.child);
      }
    };
  }

  /** Before the peer has proved itself, only the flow that waits for the proof goes on. */
  get #mayBegin(): boolean {
    const { exchanges, state, role } = this.#sa;
    return exchanges.free && (state !== 'CONNECTING' || role === 'initiator');
  }

  /** Message IDs run out: never in practice, and never beyond their end. */
  #renew(): void {
    if (this.#sa.exchanges.supply === 'spent') this.#sa.close(USED_UP);
    else if (!this.has(({ kind }) => kind === 'rekey-ike')) this.#sa.start(rekeyIke());
  }

  #failed(task: Task, failure: Failure): void {
    if (this.#ended) return;
    task.failed?.(failure);
    if (task.kind === 'establish') this.#sa.broken(failure);
    else this.#sa.tellFailed(failure, task.child);
  }
}
