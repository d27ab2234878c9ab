import { ProtocolId, TransformType } from '../iana/ikev2.ts';
import { nameOf } from '../iana/name.ts';
import { Integ, KeMethod, SequenceNumbers, type Transform } from '../iana/transforms.ts';
import type { Protocol } from './algorithm.ts';
import { isAead } from './encr/registry.ts';
import { ADDITIONAL_KES, isAdditionalKe, keywordOf } from './keyword.ts';
import { formatTransforms, type Proposal } from './proposal-text.ts';

/** A proposal as the peer sent it. */
export interface OfferedProposal {
  readonly number: number;
  /** Protocol ID. */
  readonly protocol: number;
  readonly transforms: readonly (Transform & { readonly attributes?: readonly unknown[] })[];
}

const accepted: unique symbol = Symbol('accepted');

/** One algorithm of each type, agreed by both sides. Only this file makes it. */
export interface AcceptedProposal {
  readonly [accepted]: true;
  readonly kind: 'accepted';
  /** Proposal Num of the peer's proposal, or of ours that the peer chose. */
  readonly number: number;
  readonly protocol: Protocol;
  /** The configured proposal that matched. */
  readonly configured: Proposal;
  /** What the responder sends back: one transform for each type of the offered proposal. */
  readonly transforms: readonly Transform[];
  /** 0 for AH. */
  readonly encryption: number;
  /** Cipher key length in bits; 0 where the algorithm has one length or none. */
  readonly keyLength: number;
  /** 0 with an AEAD. */
  readonly integrity: number;
  /** 0 outside IKE. */
  readonly prf: number;
  /** 0 without a key exchange of its own. */
  readonly keyExchange: number;
  /** In the order they are run, NONE left out (RFC 9370 §2.2.1). */
  readonly additionalKeyExchanges: readonly number[];
  readonly esn: boolean;
  /** In keywords. */
  readonly text: string;
}

/** Why no proposal fits, by the pair that came nearest. */
export interface ProposalMismatch {
  readonly kind: 'mismatch';
  /** Proposal Num of the peer's proposal that came nearest; undefined when it sent none of the protocol. */
  readonly number: number | undefined;
  /** The transform type that failed there; undefined when that is not what failed. */
  readonly type: number | undefined;
  /** Both sides' keywords of that type; of everything when no type is to blame. */
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
  /** One sentence. */
  readonly reason: string;
  /** Every transform type in which that pair has nothing in common. */
  readonly differs: readonly number[];
  /** That pair in keywords, each side's whole; absent when there is none. */
  readonly nearest?: { readonly ours: string; readonly theirs: string };
  /** All proposals of both sides in keywords. */
  readonly allowed: readonly string[];
  readonly offered: readonly string[];
}

interface SelectionOptions {
  /** Whose order of preference decides, of proposals and of transforms. */
  readonly preferOurs: boolean;
  /** Leave out key exchanges on both sides: for a Child SA made in IKE_AUTH (RFC 7296 §1.2). */
  readonly withoutKeyExchange?: boolean;
  /** False makes ADDKE transforms unknown: the peer did not announce IKE_INTERMEDIATE (RFC 9370 §2.2.1). */
  readonly additionalKeyExchanges?: boolean;
}

/** The responder's choice among the peer's proposals (RFC 7296 §3.3.6). */
export function selectProposal(
  configured: readonly Proposal[],
  offered: readonly OfferedProposal[],
  options: SelectionOptions,
): AcceptedProposal | ProposalMismatch {
  const [mine, their] = [configured.map(sorted), offered.map(sorted)];
  const pairs = options.preferOurs
    ? mine.flatMap(ours => their.map(theirs => [ours, theirs] as const))
    : their.flatMap(theirs => mine.map(ours => [ours, theirs] as const));
  let nearest: Match | undefined;
  for (const [ours, theirs] of pairs) {
    const match = matchPair(ours, theirs, options);
    if (match.failed === undefined) return accept(ours.proposal, theirs.proposal.number, match.chosen);
    if (nearest === undefined || match.agreed > nearest.agreed) nearest = match;
  }
  if (nearest?.failed === undefined) return nothingComparable(configured, offered);
  return { ...nearest.failed, allowed: configured.map(({ text }) => text), offered: offered.map(textOf) };
}

