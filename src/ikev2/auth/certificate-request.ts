import { CertEncoding, PayloadType } from '../../iana/ikev2.ts';
import type { Host } from '../../ike/session.ts';
import type { Connection } from '../../policy/connection.ts';
import type { CertReqPayload } from '../../wire/v2/payload.ts';

/** CERTREQ for the authorities that we trust (RFC 7296 §3.7), where the peer is to sign; nothing where it is not, or we know none. */
export function certificateRequest(
  host: Host,
  { sendCertreq, remote }: Connection,
): readonly CertReqPayload[] {
  const rounds = remote.filter(({ method }) => method === 'pubkey');
  if (!sendCertreq || rounds.length === 0) return [];
  const data = host.trust.authorityHashes(rounds);
  return data.length === 0
    ? []
    : [{ type: PayloadType.CERTREQ, encoding: CertEncoding.X509_SIGNATURE, data }];
}
