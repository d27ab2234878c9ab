import type { Answer, LeaseOrigin, Question } from '../ike/output.ts';
import { equal } from '../lib/bytes.ts';
import { formatIp, type IpAddress, ipFromBigInt, ipToBigInt, isV4 } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import type { Pool } from '../policy/pool.ts';

type LeaseQuestion = Extract<Question, { kind: 'lease' }>;

/** One address of a pool, and whose it is. */
interface Lease {
  readonly address: bigint;
  readonly identity: string;
  /** From where each of those that have it speaks: several while an IKE SA is made anew. Empty: nobody has it now. */
  readonly holders: Map<number, IpAddress>;
}

/** An address that nobody has any more, and whose it was. */
interface GivenBack {
  readonly address: IpAddress;
  readonly identity: string;
}

/** How a pool stands. */
export interface PoolView {
  readonly name: string;
  readonly base: IpAddress;
  /** Addresses that it can give. */
  readonly size: number;
  readonly online: number;
  readonly offline: number;
  readonly leases: () => readonly {
    readonly address: IpAddress;
    readonly identity: string;
    readonly online: boolean;
  }[];
}

/** charon counts the addresses of a pool in 31 bits, and so do its clients. */
const LARGEST = 0x7fff_ffffn;

/** Identities that are not here now and whose addresses are kept for them, of one pool. */
const MOST_REMEMBERED = 65_536;

/** Characters of an identity that is remembered: a longer one is nobody's name. */
const LONGEST = 1024;

/**
 * The addresses of the pools and whose they are. An identity that comes back gets what it had, as long as nobody else had
 * to have it: an address that was never given, or given back longest ago, goes first. Knows no time and does no I/O.
 */
export class Leases {
  #pools: ReadonlyMap<string, PoolState> = new Map();
  /** Pools that are not in force any more, until their last address is back. */
  #leaving: ReadonlyMap<string, PoolState> = new Map();
  /** What everybody is told besides. */
  readonly #attributes: Pool['attributes'];
  /** Where the addresses of each lease come from. */
  readonly #held = new Map<number, readonly { readonly pool: PoolState; readonly address: bigint }[]>();

  /** `attributes` come with every lease, before those of its pools. */
  constructor(attributes: Pool['attributes'] = []) {
    this.#attributes = attributes;
  }

