import type { Duration, Instant } from '../lib/time.ts';
import type { Exchanges } from './exchanges.ts';
import type { IsakmpSa, Task } from './isakmp-sa.ts';
import type { Setbacks } from './setbacks.ts';
import { Tasks } from './tasks.ts';

/** The ISAKMP SA that has the work. */
interface Worker extends IsakmpSa {
  /** The SA that has taken the children over. */
  readonly heir: IsakmpSa | undefined;
  readonly setbacks: Setbacks;
}

/** What this end does on an ISAKMP SA: the conversations that run and those that wait. */
export class Work {
  readonly #sa: Worker;
  readonly #exchanges: Exchanges;
  readonly #tasks = new Tasks();
  #ended = false;

  constructor(sa: Worker, exchanges: Exchanges) {
    this.#sa = sa;
    this.#exchanges = exchanges;
  }

  get running(): readonly Task[] {
    return this.#tasks.running;
  }

  get queued(): readonly Task[] {
    return this.#tasks.queued;
  }

  /** When the next one may begin. */
  get deadline(): Instant | undefined {
    return this.#mayBegin ? this.#tasks.deadline : undefined;
  }

  add(task: Task, delay: Duration): void {
    this.#tasks.add(task, this.#sa.host.now + delay);
  }

  has(which: (task: Task) => boolean): boolean {
    return this.#tasks.has(which);
  }

  /** What waits begins, if it can. */
  goOn(): void {
    while (this.#mayBegin) {
      const task = this.#tasks.take(this.#sa.host.now);
      if (task === undefined) break;
      this.run(task);
    }
  }

  /** Begins `task` whatever waits. */
  run(task: Task): void {
    let drop: (() => void) | undefined;
    this.#tasks.began(task, () => drop?.());
    drop = this.#exchanges.run(task.run(this.#sa), outcome => {
      this.#tasks.ended(task);
      if (outcome.kind === 'failed') this.#sa.setbacks.failed(outcome.failure, outcome.error, task.child);
    });
  }

  /** What waits goes along with the children. */
  moveTo(heir: IsakmpSa): void {
    for (const task of this.#tasks.clear()) heir.start(task);
  }

  /** Nothing is begun any more; answers the children that were to be made. */
  end(): readonly string[] {
    this.#ended = true;
    const { wanted } = this.#tasks;
    this.#tasks.clear();
    return wanted;
  }

  get #mayBegin(): boolean {
    const { heir, stage, role } = this.#sa;
    if (this.#ended || heir !== undefined) return false;
    return stage === 'ESTABLISHED' || (role === 'initiator' && this.queued[0]?.kind === 'establish');
  }
}
