import type { AcceptedProposal, Proposal } from '../crypto/proposal.ts';
import { Doi, EncapMode, IpsecAttribute, Situation, V1PayloadType, V1ProtocolId } from '../iana/ikev1.ts';
import { TransformType } from '../iana/ikev2.ts';
import { nameOf } from '../iana/name.ts';
import { Integ, KeMethod, SequenceNumbers, type Transform } from '../iana/transforms.ts';
import type { Reserved } from '../ike/child.ts';
import { noCommonProposal, type Setting } from '../ike/failures.ts';
import type { ChildConfig } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { BackendFeatures, IpsecMode, Path } from '../policy/sa.ts';
import type { V1Attribute, V1Proposal, V1SaPayload, V1Transform } from '../wire/v1/payload.ts';
import { encryptionToEsp, integrityToIpsec, isSharedGroup } from './algorithm-numbers.ts';
import { compressionAnswer, compressionOffer, withoutCompression } from './compression.ts';
import type { PeerFacts } from './isakmp-sa.ts';
import { childLife, type Life, lifeAttributes, PHASE_TWO_LIFE } from './life.ts';
import { isPrivateGroup } from './private-group.ts';
import { inWordsOfV1, once, sayable, singles } from './proposal-words.ts';
import { type QuickTransform, readQuick, SHA2_256_96, spiOctets } from './quick-transform.ts';
import { choose } from './selection.ts';

/** What both ends agreed upon for an IPsec SA; the SPI is the peer's. */
export interface QuickSuite {
  readonly accepted: AcceptedProposal;
  readonly mode: IpsecMode;
  readonly udpEncapsulation: boolean;
  readonly life: Life;
  readonly spiOut: number;
  /** Where packets are compressed. */
  readonly cpiOut?: number;
}

/** What we propose for a child. */
export interface QuickOffer {
  readonly payload: V1SaPayload;
  readonly inbound: Reserved;
  /** What each transform stands for. */
  readonly proposals: readonly Proposal[];
  readonly encapsulation: number;
}

/** Transforms of one offer, at most. */
const MOST_OFFERED = 32;

const PROTOCOLS = { esp: V1ProtocolId.PROTO_IPSEC_ESP, ah: V1ProtocolId.PROTO_IPSEC_AH } as const;

export function protocolNumber(protocol: 'esp' | 'ah'): number {
  return PROTOCOLS[protocol];
}

/**
 * The groups to try, one quick mode each, best first: KeMethod.NONE is one without an exchange of its own. All
 * transforms of one quick mode have the same (RFC 2409 §5.5).
 */
export function groupsOf(config: ChildConfig, features: BackendFeatures): readonly number[] {
  return [...new Set(usableProposals(config, features).map(groupIn))];
}

/**
 * The SA payload of an initiator. Empty where IKEv1 has no numbers for what is configured. Where a CPI was reserved all is
 * proposed twice, with compression and, for peers that have none, without.
 */
export function quickOffer(
  config: ChildConfig,
  features: BackendFeatures,
  peer: PeerFacts,
  mode: IpsecMode,
  group: number,
  inbound: Reserved,
): QuickOffer {
  const proposals = usableProposals(config, features)
    .filter(proposal => groupIn(proposal) === group)
    .slice(0, MOST_OFFERED);
  const encapsulation = encapsulationOf(mode, peer);
  const attributes = { encapsulation, life: childLife(config) };
  const transforms = proposals.map((proposal, i) => transformOf(config, proposal, i + 1, attributes));
  const plain = mainProposal(config, 1, inbound, transforms);
  const beside =
    inbound.cpi === undefined ? [] : [compressionOffer(1, inbound.cpi, plainAttributes(attributes))];
  const offered = beside.length === 0 ? [plain] : [plain, ...beside, { ...plain, number: 2 }];
  return { payload: saPayload(offered), inbound, proposals, encapsulation };
}

