import { ExchangeType, PayloadType } from '../../iana/ikev2.ts';
import { nameOf } from '../../iana/name.ts';
import { NotifyError, NotifyStatus } from '../../iana/notify.ts';
import { type ChildKeys, type ChildSa, install, type Reserved, reserveSpi } from '../../ike/child.ts';
import { offerRefused, selectorsRefused } from '../../ike/failures.ts';
import { tellEstablishing } from '../../ike/steps.ts';
import type { Secret } from '../../lib/secret.ts';
import type { ChildConfig } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type { NotifyPayload, Payload } from '../../wire/v2/payload.ts';
import {
  answerPayloads,
  type ChildAgreement,
  type ChildOffer,
  childOffer,
  confirmChild,
  keysOfChild,
  makeChild,
  offerPayloads,
  selectChild,
} from '../child-offer.ts';
import { lower } from '../collisions.ts';
import { carriedElsewhere, waitBehindElder } from '../elder.ts';
import { type Exchanged, type Flow, findError, first, type Message, notify, request } from '../flow.ts';
import type { IkeSa } from '../ike-sa.ts';
import { wantsCompression } from '../ipcomp.ts';
import { childSpiOctets } from '../sa-payload.ts';
import { protocolNumber } from './delete.ts';
import {
  answerKeyExchange,
  beginKeyExchange,
  endKeyExchange,
  firstGuess,
  methodAskedFor,
} from './key-exchange.ts';

/*
 *   Initiator                         Responder
 *   HDR, SK {[N(REKEY_SA),]
 *       SA, Ni, [KEi,] TSi, TSr}  -->
 *                                <--  HDR, SK {SA, Nr, [KEr,] TSi, TSr}          RFC 7296 §1.3.1, §1.3.3
 */

/** A Child SA that both ends have agreed upon; its SPI is reserved and nothing is installed. */
export interface Negotiated {
  readonly kind: 'negotiated';
  readonly child: ChildSa;
  readonly keys: ChildKeys;
  /** The lower nonce of the exchange. */
  readonly nonce: Uint8Array;
}

/** The peer's refusal; nothing is left of the attempt. */
export interface Rejection {
  readonly kind: 'rejected';
  readonly notify: NotifyPayload;
  readonly failure: Failure;
}

export const NONCE_LENGTH = 32;

/**
 * The initiator's exchange, again with another key exchange method where the peer asks for that. `old` is the SA to
 * be replaced. What it returns must be given to `installOurs` at once. Throws Failed.
 */
export function* negotiateChild(sa: IkeSa, config: ChildConfig, old?: ChildSa): Flow<Negotiated | Rejection> {
  const { provider } = sa.host;
  sa.collisions.forgetDeleted();
  const reserved = yield* reserveSpi(config.protocol, sa.path, wantsCompression(sa, config));
  const inbound = { ...reserved, child: sa.host.newChildId() };
  let kept = false;
  try {
    const offer = offerFor(sa, config, inbound, old);
    const tried = new Set<number>();
    let method = firstGuess(offer.proposals, old?.keMethod ?? 0);
    for (;;) {
      tried.add(method);
      const half = beginKeyExchange(provider, method);
      if (tried.size === 1) tellEstablishing(sa, config.name, inbound.child, old?.reqid);
      const ni = provider.random(NONCE_LENGTH);
      const response = yield* request(ExchangeType.CREATE_CHILD_SA, [
        ...(old === undefined ? [] : [rekeyNotify(old)]),
        ...offerPayloads(offer),
        { type: PayloadType.Nonce, data: ni },
        ...(half === undefined ? [] : [half.payload]),
      ]);
      const error = findError(response);
      if (error?.notifyType === NotifyError.INVALID_KE_PAYLOAD) {
        method = methodAskedFor(error, offer.proposals, tried);
        // The next rekey begins with it, whatever comes of this one.
        if (old !== undefined) old.keMethod = method;
        continue;
      }
      if (error !== undefined) return { kind: 'rejected', notify: error, failure: refusal(error, offer) };
      const negotiated = yield* judged(sa, inbound.spi, config, () => {
        const agreement = confirmChild(sa, offer, response);
        const secret = endKeyExchange(half, agreement.chosen, response);
        return concluded(sa, agreement, inbound, old, 'initiator', { ni, nr: nonceOf(response), secret });
      });
      sa.collisions.agreed();
      kept = true;
      return negotiated;
    }
  } finally {
    if (!kept) releaseSpi(sa, config, inbound.spi);
  }
}

