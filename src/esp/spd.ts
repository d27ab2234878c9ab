import type { IpPacket } from './ip-packet.ts';
import type { Selector, SelectorPair } from './selector.ts';

interface Entry<T> {
  readonly sa: T;
  readonly remote: Selector;
  readonly locals: readonly Selector[];
  readonly order: number;
}

interface Flow<T> {
  readonly key: Uint32Array;
  sa: T | undefined;
  used: boolean;
}

/** Flows remembered: a power of two. */
const FLOWS = 256;
/** Version and protocol, both ports, both addresses. */
const KEY_WORDS = 10;

/**
 * Which SA takes an outbound packet (RFC 4301 §5.1): of the SAs whose selectors admit it the one with the most
 * specific remote selector, then the most specific local one, then the one inserted last, so that a rekeyed SA
 * takes over from the one it replaces. SAs towards single addresses are found by hash, the others in order,
 * and flows just seen need neither.
 */
export class Spd<T> {
  readonly #hosts = new Map<number, Entry<T>[]>();
  readonly #ranges: Entry<T>[] = [];
  readonly #flows: readonly Flow<T>[] = Array.from({ length: FLOWS }, () => ({
    key: new Uint32Array(KEY_WORDS),
    sa: undefined,
    used: false,
  }));
  readonly #key = new Uint32Array(KEY_WORDS);
  readonly #of = new Map<T, readonly Entry<T>[]>();
  #order = 0;

  /** Puts an SA in; one that is there already becomes the newest. */
  insert(sa: T, selectors: SelectorPair): void {
    this.delete(sa);
    const order = ++this.#order;
    const locals = selectors.local.toSorted((a, b) => a.compare(b));
    const entries = selectors.remote.map(remote => ({ sa, remote, locals, order }));
    for (const entry of entries) insertInOrder(this.#listOf(entry.remote), entry);
    this.#of.set(sa, entries);
    this.#forget();
  }

  delete(sa: T): void {
    for (const entry of this.#of.get(sa) ?? []) {
      const list = this.#listOf(entry.remote);
      list.splice(list.indexOf(entry), 1);
      if (list.length === 0 && entry.remote.host)
        this.#hosts.delete(hashAddress(entry.remote.start, entry.remote.version));
    }
    if (this.#of.delete(sa)) this.#forget();
  }

  /** The SA for an outbound packet; undefined where none admits it. */
  find(packet: IpPacket): T | undefined {
    const flow = this.#flowOf(packet);
    if (flow.used && sameWords(flow.key, this.#key)) return flow.sa;
    const sa = this.#search(packet);
    flow.key.set(this.#key);
    flow.sa = sa;
    flow.used = true;
    return sa;
  }

  #search(packet: IpPacket): T | undefined {
    const hosts = this.#hosts.get(hashAddress(packet.destination, packet.version));
    return (hosts && best(hosts, packet)) ?? best(this.#ranges, packet);
  }

  #listOf(remote: Selector): Entry<T>[] {
    if (!remote.host) return this.#ranges;
    const hash = hashAddress(remote.start, remote.version);
    let list = this.#hosts.get(hash);
    if (list === undefined) {
      list = [];
      this.#hosts.set(hash, list);
    }
    return list;
  }

  #flowOf(packet: IpPacket): Flow<T> {
    const key = this.#key;
    const words = packet.version === 4 ? 1 : 4;
    key[0] = (packet.version << 16) | packet.protocol;
    key[1] = ((packet.sourcePort & 0xffff) << 16) | (packet.destinationPort & 0xffff);
    // Both ports are seen or neither is, and what is typed follows from the protocol.
    key[0] |= packet.sourcePort > 0xffff ? 1 << 24 : 0;
    for (let i = 0; i < 4; i++) {
      key[2 + i] = i < words ? (packet.source[i] as number) : 0;
      key[6 + i] = i < words ? (packet.destination[i] as number) : 0;
    }
    return this.#flows[hashWords(key, KEY_WORDS) & (FLOWS - 1)] as Flow<T>;
  }

  #forget(): void {
    for (const flow of this.#flows) {
      flow.used = false;
      flow.sa = undefined;
    }
  }
}

/** Entries stand most specific first, newest first among equals. */
function insertInOrder<T>(list: Entry<T>[], entry: Entry<T>): void {
  const at = list.findIndex(other => entry.remote.compare(other.remote) <= 0);
  list.splice(at < 0 ? list.length : at, 0, entry);
}

/** The first that admits the packet, unless one of an equally specific remote side knows the local side better. */
function best<T>(list: readonly Entry<T>[], packet: IpPacket): T | undefined {
  let found: Entry<T> | undefined;
  let foundLocal: Selector | undefined;
  for (const entry of list) {
    if (found !== undefined && entry.remote.compare(found.remote) !== 0) break;
    if (!entry.remote.admitsDestination(packet)) continue;
    const local = entry.locals.find(selector => selector.admitsSource(packet));
    if (local === undefined) continue;
    const difference = foundLocal === undefined ? -1 : local.compare(foundLocal);
    if (difference < 0 || (difference === 0 && found !== undefined && entry.order > found.order)) {
      found = entry;
      foundLocal = local;
    }
  }
  return found?.sa;
}

function hashAddress(words: Uint32Array, version: number): number {
  return hashWords(words, version === 4 ? 1 : 4);
}

function hashWords(words: Uint32Array, count: number): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < count; i++) hash = Math.imul(hash ^ (words[i] as number), 0x01000193);
  return (hash ^ (hash >>> 15)) >>> 0;
}

function sameWords(a: Uint32Array, b: Uint32Array): boolean {
  for (let i = 0; i < KEY_WORDS; i++) if (a[i] !== b[i]) return false;
  return true;
}
