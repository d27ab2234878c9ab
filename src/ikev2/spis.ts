import { ExchangeType } from '../iana/ikev2.ts';
import { type Header, HeaderFlag } from '../wire/header.ts';
import type { IkeSa } from './ike-sa.ts';

type Ends = Pick<IkeSa, 'role' | 'initiatorSpi' | 'responderSpi'>;

/** The SPI that we chose. */
export function ownSpi({ role, initiatorSpi, responderSpi }: Ends): bigint {
  return role === 'initiator' ? initiatorSpi : responderSpi;
}

/** Whether a message that has our SPI is the peer's, and of this SA: the peer's SPI is known once IKE_SA_INIT is done. */
export function belongsTo(sa: Ends, header: Header): boolean {
  const fromInitiator = (header.flags & HeaderFlag.INITIATOR) !== 0;
  // Our own message, sent back to us, has the wrong role.
  if (fromInitiator === (sa.role === 'initiator')) return false;
  const theirs = fromInitiator ? header.initiatorSpi : header.responderSpi;
  const expected = sa.role === 'initiator' ? sa.responderSpi : sa.initiatorSpi;
  return theirs === expected || header.exchangeType === ExchangeType.IKE_SA_INIT;
}
