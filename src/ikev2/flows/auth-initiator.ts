import { ExchangeType, PayloadType } from '../../iana/ikev2.ts';
import { nameOf } from '../../iana/name.ts';
import { NotifyError } from '../../iana/notify.ts';
import { reserveSpi } from '../../ike/child.ts';
import { announceUp } from '../../ike/child-events.ts';
import { failureOf } from '../../ike/flow.ts';
import type { VerifiedPeer } from '../../ike/verified-peer.ts';
import { wantedAddresses } from '../../ike/virtual-ips.ts';
import type { ChildConfig, RemoteAuth } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { formatIdentity, type Identity } from '../../policy/identity.ts';
import { formatIdentityPattern } from '../../policy/identity-match.ts';
import type { NotifyPayload, Payload } from '../../wire/v2/payload.ts';
import { certificateRequest } from '../auth/certificate-request.ts';
import { methodNamed } from '../auth/index.ts';
import { type ChildOffer, childOffer, confirmChild, offerPayloads } from '../child-offer.ts';
import { ownSelectors } from '../child-selectors.ts';
import { configurationRequest } from '../configuration.ts';
import { heed, offered } from '../extensions/index.ts';
import { type Exchanged, type Flow, findError, first, notify, request } from '../flow.ts';
import type { EmergingSa } from '../ike-sa.ts';
import { wantsCompression } from '../ipcomp.ts';
import {
  firstChild,
  forget,
  hasChild,
  identityIn,
  idPayload,
  octetsOf,
  onlyRound,
  verifyPeer,
} from './auth.ts';
import { acceptConfiguration, hasConfiguration } from './configuration.ts';
import { installOurs, type Negotiated, refusal, withdraw } from './create-child-exchange.ts';
import { breach, type InitResult } from './init.ts';

/**
 * The initiator's exchange: proves who we are, checks who answers, and makes the first child along with it. A child
 * that comes to nothing leaves the IKE SA as it is (RFC 7296 §1.2). Throws Failed.
 */
export function* initiateIkeAuth(
  sa: EmergingSa,
  init: InitResult,
  config: ChildConfig | undefined,
): Flow<void> {
  const { host, connection } = sa;
  const { local, remote } = onlyRound(connection);
  const remoteId = remote.id.kind === 'exact' ? remote.id.identity : undefined;
  const proof = methodNamed(local.method).prepare({
    host,
    connection,
    local,
    prf: init.prf,
    path: sa.path,
    remoteId,
    peerHashes: sa.peer.signatureHashes,
    certificateAsked: init.certificateAsked,
  });
  const inbound =
    config === undefined
      ? undefined
      : yield* reserveSpi(config.protocol, sa.path, wantsCompression(sa, config));
  let spiIsOurs = inbound !== undefined;
  const requested = wantedAddresses(host, connection);
  try {
    const offer =
      config === undefined || inbound === undefined
        ? undefined
        : childOffer(sa, config, inbound, { withoutKeyExchange: true, requested });
    const id = idPayload(PayloadType.IDi, proof.identity);
    const { response, peer } = yield* mutualProof(sa, init, remote, proof.identity, [
      id,
      ...proof.certificates,
      ...certificateRequest(host, connection),
      ...(remoteId === undefined ? [] : [idPayload(PayloadType.IDr, remoteId)]),
      proof.sign(octetsOf(init, 'initiator', id)),
      ...(requested.length === 0 ? [] : [configurationRequest(requested)]),
      ...offered('auth-request', sa),
      ...(offer === undefined ? [] : offerPayloads(offer)),
    ]);
    heed('auth-response', response.payloads, sa);
    sa.establish(proof.identity, peer);
    forget(init);
    if (offer !== undefined) {
      spiIsOurs = false;
      yield* concludeChild(sa, init, offer, response);
    } else if (requested.length > 0) yield* takeAlone(sa, response);
  } finally {
    if (spiIsOurs && config !== undefined && inbound !== undefined)
      host.command({ kind: 'release-spi', protocol: config.protocol, spi: inbound.spi });
  }
}

/**
 * Sends our proof and checks the peer's. When that does not hold, the peer, which thinks all is well, is told so
 * (RFC 7296 §2.21.2).
 */
