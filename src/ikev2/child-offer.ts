import { childKeys, type Nonces } from '../crypto/keymat-v2.ts';
import { type Prf, prfOf } from '../crypto/prf/prf.ts';
import {
  type AcceptedProposal,
  confirmProposal,
  type Proposal,
  selectProposal,
  withoutKeyExchange,
} from '../crypto/proposal.ts';
import { PayloadType, TransformType } from '../iana/ikev2.ts';
import { NotifyError, NotifyStatus } from '../iana/notify.ts';
import { SequenceNumbers } from '../iana/transforms.ts';
import { type ChildKeys, type ChildSa, kernelOf, type Reserved } from '../ike/child.ts';
import { noCommonProposal, noCommonSelectors, selectorsRefused } from '../ike/failures.ts';
import { tell, tellChosen } from '../ike/steps.ts';
import type { IpAddress } from '../lib/ip.ts';
import type { ChildConfig } from '../policy/connection.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import { isSubset, narrow, type SelectorMismatch } from '../policy/narrowing.ts';
import type { BackendFeatures, IpsecMode } from '../policy/sa.ts';
import { formatSelector } from '../policy/selector-text.ts';
import type { TrafficSelector } from '../policy/traffic-selector.ts';
import type { Payload } from '../wire/v2/payload.ts';
import {
  type Asked,
  admitWithoutAddress,
  askedSelectors,
  asSeenHere,
  configuredSelectors,
  selectorPayload,
  selectorsIn,
} from './child-selectors.ts';
import { findNotify, first, type Message, notify, Refused } from './flow.ts';
import type { IkeSa } from './ike-sa.ts';
import { compressionIn, compressionPayloads, speaksOfCompression, wantsCompression } from './ipcomp.ts';
import { childSpiOctets, childSpiOf, choiceOf, offerOf } from './sa-payload.ts';

/*
 * What IKE_AUTH and CREATE_CHILD_SA say of a Child SA: SA, TSi, TSr and the notifies about its mode. Nonces and
 * key exchange are the flows' own.
 */

/** What we ask for, kept until the answer is compared with it. */
export interface ChildOffer {
  readonly config: ChildConfig;
  readonly inbound: Reserved;
  readonly proposals: readonly Proposal[];
  readonly mode: IpsecMode;
  readonly localTs: readonly TrafficSelector[];
  readonly remoteTs: readonly TrafficSelector[];
}

/** What both ends want; the SPI that the peer sends to is missing yet on the responder's side. */
export interface ChildAgreement {
  readonly config: ChildConfig;
  readonly chosen: AcceptedProposal;
  readonly spiOut: number;
  readonly mode: IpsecMode;
  readonly localTs: readonly TrafficSelector[];
  readonly remoteTs: readonly TrafficSelector[];
  /** The peer's, where packets are to be compressed. */
  readonly cpiOut?: number;
  /** As configured, or 0 where the peer takes no padded packets (RFC 7296 §1.3.1). */
  readonly tfcPadding: number;
}

export interface ChildOptions {
  /** In IKE_AUTH there is no KE payload, so no method is proposed either (RFC 7296 §1.2). */
  readonly withoutKeyExchange: boolean;
  /** On a rekey: the mode of the SA being replaced. */
  readonly mode?: IpsecMode;
  /** Virtual IPs that are asked for in the same message. */
  readonly requested?: readonly IpAddress[];
}

/** What we ask for when `config` is wanted. Throws Failed (`local/unsupported`, `config/…`) when that cannot be. */
export function childOffer(
  sa: IkeSa,
  config: ChildConfig,
  inbound: Reserved,
  options: ChildOptions,
): ChildOffer {
  const configured = usable(config.proposals, sa.host.features);
  const proposals = options.withoutKeyExchange ? distinct(configured.map(withoutKeyExchange)) : configured;
  const mode = options.mode ?? wantedMode(config);
  if (proposals.length === 0 || !canDo(sa.host.features, config, mode)) {
    throw new Failed({
      code: 'local/unsupported',
      summary: `${config.name}: the IPsec back end has no ${mode} mode with ${config.protocol} and ${config.proposals.map(({ text }) => text).join(', ')}`,
    });
  }
  admitBare(sa, config);
  if (options.mode === undefined && options.requested === undefined) admitWithoutAddress(sa, config);
  const [localTs, remoteTs] = configuredSelectors(sa, config, options.requested);
  if (localTs.length === 0 || remoteTs.length === 0)
    throw new Failed({ code: 'config/missing', summary: `${config.name}: no traffic selectors` });
  return { config, inbound, proposals, mode, localTs, remoteTs };
}

