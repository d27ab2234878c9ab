/** Proposals: what they are, how they are written, how one is chosen. */
export {
  type AcceptedProposal,
  confirmProposal,
  type OfferedProposal,
  type ProposalMismatch,
  selectProposal,
} from './proposal-selection.ts';
export {
  defaultProposals,
  formatTransforms,
  type Proposal,
  ProposalError,
  parseProposals,
  weakKeywords,
  withoutKeyExchange,
} from './proposal-text.ts';
