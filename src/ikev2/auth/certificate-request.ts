import { CertEncoding, PayloadType } from '../../iana/ikev2.ts';
import type { Host } from '../../ike/session.ts';
import type { Connection } from '../../policy/connection.ts';
import type { CertReqPayload } from '../../wire/v2/payload.ts';

const HASH_LENGTH = 20;
/** Of the payload, before the hashes. */
const HEAD_LENGTH = 5;

/**
 * CERTREQ for the authorities that we trust (RFC 7296 §3.7), where the peer is to sign; nothing where it is not, or
 * we know none.
 *
 * @param room octets that it may take: hashes that do not fit are left out, for they are but a hint.
 */
export function certificateRequest(
  host: Host,
  { sendCertreq, remote }: Connection,
  room: () => number = () => Number.POSITIVE_INFINITY,
): readonly CertReqPayload[] {
  const rounds = remote.filter(({ method }) => method === 'pubkey');
  if (!sendCertreq || rounds.length === 0) return [];
  const all = host.trust.authorityHashes(rounds);
  if (all.length === 0) return [];
  const length = Math.max(0, Math.min(room() - HEAD_LENGTH, all.length));
  const data = all.subarray(0, length - (length % HASH_LENGTH));
  return [{ type: PayloadType.CERTREQ, encoding: CertEncoding.X509_SIGNATURE, data }];
}
