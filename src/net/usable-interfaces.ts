import { networkInterfaces } from 'node:os';
import { equal } from '../lib/bytes.ts';
import { formatIp, type IpAddress, parseIp } from '../lib/ip.ts';
import { Failed } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import { withoutScope } from './resolver.ts';
import type { Ways } from './ways.ts';

/** Interfaces by name: those named in `use` alone, or where none is, all but those in `ignore`. */
export interface InterfaceChoice {
  readonly use: readonly string[];
  readonly ignore: readonly string[];
}

interface Known {
  readonly address: IpAddress;
  readonly interface: string;
}

/** By which addresses of this host IKE is spoken, where not by all. */
export class UsableInterfaces {
  readonly #choice: InterfaceChoice;
  readonly #look: () => readonly Known[];
  #known: readonly Known[] = [];

  /** `look` answers the addresses of this host, each with its interface. */
  constructor(choice: InterfaceChoice, look: () => readonly Known[] = addressesNow) {
    this.#choice = choice;
    this.#look = look;
    this.refresh();
  }

  /** Addresses or interfaces of this host are others than before. */
  refresh(): void {
    this.#known = this.#look();
  }

  /** An address that no interface has is usable unless only some are. */
  admits(address: IpAddress): boolean {
    const { use, ignore } = this.#choice;
    const names = this.#known.filter(one => equal(one.address, address)).map(one => one.interface);
    if (use.length > 0) return names.some(name => use.includes(name));
    return names.length === 0 || names.some(name => !ignore.includes(name));
  }

  /** The path, where it begins at an address that is usable. Throws Failed (`local/address`). */
  checked(path: Path): Path {
    const { use, ignore } = this.#choice;
    if (this.admits(path.local.address)) return path;
    throw new Failed({
      code: 'local/address',
      summary: `the way to ${formatIp(path.remote.address)} begins at ${formatIp(path.local.address)}, by which IKE is not spoken`,
      ours: [
        use.length > 0 ? `interfaces_use = ${use.join(', ')}` : `interfaces_ignore = ${ignore.join(', ')}`,
      ],
      remedy:
        'name its interface in interfaces_use, take it out of interfaces_ignore, or route by another one',
    });
  }

  /** `ways` without those that begin elsewhere. */
  among(ways: Ways): Ways {
    return {
      addresses: isVirtual => ways.addresses(isVirtual).filter(address => this.admits(address)),
      paths: async (path, remotes, isVirtual) =>
        (await ways.paths(path, remotes, isVirtual)).filter(({ local }) => this.admits(local.address)),
    };
  }
}

function addressesNow(): readonly Known[] {
  return Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ address: text }) => {
      const address = parseIp(withoutScope(text));
      return address === undefined ? [] : [{ address, interface: name }];
    }),
  );
}
