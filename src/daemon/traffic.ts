import type { ChildSaStatus, IkeEvent } from '../ike/output.ts';
import type { ChildSaUsage } from '../policy/sa.ts';
import type { Gateway } from './gateway.ts';

/** What the SAs of one configured child carried, all that ever were. */
export interface ChildTraffic {
  readonly connection: string;
  readonly child: string;
  readonly bytesIn: bigint;
  readonly packetsIn: bigint;
  readonly bytesOut: bigint;
  readonly packetsOut: bigint;
}

const FIELDS = ['bytesIn', 'packetsIn', 'bytesOut', 'packetsOut'] as const;
const CAPACITY = 65_536;

/** Adds up what Child SAs carried, those that are gone and those that live, by the child they were made for. */
export class Traffic {
  readonly #gateway: Gateway;
  /** What SAs are, until they are removed. */
  readonly #owners = new Map<number, { readonly connection: string; readonly child: string }>();
  readonly #spent = new Map<string, ChildTraffic>();

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    gateway.on(event => this.#note(event));
    gateway.onSpent((id, usage) => {
      const owner = this.#owners.get(id);
      this.#owners.delete(id);
      if (owner !== undefined) add(this.#spent, owner, usage);
    });
  }

  /** By connection and child; no rekey or end of an SA takes anything off. */
  async total(): Promise<readonly ChildTraffic[]> {
    const total = new Map(this.#spent);
    const live = await Promise.all(
      Array.from(this.#owners, async ([id, owner]) => ({ owner, usage: await this.#gateway.usage(id) })),
    );
    for (const { owner, usage } of live) if (usage !== undefined) add(total, owner, usage);
    return [...total.values()];
  }

  #note(event: IkeEvent): void {
    if (this.#owners.size >= CAPACITY) return;
    if (event.kind === 'child-up') this.#own(event.ike.connection, event.child);
    else if (event.kind === 'child-rekey') this.#own(event.ike.connection, event.new);
  }

  #own(connection: string, { id, name }: ChildSaStatus): void {
    this.#owners.set(id, { connection, child: name });
  }
}

function add(
  totals: Map<string, ChildTraffic>,
  { connection, child }: { readonly connection: string; readonly child: string },
  usage: ChildSaUsage,
): void {
  const key = `${connection}/${child}`;
  const before = totals.get(key) ?? {
    connection,
    child,
    bytesIn: 0n,
    packetsIn: 0n,
    bytesOut: 0n,
    packetsOut: 0n,
  };
  const sums = Object.fromEntries(FIELDS.map(field => [field, before[field] + usage[field]]));
  totals.set(key, { ...before, ...sums });
}
