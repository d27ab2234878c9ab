import type { Failure } from '../policy/failure.ts';

/* How an IKE SA ends where nobody gives another reason. */

export const UNFINISHED: Failure = {
  code: 'peer/silent',
  summary: 'the peer began, was answered, and did not go on',
  remedy: 'see why at the peer: the answer did not reach it, or it did not like what it says',
};

export const STOPPED: Failure = { code: 'local/stopped', summary: 'the IKE SA was closed' };

export const EXPIRED: Failure = {
  code: 'local/expired',
  summary: 'the lifetime of the IKE SA has ended',
};

/** Message IDs never wrap (RFC 7296 §2.2). */
export const USED_UP: Failure = {
  code: 'local/expired',
  summary: 'the Message IDs of the IKE SA are used up',
};
