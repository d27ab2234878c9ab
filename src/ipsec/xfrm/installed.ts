import { copyKeys } from '../../policy/direction-keys.ts';
import type { ChildSaParameters } from '../../policy/sa.ts';
import { NOTHING, type Traffic } from './traffic.ts';

/** What is remembered of an SA in the kernel. */
export interface Installed {
  parameters: ChildSaParameters;
  /** Its outbound half is still to come: the keys of that are a copy of ours. */
  waiting: boolean;
  outbound: boolean;
  /** What each direction had carried when it was asked last. */
  received: Traffic;
  sent: Traffic;
  /** Told already. */
  soft: boolean;
  hard: boolean;
  notice: NodeJS.Timeout | undefined;
}

/** Of an SA on its way in; without `outbound`, with keys for later. */
export function installedOf(sa: ChildSaParameters, outbound: boolean): Installed {
  return {
    parameters: outbound ? sa : { ...sa, keysOut: copyKeys(sa.keysOut) },
    waiting: !outbound,
    outbound: false,
    received: NOTHING,
    sent: NOTHING,
    soft: false,
    hard: false,
    notice: undefined,
  };
}

/** The kernel has the outbound keys now, or needs them no more. */
export function spendKeys(installed: Installed): void {
  if (!installed.waiting) return;
  installed.waiting = false;
  const { encryption, integrity } = installed.parameters.keysOut;
  encryption.wipe();
  integrity.wipe();
}