/**
 * The initiator's check of the answer (RFC 7296 §3.3.6): one proposal, with the number of one that was `sent`
 * (numbered from 1) and one transform of each of its types, all of them offered there.
 */
export function confirmProposal(
  sent: readonly Proposal[],
  answer: readonly OfferedProposal[],
  options: Pick<SelectionOptions, 'additionalKeyExchanges'> = {},
): AcceptedProposal | ProposalMismatch {
  const [theirs] = answer;
  const ours = theirs === undefined ? undefined : sent[theirs.number - 1];
  if (theirs === undefined || ours === undefined || answer.length !== 1) {
    return nothingComparable(sent, answer, 'the peer did not answer with one of our proposals');
  }
  const types = new Set(theirs.transforms.map(({ type }) => type));
  if (types.size !== theirs.transforms.length) {
    return nothingComparable(sent, answer, 'the peer answered with several algorithms of one type');
  }
  const match = matchPair(sorted(ours), sorted(theirs), { ...options, preferOurs: true });
  if (match.failed !== undefined) return match.failed;
  if (match.ignored !== undefined) return match.ignored;
  return accept(ours, theirs.number, match.chosen);
}

type Match = { readonly agreed: number } & (
  | { readonly failed: ProposalMismatch }
  | {
      readonly failed?: undefined;
      readonly chosen: readonly Transform[];
      /** What a responder may overlook and an initiator must not. */
      readonly ignored?: ProposalMismatch;
    }
);

const PROTOCOLS: Readonly<Record<Protocol, number>> = {
  ike: ProtocolId.IKE,
  esp: ProtocolId.ESP,
  ah: ProtocolId.AH,
};

/** Transform types of each protocol (RFC 7296 §3.3.3); the additional key exchanges come on top. */
const TYPES: Readonly<Record<Protocol, readonly number[]>> = {
  ike: [TransformType.ENCR, TransformType.PRF, TransformType.INTEG, TransformType.KE],
  esp: [TransformType.ENCR, TransformType.INTEG, TransformType.KE, TransformType.SN],
  ah: [TransformType.INTEG, TransformType.KE, TransformType.SN],
};

/** What the absence of a type means where it may be absent (RFC 7296 §3.3.3; ESN: what peers that omit it mean). */
const WHEN_ABSENT: Readonly<Record<number, number>> = {
  [TransformType.KE]: KeMethod.NONE,
  [TransformType.SN]: SequenceNumbers.SEQUENTIAL_32,
};

/** A proposal with its transforms by their type. */
interface Sorted<Kind> {
  readonly proposal: Kind;
  readonly byType: ReadonlyMap<number, OfferedProposal['transforms']>;
  /** Whether any is of an additional key exchange: mostly none is. */
  readonly adds: boolean;
}

function sorted<Kind extends Pick<OfferedProposal, 'transforms'>>(proposal: Kind): Sorted<Kind> {
  const { transforms } = proposal;
  return {
    proposal,
    byType: Map.groupBy(transforms, ({ type }) => type),
    adds: transforms.some(({ type }) => isAdditionalKe(type)),
  };
}

