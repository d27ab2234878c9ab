import type { IpAddress } from '../lib/ip.ts';
import type { Connection } from '../policy/connection.ts';

interface Remembered {
  readonly vips: string;
  readonly addresses: readonly IpAddress[];
}

/**
 * The virtual IPs that each connection was given last: whoever comes back asks for what it had, so that whatever goes
 * through the tunnel lives on (RFC 7296 §2.19).
 */
export class VirtualIpMemory {
  readonly #byConnection = new Map<string, Remembered>();

  /** Undefined where there were none, or where others are configured by now. */
  of({ name, vips }: Connection): readonly IpAddress[] | undefined {
    const known = this.#byConnection.get(name);
    return known?.vips === vips.join() ? known.addresses : undefined;
  }

  keep({ name, vips }: Connection, addresses: readonly IpAddress[]): void {
    this.#byConnection.set(name, { vips: vips.join(), addresses });
  }

  /** Forgets what belongs to none of these. */
  prune(connections: readonly Connection[]): void {
    const names = new Set(connections.map(({ name }) => name));
    for (const name of [...this.#byConnection.keys()]) if (!names.has(name)) this.#byConnection.delete(name);
  }
}
