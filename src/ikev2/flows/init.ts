import { ikeSaKeys, type Nonces } from '../../crypto/keymat-v2.ts';
import { type Prf, prfOf } from '../../crypto/prf/prf.ts';
import type { AcceptedProposal } from '../../crypto/proposal.ts';
import { PayloadType } from '../../iana/ikev2.ts';
import type { Setting } from '../../ike/failures.ts';
import type { Host } from '../../ike/session.ts';
import type { Secret } from '../../lib/secret.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed } from '../../policy/failure.ts';
import type { WireProposal } from '../../wire/v2/payload.ts';
import { first, type Message } from '../flow.ts';
import { ikeKeys } from '../ike-keys.ts';
import type { EmergingSa } from '../ike-sa.ts';

/*
 *   Initiator                         Responder
 *   HDR, [N(COOKIE),] SAi1, KEi, Ni  -->
 *                               <--  HDR, N(COOKIE)                      once more, with the cookie
 *                               <--  HDR, N(INVALID_KE_PAYLOAD)          once more, with another method
 *                               <--  HDR, SAr1, KEr, Nr, [CERTREQ]       RFC 7296 §1.2, §2.6
 */

/** What IKE_AUTH needs of IKE_SA_INIT; gone once the SA is established. */
export interface InitResult {
  readonly chosen: AcceptedProposal;
  readonly prf: Prf;
  readonly nonces: Nonces;
  readonly skPi: Secret;
  readonly skPr: Secret;
  /** Both messages octet by octet: AUTH covers them (RFC 7296 §2.15). */
  readonly initiatorMessage: Uint8Array;
  readonly responderMessage: Uint8Array;
  /** The responder asked for a certificate. */
  readonly certificateAsked: boolean;
  /** The peer asked for the status of our certificate (RFC 4806). */
  readonly statusAsked: boolean;
}

export const NONCE_LENGTH = 32;

/** Keys from what IKE_SA_INIT brought (RFC 7296 §2.14); from now on the SA's messages are protected. `secret` is wiped. */
export function deriveKeys(
  sa: EmergingSa,
  chosen: AcceptedProposal,
  nonces: Nonces,
  secret: Secret,
  peerSpi: bigint,
): Pick<InitResult, 'chosen' | 'prf' | 'nonces' | 'skPi' | 'skPr'> {
  const { host, role } = sa;
  const prf = prfOf(host.provider, chosen.prf) as Prf;
  const spis =
    role === 'initiator'
      ? { initiator: sa.initiatorSpi, responder: peerSpi }
      : { initiator: peerSpi, responder: sa.responderSpi };
  const derived = ikeSaKeys({ prf, suite: chosen, spis, nonces, sharedSecret: secret.reveal() });
  secret.wipe();
  sa.agree(peerSpi, ikeKeys(host, chosen, role, spis, derived));
  return { chosen, prf, nonces, skPi: derived.skPi, skPr: derived.skPr };
}

/** The proposals that may stand in IKE_SA_INIT: those without an SPI (RFC 7296 §3.3.1). */
export function proposalsIn(message: Message): readonly WireProposal[] {
  return (first(message, PayloadType.SA)?.proposals ?? []).filter(({ spi }) => spi.length === 0);
}

/** RFC 7296 §2.10: at least half the key size of the function. */
export function isShort(nonce: Uint8Array, chosen: AcceptedProposal, host: Host): boolean {
  const prf = prfOf(host.provider, chosen.prf);
  return prf === undefined || 2 * nonce.length < prf.preferredKeyLength;
}

export function settingOf({ name }: Connection): Setting {
  return { key: 'proposals', of: name };
}

/** The peer's message is not what the protocol allows. */
export function breach(summary: string): Failed {
  return new Failed({ code: 'peer/malformed', summary });
}
