import { V1CertEncoding, V1PayloadType } from '../../iana/ikev1.ts';
import { type StepSubject, tell, tellCertificates, who } from '../../ike/steps.ts';
import type { Identity } from '../../policy/identity.ts';
import type { V1Payload } from '../../wire/v1/payload.ts';

/** Where our proof is a signature, the log tells of it, and of the certificates that go with it. */
export function tellOwnSignature(sa: StepSubject, localId: Identity, proof: readonly V1Payload[]): void {
  if (!proof.some(({ type }) => type === V1PayloadType.SIG)) return;
  tell(sa, 'ike', () => `authentication of '${who(localId)}' (myself) successful`);
  tellCertificates(sa, 'sending', certificatesIn(proof));
}

/** The X.509 certificates among the payloads of a message. */
export function certificatesIn(payloads: readonly V1Payload[]): readonly Uint8Array[] {
  return payloads.flatMap(payload =>
    payload.type === V1PayloadType.CERT && payload.encoding === V1CertEncoding.X509_SIGNATURE
      ? [payload.data]
      : [],
  );
}
