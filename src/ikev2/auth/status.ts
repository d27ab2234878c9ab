import { CertEncoding, PayloadType } from '../../iana/ikev2.ts';
import { ownStatus } from '../../ike/own-status.ts';
import type { StepSubject } from '../../ike/steps.ts';
import type { Connection } from '../../policy/connection.ts';
import type { CertPayload, CertReqPayload, Payload } from '../../wire/v2/payload.ts';
import type { Flow } from '../flow.ts';

/*
 * The status of a certificate, carried along by whose it is (RFC 4806): a CERTREQ of encoding 14 asks for it, a CERT of that
 * encoding is an OCSP response.
 */

const { OCSP: encoding } = CertEncoding;

type Asking = Pick<Connection, 'ocsp' | 'sendCertreq' | 'remote'>;

/** Asks the peer for the status of its certificate, for any of `connections`. No responder is named: its issuer says who may answer for it. */
export function statusRequest(connections: readonly Asking[]): readonly CertReqPayload[] {
  const wanted = connections.some(
    ({ ocsp, sendCertreq, remote }) =>
      (ocsp === 'request' || ocsp === 'both') &&
      sendCertreq &&
      remote.some(({ method }) => method === 'pubkey'),
  );
  return wanted ? [{ type: PayloadType.CERTREQ, encoding, data: new Uint8Array() }] : [];
}

/** Whether the peer asks for the status of ours. */
export function asksForStatus(payloads: readonly Payload[]): boolean {
  return payloads.some(payload => payload.type === PayloadType.CERTREQ && payload.encoding === encoding);
}

/** What is to be believed of the certificates that came: responses count only where they were asked for. */
export function heeded({ ocsp }: Connection, sent: readonly CertPayload[]): readonly CertPayload[] {
  if (ocsp === 'request' || ocsp === 'both') return sent;
  return sent.filter(payload => payload.encoding !== encoding);
}

/** The status of the certificate that we prove ourselves with, where the peer `asked` for it and it can be had. */
export function* statusOfOurs(
  sa: StepSubject,
  sent: readonly CertPayload[],
  asked: boolean,
): Flow<readonly CertPayload[]> {
  const { ocsp = 'reply' } = sa.connection;
  const [own] = sent;
  if (!asked || own?.encoding !== CertEncoding.X509_SIGNATURE || (ocsp !== 'reply' && ocsp !== 'both'))
    return [];
  const response = yield* ownStatus(sa, own.data);
  return response === undefined ? [] : [{ type: PayloadType.CERT, encoding, data: response }];
}
