import { ExchangeType } from '../iana/ikev2.ts';
import type { IkeState } from './ike-sa.ts';

/**
 * What becomes of a peer's authentic request:
 * `serve`: a flow of its own answers it; `continue`: only a flow that waits for it takes it;
 * `temporary`: TEMPORARY_FAILURE (RFC 7296 §2.25); `drop`: no answer, the Message ID is not used up.
 */
export type Verdict = 'serve' | 'continue' | 'temporary' | 'drop';

type Row = Readonly<Record<IkeState, Verdict>>;

const NEVER: Row = {
  CREATED: 'drop',
  CONNECTING: 'drop',
  ESTABLISHED: 'drop',
  REKEYING: 'drop',
  REKEYED: 'drop',
  DELETING: 'drop',
};

/** Which exchange a peer may begin in which state of the IKE SA. What is not in the table is dropped. */
export const REQUESTS: Readonly<Record<number, Row>> = {
  // Comes before there is an SA; its retransmissions are told by their digest, in the engine.
  [ExchangeType.IKE_SA_INIT]: NEVER,
  [ExchangeType.IKE_AUTH]: { ...NEVER, CONNECTING: 'continue' },
  [ExchangeType.CREATE_CHILD_SA]: {
    ...NEVER,
    ESTABLISHED: 'serve',
    REKEYING: 'serve',
    REKEYED: 'serve',
    DELETING: 'temporary',
  },
  // Before IKE_AUTH nothing proves who asks (CVE-2019-12312 was an INFORMATIONAL served too early): between two of its
  // rounds the flow takes one that gives up (RFC 4739).
  [ExchangeType.INFORMATIONAL]: {
    ...NEVER,
    CONNECTING: 'continue',
    ESTABLISHED: 'serve',
    REKEYING: 'serve',
    REKEYED: 'serve',
    DELETING: 'serve',
  },
  [ExchangeType.IKE_INTERMEDIATE]: { ...NEVER, CONNECTING: 'continue' },
  [ExchangeType.IKE_FOLLOWUP_KE]: {
    ...NEVER,
    ESTABLISHED: 'continue',
    REKEYING: 'continue',
    REKEYED: 'continue',
    DELETING: 'temporary',
  },
};

export function verdictOn(exchange: number, state: IkeState): Verdict {
  return REQUESTS[exchange]?.[state] ?? 'drop';
}