/**
 * Installs what was negotiated and makes it a child of `sa`, with `after-elder` without its outbound half where another IKE SA
 * carries that traffic. Throws Failed (`kernel/…`), with nothing left.
 */
export function* installChild(
  sa: IkeSa,
  { child, keys }: Negotiated,
  options: { readonly outbound: boolean | 'after-elder'; readonly replaces?: ChildSa },
): Flow<void> {
  const { outbound, replaces } = options;
  const waits = outbound === 'after-elder' && carriedElsewhere(sa, child);
  // While the back end is asked the SPI belongs to it, so that nobody releases it a second time.
  let ours = false;
  const { path } = sa;
  try {
    yield* install(sa.host, child, keys, path, {
      outbound: outbound !== false && !waits,
      ...(replaces === undefined ? {} : { replaces: replaces.id }),
    });
    sa.addChild(child);
    if (waits) waitBehindElder(sa, child);
    // Somebody moved while the back end worked.
    if (sa.path !== path) sa.moveChildren();
  } catch (error) {
    ours = true;
    throw error;
  } finally {
    if (ours) releaseSpi(sa, child.config, child.spiIn);
  }
}

/**
 * As `installChild` on the initiator's side, where the peer has the SA already: it must hear of a failure, and may
 * have deleted the SA meanwhile. False, and nothing is left, where it has.
 */
export function* installOurs(
  sa: IkeSa,
  negotiated: Negotiated,
  options: { readonly outbound: boolean; readonly replaces?: ChildSa },
): Flow<boolean> {
  const { child } = negotiated;
  const isDeleted = (): boolean => sa.collisions.isDeletedAhead(child.spiOut);
  if (isDeleted()) {
    releaseSpi(sa, child.config, child.spiIn);
    return false;
  }
  try {
    yield* installChild(sa, negotiated, options);
  } catch (error) {
    if (error instanceof Failed) yield* withdraw(child.config, child.spiIn);
    throw error;
  }
  if (isDeleted()) sa.removeChild(child);
  return !isDeleted();
}

/**
 * The responder's part: chooses, installs and answers. `begun` is told the lower nonce before anything else can
 * happen. Throws Refused; returns the notify alone where that is no failure of the attempt.
 */
export function* acceptChild(
  sa: IkeSa,
  message: Message,
  candidates: readonly ChildConfig[],
  options: { readonly old?: ChildSa; readonly begun?: (nonce: Uint8Array) => void } = {},
): Flow<{ readonly child: ChildSa; readonly payloads: readonly Payload[] } | NotifyPayload> {
  const { old, begun } = options;
  const { provider } = sa.host;
  const agreement = selectChild(sa, message, candidates, {
    withoutKeyExchange: false,
    ...(old === undefined ? {} : { mode: old.mode }),
  });
  const { config, chosen, cpiOut } = agreement;
  const exchange = answerKeyExchange(provider, chosen, message);
  if ('notifyType' in exchange) return exchange;
  const ni = nonceOf(message);
  const nr = provider.random(NONCE_LENGTH);
  begun?.(lower(ni, nr));
  const inbound = yield* reserveSpi(config.protocol, sa.path, cpiOut !== undefined);
  let negotiated: Negotiated | undefined;
  try {
    negotiated = concluded(sa, agreement, inbound, old, 'responder', { ni, nr, secret: exchange.secret });
  } finally {
    if (negotiated === undefined) releaseSpi(sa, config, inbound.spi);
  }
  // The responder of a rekey keeps sending by the old SA for now (RFC 7296 §2.8).
  yield* installChild(sa, negotiated, {
    outbound: old === undefined ? 'after-elder' : false,
    ...(old === undefined ? {} : { replaces: old }),
  });
  const payloads: readonly Payload[] = [
    ...answerPayloads(agreement, negotiated.child),
    { type: PayloadType.Nonce, data: nr },
    ...exchange.payloads,
  ];
  return { child: negotiated.child, payloads };
}

/** What is to be replaced, by the SPI that we expect in inbound packets (RFC 7296 §1.3.3). */
function rekeyNotify(old: ChildSa): NotifyPayload {
  return notify(NotifyStatus.REKEY_SA, undefined, {
    protocol: protocolNumber(old.protocol),
    spi: childSpiOctets(old.spiIn),
  });
}

