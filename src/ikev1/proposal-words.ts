import { formatTransforms, type Proposal, type ProposalMismatch } from '../crypto/proposal.ts';
import { OakleyGroup, OakleyHash } from '../iana/ikev1.ts';
import { TransformType } from '../iana/ikev2.ts';
import { Encr, Integ, type Transform } from '../iana/transforms.ts';

/*
 * Proposals of IKEv1 are lists of whole sets: each transform names one algorithm of each kind. And a hash of phase 1
 * is one thing, of which an IKEv2 proposal makes two, integrity and prf: people read one keyword for it.
 */

/**
 * One proposal for each combination of the algorithms of `types` that a proposal allows, the last type changing
 * fastest, after the others in the order of how far down their lists they are together.
 */
export function singles(proposals: readonly Proposal[], types: readonly number[]): readonly Proposal[] {
  return proposals.flatMap(({ protocol, transforms }) => {
    const lists = types
      .map(type => transforms.filter(transform => transform.type === type))
      .filter(list => list.length > 0);
    return combinations(lists).map(({ chosen }) => ({
      protocol,
      transforms: chosen,
      text: formatTransforms(chosen),
    }));
  });
}

/** As `make`, done once for each list: a stranger's first message must not have us do it again. */
export function once<Result extends object>(
  make: (proposals: readonly Proposal[]) => Result,
): (proposals: readonly Proposal[]) => Result {
  const made = new WeakMap<readonly Proposal[], Result>();
  return proposals => {
    const result = made.get(proposals) ?? make(proposals);
    made.set(proposals, result);
    return result;
  };
}

interface Combination {
  readonly chosen: readonly Transform[];
  /** The sum of the places in all lists but the last. */
  readonly rank: number;
}

function combinations(lists: readonly (readonly Transform[])[]): readonly Combination[] {
  let all: readonly Combination[] = [{ chosen: [], rank: 0 }];
  for (const [i, list] of lists.entries())
    all = all.flatMap(({ chosen, rank }) =>
      list.map((transform, place) => ({
        chosen: [...chosen, transform],
        rank: rank + (i + 1 < lists.length ? place : 0),
      })),
    );
  return all.toSorted((a, b) => a.rank - b.rank);
}

/**
 * What is left of a configuration when it leaves out what IKEv1 cannot say, for explanations; all of it where nothing is
 * left.
 */
export function sayable(
  proposals: readonly Proposal[],
  canSay: (proposal: Proposal, transform: Transform) => boolean,
): readonly Proposal[] {
  const left = proposals.flatMap(proposal => {
    const transforms = proposal.transforms.filter(transform => canSay(proposal, transform));
    const kinds = new Set(transforms.map(({ type }) => type));
    if (proposal.transforms.some(({ type }) => !kinds.has(type))) return [];
    return [{ ...proposal, transforms, text: formatTransforms(transforms) }];
  });
  return left.length > 0 ? left : proposals;
}

/** Stands between the numbers of IKEv2 and those of IKEv1 that mean nothing there. */
const FOREIGN = 0x10000;

/** A transform ID for a number that only IKEv1 has: it is nobody's, and has a name in explanations. */
export function foreign(number: number): number {
  return FOREIGN + number;
}

const NAMES: Readonly<Record<string, string>> = {
  [`encr:${Encr.ENCR_RC5}`]: 'rc5',
  [`encr:${Encr.ENCR_IDEA}`]: 'idea',
  [`encr:${Encr.ENCR_CAST}`]: 'cast',
  [`encr:${Encr.ENCR_BLOWFISH}`]: 'blowfish',
  [`integ:${Integ.AUTH_DES_MAC}`]: 'desmac',
  [`integ:${Integ.AUTH_KPDK_MD5}`]: 'kpdk',
  [`integ:${foreign(OakleyHash.TIGER)}`]: 'tiger',
  [`ke:${OakleyGroup.EC2N_GP_2_155}`]: 'ec2n155',
  [`ke:${OakleyGroup.EC2N_GP_2_185}`]: 'ec2n185',
  [`ke:${OakleyGroup.EC2N_DRAFT_GROUP}`]: 'ec2n163',
};

const KINDS: Readonly<Record<string, string>> = { encr: 'cipher', integ: 'hash', ke: 'group' };

/** What has no keyword by the name that it had, or by its number in IKEv1. */
function named(text: string): string {
  return text.replace(/\b(encr|integ|ke):(\d+)(?:\/(\d+))?/g, (_, kind: string, id: string, length = '') => {
    const number = Number(id) >= FOREIGN ? Number(id) - FOREIGN : Number(id);
    return `${NAMES[`${kind}:${id}`] ?? `${KINDS[kind]}:${number}`}${length}`;
  });
}

/** `aes128-sha256-prfsha256-modp2048` as one writes it for IKEv1: `aes128-sha256-modp2048`. */
export function keywordsOfV1(proposal: string): string {
  return named(proposal.replace(/-prf(?::\d+|md5|sha\d+)\b/g, ''));
}

/** A mismatch with the hash as one thing. */
export function inWordsOfV1(mismatch: ProposalMismatch): ProposalMismatch {
  const { differs, nearest, allowed, offered, ours, theirs, reason } = mismatch;
  const plain = (text: string): string =>
    named(text.replace(/\bprf(?=md5|sha\d)/g, '').replace(/\bprf(?=:\d)/g, 'integ'));
  const kinds = differs.filter(type => type !== TransformType.PRF || !differs.includes(TransformType.INTEG));
  return {
    ...mismatch,
    type: kinds[0],
    differs: kinds,
    ours: ours.map(keyword => plain(keywordsOfV1(keyword))),
    theirs: theirs.map(keyword => plain(keywordsOfV1(keyword))),
    reason: plain(reason),
    allowed: allowed.map(keywordsOfV1),
    offered: offered.map(keywordsOfV1),
    ...(nearest === undefined
      ? {}
      : { nearest: { ours: keywordsOfV1(nearest.ours), theirs: keywordsOfV1(nearest.theirs) } }),
  };
}
