import type { Failure } from '../policy/failure.ts';
import { EXPIRED, UNFINISHED } from './endings.ts';
import { liveness } from './flows/informational.ts';
import { rekeyIke } from './flows/rekey-ike.ts';
import type { IkeSa } from './ike-sa.ts';
import type { Lifetime, TimerName } from './lifetime.ts';
import type { Mobility } from './mobility.ts';

/** The IKE SA that grows older. */
interface Aging extends IkeSa {
  readonly mobility: Mobility;
  discardFragments(): void;
  terminate(reason: Failure): void;
  broken(failure: Failure): void;
}

/** What follows when one of the times of `sa` is over. */
export function elapsed(sa: Aging, lifetime: Lifetime, timer: TimerName): void {
  switch (timer) {
    case 'half-open':
      sa.broken(UNFINISHED);
      return;
    case 'fragments':
      sa.discardFragments();
      return;
    case 'keepalive':
      if (lifetime.remind(sa.path)) sa.start(liveness());
      return;
    case 'liveness':
      lifetime.watch(sa.connection.dpdDelay);
      if (sa.running === undefined && !sa.mobility.stale) sa.start(liveness());
      return;
    case 'rekey':
      sa.start(rekeyIke());
      return;
    case 'reauth':
      sa.reauthenticate();
      return;
    case 'expire':
      sa.terminate(EXPIRED);
  }
}