/** One pair, type by type. */
function matchPair(mine: Sorted<Proposal>, their: Sorted<OfferedProposal>, options: SelectionOptions): Match {
  const [ours, theirs] = [mine.proposal, their.proposal];
  const { protocol } = ours;
  if (theirs.protocol !== PROTOCOLS[protocol]) {
    const reason = `the peer's proposal ${theirs.number} is not for ${protocol.toUpperCase()}`;
    return {
      agreed: -1,
      failed: mismatch(ours, theirs, [], ours.transforms, theirs.transforms, reason),
    };
  }
  const withKe = options.withoutKeyExchange !== true;
  const mayAdd = options.additionalKeyExchanges !== false;
  for (const [type, transforms] of their.byType) {
    if (TYPES[protocol].includes(type) || (isKe(type) && (mayAdd || !withKe))) continue;
    const name = nameOf(TransformType, type);
    const reason = `the peer's proposal ${theirs.number} has a transform of type ${name}, which has no place here`;
    return { agreed: 0, failed: mismatch(ours, theirs, [type], [], transforms, reason) };
  }
  const chosen: Transform[] = [];
  const exchanges: (readonly Transform[])[] = [];
  const failed: {
    readonly type: number;
    readonly left: readonly Transform[];
    readonly right: readonly Transform[];
  }[] = [];
  let agreed = 0;
  let ignored: ProposalMismatch | undefined;
  const types =
    mine.adds || their.adds
      ? [
          ...TYPES[protocol],
          ...ADDITIONAL_KES.filter(type => mine.byType.has(type) || their.byType.has(type)),
        ]
      : TYPES[protocol];
  for (const type of types) {
    if (!withKe && isKe(type)) continue;
    const aead = type === TransformType.INTEG && chosen.some(isAeadTransform);
    if (type === TransformType.INTEG && failed.length > 0) {
      // No common cipher: integrity is needless where both have an AEAD, and differs where one has
      const aeads = [ours, theirs].filter(side => side.transforms.some(isAeadTransform)).length;
      if (aeads === 1) failed.push({ type, left: ofType(mine, type), right: ofType(their, type) });
      if (aeads > 0) continue;
    }
    const left = listOf(mine, type, aead, protocol);
    const right = listOf(their, type, aead, protocol);
    const [preferred, other] = options.preferOurs ? [left, right] : [right, left];
    const best = preferred.find(transform => isAmong(other, transform));
    if (best === undefined && aead) {
      // Some peers list integrity algorithms beside an AEAD, where they mean nothing (RFC 7296 §3.3.3)
      ignored = mismatch(ours, theirs, [type], left, right, explain(left, right));
    } else if (best === undefined) {
      failed.push({ type, left, right });
      continue;
    } else if (isKe(type)) {
      exchanges.push(preferred.filter(transform => isAmong(other, transform)));
    } else {
      chosen.push(best);
    }
    agreed++;
  }
  const [first] = failed;
  if (first !== undefined) {
    const types = failed.map(({ type }) => type);
    return {
      agreed,
      failed: mismatch(ours, theirs, types, first.left, first.right, explain(first.left, first.right)),
    };
  }
  const methods = distinct(exchanges);
  if (methods === undefined) {
    const reason = 'the two sides share no set of key exchange methods that are all different';
    const types = exchanges.slice(-1).flatMap(([best]) => best?.type ?? []);
    return { agreed, failed: mismatch(ours, theirs, types, ours.transforms, theirs.transforms, reason) };
  }
  // Types that the peer left out are left out of the answer too
  const answer = [...chosen, ...methods].filter(({ type }) => their.byType.has(type)).map(bare);
  return ignored === undefined ? { agreed, chosen: answer } : { agreed, chosen: answer, ignored };
}

function isKe(type: number): boolean {
  return type === TransformType.KE || isAdditionalKe(type);
}

type Alternatives = Pick<Sorted<unknown>, 'byType'>;

function ofType({ byType }: Alternatives, type: number): OfferedProposal['transforms'] {
  return byType.get(type) ?? [];
}

/** The acceptable transforms of a type, the meaning of absence made visible. */
function listOf(
  side: Alternatives,
  type: number,
  besideAead: boolean,
  protocol: Protocol,
): readonly Transform[] {
  const given = ofType(side, type);
  if (given.length === 0) {
    if (besideAead) return [{ type, id: Integ.NONE }];
    const absent = isAdditionalKe(type) ? KeMethod.NONE : WHEN_ABSENT[type];
    if (absent !== undefined && !(protocol === 'ike' && type === TransformType.KE))
      return [{ type, id: absent }];
  }
  // NONE is a choice only where something may be absent
  const mayBeNone =
    besideAead ||
    type === TransformType.SN ||
    isAdditionalKe(type) ||
    (type === TransformType.KE && protocol !== 'ike');
  // A transform with an attribute that is not understood is unacceptable by itself (RFC 7296 §3.3.6)
  const isAcceptable = ({ id, attributes }: (typeof given)[number]): boolean =>
    (id !== 0 || mayBeNone) && (attributes === undefined || attributes.length === 0);
  return given.every(isAcceptable) ? given : given.filter(isAcceptable);
}

function isAmong(transforms: readonly Transform[], { id, keyLength }: Transform): boolean {
  return transforms.some(other => other.id === id && other.keyLength === keyLength);
}

