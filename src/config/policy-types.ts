import { type Proposal, ProposalError, parseProposals } from '../crypto/proposal.ts';
import type { ConfiguredSelector } from '../policy/connection.ts';
import type { Identity, IdentityPattern } from '../policy/identity.ts';
import { parseIdentity } from '../policy/identity.ts';
import { parseIdentityPattern } from '../policy/identity-match.ts';
import { parseSelector } from '../policy/selector-text.ts';
import { Unfit, type ValueType } from './value-types.ts';

/** One item of a proposal list: several proposals where it says `default`. */
export function proposal(protocol: Proposal['protocol']): ValueType<readonly Proposal[]> {
  return {
    name: 'proposal',
    read(value) {
      try {
        return parseProposals(value, protocol);
      } catch (error) {
        if (!(error instanceof ProposalError)) throw error;
        const remedy = error.nearest === undefined ? undefined : `did you mean "${error.nearest}"?`;
        throw new Unfit(error.message, remedy, error.column - 1);
      }
    },
  };
}

export const identity: ValueType<Identity> = { name: 'identity', read: parseIdentity };

/** An object identifier in dotted numbers. */
export const objectIdentifier: ValueType<string> = {
  name: 'dotted numbers',
  read(value) {
    if (/^[0-2](\.(0|[1-9]\d{0,18})){1,40}$/.test(value)) return value;
    throw new Unfit('it is no object identifier', 'write it in dotted numbers, as 1.3.6.1.4.1.99999.1');
  },
};

export const identityPattern: ValueType<IdentityPattern> = {
  name: 'identity, with * or ^…$',
  read: parseIdentityPattern,
};

export const selector: ValueType<ConfiguredSelector> = { name: 'traffic selector', read: parseSelector };
