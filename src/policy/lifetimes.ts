import type { Duration } from '../lib/time.ts';
import type { ChildConfig, Connection } from './connection.ts';
import type { ChildLifetimes } from './sa.ts';

/** Of a Child SA that nothing ends. */
export const UNLIMITED: ChildLifetimes = {
  rekeyTime: 0,
  lifeTime: 0,
  rekeyBytes: 0n,
  lifeBytes: 0n,
  rekeyPackets: 0n,
  lifePackets: 0n,
};

/** What a configured child says of the lives of its SAs. */
export type ChildTimes = Pick<
  ChildConfig,
  | 'rekeyTime'
  | 'lifeTime'
  | 'randTime'
  | 'rekeyBytes'
  | 'lifeBytes'
  | 'randBytes'
  | 'rekeyPackets'
  | 'lifePackets'
  | 'randPackets'
>;

/** When an IKE SA is renewed and when it is given up, from its establishment; undefined is never. */
export interface IkeLifetimes {
  readonly rekey?: Duration;
  readonly reauth?: Duration;
  /** The SA is deleted at this time if it was neither rekeyed nor reauthenticated. */
  readonly expire?: Duration;
}

/** Numbers in [0, 1), drawn anew for each SA: two sides with equal settings shall not renew in the same moment (RFC 7296 §2.8). */
export interface LifetimeFractions {
  readonly rekey: number;
  readonly reauth: number;
}

/** `rekeyTime` and `reauthTime`, each less a part of `randTime`; the SA is given up `overTime` after the earlier of them. */
export function ikeLifetimes(
  connection: Pick<Connection, 'rekeyTime' | 'reauthTime' | 'overTime' | 'randTime'>,
  fractions: LifetimeFractions,
): IkeLifetimes {
  const rekey = lessRandom(connection.rekeyTime, connection.randTime, fractions.rekey);
  const reauth = lessRandom(connection.reauthTime, connection.randTime, fractions.reauth);
  const first = Math.min(rekey || Number.POSITIVE_INFINITY, reauth || Number.POSITIVE_INFINITY);
  return {
    ...(rekey > 0 ? { rekey } : {}),
    ...(reauth > 0 ? { reauth } : {}),
    ...(Number.isFinite(first) ? { expire: first + connection.overTime } : {}),
  };
}

/**
 * The limits of one CHILD_SA, the soft ones less a part of `randTime`, `randBytes` and `randPackets`; the latter two are the gap
 * between soft and hard limits where nothing else is said, as with charon. 0 is no limit. `fraction` is drawn anew for each SA from [0, 1).
 */
export function childLifetimes(child: ChildTimes, fraction: number): ChildLifetimes {
  return {
    rekeyTime: lessRandom(child.rekeyTime, child.randTime, fraction),
    lifeTime: child.lifeTime,
    rekeyBytes: lessRandomCount(child.rekeyBytes, child.lifeBytes, child.randBytes, fraction),
    lifeBytes: child.lifeBytes,
    rekeyPackets: lessRandomCount(child.rekeyPackets, child.lifePackets, child.randPackets, fraction),
    lifePackets: child.lifePackets,
  };
}

/** A renewal that is wanted at all comes after one millisecond at the earliest, however large the random part is configured. */
function lessRandom(time: Duration, random: Duration, fraction: number): Duration {
  return time === 0 ? 0 : Math.max(1, Math.round(time - random * fraction));
}

function lessRandomCount(soft: bigint, hard: bigint, random: bigint | undefined, fraction: number): bigint {
  if (soft === 0n) return soft;
  const wanted = random ?? (hard > soft ? hard - soft : 0n);
  const span = wanted < soft ? wanted : soft - 1n;
  return soft - (span * BigInt(Math.floor(fraction * 2 ** 32))) / 2n ** 32n;
}
