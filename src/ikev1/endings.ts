import type { Failure } from '../policy/failure.ts';

/* How an ISAKMP SA ends where nobody gives another reason. */

export const STOPPED: Failure = { code: 'local/stopped', summary: 'the ISAKMP SA was closed' };

export const EXPIRED: Failure = {
  code: 'local/expired',
  summary: 'the lifetime of the ISAKMP SA has ended',
};

export const DELETED: Failure = { code: 'peer/deleted', summary: 'the peer deleted the ISAKMP SA' };

export const BEGUN_ANEW: Failure = {
  code: 'local/superseded',
  summary: 'the peer has begun anew, and knows nothing of it any more',
};

export const NEVER_WENT_ON: Failure = {
  code: 'peer/silent',
  summary: 'the peer began phase 1 and did not go on',
};
