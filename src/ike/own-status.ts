import type { Certificate } from '../pki/certificate.ts';
import { seekResponse } from './certificate-status.ts';
import type { Flow } from './flow.ts';
import type { Host } from './session.ts';
import type { StepSubject } from './steps.ts';

/** The OCSP response for a certificate of ours, DER: what is kept, or can be had from its responder. */
export function* ownStatus(sa: StepSubject, der: Uint8Array): Flow<never, Uint8Array | undefined> {
  const { host } = sa;
  const certificate = host.trust.certificate(der);
  const issuer = issuerOf(host, certificate);
  if (issuer === undefined) return undefined;
  yield* seekResponse(sa, certificate, issuer);
  return host.trust.response(certificate, host.now)?.der;
}

/** As far as it is known here. */
function issuerOf({ trust }: Host, certificate: Certificate): Certificate | undefined {
  return [...trust.anchors, ...trust.intermediates].find(
    candidate => candidate.subject.key === certificate.issuer.key && trust.isIssuedBy(certificate, candidate),
  );
}
