import { familyShape } from '../../control/metrics.ts';
import { textOf } from '../../control/vici/message.ts';
import type { Command } from '../../control/vici/server-client.ts';
import type { Metrics } from '../metrics.ts';
import type { KeySaving } from '../save-keys.ts';

export interface ObservingSubjects {
  readonly metrics: Metrics;
  readonly keySaving: KeySaving;
}

/** A packet of VICI has 512 KiB, and so much is far below it. */
const SAMPLES_AT_ONCE = 500;

/** What watches the daemon from outside: `cygnet-metrics` and `cygnet-save-keys`. */
export function observingCommands({
  metrics,
  keySaving,
}: ObservingSubjects): Readonly<Record<string, Command>> {
  return {
    'cygnet-metrics': async (_, context) => {
      for (const family of await metrics.families()) {
        for (let i = 0; i === 0 || i < family.samples.length; i += SAMPLES_AT_ONCE) {
          const samples = family.samples.slice(i, i + SAMPLES_AT_ONCE);
          await context.emit('cygnet-metric', familyShape.encode({ ...family, samples }));
        }
      }
      return {};
    },
    // Without a directory it ends.
    'cygnet-save-keys': async message => {
      keySaving.into(textOf(message, 'directory'));
      return { success: 'yes' };
    },
  };
}
