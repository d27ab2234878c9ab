import { V1ExchangeType } from '../iana/ikev1.ts';
import type { IkeSaStatus } from '../ike/output.ts';

/**
 * How far an ISAKMP SA is: in phase 1; waiting for a user of the peer's to prove itself; authenticated, with other
 * transactions still to come; established; its children with another SA that took its place; ended, its children
 * waiting for another SA.
 */
export type Stage = 'PHASE_1' | 'AWAITING_USER' | 'TRANSACTIONS' | 'ESTABLISHED' | 'REPLACED' | 'ENDED';

/** The words of status output. */
export const STATES: Readonly<Record<Stage, IkeSaStatus['state']>> = {
  PHASE_1: 'CONNECTING',
  AWAITING_USER: 'CONNECTING',
  TRANSACTIONS: 'CONNECTING',
  ESTABLISHED: 'ESTABLISHED',
  REPLACED: 'REKEYED',
  ENDED: 'DELETING',
};

/**
 * What becomes of the first message of an exchange that the peer begins under encryption:
 * `serve`: it is opened, and answered if it is authentic; `hold`: it may have overtaken the last message of phase 1,
 * or of XAUTH, and is looked at when that is here; `drop`: nothing.
 */
export type Verdict = 'serve' | 'hold' | 'drop';

type Row = Readonly<Record<Stage, Verdict>>;

/** Which exchange a peer may begin at which stage. What is not in the table is dropped. */
const EXCHANGES: Readonly<Record<number, Row>> = {
  // Phase 1 begins before there is an SA; its retransmissions are told by their digest, in the engine.
  [V1ExchangeType.QUICK_MODE]: {
    PHASE_1: 'hold',
    AWAITING_USER: 'drop',
    TRANSACTIONS: 'drop',
    ESTABLISHED: 'serve',
    REPLACED: 'serve',
    ENDED: 'drop',
  },
  [V1ExchangeType.INFORMATIONAL]: {
    PHASE_1: 'hold',
    AWAITING_USER: 'serve',
    TRANSACTIONS: 'serve',
    ESTABLISHED: 'serve',
    REPLACED: 'serve',
    // What the peer deletes besides may come later.
    ENDED: 'serve',
  },
  [V1ExchangeType.TRANSACTION]: {
    PHASE_1: 'hold',
    AWAITING_USER: 'hold',
    TRANSACTIONS: 'serve',
    ESTABLISHED: 'serve',
    REPLACED: 'drop',
    ENDED: 'drop',
  },
  [V1ExchangeType.NEW_GROUP_MODE]: {
    PHASE_1: 'drop',
    AWAITING_USER: 'drop',
    TRANSACTIONS: 'drop',
    ESTABLISHED: 'serve',
    REPLACED: 'drop',
    ENDED: 'drop',
  },
};

export function verdictOn(exchange: number, stage: Stage): Verdict {
  return EXCHANGES[exchange]?.[stage] ?? 'drop';
}
