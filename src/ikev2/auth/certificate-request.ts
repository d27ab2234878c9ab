import { CertEncoding, PayloadType } from '../../iana/ikev2.ts';
import type { Host } from '../../ike/session.ts';
import { type StepSubject, tellCertificates, tellRequests } from '../../ike/steps.ts';
import type { Connection } from '../../policy/connection.ts';
import type { CertReqPayload, Payload } from '../../wire/v2/payload.ts';

const HASH_LENGTH = 20;
/** Of the payload, before the hashes. */
const HEAD_LENGTH = 5;

/**
 * CERTREQ for the authorities that we trust for `connections` (RFC 7296 §3.7), where the peer is to sign; nothing where it is not, or
 * we know none.
 *
 * @param room octets that it may take: hashes that do not fit are left out, for they are but a hint.
 */
export function certificateRequest(
  host: Host,
  connections: readonly Pick<Connection, 'sendCertreq' | 'remote'>[],
  room: () => number = () => Number.POSITIVE_INFINITY,
): readonly CertReqPayload[] {
  const rounds = connections
    .filter(({ sendCertreq }) => sendCertreq)
    .flatMap(({ remote }) => remote.filter(({ method }) => method === 'pubkey'));
  if (rounds.length === 0) return [];
  const all = host.trust.authorityHashes(rounds);
  if (all.length === 0) return [];
  const length = Math.max(0, Math.min(room() - HEAD_LENGTH, all.length));
  const data = all.subarray(0, length - (length % HASH_LENGTH));
  return [{ type: PayloadType.CERTREQ, encoding: CertEncoding.X509_SIGNATURE, data }];
}

export function tellAsking(sa: StepSubject, requests: readonly CertReqPayload[]): void {
  for (const { data } of requests) tellRequests(sa, 'sending', data);
}

/** What a message of the peer asks for of certificates, and brings. */
export function tellAsked(sa: StepSubject, { payloads }: { readonly payloads: readonly Payload[] }): void {
  for (const payload of payloads)
    if (payload.type === PayloadType.CERTREQ && payload.encoding === CertEncoding.X509_SIGNATURE)
      tellRequests(sa, 'received', payload.data);
  tellCertificates(sa, 'received', certificatesIn(payloads));
}

/** The X.509 certificates among the payloads of a message. */
export function certificatesIn(payloads: readonly Payload[]): readonly Uint8Array[] {
  return payloads.flatMap(payload =>
    payload.type === PayloadType.CERT && payload.encoding === CertEncoding.X509_SIGNATURE
      ? [payload.data]
      : [],
  );
}
