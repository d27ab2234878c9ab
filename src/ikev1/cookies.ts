import { V1ExchangeType } from '../iana/ikev1.ts';
import type { Header } from '../wire/header.ts';
import type { IsakmpSa } from './isakmp-sa.ts';

/** Whether a message with these cookies belongs to an SA; an initiator does not know the responder's from the beginning. */
export function belongsTo(
  sa: Pick<IsakmpSa, 'role' | 'initiatorSpi' | 'responderSpi'>,
  { initiatorSpi, responderSpi, exchangeType }: Header,
): boolean {
  if (initiatorSpi !== sa.initiatorSpi) return false;
  // Who refuses at once may not have made a cookie for that; what else has none is our own first message.
  if (responderSpi === 0n) return sa.role === 'initiator' && exchangeType === V1ExchangeType.INFORMATIONAL;
  return responderSpi === sa.responderSpi || (sa.role === 'initiator' && sa.responderSpi === 0n);
}