/** SA, TSi, TSr and the notifies that ask for a mode and compression, as the initiator of the exchange sends them. */
export function offerPayloads(offer: ChildOffer): readonly Payload[] {
  return [
    ...modePayloads(offer.mode),
    ...compressionPayloads(offer.inbound.cpi),
    offerOf(offer.proposals, childSpiOctets(offer.inbound.spi)),
    selectorPayload(PayloadType.TSi, offer.localTs),
    selectorPayload(PayloadType.TSr, offer.remoteTs),
  ];
}

/**
 * What the peer made of our offer. Its error notifies are the flow's to judge, before this. Throws Failed where the
 * answer is no answer to the offer (RFC 7296 §2.7, §2.9).
 */
export function confirmChild(sa: IkeSa, offer: ChildOffer, response: Message): ChildAgreement {
  const { config, proposals } = offer;
  const answer = first(response, PayloadType.SA)?.proposals ?? [];
  const chosen = confirmProposal(proposals, answer);
  if (chosen.kind === 'mismatch') throw new Failed(noCommonProposal(chosen, settingOf(config)));
  const spiOut = childSpiOf(answer[0]?.spi ?? new Uint8Array());
  // Who is refused transport mode gets tunnel mode (RFC 7296 §1.3.1).
  const mode = offer.mode === modeIn(response) ? offer.mode : 'tunnel';
  const localTs = asSeenHere(sa, mode, 'local', selectorsIn(response, PayloadType.TSi));
  const remoteTs = asSeenHere(sa, mode, 'remote', selectorsIn(response, PayloadType.TSr));
  if (spiOut === undefined) throw new Failed(malformed(config, 'its SPI is none'));
  if (!isSubset(localTs, offer.localTs) || !isSubset(remoteTs, offer.remoteTs))
    throw new Failed(selectorsRefused(offer.localTs, offer.remoteTs, config.name));
  const tfcPadding = paddingFor(config, response);
  const cpiOut = compressionIn(response);
  if (speaksOfCompression(response) && (cpiOut === undefined || offer.inbound.cpi === undefined))
    throw new Failed(malformed(config, 'it compresses as it was not asked to'));
  const ipcomp = cpiOut === undefined ? {} : { cpiOut };
  return { config, chosen, spiOut, mode, localTs, remoteTs, tfcPadding, ...ipcomp };
}

/**
 * The responder's choice: of `candidates` the one whose selectors take most of what is asked, then its proposals.
 * Throws Refused (TS_UNACCEPTABLE, NO_PROPOSAL_CHOSEN).
 */
export function selectChild(
  sa: IkeSa,
  request: Message,
  candidates: readonly ChildConfig[],
  options: ChildOptions,
): ChildAgreement {
  const mode = modeIn(request);
  // Who does not take transport mode looks at the selectors as they came (RFC 7296 §2.23.1).
  const asSent = askedSelectors(sa, request, 'tunnel');
  const asked = mode === 'tunnel' ? asSent : askedSelectors(sa, request, mode);
  const fitting = candidates
    .filter(config => config.mode !== 'pass' && config.mode !== 'drop')
    .map(config => fit(sa, config, config.mode === mode ? asked : asSent));
  const matches = fitting.filter(result => result.kind === 'fits').sort((a, b) => a.narrowed - b.narrowed);
  if (matches.length === 0) {
    const words = (payload: typeof PayloadType.TSi | typeof PayloadType.TSr): string =>
      selectorsIn(request, payload).map(formatSelector).join(' ');
    const [local, remote] = [PayloadType.TSr, PayloadType.TSi] as const;
    tell(sa, 'ike', () => `traffic selectors ${words(local)} === ${words(remote)} unacceptable`);
    throw unacceptable(fitting);
  }
  let nearest: Refused | undefined;
  for (const { config, localTs, remoteTs } of matches) {
    const outcome = chooseProposal(sa, request, config, mode, options);
    if (!(outcome instanceof Refused)) {
      const cpiOut = wantsCompression(sa, config) ? compressionIn(request) : undefined;
      const ipcomp = cpiOut === undefined ? {} : { cpiOut };
      return { ...outcome, config, localTs, remoteTs, tfcPadding: paddingFor(config, request), ...ipcomp };
    }
    nearest ??= outcome;
  }
  throw nearest;
}

/** SA, TSi, TSr and the notifies that grant a mode and compression, as the responder of the exchange sends them. */
export function answerPayloads(agreement: ChildAgreement, child: ChildSa): readonly Payload[] {
  const { chosen, mode, localTs, remoteTs } = agreement;
  return [
    ...modePayloads(mode),
    ...compressionPayloads(child.ipcomp?.cpiIn),
    choiceOf(chosen, childSpiOctets(child.spiIn)),
    selectorPayload(PayloadType.TSi, remoteTs),
    selectorPayload(PayloadType.TSr, localTs),
  ];
}