/** The responder's choice; `answer` is what was chosen as it came, with our SPI and, where it compresses, our CPI. */
export function chooseQuick(
  config: ChildConfig,
  features: BackendFeatures,
  { peer, path }: { readonly peer: PeerFacts; readonly path: Path },
  payload: V1SaPayload,
  preferOurs = true,
): { readonly suite: QuickSuite; readonly answer: (inbound: Reserved) => V1SaPayload } | Failure {
  const offered = readQuick(payload, PROTOCOLS[config.protocol], prefersShort(config));
  const wanted = wantedModes(config, peer);
  const inMode = offered.filter(({ encapsulation }) => wanted.includes(encapsulation));
  if (offered.length > 0 && inMode.length === 0) return otherMode(config, offered, wanted);
  const obstacle = withoutCompression(config, features, peer, path);
  const fitting = byCompression(inMode, obstacle === undefined);
  if (inMode.length > 0 && fitting.length === 0) return allCompressed(config, obstacle);
  const accepted = select(config, usableProposals(config, features), fitting, preferOurs);
  if (accepted.kind === 'mismatch') return noCommonProposal(inWordsOfV1(accepted), settingOf(config));
  const chosen = fitting.find(({ proposal }) => proposal.number === accepted.number) as QuickTransform;
  return {
    suite: suiteOf(accepted, chosen),
    answer: inbound => answerWith(config, chosen, inbound),
  };
}

/** charon puts what it chose with compression into its answer once more without. */
function isEcho({ compressing, spi }: QuickTransform, other: QuickTransform): boolean {
  return compressing !== undefined && other.compressing === undefined && other.spi === spi;
}

/** Those that can be had, with compression first: between two that are alike otherwise it decides. */
function byCompression(offered: readonly QuickTransform[], wanted: boolean): readonly QuickTransform[] {
  const plain = offered.filter(({ compressing }) => compressing === undefined);
  return wanted ? [...offered.filter(({ compressing }) => compressing !== undefined), ...plain] : plain;
}

function answerWith(config: ChildConfig, chosen: QuickTransform, inbound: Reserved): V1SaPayload {
  const { proposalNumber: number, transform, compressing } = chosen;
  const main = mainProposal(config, number, inbound, [transform]);
  if (compressing === undefined || inbound.cpi === undefined) return saPayload([main]);
  return saPayload([main, compressionAnswer(number, inbound.cpi, compressing.transform)]);
}

/** The initiator's check of the answer: one transform of those that were offered, in the same mode. */
export function confirmQuick(
  config: ChildConfig,
  offer: QuickOffer,
  payload: V1SaPayload,
): QuickSuite | Failure {
  const answered = readQuick(payload, PROTOCOLS[config.protocol], prefersShort(config));
  const [chosen, ...others] = answered;
  if (chosen === undefined || others.some(other => !isEcho(chosen, other)))
    return {
      code: 'peer/malformed',
      summary: `${config.name}: the peer answered with ${answered.length} transforms`,
    };
  if (chosen.compressing !== undefined && offer.inbound.cpi === undefined)
    return { code: 'peer/malformed', summary: `${config.name}: the peer compresses, and was not asked to` };
  if (chosen.encapsulation !== offer.encapsulation) return otherMode(config, answered, [offer.encapsulation]);
  const accepted = select(config, offer.proposals, [chosen]);
  if (accepted.kind === 'mismatch') return noCommonProposal(inWordsOfV1(accepted), settingOf(config));
  return suiteOf(accepted, chosen);
}

export function settingOf({ name, protocol }: ChildConfig): Setting {
  return { key: `${protocol}_proposals`, of: name };
}

function select(
  { proposals }: ChildConfig,
  ours: readonly Proposal[],
  theirs: readonly QuickTransform[],
  preferOurs = true,
): ReturnType<typeof choose> {
  return choose(
    speakable(proposals),
    ours,
    theirs.map(({ proposal }) => proposal),
    preferOurs,
  );
}