/** A successor has the mode and the selectors of what it replaces (RFC 7296 §2.8, §2.9.2). */
function offerFor(sa: IkeSa, config: ChildConfig, inbound: Reserved, old: ChildSa | undefined): ChildOffer {
  if (old === undefined) return childOffer(sa, config, inbound, { withoutKeyExchange: false });
  const { mode, localTs, remoteTs } = old;
  return { ...childOffer(sa, config, inbound, { withoutKeyExchange: false, mode }), localTs, remoteTs };
}

function concluded(
  sa: IkeSa,
  agreement: ChildAgreement,
  inbound: Reserved,
  old: ChildSa | undefined,
  role: 'initiator' | 'responder',
  inputs: { readonly ni: Uint8Array; readonly nr: Uint8Array; readonly secret: Secret | undefined },
): Negotiated {
  const { ni, nr, secret } = inputs;
  const keys = keysOfChild(
    sa,
    agreement.chosen,
    role,
    { initiator: ni, responder: nr },
    secret === undefined ? {} : { sharedSecret: secret.reveal() },
  );
  secret?.wipe();
  return {
    kind: 'negotiated',
    child: makeChild(sa, agreement, inbound, old?.reqid),
    keys,
    nonce: lower(ni, nr),
  };
}

/** An answer that we cannot accept has left the peer with an SA: it is told to delete that (RFC 7296 §1.3.1). */
function* judged<Result>(sa: IkeSa, spiIn: number, config: ChildConfig, judge: () => Result): Flow<Result> {
  try {
    return judge();
  } catch (error) {
    if (error instanceof Failed && sa.state !== 'DELETING') yield* withdraw(config, spiIn);
    throw error;
  }
}

export function* withdraw(config: ChildConfig, spiIn: number): Flow<Exchanged> {
  return yield* request(ExchangeType.INFORMATIONAL, [
    {
      type: PayloadType.Delete,
      protocol: protocolNumber(config.protocol),
      spiSize: 4,
      spis: [childSpiOctets(spiIn)],
    },
  ]);
}

/** The rules of the exchange see to it that there is one. */
function nonceOf(message: Message): Uint8Array {
  const nonce = first(message, PayloadType.Nonce);
  if (nonce === undefined) throw new Failed({ code: 'peer/malformed', summary: 'a message without a nonce' });
  return nonce.data.slice();
}

function releaseSpi(sa: IkeSa, { protocol }: ChildConfig, spi: number): void {
  sa.host.command({ kind: 'release-spi', protocol, spi });
}

/** What a peer's error notify means for the child. */
export function refusal({ notifyType }: NotifyPayload, offer: ChildOffer): Failure {
  const { config } = offer;
  const name = nameOf(NotifyError, notifyType);
  switch (notifyType) {
    case NotifyError.NO_PROPOSAL_CHOSEN:
      return offerRefused(offer.proposals, { key: `${config.protocol}_proposals`, of: config.name });
    case NotifyError.TS_UNACCEPTABLE:
      return selectorsRefused(offer.localTs, offer.remoteTs, config.name);
    case NotifyError.INTERNAL_ADDRESS_FAILURE:
      return {
        code: 'peer/no-address',
        summary: `${config.name}: the peer has no virtual IP for us`,
        remedy: "see the peer's pools: they are used up, or have no addresses of the family asked for",
        notify: name,
      };
    case NotifyError.FAILED_CP_REQUIRED:
      return {
        code: 'peer/address-not-asked',
        summary: `${config.name}: the peer wants us to ask for a virtual IP`,
        remedy: 'set vips = 0.0.0.0 in the connection, or take the pools out of it at the peer',
        notify: name,
      };
    case NotifyError.NO_ADDITIONAL_SAS:
      return {
        code: 'peer/no-additional-sas',
        summary: `${config.name}: the peer takes no further SAs`,
        notify: name,
      };
    case NotifyError.TEMPORARY_FAILURE:
      return {
        code: 'peer/temporary',
        summary: `${config.name}: the peer asks to try again later`,
        notify: name,
      };
    case NotifyError.CHILD_SA_NOT_FOUND:
      return {
        code: 'peer/child-not-found',
        summary: `${config.name}: the peer does not know the SA any more`,
        notify: name,
      };
    default:
      return { code: 'peer/refused', summary: `${config.name}: the peer refused with ${name}`, notify: name };
  }
}
