import assert from 'node:assert/strict';
import { type Duration, MINUTE } from '../../src/lib/time.ts';
import type { Failure } from '../../src/policy/failure.ts';
import type { Host } from './host.ts';
import type { Pair } from './pair.ts';

/**
 * Begins twice what comes to nothing, for what was left behind by the first try would show in the second; `check` is
 * called when `wait` is over each time.
 */
export function bothTimes(
  { sim, a, b }: Pair,
  check: (a: Host, b: Host) => void,
  wait: Duration = MINUTE,
): void {
  for (let time = 0; time < 2; time++) {
    a.events.length = 0;
    b.events.length = 0;
    a.initiate('site', 'net');
    sim.quiet();
    sim.run(wait);
    sim.check(() => check(a, b));
    sim.assertEmpty();
  }
}

/** Why the IKE SA itself came to nothing, by what `host` told first. */
export function failureOf(host: Host): Failure {
  const [event] = host.eventsOf('failed').filter(({ child }) => child === undefined);
  assert.ok(event !== undefined, `${host.name} told of no failure`);
  return event.failure;
}
