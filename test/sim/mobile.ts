import assert from 'node:assert/strict';
import { formatIp, ip } from '../../src/lib/ip.ts';
import { assertEnds, assertSettles, onlyIke } from './ends.ts';
import type { Host } from './host.ts';
import { ADDRESS_A, ADDRESS_B, type Pair, type PairOptions, pair } from './pair.ts';

export const SECOND_A = ip('192.0.2.11');
export const THIRD_A = ip('203.0.113.5');
export const SECOND_B = ip('198.51.100.22');
/** Of a NAT. */
export const OUTSIDE = ip('203.0.113.7');

/** Both may move; nothing is begun. */
export function mobile(options: PairOptions = {}): Pair {
  const made = pair({ ...options, both: { mobike: true, ...options.both } });
  made.a.roam(ADDRESS_A);
  made.b.roam(ADDRESS_B);
  return made;
}

/** Two ends that may move, with an IKE SA and a child. */
export function connectedMobile(
  options: PairOptions = {},
  before: (made: Pair) => void = () => undefined,
): Pair {
  const made = mobile(options);
  before(made);
  made.a.initiate('site', 'net');
  assertSettles(made.sim, made.a, made.b);
  return made;
}

/** From where to where the IKE SA and all that is installed lead. */
export function ends(host: Host): string {
  const text = ({ path: { local, remote } }: Pick<ReturnType<typeof onlyIke>, 'path'>): string =>
    `${formatIp(local.address)} ${formatIp(remote.address)}`;
  const ike = text(onlyIke(host));
  for (const sa of host.backEnd.sas.values()) assert.equal(text(sa), ike, 'ESP goes where IKE goes');
  return ike;
}

/** Both ends agree that they are there. */
export function assertAt({ a, b }: Pair, atA: Uint8Array, atB: Uint8Array = ADDRESS_B): void {
  assert.equal(ends(a), `${formatIp(atA)} ${formatIp(atB)}`);
  assert.equal(ends(b), `${formatIp(atB)} ${formatIp(atA)}`);
}

/** All comes to rest there, and can be ended. */
export function assertEndsAt(made: Pair, atA: Uint8Array, atB: Uint8Array = ADDRESS_B): void {
  const { sim, a, b } = made;
  assertSettles(sim, a, b);
  assertAt(made, atA, atB);
  assertEnds(sim, a);
}
