import { type PolicyAction, type PolicyId, policyKey } from './policy.ts';

/** Where policies really are: the kernel, or a list in a test. */
export interface PolicyStore {
  /** Puts it in, or in place of the one with the same id. */
  update(id: PolicyId, action: PolicyAction): void;
  delete(id: PolicyId): void;
}

export interface WantedPolicy {
  readonly id: PolicyId;
  readonly action: PolicyAction;
}

interface Entry {
  readonly id: PolicyId;
  /** By owner, the one who asked last at the end. */
  readonly wanted: Map<string, PolicyAction>;
  installed: PolicyAction | undefined;
}

/**
 * The kernel has room for one policy of an id, but a rekeyed SA and its successor, or an SA and the trap that asked
 * for it, want the same one. Here all that want it are kept; the kernel has the first in priority, of equals the
 * latest.
 */
export class PolicyTable {
  readonly #store: PolicyStore;
  readonly #entries = new Map<string, Entry>();
  readonly #byOwner = new Map<string, ReadonlySet<Entry>>();

  constructor(store: PolicyStore) {
    this.#store = store;
  }

  /** Makes `wanted` all that `owner` wants. Where the store throws, the owner wants nothing any more. */
  set(owner: string, wanted: readonly WantedPolicy[]): void {
    const before = this.#byOwner.get(owner) ?? new Set();
    const entries = new Set<Entry>();
    try {
      for (const { id, action } of wanted) {
        const entry = this.#entry(id);
        entries.add(entry);
        entry.wanted.delete(owner);
        entry.wanted.set(owner, action);
        this.#settle(entry);
      }
    } catch (error) {
      this.#byOwner.set(owner, new Set([...before, ...entries]));
      this.clear(owner);
      throw error;
    }
    this.#byOwner.set(owner, entries);
    for (const entry of before) if (!entries.has(entry)) this.#drop(entry, owner);
  }

  /** What `owner` wanted goes, where nobody else wants it; what others want shows again. */
  clear(owner: string): void {
    const entries = this.#byOwner.get(owner) ?? [];
    this.#byOwner.delete(owner);
    for (const entry of entries) this.#drop(entry, owner);
  }

  /** Whether anything is left. */
  get size(): number {
    return this.#entries.size;
  }

  #entry(id: PolicyId): Entry {
    const key = policyKey(id);
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { id, wanted: new Map(), installed: undefined };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #drop(entry: Entry, owner: string): void {
    if (entry.wanted.delete(owner)) this.#settle(entry);
  }

  #settle(entry: Entry): void {
    let best: PolicyAction | undefined;
    for (const action of entry.wanted.values())
      if (best === undefined || action.priority <= best.priority) best = action;
    if (best === undefined) {
      this.#entries.delete(policyKey(entry.id));
      if (entry.installed !== undefined) this.#store.delete(entry.id);
      return;
    }
    if (best === entry.installed) return;
    this.#store.update(entry.id, best);
    entry.installed = best;
  }
}
