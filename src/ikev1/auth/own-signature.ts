import { OakleyAuthMethod, V1CertEncoding, V1PayloadType } from '../../iana/ikev1.ts';
import { nameOf } from '../../iana/name.ts';
import { type StepSubject, tell, tellCertificates, who } from '../../ike/steps.ts';
import { formatIp } from '../../lib/ip.ts';
import type { Identity } from '../../policy/identity.ts';
import type { Path } from '../../policy/sa.ts';
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

/** Which connections fit is looked for, now that the peer has said who it is. */
export function tellLooking(
  sa: StepSubject & { readonly path: Path },
  method: number,
  remote: Identity,
): void {
  const { local, remote: peer } = sa.path;
  const [from, to] = [formatIp(local.address), formatIp(peer.address)];
  const kind = METHODS[method] ?? nameOf(OakleyAuthMethod, method);
  tell(sa, 'cfg', () => `looking for ${kind} peer configs matching ${from}...${to}[${who(remote)}]`);
}

/** As charon's log has them, where it has another name than the registry. */
const METHODS: Readonly<Record<number, string>> = {
  [OakleyAuthMethod.PRE_SHARED_KEY]: 'pre-shared key',
  [OakleyAuthMethod.RSA_SIGNATURES]: 'RSA signature',
  [OakleyAuthMethod.XAUTHInitPreShared]: 'XAuthInitPSK',
  [OakleyAuthMethod.XAUTHInitRSA]: 'XAuthInitRSA',
};
