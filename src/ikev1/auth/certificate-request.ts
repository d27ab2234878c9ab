import { V1CertEncoding, V1PayloadType } from '../../iana/ikev1.ts';
import { tell } from '../../ike/steps.ts';
import { Malformed } from '../../lib/reader.ts';
import { formatName } from '../../pki/name.ts';
import type { V1CertRequestPayload } from '../../wire/v1/payload.ts';
import { all, type Message } from '../flow.ts';
import type { EmergingSa } from '../isakmp-sa.ts';

/** More names of authorities than these only make the message large. */
const MOST_NAMED = 8;

/** A CR payload for each authority that we trust (RFC 2408 §3.10), where the peer is to sign; one for any where there are too many to name. */
export function certificateRequests(sa: EmergingSa): readonly V1CertRequestPayload[] {
  const { host, connection } = sa;
  const rounds = connection.remote.filter(({ method }) => method === 'pubkey');
  if (!connection.sendCertreq || rounds.length === 0) return [];
  const named = rounds.flatMap(({ authorities }) => host.trust.readable(authorities));
  const authorities = named.length > 0 ? named : host.trust.anchors;
  if (authorities.length === 0) return [];
  for (const { subject } of authorities.slice(0, MOST_NAMED))
    tell(sa, 'ike', () => `sending cert request for "${subject.text}"`);
  const names =
    authorities.length > MOST_NAMED ? [new Uint8Array()] : authorities.map(({ subject }) => subject.der);
  return names.map(data => ({ type: V1PayloadType.CR, encoding: V1CertEncoding.X509_SIGNATURE, data }));
}

/** Whether the peer asked for a certificate: it may in any message (RFC 2408 §3.10). */
export function heedCertificateRequests(sa: EmergingSa, message: Message): void {
  const asked = all(message, V1PayloadType.CR).some(
    ({ encoding }) => encoding === V1CertEncoding.X509_SIGNATURE,
  );
  if (asked) sa.peer.certificateAsked = true;
  for (const { data } of all(message, V1PayloadType.CR))
    if (data.length > 0) tell(sa, 'ike', () => `received cert request for '${subjectOf(data)}'`);
}

function subjectOf(name: Uint8Array): string {
  try {
    return formatName(name);
  } catch (error) {
    if (error instanceof Malformed) return 'no name';
    throw error;
  }
}