/** Without what else the peer's transform has. */
function bare({ type, id, keyLength }: Transform): Transform {
  return keyLength === undefined ? { type, id } : { type, id, keyLength };
}

/**
 * One method of each list, no method twice, NONE excepted (RFC 9370 §2.2.1); every list gets the first it can have.
 * Bipartite matching along augmenting paths: work is bounded by types × transforms, whatever the peer offers.
 */
function distinct(lists: readonly (readonly Transform[])[]): Transform[] | undefined {
  if (lists.length < 2) return lists.flatMap(([first]) => first ?? []);
  const holder = new Map<number, number>();
  const chosen: (Transform | undefined)[] = lists.map(() => undefined);
  const place = (at: number, seen: Set<number>): boolean => {
    for (const candidate of lists[at] ?? []) {
      if (candidate.id !== KeMethod.NONE) {
        if (seen.has(candidate.id)) continue;
        seen.add(candidate.id);
        const other = holder.get(candidate.id);
        if (other !== undefined && !place(other, seen)) continue;
        holder.set(candidate.id, at);
      }
      chosen[at] = candidate;
      return true;
    }
    return false;
  };
  for (let at = 0; at < lists.length; at++) if (!place(at, new Set())) return undefined;
  return chosen as Transform[];
}

function accept(configured: Proposal, number: number, transforms: readonly Transform[]): AcceptedProposal {
  let encryption: Transform | undefined;
  let integrity: number = Integ.NONE;
  let prf = 0;
  let keyExchange: number = KeMethod.NONE;
  let esn = false;
  const additionalKeyExchanges: number[] = [];
  for (const transform of transforms) {
    const { type, id } = transform;
    if (type === TransformType.ENCR) encryption = transform;
    else if (type === TransformType.INTEG) integrity = id;
    else if (type === TransformType.PRF) prf = id;
    else if (type === TransformType.KE) keyExchange = id;
    else if (type === TransformType.SN) esn = id === SequenceNumbers.PARTIAL_64;
    else if (isAdditionalKe(type) && id !== KeMethod.NONE) additionalKeyExchanges.push(id);
  }
  return {
    kind: 'accepted',
    number,
    protocol: configured.protocol,
    configured,
    transforms,
    encryption: encryption?.id ?? 0,
    keyLength: encryption?.keyLength ?? 0,
    integrity,
    prf,
    keyExchange,
    additionalKeyExchanges,
    esn,
    text: formatTransforms(transforms),
    // What follows a computed name is set one by one: it comes last.
    [accepted]: true,
  };
}

function mismatch(
  ours: Proposal,
  theirs: OfferedProposal,
  types: readonly number[],
  left: readonly Transform[],
  right: readonly Transform[],
  reason: string,
): ProposalMismatch {
  const nearest = { ours: ours.text, theirs: textOf(theirs) };
  return {
    kind: 'mismatch',
    number: theirs.number,
    type: types[0],
    ours: left.map(keywordOf),
    theirs: right.map(keywordOf),
    reason,
    differs: types,
    nearest,
    allowed: [nearest.ours],
    offered: [nearest.theirs],
  };
}

function isAeadTransform({ type, id }: Transform): boolean {
  return type === TransformType.ENCR && isAead(id);
}

function textOf({ transforms }: OfferedProposal): string {
  return formatTransforms(transforms);
}

function explain(ours: readonly Transform[], theirs: readonly Transform[]): string {
  return `the peer offers ${listed(theirs)}; this connection allows ${listed(ours)}`;
}

/** A sentence has room for a dozen, a stranger's proposal for hundreds. */
function listed(transforms: readonly Transform[]): string {
  if (transforms.length === 0) return 'nothing that is known here';
  const words = transforms.slice(0, 12).map(keywordOf).join(', ');
  return transforms.length > 12 ? `${words} and ${transforms.length - 12} more` : words;
}

function nothingComparable(
  configured: readonly Proposal[],
  offered: readonly OfferedProposal[],
  reason = 'no proposal of the peer can be compared with ours',
): ProposalMismatch {
  return {
    kind: 'mismatch',
    number: undefined,
    type: undefined,
    ours: configured.map(({ text }) => text),
    theirs: offered.map(textOf),
    reason,
    differs: [],
    allowed: configured.map(({ text }) => text),
    offered: offered.map(textOf),
  };
}
