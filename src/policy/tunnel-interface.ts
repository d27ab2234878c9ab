import { type IpAddress, parseIp } from '../lib/ip.ts';
import type { ChildConfig, Connection } from './connection.ts';

/**
 * An interface by which the traffic of children goes instead of by policies alone: to be made when a child names it, and
 * taken away when none does any more. What is routed into it is protected by the SAs that bear its number.
 */
export type TunnelInterface =
  | {
      readonly kind: 'xfrm';
      readonly name: string;
      /** The `if_id` of SAs and policies. */
      readonly id: number;
    }
  | {
      readonly kind: 'vti';
      readonly name: string;
      /** The marks of SAs and policies. */
      readonly keyIn: number;
      readonly keyOut: number;
      /** Of the packets outside; all zero: any. */
      readonly local: IpAddress;
      readonly remote: IpAddress;
    };

/** The interfaces that children of `connections` name, each once; two of one name where they are to be different. */
export function tunnelInterfaces(connections: readonly Connection[]): readonly TunnelInterface[] {
  const found = new Map<string, TunnelInterface>();
  for (const connection of connections) {
    for (const child of connection.children) {
      const wanted = interfaceOf(connection, child);
      if (wanted !== undefined) found.set(JSON.stringify(wanted, spellOut), wanted);
    }
  }
  return [...found.values()];
}

function interfaceOf(connection: Connection, { kernel }: ChildConfig): TunnelInterface | undefined {
  const tunnel = kernel?.tunnelInterface;
  if (tunnel === undefined) return undefined;
  const { name, kind } = tunnel;
  if (kind === 'xfrm') return { kind, name, id: numberOf(kernel?.interfaceOut) };
  const remote = onlyAddress(connection.remoteAddresses);
  const local = onlyAddress(connection.localAddresses);
  const length = (remote ?? local)?.length ?? 4;
  const end = (address: IpAddress | undefined): IpAddress =>
    address?.length === length ? address : new Uint8Array(length);
  return {
    kind,
    name,
    keyIn: numberOf(kernel?.markIn?.value),
    keyOut: numberOf(kernel?.markOut?.value),
    local: end(local),
    remote: end(remote),
  };
}

/** The configuration sees to it that it is one. */
function numberOf(value: number | string | undefined): number {
  return typeof value === 'number' ? value : 0;
}

/** Undefined for names, nets and several addresses: an interface has room for one. */
function onlyAddress(addresses: readonly string[]): IpAddress | undefined {
  const [address, ...others] = addresses;
  return address === undefined || others.length > 0 ? undefined : parseIp(address);
}

function spellOut(_key: string, value: unknown): unknown {
  return value instanceof Uint8Array ? [...value] : value;
}
