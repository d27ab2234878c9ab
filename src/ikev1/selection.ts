import {
  type AcceptedProposal,
  type OfferedProposal,
  type Proposal,
  type ProposalMismatch,
  selectProposal,
} from '../crypto/proposal.ts';
import { TransformType } from '../iana/ikev2.ts';
import { KeMethod, SequenceNumbers, type Transform } from '../iana/transforms.ts';
import { once } from './proposal-words.ts';

/** So many of a peer's transforms are gone into for an explanation: a stranger may send hundreds. */
const MOST_COMPARED = 32;
const OPTIONS = { preferOurs: true, additionalKeyExchanges: false } as const;

/**
 * The first of `ours`, one algorithm of each kind, that is among what is offered; the work grows with the sum of
 * both. Where there is none, what of the configuration comes nearest.
 *
 * @param configured what `ours` was made of.
 * @param preferOurs whether our order decides, or the peer's.
 */
export function choose(
  configured: readonly Proposal[],
  ours: readonly Proposal[],
  offered: readonly OfferedProposal[],
  preferOurs = true,
): AcceptedProposal | ProposalMismatch {
  const places = placesIn(ours);
  let best: { readonly place: number; readonly theirs: OfferedProposal } | undefined;
  for (const theirs of offered) {
    const place = isUnderstood(theirs) ? places.get(nameOf(theirs.transforms)) : undefined;
    if (place === undefined || (best !== undefined && (!preferOurs || place >= best.place))) continue;
    best = { place, theirs };
  }
  if (best !== undefined)
    return selectProposal(ours.slice(best.place, best.place + 1), [best.theirs], OPTIONS);
  const nearest = selectProposal(configured, likeliest(configured, offered), OPTIONS);
  if (nearest.kind === 'mismatch') return nearest;
  // What says more than it must, such as an AEAD with an integrity algorithm beside it.
  return selectProposal(
    ours,
    offered.filter(({ number }) => number === nearest.number),
    OPTIONS,
  );
}

/** Those of a long list that have most algorithms in common with what is configured, whichever these are. */
function likeliest(
  configured: readonly Proposal[],
  offered: readonly OfferedProposal[],
): readonly OfferedProposal[] {
  if (offered.length <= MOST_COMPARED) return offered;
  const known = algorithmsIn(configured);
  return offered
    .map(one => ({ one, common: one.transforms.filter(transform => known.has(nameOf([transform]))).length }))
    .sort((a, b) => b.common - a.common)
    .slice(0, MOST_COMPARED)
    .map(({ one }) => one);
}

const algorithmsIn = once(
  proposals => new Set(proposals.flatMap(({ transforms }) => transforms.map(one => nameOf([one])))),
);

const placesIn = once(
  proposals => new Map(proposals.map(({ transforms }, place) => [nameOf(transforms), place])),
);

/** A set of algorithms, told from all others; what means nothing is left out. */
function nameOf(transforms: readonly Transform[]): string {
  return transforms
    .filter(transform => !isNothing(transform))
    .map(({ type, id, keyLength }) => `${type}:${id}:${keyLength ?? ''}`)
    .sort()
    .join(' ');
}

function isNothing({ type, id }: Transform): boolean {
  switch (type) {
    case TransformType.SN:
      return id === SequenceNumbers.SEQUENTIAL_32;
    case TransformType.KE:
      return id === KeMethod.NONE;
    default:
      return false;
  }
}

function isUnderstood({ transforms }: OfferedProposal): boolean {
  return transforms.every(({ attributes }) => attributes === undefined || attributes.length === 0);
}
