import { V1ExchangeType } from '../iana/ikev1.ts';
import type { Header } from '../wire/header.ts';
import type { IsakmpSa } from './isakmp-sa.ts';

/** Whether a message with these cookies belongs to an SA; an initiator does not know the responder's from the beginning. */
export function belongsTo(
  sa: Pick<IsakmpSa, 'role' | 'initiatorSpi' | 'responderSpi'>,
  { initiatorSpi, responderSpi, exchangeType }: Header,
): boolean {
  if (initiatorSpi !== sa.initiatorSpi) return false;
  if (responderSpi === sa.responderSpi) return responderSpi !== 0n;
  if (sa.role !== 'initiator') return false;
  // Who refuses at once may not have made a cookie for that.
  return sa.responderSpi === 0n || (responderSpi === 0n && exchangeType === V1ExchangeType.INFORMATIONAL);
}