  /** Puts these pools in force. One whose addresses are as before goes on with its leases, and so do those inside of it. */
  configure(pools: readonly Pool[]): void {
    const before = new Map([...this.#leaving, ...this.#pools]);
    const isTaken = (address: IpAddress): boolean =>
      [...this.#leaving.values()].some(pool => pool.isOnline(address));
    this.#pools = new Map(
      pools.map(pool => {
        const known = before.get(pool.name);
        known?.resize(pool);
        return [pool.name, known ?? new PoolState(pool, isTaken)] as const;
      }),
    );
    this.#leaving = new Map([...before].filter(([name, { online }]) => !this.#pools.has(name) && online > 0));
  }

  /** Addresses for an identity: for each one wanted, of the first pool that has one. */
  lease({ id, connection, pools, identity, peer, wanted }: LeaseQuestion): Answer {
    const states = pools.flatMap(name => this.#pools.get(name) ?? []);
    const held: { readonly pool: PoolState; readonly address: bigint }[] = [];
    const addresses: IpAddress[] = [];
    const origins: (LeaseOrigin | undefined)[] = wanted.map(one => {
      for (const pool of states) {
        const taken = pool.take(id, identity, peer, one);
        if (taken === undefined) continue;
        const { address, origin } = taken;
        if (held.some(other => other.pool === pool && other.address === address)) continue;
        held.push({ pool, address });
        addresses.push(ipFromBigInt(address, one.length as 4 | 16));
        return origin;
      }
      return undefined;
    });
    if (addresses.length === 0)
      return { kind: 'failed', failure: none(connection, identity, wanted, pools, states) };
    this.#held.set(id, held);
    const attributes = [...this.#attributes, ...states.flatMap(pool => pool.attributes)];
    return { kind: 'lease', addresses, attributes, origins };
  }

  /** Answers what nobody has any more. */
  release(id: number): readonly GivenBack[] {
    const held = this.#held.get(id) ?? [];
    const gone = held.flatMap(({ pool, address }) => pool.giveBack(id, address) ?? []);
    this.#held.delete(id);
    if (this.#leaving.size > 0)
      this.#leaving = new Map([...this.#leaving].filter(([, { online }]) => online > 0));
    return gone;
  }

  /** Addresses of a pool that somebody has. */
  online(name: string): number {
    return this.#pools.get(name)?.online ?? 0;
  }

  view(): readonly PoolView[] {
    return [...this.#pools.values()].map(pool => pool.view());
  }
}

class PoolState {
  #pool: Pool;
  #first: bigint;
  #last: bigint;
  #next: bigint;
  readonly #byAddress = new Map<bigint, Lease>();
  readonly #byIdentity = new Map<string, Set<Lease>>();
  /** Those that nobody has now, the one given back longest ago first. */
  readonly #offline = new Set<Lease>();
  /** Below `#next`, and nobody's. */
  readonly #free = new Set<bigint>();

  readonly #isTaken: (address: IpAddress) => boolean;

  /** `isTaken`: whether somebody has the address from a pool that is not in force any more. */
  constructor(pool: Pool, isTaken: (address: IpAddress) => boolean) {
    this.#pool = pool;
    this.#isTaken = isTaken;
    [this.#first, this.#last] = boundsOf(pool);
    this.#next = this.#first;
  }

  get attributes(): Pool['attributes'] {
    return this.#pool.attributes;
  }

  get online(): number {
    return this.#byAddress.size - this.#offline.size;
  }

  isOnline(address: IpAddress): boolean {
    if (address.length !== this.#pool.start.length) return false;
    return (this.#byAddress.get(ipToBigInt(address))?.holders.size ?? 0) > 0;
  }

  /** Other bounds: leases outside of them run on, and are nobody's when they end. */
  resize(pool: Pool): void {
    const moved = !equal(pool.start, this.#pool.start) || !equal(pool.end, this.#pool.end);
    this.#pool = pool;
    if (!moved) return;
    [this.#first, this.#last] = boundsOf(pool);
    this.#next = this.#first;
    this.#free.clear();
    for (const lease of [...this.#offline]) if (!this.#has(lease.address)) this.#forget(lease);
  }

  /** An address for `wanted`, and whose it was; undefined where there is none. */
  take(
    id: number,
    identity: string,
    peer: IpAddress,
    wanted: IpAddress,
  ): { readonly address: bigint; readonly origin: LeaseOrigin } | undefined {
    if (wanted.length !== this.#pool.start.length) return undefined;
    const asked = ipToBigInt(wanted);
    const own = this.#again(identity, asked) ?? this.#moving(identity, peer, asked);
    const free = own ?? this.#asAsked(asked) ?? this.#unused();
    const oldest = free === undefined ? this.#dropOldest() : undefined;
    const address = free ?? oldest?.address;
    if (address === undefined) return undefined;
    const known = this.#byAddress.get(address);
    const lease = known ?? this.#add(address, identity);
    const isHere = lease.holders.size > 0;
    this.#offline.delete(lease);
    lease.holders.set(id, peer);
    if (oldest !== undefined) return { address, origin: { formerly: oldest.identity } };
    return { address, origin: known === undefined ? 'new' : isHere ? 'online' : 'offline' };
  }

  /** Undefined while somebody still has it. */
  giveBack(id: number, address: bigint): GivenBack | undefined {
    const lease = this.#byAddress.get(address);
    if (lease?.holders.delete(id) !== true || lease.holders.size > 0) return undefined;
    const { identity } = lease;
    if (!this.#has(address) || identity.length > LONGEST) this.#forget(lease);
    else this.#offline.add(lease);
    if (this.#offline.size > MOST_REMEMBERED) this.#dropOldest();
    return { address: ipFromBigInt(address, this.#pool.start.length as 4 | 16), identity };
  }

  view(): PoolView {
    const size = this.#last < this.#first ? 0n : this.#last - this.#first + 1n;
    const { name, start } = this.#pool;
    return {
      name,
      base: start,
      size: Number(size),
      online: this.online,
      offline: this.#offline.size,
      leases: () =>
        [...this.#byAddress.values()].map(({ address, identity, holders }) => ({
          address: ipFromBigInt(address, start.length as 4 | 16),
          identity,
          online: holders.size > 0,
        })),
    };
  }

  /** What the identity had, preferring what it asks for. */
  #again(identity: string, asked: bigint): bigint | undefined {
    let found: Lease | undefined;
    for (const lease of this.#byIdentity.get(identity) ?? []) {
      if (lease.holders.size > 0 || !this.#has(lease.address)) continue;
      if (lease.address === asked) return asked;
      found ??= lease;
    }
    return found?.address;
  }

  /** What the identity still has, where it comes from the same place and asks for it: it makes its IKE SA anew. */
  #moving(identity: string, peer: IpAddress, asked: bigint): bigint | undefined {
    const lease = this.#byAddress.get(asked);
    if (lease?.identity !== identity || !this.#has(asked)) return undefined;
    return [...lease.holders.values()].some(from => equal(from, peer)) ? asked : undefined;
  }

  /** What it asks for, where that is nobody's. */
  #asAsked(asked: bigint): bigint | undefined {
    return this.#has(asked) && this.#isFree(asked) ? asked : undefined;
  }

  #unused(): bigint | undefined {
    for (const address of this.#free) if (this.#isFree(address)) return address;
    while (this.#next <= this.#last && !this.#isFree(this.#next)) this.#next++;
    return this.#next <= this.#last ? this.#next : undefined;
  }

  #isFree(address: bigint): boolean {
    return (
      !this.#byAddress.has(address) &&
      !this.#isTaken(ipFromBigInt(address, this.#pool.start.length as 4 | 16))
    );
  }

  /** What somebody else gave back longest ago is nobody's any more. */
  #dropOldest(): Lease | undefined {
    for (const lease of this.#offline) {
      this.#forget(lease);
      return lease;
    }
    return undefined;
  }

  #add(address: bigint, identity: string): Lease {
    const lease: Lease = { address, identity, holders: new Map() };
    this.#free.delete(address);
    this.#byAddress.set(address, lease);
    const own = this.#byIdentity.get(identity) ?? new Set();
    this.#byIdentity.set(identity, own.add(lease));
    return lease;
  }

  #forget(lease: Lease): void {
    this.#offline.delete(lease);
    this.#byAddress.delete(lease.address);
    const own = this.#byIdentity.get(lease.identity);
    own?.delete(lease);
    if (own?.size === 0) this.#byIdentity.delete(lease.identity);
    if (this.#has(lease.address) && lease.address < this.#next) this.#free.add(lease.address);
  }

  #has(address: bigint): boolean {
    return address >= this.#first && address <= this.#last;
  }
}

function none(
  connection: string,
  identity: string,
  wanted: readonly IpAddress[],
  pools: readonly string[],
  states: readonly PoolState[],
): Failure {
  const full = states.map(pool => pool.view());
  const asked = wanted.map(formatIp).join(' and ');
  return {
    code: 'local/no-virtual-ip',
    summary: `${connection}: no pool has a virtual IP for ${identity}, which asked for ${asked || 'none'}`,
    ours:
      pools.length === 0
        ? ['no pools']
        : pools.map(name => {
            const pool = full.find(view => view.name === name);
            if (pool === undefined) return `pool ${name}: there is none of that name`;
            return `pool ${name}: IPv${isV4(pool.base) ? 4 : 6}, ${pool.online} of ${pool.size} addresses in use`;
          }),
    theirs: wanted.map(formatIp),
    remedy:
      full.length === 0
        ? `set pools of ${connection}, or have the peer ask for no virtual IP`
        : 'make addrs of the pool larger, or add a pool of the family that was asked for to pools',
  };
}

/** First and last address to give away. A prefix keeps its first, which stands for the network, and its last, the broadcast. */
function boundsOf({ start, end, prefix }: Pool): [bigint, bigint] {
  const [first, last] = [ipToBigInt(start), ipToBigInt(end)];
  if (prefix === undefined) return [first, least(last, first + LARGEST - 1n)];
  const addresses = 1n << BigInt(8 * start.length - prefix);
  if (addresses <= 2n) return [first, last];
  const network = last + 1n - addresses;
  return [first === network ? first + 1n : first, least(last - 1n, network + LARGEST - 1n)];
}

function least(a: bigint, b: bigint): bigint {
  return a < b ? a : b;
}
