import type { Duration } from '../lib/time.ts';
import type { EngineSettings } from './output.ts';

/** How what is not answered is sent again. */
export type RetransmissionSchedule = Pick<
  EngineSettings,
  'retransmitTimeout' | 'retransmitBase' | 'retransmitTries' | 'retransmitLimit'
>;

/** How long an answer is waited for after `resent` repetitions: longer each time, up to the limit where there is one. */
export function waitAfter(
  {
    retransmitTimeout,
    retransmitBase,
    retransmitLimit,
  }: Pick<EngineSettings, 'retransmitTimeout' | 'retransmitBase' | 'retransmitLimit'>,
  resent: number,
): Duration {
  const wait = retransmitTimeout * retransmitBase ** resent;
  return retransmitLimit > 0 ? Math.min(wait, retransmitLimit) : wait;
}