const TYPES = [TransformType.ENCR, TransformType.INTEG, TransformType.KE, TransformType.SN] as const;

/** One proposal for each combination that IKEv1 can say and the back end can do. */
function usableProposals({ proposals }: ChildConfig, { esn }: BackendFeatures): readonly Proposal[] {
  const sayable = sayableProposals(proposals);
  return esn ? sayable : sayable.filter(({ transforms }) => !transforms.some(isExtended));
}

const speakable = once(proposals => sayable(proposals, canSay));

const sayableProposals = once(proposals => singles(proposals, TYPES).filter(isSayable));

function isExtended({ type, id }: Transform): boolean {
  return type === TransformType.SN && id === SequenceNumbers.PARTIAL_64;
}

function isSayable(proposal: Proposal): boolean {
  return proposal.transforms.every(transform => canSay(proposal, transform));
}

function canSay({ protocol }: Proposal, transform: Transform): boolean {
  const { type, id } = transform;
  switch (type) {
    case TransformType.ENCR:
      return protocol === 'esp' && encryptionToEsp(id) !== undefined;
    case TransformType.INTEG: {
      const integrity = integrityToIpsec(plainIntegrity(id));
      return (
        id === Integ.NONE || (integrity !== undefined && (protocol === 'esp' || integrity.ah !== undefined))
      );
    }
    case TransformType.KE:
      return id === KeMethod.NONE || isSharedGroup(id) || isPrivateGroup(id);
    case TransformType.SN:
      return id === SequenceNumbers.SEQUENTIAL_32 || isExtended(transform);
    default:
      return false;
  }
}

function transformOf(
  { protocol }: ChildConfig,
  { transforms }: Proposal,
  number: number,
  { encapsulation, life }: { readonly encapsulation: number; readonly life: Life },
): V1Transform {
  const of = (wanted: number): Transform | undefined => transforms.find(({ type }) => type === wanted);
  const cipher = of(TransformType.ENCR);
  const integrity = integrityToIpsec(plainIntegrity(of(TransformType.INTEG)?.id ?? Integ.NONE));
  const group = of(TransformType.KE)?.id ?? KeMethod.NONE;
  const extended = of(TransformType.SN)?.id === SequenceNumbers.PARTIAL_64;
  const attributes: readonly V1Attribute[] = [
    ...(cipher?.keyLength === undefined
      ? []
      : [{ type: IpsecAttribute.KEY_LENGTH, value: cipher.keyLength }]),
    ...(integrity === undefined
      ? []
      : [{ type: IpsecAttribute.AUTHENTICATION_ALGORITHM, value: integrity.v1 }]),
    ...(group === KeMethod.NONE ? [] : [{ type: IpsecAttribute.GROUP_DESCRIPTION, value: group }]),
    ...plainAttributes({ encapsulation, life }),
    ...(extended ? [{ type: IpsecAttribute.EXTENDED_SEQUENCE_NUMBER, value: 1 }] : []),
  ];
  const id = protocol === 'esp' ? encryptionToEsp(cipher?.id ?? 0) : integrity?.ah;
  return { number, id: id ?? 0, attributes };
}

/** What every transform has, whatever it is for. */
function plainAttributes({
  encapsulation,
  life,
}: {
  readonly encapsulation: number;
  readonly life: Life;
}): readonly V1Attribute[] {
  return [
    { type: IpsecAttribute.ENCAPSULATION_MODE, value: encapsulation },
    ...lifeAttributes(life, PHASE_TWO_LIFE),
  ];
}

function mainProposal(
  { protocol }: ChildConfig,
  number: number,
  { spi }: Reserved,
  transforms: readonly V1Transform[],
): V1Proposal {
  return { number, protocol: PROTOCOLS[protocol], spi: spiOctets(spi), transforms };
}

