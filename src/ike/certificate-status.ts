import { toHex } from '../lib/bytes.ts';
import { type Instant, SECOND } from '../lib/time.ts';
import { formatInstant } from '../pki/calendar.ts';
import type { Certificate } from '../pki/certificate.ts';
import { pairs } from '../pki/chain.ts';
import type { Crl } from '../pki/crl.ts';
import { ocspRequest } from '../pki/ocsp-request.ts';
import type { StatusJudge, StatusSource } from '../pki/status-judge.ts';
import { Failed } from '../policy/failure.ts';
import { ask, type Flow } from './flow.ts';
import type { Host } from './session.ts';
import { type StepSubject, tell } from './steps.ts';

/**
 * A chain holds but for the status of its certificates, which must be asked for before it is judged. It is thrown where
 * nobody can wait, once the proof that it belongs to was found good, and `withStatus` is what catches it: nothing is fetched for a
 * peer that has not shown that it holds the key of a certificate of a trusted authority.
 */
export class StatusMissing extends Error {
  /** From the leaf to the anchor, both included. */
  readonly path: readonly Certificate[];

  constructor(path: readonly Certificate[]) {
    super('the status of certificates is to be asked for');
    this.path = path;
  }
}

/** All that is fetched for one proof must be there by then: a peer waits, and so does our own half-open SA. */
const PATIENCE = 25 * SECOND;
/** Of several chains that a leaf has, the status of so many is sought. */
const MOST_CHAINS = 4;

/** Runs `check`; where it lacks word on certificates, that is fetched, and it is run again. It must bear that. */
export function* withStatus<Result>(sa: StepSubject, check: () => Result): Flow<never, Result> {
  const end = sa.host.now + PATIENCE;
  for (let chains = 0; ; chains++) {
    try {
      return check();
    } catch (error) {
      if (!(error instanceof StatusMissing)) throw error;
      if (chains === MOST_CHAINS)
        throw new Failed({
          code: 'auth/untrusted-chain',
          reason: 'revocation-unknown',
          summary: `the status of ${MOST_CHAINS} chains of ${error.path[0]?.subject.text} was sought in vain`,
          remedy: 'let the authorities certify each other less often',
        });
      yield* seek(sa, error.path, end);
    }
  }
}

/** What `check` answers, or undefined where it lacks word on certificates: for who cannot wait, and asks again in `withStatus`. */
export function unlessMissing<Result>(check: () => Result): Result | undefined {
  try {
    return check();
  } catch (error) {
    if (error instanceof StatusMissing) return undefined;
    throw error;
  }
}

/** Asks for the status of all certificates of a path but the anchor's, one after the other, until one is revoked. */
function* seek(sa: StepSubject, path: readonly Certificate[], end: Instant): Flow<never, void> {
  const { host } = sa;
  for (const [certificate, issuer] of pairs(path)) {
    if (!host.trust.statuses.isPending(certificate, issuer, host.now)) continue;
    tell(sa, 'cfg', () => `checking certificate status of "${certificate.subject.text}"`);
    yield* consultAll(sa, certificate, issuer, end, (statuses, tried) =>
      statuses.next(certificate, issuer, tried, host.now),
    );
    const status = host.trust.statuses.status(certificate, issuer, host.now);
    if (status.kind === 'good') tell(sa, 'cfg', () => 'certificate status is good');
    if (status.kind === 'unknown') tell(sa, 'cfg', () => 'certificate status is not available');
    if (status.kind !== 'revoked') continue;
    tell(
      sa,
      'cfg',
      () =>
        `certificate was revoked on ${formatInstant(status.at)}, reason: ${status.reason ?? 'unspecified'}`,
    );
    return;
  }
}

/** For the status of our own certificate, which a peer asked for: it is a courtesy. */
const COURTESY = 5 * SECOND;

