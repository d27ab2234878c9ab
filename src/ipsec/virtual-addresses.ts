import { equal } from '../lib/bytes.ts';
import { formatIp, type IpAddress } from '../lib/ip.ts';
import { Failed } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import { SystemFailure } from '../sys/failure.ts';
import type { InterfaceAddress } from '../sys/routing/address.ts';

/** What is asked of the kernel's routing: a part of `Routing` of sys. */
export interface AddressStore {
  addresses(): readonly InterfaceAddress[];
  addAddress(index: number, address: IpAddress, prefix: number, origin?: number): void;
  deleteAddress(index: number, address: IpAddress, prefix: number): void;
}

interface Interfaces extends Pick<AddressStore, 'addresses'> {
  link(name: string): { readonly index: number } | undefined;
  lookup(destination: IpAddress): { readonly index: number } | undefined;
}

/** Who says that an address is there (`ip address` shows it as `proto`): by this ours are known when nobody is left who knows. */
const ORIGIN = 0x6b;

/** The virtual IPs of this host, each on an interface of it. All calls throw SystemFailure. */
export class VirtualAddresses {
  readonly #store: AddressStore;
  readonly #interfaceFor: (path: Path) => number;
  /** On which interface each is that was put there from here. */
  readonly #assigned = new Map<string, Assigned>();

  /** `interfaceFor`: the index of the interface for virtual IPs of SAs over a path. */
  constructor(store: AddressStore, interfaceFor: (path: Path) => number) {
    this.#store = store;
    this.#interfaceFor = interfaceFor;
  }

  /** One that the host has by itself is left as it is, at the end too. */
  assign(address: IpAddress, path: Path): void {
    const name = formatIp(address);
    if (this.#assigned.has(name)) return;
    const index = this.#interfaceFor(path);
    if (!this.#add(index, address)) return;
    this.#assigned.set(name, { address, index, outside: path.local.address });
  }

  /** SAs have left `outside` for `path`: what was assigned for them is on the interface that it would be on now. */
  follow(outside: IpAddress, path: Path): void {
    for (const [name, known] of this.#assigned) {
      if (!equal(known.outside, outside)) continue;
      const { address } = known;
      const index = this.#interfaceFor(path);
      this.#assigned.set(name, { address, index, outside: path.local.address });
      if (index === known.index) continue;
      // There first, so that it is never nowhere.
      const isOurs = this.#add(index, address);
      quietly(() => remove(this.#store, known.index, address));
      if (!isOurs) this.#assigned.delete(name);
    }
  }

  unassign(address: IpAddress): void {
    const name = formatIp(address);
    const known = this.#assigned.get(name);
    this.#assigned.delete(name);
    if (known !== undefined) quietly(() => remove(this.#store, known.index, known.address));
  }

  /** Puts back what was taken off by somebody else: IPv6 addresses go when their interface goes down. */
  refresh(): void {
    if (this.#assigned.size === 0) return;
    const there = new Set(
      this.#store.addresses().map(({ address, index }) => `${formatIp(address)}@${index}`),
    );
    for (const { address, index } of this.#assigned.values()) {
      if (there.has(`${formatIp(address)}@${index}`)) continue;
      quietly(() => this.#store.addAddress(index, address, 8 * address.length, ORIGIN));
    }
  }

  /** False where the host has it by itself. */
  #add(index: number, address: IpAddress): boolean {
    try {
      this.#store.addAddress(index, address, 8 * address.length, ORIGIN);
      return true;
    } catch (error) {
      if (error instanceof SystemFailure && error.code === 'EEXIST') return false;
      throw error;
    }
  }

  close(): void {
    for (const { address } of [...this.#assigned.values()]) this.unassign(address);
  }
}

interface Assigned {
  readonly address: IpAddress;
  readonly index: number;
  /** From where the SAs are spoken that use it. */
  readonly outside: IpAddress;
}

/**
 * Takes off what a daemon that was killed left on this host, and answers how much that was. Whoever calls it must know
 * that no other daemon of ours is alive in this network namespace. Throws SystemFailure.
 */
export function removeLeftoverAddresses(store: AddressStore): number {
  const left = store.addresses().filter(({ origin }) => origin === ORIGIN);
  for (const { index, address } of left) quietly(() => remove(store, index, address));
  return left.length;
}

function remove(store: AddressStore, index: number, address: IpAddress): void {
  store.deleteAddress(index, address, 8 * address.length);
}

/** Index of the interface for virtual IPs: the one of that `name`, otherwise the one that has the path's own address. Throws Failed. */
export function interfaceFor(routing: Interfaces, { local, remote }: Path, name: string | undefined): number {
  if (name !== undefined) {
    const link = routing.link(name);
    if (link !== undefined) return link.index;
    throw new Failed({
      code: 'kernel/install',
      summary: `there is no interface ${name} for virtual IPs`,
      remedy: 'set install_virtual_ip_on to an interface of this host, or leave it out',
    });
  }
  const own = routing.addresses().find(({ address }) => equal(address, local.address));
  return own?.index ?? routing.lookup(remote.address)?.index ?? LOOPBACK;
}

/** The first interface of every network namespace. */
const LOOPBACK = 1;

/** What went by itself meanwhile, with its interface perhaps, need not be taken off. */
function quietly(change: () => void): void {
  try {
    change();
  } catch (error) {
    if (!(error instanceof SystemFailure && (error.code === 'EADDRNOTAVAIL' || error.code === 'ENODEV')))
      throw error;
  }
}
