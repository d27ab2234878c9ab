import type { Instant } from '../lib/time.ts';
import type { Task } from './isakmp-sa.ts';

interface Queued {
  readonly task: Task;
  readonly notBefore: Instant;
}

/** Quick modes of ours that are under way at a time: the RFC knows no bound, peers do. */
const MOST_AT_ONCE = 8;

/** The conversations that this end begins: several at once, each with an exchange of its own. Two about the same thing are one. */
export class Tasks {
  #queue: readonly Queued[] = [];
  #running: readonly { readonly task: Task; readonly drop: () => void }[] = [];

  /** False when such a task waits already. */
  add(task: Task, notBefore: Instant): boolean {
    if (this.#queue.some(queued => isSame(queued.task, task))) return false;
    this.#queue = [...this.#queue, { task, notBefore }];
    return true;
  }

  /** Takes out a task that may begin at `now`. One waits while another about the same thing runs. */
  take(now: Instant): Task | undefined {
    if (this.#running.length >= MOST_AT_ONCE) return undefined;
    const chosen = this.#queue.find(({ task, notBefore }) => notBefore <= now && this.#mayBegin(task));
    if (chosen !== undefined) this.#queue = this.#queue.filter(queued => queued !== chosen);
    return chosen?.task;
  }

  /** `task` runs from now on; `drop` ends it. */
  began(task: Task, drop: () => void): void {
    this.#running = [...this.#running, { task, drop }];
  }

  ended(task: Task): void {
    this.#running = this.#running.filter(running => running.task !== task);
  }

  /** Takes out all that wait. */
  clear(): readonly Task[] {
    const queued = this.queued;
    this.#queue = [];
    return queued;
  }

  get queued(): readonly Task[] {
    return this.#queue.map(({ task }) => task);
  }

  get running(): readonly Task[] {
    return this.#running.map(({ task }) => task);
  }

  /** The children that are to be made. */
  get wanted(): readonly string[] {
    return [...this.running, ...this.queued].flatMap(({ kind, child }) =>
      kind === 'create-child' && child !== undefined ? [child] : [],
    );
  }

  has(which: (task: Task) => boolean): boolean {
    return this.running.some(which) || this.queued.some(which);
  }

  #mayBegin(task: Task): boolean {
    if (task.first !== true && this.has(({ first }) => first === true)) return false;
    return !this.#running.some(running => isSame(running.task, task));
  }

  /** When the next one may begin. */
  get deadline(): Instant | undefined {
    if (this.#running.length >= MOST_AT_ONCE) return undefined;
    let soonest: Instant | undefined;
    for (const { task, notBefore } of this.#queue) {
      if (!this.#mayBegin(task)) continue;
      if (soonest === undefined || notBefore < soonest) soonest = notBefore;
    }
    return soonest;
  }
}

export function isSame(a: Task, b: Task): boolean {
  return a.kind === b.kind && a.subject === b.subject;
}
