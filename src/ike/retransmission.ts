import type { Duration } from '../lib/time.ts';
import type { EngineSettings } from './output.ts';

/** How what is not answered is sent again. */
export type RetransmissionSchedule = Pick<
  EngineSettings,
  'retransmitTimeout' | 'retransmitBase' | 'retransmitTries' | 'retransmitLimit' | 'retransmitJitter'
>;

/** Where random parts come from, as the host of a session has them. */
export interface Chance {
  /** Evenly spread over [0, limit). */
  jitter(limit: Duration): Duration;
}

/**
 * How long an answer is waited for after `resent` repetitions: longer each time, up to the limit where there is one, and less a
 * random part where that is configured, so that many peers of one that comes back do not all call in the same moment.
 */
export function waitAfter(
  {
    retransmitTimeout,
    retransmitBase,
    retransmitLimit,
    retransmitJitter,
  }: Omit<RetransmissionSchedule, 'retransmitTries'>,
  resent: number,
  chance: Chance,
): Duration {
  const unlimited = retransmitTimeout * retransmitBase ** resent;
  const wait = retransmitLimit > 0 ? Math.min(unlimited, retransmitLimit) : unlimited;
  return retransmitJitter > 0 ? wait - chance.jitter((wait * retransmitJitter) / 100) : wait;
}