function* mutualProof(
  sa: EmergingSa,
  init: InitResult,
  remote: RemoteAuth,
  localId: Identity,
  payloads: readonly Payload[],
): Flow<{ readonly response: Exchanged; readonly peer: VerifiedPeer }> {
  let error: NotifyPayload | undefined;
  try {
    const response = yield* request(ExchangeType.IKE_AUTH, payloads);
    const id = first(response, PayloadType.IDr);
    const auth = first(response, PayloadType.AUTH);
    error = findError(response);
    if (id !== undefined && auth !== undefined)
      return {
        response,
        peer: verifyPeer(sa, init, response, remote, { id, identity: identityIn(id), auth, localId }),
      };
    if (error === undefined) throw breach('the answer to IKE_AUTH proves nothing');
  } catch (caught) {
    if (failureOf(caught).code !== 'peer/silent') yield* tellNotAuthenticated();
    throw caught;
  }
  throw new Failed(rejection(sa, error.notifyType, localId));
}

function* tellNotAuthenticated(): Flow<void> {
  try {
    yield* request(ExchangeType.INFORMATIONAL, [notify(NotifyError.AUTHENTICATION_FAILED)]);
  } catch {
    // Whether the peer hears of it or not, we are through with it.
  }
}

/** Why the peer did not take us: it may say no more than that (RFC 7296 §2.21.2). */
function rejection({ connection }: EmergingSa, notifyType: number, localId: Identity): Failure {
  const name = nameOf(NotifyError, notifyType, 8192);
  if (notifyType !== NotifyError.AUTHENTICATION_FAILED)
    return {
      code: 'peer/refused',
      summary: `${connection.name}: the peer answered IKE_AUTH with ${name}`,
      notify: name,
    };
  const method = connection.local[0]?.method ?? '';
  const own = formatIdentity(localId);
  const wanted = connection.remote[0]?.id;
  const asked = wanted === undefined ? '%any' : formatIdentityPattern(wanted);
  return {
    code: 'auth/refused-by-peer',
    summary: `the peer, asked to be ${asked}, did not accept ${own}, proved by ${method}`,
    ours: [`local id ${own}`, `remote id ${asked}`, `auth ${method}`],
    remedy: `see the peer's log: it is not ${asked}, has no connection for ${own}, or the ${method === 'psk' ? 'secrets differ' : 'certificate is not trusted there'}`,
    notify: name,
  };
}

/** The IKE SA stands; what becomes of our addresses and of the child is another matter. */
function* concludeChild(
  sa: EmergingSa,
  init: InitResult,
  offer: ChildOffer,
  response: Exchanged,
): Flow<void> {
  const { config, inbound } = offer;
  let spiIsOurs = true;
  try {
    const negotiated = yield* judged(offer, response, () => negotiatedIn(sa, init, offer, response));
    spiIsOurs = false;
    yield* installOurs(sa, negotiated, { outbound: true });
    announceUp(sa, negotiated.child);
  } catch (caught) {
    sa.tellFailed(failureOf(caught), config.name);
  } finally {
    if (spiIsOurs) sa.host.command({ kind: 'release-spi', protocol: config.protocol, spi: inbound.spi });
  }
}

/** Our addresses, where no child is asked for along with them. */
function* takeAlone(sa: EmergingSa, response: Exchanged): Flow<void> {
  try {
    yield* acceptConfiguration(sa, response);
  } catch (error) {
    sa.tellFailed(failureOf(error));
  }
}

/** What the answer says of our addresses, then of the child, which has them. Throws Failed. */
function* negotiatedIn(
  sa: EmergingSa,
  init: InitResult,
  offer: ChildOffer,
  response: Exchanged,
): Flow<Negotiated> {
  const error = findError(response);
  if (sa.connection.vips.length > 0 && (error === undefined || hasConfiguration(response)))
    yield* acceptConfiguration(sa, response);
  if (error !== undefined) throw new Failed(refusal(error, offer));
  if (!hasChild(response)) throw breach('the answer to IKE_AUTH says nothing of the child');
  const agreement = confirmChild(sa, offer, response);
  const localTs = ownSelectors(sa, offer.config, agreement.localTs);
  return firstChild(sa, init, { ...agreement, localTs }, offer.inbound);
}

/** An answer that cannot be accepted has left the peer with an SA, unless it refused one: it is told to delete that. */
function* judged<Result>(
  { config, inbound }: ChildOffer,
  response: Exchanged,
  judge: () => Flow<Result>,
): Flow<Result> {
  try {
    return yield* judge();
  } catch (error) {
    if (error instanceof Failed && hasChild(response)) yield* withdraw(config, inbound.spi);
    throw error;
  }
}
