import type { Instant } from '../lib/time.ts';

/** The shell's clock: since the epoch, and never backwards, since the process measures from its own start. */
export function now(): Instant {
  return performance.timeOrigin + performance.now();
}
