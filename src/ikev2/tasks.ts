import type { Instant } from '../lib/time.ts';
import type { Task } from './ike-sa.ts';

interface Queued {
  readonly task: Task;
  readonly notBefore: Instant;
}

/** Tasks that must not wait behind others: what is to go shall go, and where we are must be known before anything else. */
const FIRST: ReadonlySet<Task['kind']> = new Set(['delete-ike', 'delete-child', 'mobike']);

/** The conversations that this end will begin, one after the other. Two about the same thing are one. */
export class Tasks {
  #queue: readonly Queued[] = [];

  /** False when such a task waits already. */
  add(task: Task, notBefore: Instant): boolean {
    if (this.#queue.some(queued => isSame(queued.task, task))) return false;
    this.#queue = [...this.#queue, { task, notBefore }];
    return true;
  }

  /** Takes out the task whose turn it is at `now`. */
  take(now: Instant): Task | undefined {
    const ready = this.#queue.filter(({ notBefore }) => notBefore <= now);
    const chosen = ready.find(({ task }) => FIRST.has(task.kind)) ?? ready[0];
    if (chosen !== undefined) this.#queue = this.#queue.filter(queued => queued !== chosen);
    return chosen?.task;
  }

  /** Takes out all for which `which` holds. */
  remove(which: (task: Task) => boolean): readonly Task[] {
    const removed = this.list.filter(which);
    if (removed.length > 0) this.#queue = this.#queue.filter(({ task }) => !removed.includes(task));
    return removed;
  }

  get list(): readonly Task[] {
    return this.#queue.map(({ task }) => task);
  }

  /** When the next one may begin. */
  get deadline(): Instant | undefined {
    let soonest: Instant | undefined;
    for (const { notBefore } of this.#queue)
      if (soonest === undefined || notBefore < soonest) soonest = notBefore;
    return soonest;
  }
}

/** Those that go along when the children move to a successor of their IKE SA. */
const ABOUT_CHILDREN: ReadonlySet<Task['kind']> = new Set([
  'create-child',
  'after-children',
  'rekey-child',
  'delete-child',
]);

export function isAboutChildren({ kind }: Task): boolean {
  return ABOUT_CHILDREN.has(kind);
}

export function isSame(a: Task, b: Task): boolean {
  return a.kind === b.kind && a.subject === b.subject;
}
