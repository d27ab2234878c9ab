import type { ChildConfig } from './connection.ts';
import type { Failure } from './failure.ts';

/** What is to follow when a child ends that was not ended from here. */
export interface AfterLoss {
  /** It is begun anew at once, or at the next packet; both may be. */
  readonly start: boolean;
  readonly trap: boolean;
}

const NOTHING: AfterLoss = { start: false, trap: false };

/**
 * `close_action` where the peer deleted the SA, `dpd_action` where it went otherwise (the peer is dead, lifetimes are
 * over), nothing where it went as wished. `failure` is that of the end.
 */
export function afterLoss(
  config: Pick<ChildConfig, 'closeAction' | 'dpdAction'>,
  failure: Failure | undefined,
): AfterLoss {
  switch (failure?.code) {
    case undefined:
    case 'local/stopped':
    case 'local/superseded':
      return NOTHING;
    case 'peer/deleted':
      return { start: config.closeAction.includes('start'), trap: config.closeAction.includes('trap') };
    default:
      return { start: config.dpdAction.includes('restart'), trap: config.dpdAction.includes('trap') };
  }
}
