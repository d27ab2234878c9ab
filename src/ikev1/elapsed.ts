import { DELETED, EXPIRED, NEVER_WENT_ON } from './endings.ts';
import type { IsakmpSa } from './isakmp-sa.ts';
import type { Lifetime, TimerName } from './lifetime.ts';
import type { Setbacks } from './setbacks.ts';
import type { Transacting } from './transacting.ts';

/** The ISAKMP SA that grows older. */
interface Aging extends Transacting {
  /** The SA that has taken the children over. */
  readonly heir: IsakmpSa | undefined;
  readonly setbacks: Setbacks;
  rekeyIke(): void;
}

/** What follows when one of the times of `sa` is over. */
export function elapsed(sa: Aging, lifetime: Lifetime, timer: TimerName): void {
  switch (timer) {
    case 'half-open':
      sa.setbacks.broken(sa.progress.obstacle ?? sa.setbacks.obstacle ?? NEVER_WENT_ON);
      return;
    case 'keepalive':
      sa.host.keepalive(sa.path);
      lifetime.keepAlive();
      return;
    case 'reauth':
    case 'bereft':
      lifetime.reauthAgain();
      sa.rekeyIke();
      return;
    case 'expire':
      sa.terminate(EXPIRED);
      return;
    case 'orphaned':
      if (sa.heir === undefined) sa.close(DELETED);
      else sa.terminate();
  }
}