/** Asks for the OCSP response of a certificate of ours, one responder after the other. */
export function* seekResponse(
  sa: StepSubject,
  certificate: Certificate,
  issuer: Certificate,
): Flow<never, void> {
  const { host } = sa;
  if (!host.settings.fetchStatus) return;
  yield* consultAll(sa, certificate, issuer, host.now + COURTESY, (statuses, tried) =>
    statuses.nextResponder(certificate, issuer, tried, host.now),
  );
}

/** Asks one place after the other, until `next` knows none. */
function* consultAll(
  sa: StepSubject,
  certificate: Certificate,
  issuer: Certificate,
  end: Instant,
  next: (statuses: StatusJudge, tried: ReadonlySet<string>) => StatusSource | undefined,
): Flow<never, void> {
  const { host } = sa;
  const tried = new Set<string>();
  const why: string[] = [];
  for (;;) {
    const source = next(host.trust.statuses, tried);
    if (source === undefined) break;
    tried.add(`${source.kind} ${source.uri}`);
    const obstacle = yield* consult(sa, source, certificate, issuer, end);
    if (obstacle === undefined) {
      if (source.kind !== 'ocsp') tell(sa, 'cfg', () => `  crl correctly signed by "${issuer.subject.text}"`);
      continue;
    }
    const what = source.kind === 'ocsp' ? `ocsp request to ${source.uri}` : 'crl fetching';
    tell(sa, 'cfg', () => `${what} failed: ${obstacle}`);
    why.push(`${source.uri}: ${obstacle}`);
  }
  host.trust.statuses.conclude(certificate, issuer, why, host.now);
}

/** Fetches from one place and keeps what is of use; answers why nothing was. */
function* consult(
  sa: StepSubject,
  source: StatusSource,
  certificate: Certificate,
  issuer: Certificate,
  end: Instant,
): Flow<never, string | undefined> {
  const { host } = sa;
  const { kind, uri, limit } = source;
  const refusal = schemeFault(source);
  if (refusal !== undefined) return refusal;
  const { ocspNonceLength, fetchTimeout } = host.settings;
  const left = end - host.now;
  if (left <= 0) return 'no time was left for it';
  tell(sa, 'cfg', () =>
    kind === 'ocsp' ? `  requesting ocsp status from '${uri}' ...` : `  fetching crl from '${uri}' ...`,
  );
  const nonce = kind === 'ocsp' && ocspNonceLength > 0 ? host.provider.random(ocspNonceLength) : undefined;
  const body = kind === 'ocsp' ? ocspRequest(certificate, issuer, nonce, host.provider) : undefined;
  try {
    const { octets } = yield* ask<'fetch'>({
      kind: 'fetch',
      uri,
      ...(body === undefined ? {} : { body }),
      limit,
      timeout: fetchTimeout === 0 ? left : Math.min(fetchTimeout, left),
    });
    const learnt = host.trust.statuses.learn(source, octets, certificate, issuer, host.now, nonce);
    if (learnt.list !== undefined) announce(host, learnt.list);
    return learnt.obstacle;
  } catch (error) {
    if (error instanceof Failed) return error.failure.summary;
    throw error;
  }
}

/** By the name that charon gives its file; a list that does not say whose key signed it has none. */
function announce(host: Host, { der, thisUpdate, authorityKeyIdentifier: key, deltaOf }: Crl): void {
  if (key === undefined || key.length === 0 || key.length > LONGEST_KEY_IDENTIFIER) return;
  const name = `${toHex(key)}${deltaOf === undefined ? '' : '_delta'}`;
  host.event({ kind: 'list-fetched', name, thisUpdate, der });
}

/** A hash of the key, as all make it. */
const LONGEST_KEY_IDENTIFIER = 64;

/** Certificates say where over the network; a file of this host is only the configuration's to name. */
function schemeFault({ kind, uri, configured }: StatusSource): string | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(uri)?.[1]?.toLowerCase();
  if (scheme === 'http' || scheme === 'https') return undefined;
  if (scheme === 'file' && kind !== 'ocsp')
    return configured ? undefined : 'files are read only where the configuration names them (crl_uris)';
  return `${scheme ?? 'it'} is not fetched here: put the list where http:// has it, or into x509crl`;
}