/** The Child SA of an agreement, not installed yet. A rekeyed one keeps its predecessor's `reqid`. */
export function makeChild(sa: IkeSa, agreement: ChildAgreement, inbound: Reserved, reqid?: number): ChildSa {
  const { config, chosen, spiOut, mode, localTs, remoteTs, tfcPadding, cpiOut } = agreement;
  const { spi: spiIn, cpi: cpiIn } = inbound;
  const { host, connection, peer } = sa;
  tellChosen(sa, config.protocol, chosen.text);
  const number = reqid ?? host.reqid(connection, config, selectorText(localTs, remoteTs));
  return {
    id: inbound.child ?? host.newChildId(),
    config,
    reqid: number,
    protocol: config.protocol,
    mode,
    algorithms: {
      encryption: chosen.encryption,
      keyLength: chosen.keyLength,
      integrity: chosen.integrity,
      esn: chosen.esn,
    },
    proposal: chosen.text,
    keMethod: chosen.keyExchange,
    spiIn,
    spiOut,
    localTs,
    remoteTs,
    udpEncapsulation: peer.encapsulate,
    tfcPadding,
    state: 'CREATED',
    outbound: false,
    installedAt: undefined,
    rekeyAt: undefined,
    expiresAt: undefined,
    // What may be there comes last: fields behind a spread are set one by one, and lie apart.
    ...kernelOf(host, peer.numbering, config, number),
    ...(cpiIn !== undefined && cpiOut !== undefined && { ipcomp: { cpiIn, cpiOut } }),
  };
}

/**
 * The keys of a Child SA (RFC 7296 §2.17). `role` is ours in the exchange that makes it, not in the IKE SA; the
 * nonces are that exchange's, or those of IKE_SA_INIT.
 */
export function keysOfChild(
  sa: IkeSa,
  chosen: AcceptedProposal,
  role: 'initiator' | 'responder',
  nonces: Nonces,
  secrets: { readonly sharedSecret?: Uint8Array; readonly additionalSecrets?: readonly Uint8Array[] } = {},
): ChildKeys {
  const prf = prfOf(sa.host.provider, sa.keys.prf) as Prf;
  const derived = childKeys({ prf, skD: sa.keys.skD, nonces, algorithms: chosen, ...secrets });
  return role === 'initiator'
    ? { keysOut: derived.initiatorToResponder, keysIn: derived.responderToInitiator }
    : { keysOut: derived.responderToInitiator, keysIn: derived.initiatorToResponder };
}

function paddingFor({ tfcPadding }: ChildConfig, message: Message): number {
  return findNotify(message, NotifyStatus.ESP_TFC_PADDING_NOT_SUPPORTED) === undefined ? tfcPadding : 0;
}

type Fit =
  | {
      readonly kind: 'fits';
      readonly config: ChildConfig;
      /** How much of what was asked is cut away: on none, one or both sides. */
      readonly narrowed: number;
      readonly localTs: readonly TrafficSelector[];
      readonly remoteTs: readonly TrafficSelector[];
    }
  | {
      readonly kind: 'misfit';
      readonly config: ChildConfig;
      readonly side: 'local' | 'remote';
      readonly mismatch: SelectorMismatch;
    };

function fit(sa: IkeSa, config: ChildConfig, asked: Asked): Fit {
  const [ours, theirs] = configuredSelectors(sa, config);
  const local = narrow(ours, asked.local);
  if (local.kind === 'mismatch') return { kind: 'misfit', config, side: 'local', mismatch: local };
  const remote = narrow(theirs, asked.remote);
  if (remote.kind === 'mismatch') return { kind: 'misfit', config, side: 'remote', mismatch: remote };
  return {
    kind: 'fits',
    config,
    narrowed: Number(local.less) + Number(remote.less),
    localTs: local.selectors,
    remoteTs: remote.selectors,
  };
}

function unacceptable(fitting: readonly Fit[]): Refused {
  const misfits = fitting.filter(result => result.kind === 'misfit');
  // Whose other side fits is nearer than who shares nothing.
  const nearest = misfits.find(({ side }) => side === 'remote') ?? misfits[0];
  const failure: Failure =
    nearest === undefined
      ? {
          code: 'peer/ts-unacceptable',
          summary: 'the connection has no child that a peer may ask for',
          notify: 'TS_UNACCEPTABLE',
        }
      : noCommonSelectors(nearest.mismatch, nearest.side, nearest.config.name);
  const options = nearest === undefined ? {} : { child: nearest.config.name };
  return new Refused(notify(NotifyError.TS_UNACCEPTABLE), failure, options);
}