function saPayload(proposals: readonly V1Proposal[]): V1SaPayload {
  return {
    type: V1PayloadType.SA,
    doi: Doi.IPSEC,
    situation: Situation.SIT_IDENTITY_ONLY,
    proposals,
  };
}

function groupIn({ transforms }: Proposal): number {
  return transforms.find(({ type }) => type === TransformType.KE)?.id ?? KeMethod.NONE;
}

/** Where the configuration names the old truncation of SHA2-256, that is what its number means. */
function prefersShort({ proposals }: ChildConfig): boolean {
  return proposals.some(({ transforms }) =>
    transforms.some(({ type, id }) => type === TransformType.INTEG && id === SHA2_256_96),
  );
}

function plainIntegrity(id: number): number {
  return id === SHA2_256_96 ? Integ.AUTH_HMAC_SHA2_256_128 : id;
}

/** Encapsulation modes by whose numbers they are (RFC 2407 §4.5, RFC 3947 §5.1 and the drafts). */
const ENCAPSULATIONS = {
  plain: { tunnel: EncapMode.TUNNEL, transport: EncapMode.TRANSPORT },
  rfc: { tunnel: EncapMode.UDP_TUNNEL, transport: EncapMode.UDP_TRANSPORT },
  draft: { tunnel: EncapMode.UDP_TUNNEL_DRAFT, transport: EncapMode.UDP_TRANSPORT_DRAFT },
} as const;

function encapsulationOf(mode: IpsecMode, { encapsulate, natTraversal }: PeerFacts): number {
  const numbers = ENCAPSULATIONS[encapsulate ? (natTraversal ?? 'rfc') : 'plain'];
  return mode === 'transport' ? numbers.transport : numbers.tunnel;
}

/** Who configures transport mode takes tunnel mode too, as in IKEv2; where there is a NAT, in UDP alone. */
function wantedModes({ mode }: ChildConfig, peer: PeerFacts): readonly number[] {
  const tunnel = encapsulationOf('tunnel', peer);
  return mode === 'transport' ? [encapsulationOf('transport', peer), tunnel] : [tunnel];
}

function suiteOf(
  accepted: AcceptedProposal,
  { encapsulation, life, spi, compressing }: QuickTransform,
): QuickSuite {
  const { plain, rfc, draft } = ENCAPSULATIONS;
  const transport: readonly number[] = [plain.transport, rfc.transport, draft.transport];
  const udpEncapsulation = encapsulation !== plain.tunnel && encapsulation !== plain.transport;
  const mode = transport.includes(encapsulation) ? 'transport' : 'tunnel';
  const compressed = compressing === undefined ? {} : { cpiOut: compressing.cpi };
  return { accepted, mode, udpEncapsulation, life, spiOut: spi, ...compressed };
}

function otherMode(
  config: ChildConfig,
  offered: readonly QuickTransform[],
  wanted: readonly number[],
): Failure {
  const names = (numbers: readonly number[]): readonly string[] =>
    [...new Set(numbers)].map(number => nameOf(EncapMode, number));
  const theirs = names(offered.map(({ encapsulation }) => encapsulation));
  const ours = names(wanted);
  return {
    code: 'peer/no-proposal-chosen',
    summary: `${config.name}: the peer asks for encapsulation mode ${theirs.join(' or ')}, and ${ours.join(' or ')} is what fits here`,
    ours,
    theirs,
    remedy: `set mode of ${config.name} alike at both ends; UDP is for paths with a NAT alone`,
    notify: 'NO_PROPOSAL_CHOSEN',
  };
}

function allCompressed({ name }: ChildConfig, obstacle = ''): Failure {
  return {
    code: 'peer/no-proposal-chosen',
    summary: `${name}: the peer asks for compression (IPComp) with all it proposes, and ${obstacle}`,
    ours: ['without compression'],
    theirs: ['IPComp'],
    remedy: `let ipcomp of ${name} be the same at both ends`,
    notify: 'NO_PROPOSAL_CHOSEN',
  };
}
