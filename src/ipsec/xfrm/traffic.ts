import type { Instant } from '../../lib/time.ts';
import type { StateReport } from './state.ts';

/** What one direction of an SA has carried. */
export interface Traffic {
  readonly bytes: bigint;
  readonly packets: bigint;
  /** Instant of the last packet, or of the first question after it where the kernel does not say; 0: none. */
  readonly used: number;
}

export const NOTHING: Traffic = { bytes: 0n, packets: 0n, used: 0 };

/** What a state reports now, after `before`; a state that is gone, by itself or on demand, keeps what it had carried. */
export function counted(before: Traffic, state: StateReport | undefined, now: Instant): Traffic {
  if (state === undefined) return before;
  const { bytes, packets, lastUsed } = state;
  return { bytes, packets, used: lastUsed ?? (packets === before.packets ? before.used : now) };
}
