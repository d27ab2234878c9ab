import type { AcceptedProposal, Proposal } from '../crypto/proposal.ts';
import type { HashName } from '../crypto/provider.ts';
import {
  Doi,
  IsakmpTransform,
  OakleyAttribute,
  OakleyAuthMethod,
  Situation,
  V1PayloadType,
  V1ProtocolId,
} from '../iana/ikev1.ts';
import { TransformType } from '../iana/ikev2.ts';
import { nameOf } from '../iana/name.ts';
import type { Transform } from '../iana/transforms.ts';
import { noCommonProposal, type Setting } from '../ike/failures.ts';
import { EMPTY } from '../lib/bytes.ts';
import type { Connection } from '../policy/connection.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import type { V1Attribute, V1SaPayload, V1Transform } from '../wire/v1/payload.ts';
import { encryptionToOakley, hashOfPrf, isHash, isSharedGroup } from './algorithm-numbers.ts';
import { type Life, lifeAttributes, PHASE_ONE_LIFE, phaseOneLife } from './life.ts';
import { MOST_TRANSFORMS, type PhaseOneTransform, readPhaseOne } from './phase-one-transform.ts';
import { inWordsOfV1, keywordsOfV1, once, sayable, singles } from './proposal-words.ts';
import { choose } from './selection.ts';

/** What both ends agreed upon for the ISAKMP SA. */
export interface PhaseOneSuite {
  readonly accepted: AcceptedProposal;
  readonly hash: HashName;
  /** Authentication Method. */
  readonly method: number;
  readonly life: Life;
  /** In proposal keywords. */
  readonly text: string;
}

/** What an initiator proposes: one list of transforms. */
export interface PhaseOneOffer {
  readonly payload: V1SaPayload;
  readonly methods: readonly number[];
  /** What each transform stands for. */
  readonly proposals: readonly Proposal[];
  /** Of the first transform; in aggressive mode of all. */
  readonly group: number;
}

/** So many transforms still let the first message travel in one packet. */
const MOST_OFFERED = 24;

/**
 * The SA payload of an initiator: every cipher, hash and group of the configured proposals that IKEv1 has a number
 * for, best first, by each of `methods`. In aggressive mode the group is fixed beforehand, that of the best proposal, and with
 * some methods all else.
 * Throws Failed where nothing is left.
 */
export function phaseOneOffer(
  connection: Connection,
  methods: readonly number[],
  mode: 'main' | 'aggressive' | 'aggressive, one suite',
): PhaseOneOffer {
  const sayable = usableProposals(connection.proposals);
  const [best] = sayable;
  if (best === undefined)
    throw new Failed({
      code: 'config/invalid-value',
      summary: `${connection.name}: none of the proposals can be said in IKEv1`,
      ours: connection.proposals.map(({ text }) => text),
      remedy: 'add a proposal such as aes256-sha256-modp2048',
    });
  const group = groupOf(best);
  const usable = mode === 'main' ? sayable : sayable.filter(proposal => groupOf(proposal) === group);
  const most = mode === 'aggressive, one suite' ? 1 : MOST_OFFERED;
  const proposals = methods.flatMap(() => usable).slice(0, most);
  const life = phaseOneLife(connection);
  const transforms = methods
    .flatMap(method => usable.map(({ transforms }) => attributesOf(transforms, method, life)))
    .slice(0, most)
    .map((attributes, i): V1Transform => ({ number: i + 1, id: IsakmpTransform.KEY_IKE, attributes }));
  return { payload: saPayload(1, transforms), methods, proposals, group };
}

/**
 * The responder's choice: the first configured proposal for which there is a transform, or the first transform for which there is
 * a proposal, authenticated by one of `methods`. `answer` is the SA payload to send: what was chosen, as it came.
 */
export function choosePhaseOne(
  connection: Connection,
  payload: V1SaPayload,
  methods: readonly number[],
  preferOurs = true,
): { readonly suite: PhaseOneSuite; readonly answer: V1SaPayload } | Failure {
  const offered = readPhaseOne(payload);
  const fitting = offered.filter(({ method }) => methods.includes(method));
  if (offered.length > 0 && fitting.length === 0) return otherMethod(connection, offered, methods);
  const proposals = fitting.map(({ proposal }) => proposal);
  const ours = usableProposals(connection.proposals);
  const accepted = choose(speakable(connection.proposals), ours, proposals, preferOurs);
  if (accepted.kind === 'mismatch') return noCommonProposal(inWordsOfV1(accepted), settingOf(connection));
  const chosen = fitting.find(({ proposal }) => proposal.number === accepted.number) as PhaseOneTransform;
  return {
    suite: suiteOf(accepted, chosen),
    answer: saPayload(chosen.proposalNumber, [chosen.transform]),
  };
}

/**
 * The initiator's check of the answer: one transform, and one that was offered. Some peers number it anew, or put a
 * shorter life into it; all else must be as it was sent.
 */
export function confirmPhaseOne(
  connection: Connection,
  offer: PhaseOneOffer,
  payload: V1SaPayload,
): PhaseOneSuite | Failure {
  const answered = readPhaseOne(payload);
  const [chosen] = answered;
  if (chosen === undefined || answered.length !== 1)
    return breach(connection, `it answered with ${answered.length} transforms`);
  if (!offer.methods.includes(chosen.method)) return otherMethod(connection, answered, offer.methods);
  const accepted = choose(offer.proposals, offer.proposals, [chosen.proposal]);
  if (accepted.kind === 'mismatch') return noCommonProposal(inWordsOfV1(accepted), settingOf(connection));
  return suiteOf(accepted, chosen);
}

