import { nameOf } from '../../iana/name.ts';
import { NotifyError } from '../../iana/notify.ts';
import { reserveSpi } from '../../ike/child.ts';
import { announceUp } from '../../ike/child-events.ts';
import { failureOf } from '../../ike/flow.ts';
import { tellEstablishing, tellMobike, tellNoChild } from '../../ike/steps.ts';
import { wantedAddresses } from '../../ike/virtual-ips.ts';
import type { ChildConfig } from '../../policy/connection.ts';
import { Failed } from '../../policy/failure.ts';
import { type ChildOffer, childOffer, confirmChild, offerPayloads } from '../child-offer.ts';
import { ownSelectors } from '../child-selectors.ts';
import { configurationRequest } from '../configuration.ts';
import { heed, offered } from '../extensions/index.ts';
import { type Exchanged, type Flow, findError } from '../flow.ts';
import type { EmergingSa } from '../ike-sa.ts';
import { wantsCompression } from '../ipcomp.ts';
import { firstChild, forget, hasChild } from './auth.ts';
import { acceptConfiguration, hasConfiguration } from './configuration.ts';
import { installOurs, type Negotiated, refusal, withdraw } from './create-child-exchange.ts';
import { deleteIke } from './delete.ts';
import { breach, type InitResult } from './init.ts';
import { firstProof, mutualProof } from './mutual-proof.ts';

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
  const proof = firstProof(sa, init);
  const inbound =
    config === undefined
      ? undefined
      : {
          ...(yield* reserveSpi(config.protocol, sa.path, wantsCompression(sa, config))),
          child: host.newChildId(),
        };
  let spiIsOurs = inbound !== undefined;
  const requested = wantedAddresses(host, connection);
  try {
    const offer =
      config === undefined || inbound === undefined
        ? undefined
        : childOffer(sa, config, inbound, { withoutKeyExchange: true, requested });
    const establishing = (): void => {
      if (config !== undefined && inbound !== undefined) tellEstablishing(sa, config.name, inbound.child);
    };
    const { response, localId, peer } = yield* mutualProof(sa, init, { proof, told: establishing }, [
      ...(requested.length === 0 ? [] : [configurationRequest(requested)]),
      ...offered('auth-request', sa),
      ...(offer === undefined ? [] : offerPayloads(offer)),
    ]);
    heed('auth-response', response.payloads, sa);
    tellMobike(sa);
    sa.establish(localId, peer);
    forget(init);
    if (offer !== undefined) {
      spiIsOurs = false;
      yield* concludeChild(sa, init, offer, response);
    } else if (requested.length > 0) yield* takeAlone(sa, response);
    else sa.announce();
  } finally {
    if (spiIsOurs && config !== undefined && inbound !== undefined)
      host.command({ kind: 'release-spi', protocol: config.protocol, spi: inbound.spi });
  }
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
    const error = findError(response);
    tellNoChild(sa, failureOf(caught), error && nameOf(NotifyError, error.notifyType));
    sa.announce();
    sa.tellFailed(failureOf(caught), config.name);
    if (sa.host.settings.closeIkeOnChildFailure) sa.start(deleteIke(failureOf(caught)));
  } finally {
    if (spiIsOurs) sa.host.command({ kind: 'release-spi', protocol: config.protocol, spi: inbound.spi });
  }
}

/** Our addresses, where no child is asked for along with them. */
function* takeAlone(sa: EmergingSa, response: Exchanged): Flow<void> {
  try {
    yield* acceptConfiguration(sa, response);
    sa.announce();
  } catch (error) {
    sa.announce();
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
  sa.announce();
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
