import { formatTransforms, type Proposal, type ProposalMismatch } from '../crypto/proposal.ts';
import { TransformType } from '../iana/ikev2.ts';
import type { Transform } from '../iana/transforms.ts';

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

/** `aes128-sha256-prfsha256-modp2048` as one writes it for IKEv1: `aes128-sha256-modp2048`. */
export function keywordsOfV1(proposal: string): string {
  return proposal.replace(/-prf(?:md5|sha\d+)\b/g, '');
}

/** A mismatch with the hash as one thing. */
export function inWordsOfV1(mismatch: ProposalMismatch): ProposalMismatch {
  const { differs, nearest, allowed, offered, ours, theirs, reason } = mismatch;
  const plain = (text: string): string => text.replace(/\bprf(?=md5|sha\d)/g, '');
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