/** Whether a connection would have agreed to this too. */
export function isAccepted(connection: Connection, { accepted }: PhaseOneSuite): boolean {
  return usableProposals(connection.proposals).some(({ text }) => text === accepted.text);
}

export function settingOf({ name }: Connection): Setting {
  return { key: 'proposals', of: name, version: 1 };
}

const TYPES = [TransformType.ENCR, TransformType.INTEG, TransformType.PRF, TransformType.KE] as const;

/** One proposal for each combination of what a configuration allows and IKEv1 can say. */
const usableProposals = once(proposals =>
  singles(proposals, TYPES).filter(isSayable).slice(0, MOST_TRANSFORMS),
);

const speakable = once(proposals => sayable(proposals, (_, transform) => canSay(transform)));

function canSay({ type, id }: Transform): boolean {
  switch (type) {
    case TransformType.ENCR:
      return encryptionToOakley(id) !== undefined;
    case TransformType.PRF:
      return hashOfPrf(id) !== undefined;
    case TransformType.INTEG:
      return isHash(id);
    default:
      return type === TransformType.KE && isSharedGroup(id);
  }
}

/** A cipher with a number, integrity and prf of one hash, a group. */
function isSayable({ transforms }: Proposal): boolean {
  const of = (wanted: number): number | undefined => transforms.find(({ type }) => type === wanted)?.id;
  const hash = hashOfPrf(of(TransformType.PRF) ?? 0);
  return (
    encryptionToOakley(of(TransformType.ENCR) ?? 0) !== undefined &&
    hash !== undefined &&
    hash.integrity === of(TransformType.INTEG) &&
    isSharedGroup(of(TransformType.KE) ?? 0)
  );
}

function attributesOf(transforms: readonly Transform[], method: number, life: Life): readonly V1Attribute[] {
  const of = (wanted: number): Transform | undefined => transforms.find(({ type }) => type === wanted);
  const cipher = of(TransformType.ENCR);
  return [
    { type: OakleyAttribute.ENCRYPTION_ALGORITHM, value: encryptionToOakley(cipher?.id ?? 0) as number },
    ...(cipher?.keyLength === undefined
      ? []
      : [{ type: OakleyAttribute.KEY_LENGTH, value: cipher.keyLength }]),
    {
      type: OakleyAttribute.HASH_ALGORITHM,
      value: hashOfPrf(of(TransformType.PRF)?.id ?? 0)?.v1 as number,
    },
    { type: OakleyAttribute.GROUP_DESCRIPTION, value: of(TransformType.KE)?.id as number },
    { type: OakleyAttribute.AUTHENTICATION_METHOD, value: method },
    ...lifeAttributes(life, PHASE_ONE_LIFE),
  ];
}

function saPayload(number: number, transforms: readonly V1Transform[]): V1SaPayload {
  return {
    type: V1PayloadType.SA,
    doi: Doi.IPSEC,
    situation: Situation.SIT_IDENTITY_ONLY,
    proposals: [{ number, protocol: V1ProtocolId.PROTO_ISAKMP, spi: EMPTY, transforms }],
  };
}

function suiteOf(accepted: AcceptedProposal, { method, life }: PhaseOneTransform): PhaseOneSuite {
  const hash = hashOfPrf(accepted.prf);
  if (hash === undefined) throw new Error('a proposal of phase 1 without a hash');
  return { accepted, hash: hash.name, method, life, text: keywordsOfV1(accepted.text) };
}

function otherMethod(
  connection: Connection,
  offered: readonly PhaseOneTransform[],
  methods: readonly number[],
): Failure {
  const asked = offered.map(({ method }) => method);
  const theirs = methodNames(asked);
  const ours = methodNames(methods);
  return {
    code: 'auth/method',
    summary: `${connection.name}: the peer asks for authentication by ${theirs.join(' or ')}, and this connection for ${ours.join(' or ') || 'none that IKEv1 has'}`,
    ours,
    theirs,
    remedy: remedyFor(methods, asked),
    notify: 'NO_PROPOSAL_CHOSEN',
  };
}

/** Authentication Methods by name, each once. */
export function methodNames(numbers: readonly number[]): readonly string[] {
  return [...new Set(numbers)].map(number => nameOf(OakleyAuthMethod, number, 65_001));
}

/** The methods in which the server alone has a key, and those with which a user follows. */
function isHybrid(method: number): boolean {
  return method >= OakleyAuthMethod.HybridInitRSA && method <= OakleyAuthMethod.HybridRespDSS;
}

function hasUser(method: number): boolean {
  return (
    isHybrid(method) ||
    (method >= OakleyAuthMethod.XAUTHInitPreShared &&
      method <= OakleyAuthMethod.XAUTHRespRSARevisedEncryption)
  );
}

/** What would bring both ends together: most of all it is the user that one of them does not know of. */
function remedyFor(ours: readonly number[], theirs: readonly number[]): string {
  const [here, there] = [ours.some(hasUser), theirs.some(hasUser)];
  if (there && !here)
    return 'let a user follow here too: a second section with auth = xauth at the side of the user';
  if (here && !there) return 'let the peer ask for a user, or bring one; or leave auth = xauth out here';
  if (ours.some(isHybrid) !== theirs.some(isHybrid))
    return `the user comes ${ours.some(isHybrid) ? 'alone here, and at the peer after' : 'alone at the peer, and here after'} a key or certificate of its side: let both have the same rounds`;
  return 'let auth of both sides name one method: in IKEv1 both ends use the same';
}

function breach({ name }: Connection, what: string): Failure {
  return { code: 'peer/malformed', summary: `${name}: the peer breaks the protocol: ${what}` };
}

function groupOf({ transforms }: Proposal): number {
  return transforms.find(({ type }) => type === TransformType.KE)?.id ?? 0;
}