function chooseProposal(
  sa: IkeSa,
  request: Message,
  config: ChildConfig,
  asked: IpsecMode,
  { withoutKeyExchange }: ChildOptions,
): Pick<ChildAgreement, 'chosen' | 'spiOut' | 'mode'> | Refused {
  const { features } = sa.host;
  const offered = (first(request, PayloadType.SA)?.proposals ?? []).filter(
    ({ spi }) => childSpiOf(spi) !== undefined,
  );
  const chosen = selectProposal(usable(config.proposals, features), offered, {
    preferOurs: sa.host.settings.preferConfiguredProposals,
    withoutKeyExchange,
  });
  if (chosen.kind === 'mismatch')
    return new Refused(notify(NotifyError.NO_PROPOSAL_CHOSEN), noCommonProposal(chosen, settingOf(config)), {
      child: config.name,
    });
  const mode = asked === config.mode ? asked : 'tunnel';
  if (!canDo(features, config, mode))
    return new Refused(
      notify(NotifyError.NO_PROPOSAL_CHOSEN),
      {
        code: 'local/unsupported',
        summary: `${config.name}: the IPsec back end has no ${mode} mode with ${config.protocol}`,
      },
      { child: config.name },
    );
  const spi = offered.find(({ number }) => number === chosen.number)?.spi ?? new Uint8Array();
  return { chosen, spiOut: childSpiOf(spi) as number, mode };
}

const MODE_NOTIFIES: readonly (readonly [IpsecMode, number])[] = [
  ['transport', NotifyStatus.USE_TRANSPORT_MODE],
  ['beet', NotifyStatus.USE_BEET_MODE],
];

function modePayloads(mode: IpsecMode): readonly Payload[] {
  return MODE_NOTIFIES.filter(([name]) => name === mode).map(([, type]) => notify(type));
}

function modeIn(message: Message): IpsecMode {
  return MODE_NOTIFIES.find(([, type]) => findNotify(message, type) !== undefined)?.[0] ?? 'tunnel';
}

function wantedMode({ mode }: ChildConfig): IpsecMode {
  return mode === 'pass' || mode === 'drop' ? 'tunnel' : mode;
}

function canDo({ modes, protocols }: BackendFeatures, { protocol }: ChildConfig, mode: IpsecMode): boolean {
  return modes.includes(mode) && protocols.includes(protocol);
}

/** AH protects the addresses too, which a NAT changes; nor is there a way to put it into UDP or TCP (RFC 3948 §1, RFC 9329 §3). */
function admitBare({ path, peer }: IkeSa, { name, protocol }: ChildConfig): void {
  if (protocol !== 'ah' || !(path.tcp === true || peer.encapsulate)) return;
  throw new Failed({
    code: 'local/unsupported',
    summary: `${name}: AH goes neither through a NAT nor over TCP`,
    remedy: 'set esp_proposals in place of ah_proposals',
  });
}

/** The proposals without what the back end cannot do. */
function usable(proposals: readonly Proposal[], { esn }: BackendFeatures): readonly Proposal[] {
  if (esn) return proposals;
  return proposals
    .map(proposal => ({
      ...proposal,
      transforms: proposal.transforms.filter(
        ({ type, id }) => type !== TransformType.SN || id === SequenceNumbers.SEQUENTIAL_32,
      ),
    }))
    .filter(
      ({ transforms }, index) =>
        transforms.some(({ type }) => type === TransformType.SN) ||
        !proposals[index]?.transforms.some(({ type }) => type === TransformType.SN),
    );
}

function distinct(proposals: readonly Proposal[]): readonly Proposal[] {
  return proposals.filter((one, index) => proposals.findIndex(other => sameTransforms(one, other)) === index);
}

function sameTransforms(a: Proposal, b: Proposal): boolean {
  return (
    a.transforms.length === b.transforms.length &&
    a.transforms.every((one, index) => {
      const other = b.transforms[index];
      return other?.type === one.type && other.id === one.id && other.keyLength === one.keyLength;
    })
  );
}

function settingOf({ name, protocol }: ChildConfig): { key: string; of: string } {
  return { key: `${protocol}_proposals`, of: name };
}

function malformed({ name }: ChildConfig, what: string): Failure {
  return { code: 'peer/malformed', summary: `${name}: the peer's answer breaks the protocol: ${what}` };
}

function selectorText(localTs: readonly TrafficSelector[], remoteTs: readonly TrafficSelector[]): string {
  return `${localTs.map(formatSelector).join(' ')} === ${remoteTs.map(formatSelector).join(' ')}`;
}
