import { keywordsOf } from '../crypto/keyword.ts';
import type { Proposal, ProposalMismatch } from '../crypto/proposal.ts';
import { TransformType } from '../iana/ikev2.ts';
import { knownName } from '../iana/name.ts';
import { formatIp } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import type { SelectorMismatch } from '../policy/narrowing.ts';
import type { Path } from '../policy/sa.ts';
import { formatSelector } from '../policy/selector-text.ts';
import type { TrafficSelector } from '../policy/traffic-selector.ts';

/*
 * Failures that either version can have, told with both sides, the nearest match and the one change that would
 * help. They are for our own side: the peer is told the notify alone.
 */

/** What a proposal is for, in the configuration's words: `proposals` of a connection, `esp_proposals` of a child. */
export interface Setting {
  readonly key: string;
  readonly of: string;
  /** Of IKE, for `proposals`; absent: 2. */
  readonly version?: 1;
}

/**
 * However often `message` was sent, no answer came. Before the first answer the peer may not be there at all; later it is
 * there, and something keeps the rest from it.
 */
export function noAnswer(message: string, times: number, path: Path, first: boolean): Failure {
  const [from, to] = [path.local, path.remote].map(
    ({ address, port }) => `${formatIp(address)} port ${port}`,
  );
  return {
    code: 'peer/silent',
    summary: `no answer from ${to} to ${message}, sent ${times} times`,
    ours: [`from ${from}`],
    theirs: [`${to}: nothing`],
    remedy: first
      ? `see that ${to} is the peer, that a daemon listens there, and that no firewall on the way drops UDP to it`
      : `the peer answered before: see its log, and that firewalls on the way let UDP port ${path.remote.port} and fragments pass`,
  };
}

/** The peer offered, or answered with, algorithms that we do not allow. */
export function noCommonProposal(mismatch: ProposalMismatch, setting: Setting): Failure {
  const { type, differs, nearest, allowed, offered, reason } = mismatch;
  const kinds = differs.map(one => KINDS[one] ?? knownName(TransformType, one) ?? `transform type ${one}`);
  return {
    code: differs.length === 1 && type === TransformType.KE ? 'peer/invalid-ke' : 'peer/no-proposal-chosen',
    summary: `${setting.of}: no common ${kinds[0] ?? 'set of algorithms'}: ${reason}`,
    ours: allowed,
    theirs: offered,
    proposals: kindOf(setting),
    ...(nearest === undefined
      ? {}
      : {
          nearest: `${nearest.ours} here and ${nearest.theirs} there differ in ${kinds.join(', ') || 'their protocol'}`,
        }),
    remedy:
      nearest === undefined
        ? `let both sides' ${setting.key} have one set of algorithms in common`
        : remedyFor(mismatch, nearest, setting),
    notify: 'NO_PROPOSAL_CHOSEN',
  };
}

function kindOf({ key, version }: Setting): NonNullable<Failure['proposals']> {
  if (key === 'proposals') return version === 1 ? 'ikev1' : 'ikev2';
  return key === 'ah_proposals' ? 'ah' : 'esp';
}

/** Nobody is told to take what is weak, or what is not to be had. */
function remedyFor(
  mismatch: ProposalMismatch,
  nearest: NonNullable<ProposalMismatch['nearest']>,
  { key, of }: Setting,
): string {
  const atPeer = `${change(mismatch, nearest.ours, mismatch.ours)} at the peer`;
  const theirs = mismatch.differs.length === 1 ? mismatch.theirs.slice(0, 1) : nearest.theirs.split('-');
  const known = theirs.map(text => ({ text, meanings: keywordsOf(text) }));
  const unknown = known.filter(({ meanings }) => meanings.length === 0).map(({ text }) => text);
  if (unknown.length > 0) return `${atPeer}: ${listed(unknown)} not to be had here`;
  const weak = known.filter(({ meanings }) => meanings.some(({ status }) => status === 'weak'));
  if (weak.length > 0)
    return `${atPeer}: ${listed(weak.map(({ text }) => text))} weak, and taken only where ${key} of ${of} names it`;
  return `${change(mismatch, nearest.theirs, mismatch.theirs)} to ${key} of ${of} here, or ${atPeer}`;
}

function listed(words: readonly string[]): string {
  return `${words.join(' and ')} ${words.length === 1 ? 'is' : 'are'}`;
}

/** One algorithm where only one kind is missing, otherwise a whole proposal. */
function change({ differs }: ProposalMismatch, proposal: string, keywords: readonly string[]): string {
  const [keyword] = keywords;
  return differs.length === 1 && keyword !== undefined ? `add ${keyword}` : `add the proposal ${proposal}`;
}

/** The peer allows none of what we offered, and the protocol does not let it say what it would. */
export function offerRefused(proposals: readonly Proposal[], setting: Setting): Failure {
  return {
    code: 'peer/no-proposal-chosen',
    summary: `${setting.of}: the peer allows none of our proposals`,
    ours: proposals.map(({ text }) => text),
    remedy: `compare ${setting.key} with the peer's log, which shows what it allows`,
    notify: 'NO_PROPOSAL_CHOSEN',
  };
}

/** The peer wants traffic of which we allow nothing. `side` is whose addresses they are, seen from here. */
export function noCommonSelectors(
  mismatch: SelectorMismatch,
  side: 'local' | 'remote',
  child: string,
): Failure {
  const { ours, offered, nearest } = mismatch;
  const key = `${side}_ts`;
  const wanted = nearest === undefined ? undefined : formatSelector(nearest.offered);
  return {
    code: 'peer/ts-unacceptable',
    summary: `${child}: the peer asks for ${texts(offered).join(', ') || 'nothing'} on the ${side} side, and ${key} allows ${texts(ours).join(', ') || 'nothing'}`,
    ours: texts(ours),
    theirs: texts(offered),
    ...(nearest === undefined
      ? {}
      : {
          nearest: `${formatSelector(nearest.ours)} and ${wanted} differ in ${nearest.differs.join(' and ')}`,
        }),
    ...(wanted === undefined
      ? {}
      : { remedy: `add ${wanted} to ${key} of ${child} here, or change it at the peer` }),
    notify: 'TS_UNACCEPTABLE',
  };
}

/** The peer allows nothing of the traffic that we asked for. */
export function selectorsRefused(
  localTs: readonly TrafficSelector[],
  remoteTs: readonly TrafficSelector[],
  child: string,
): Failure {
  return {
    code: 'peer/ts-unacceptable',
    summary: `${child}: the peer allows nothing between ${texts(localTs).join(', ')} and ${texts(remoteTs).join(', ')}`,
    ours: [...texts(localTs).map(text => `local ${text}`), ...texts(remoteTs).map(text => `remote ${text}`)],
    remedy: `local_ts and remote_ts of ${child} must be remote and local at the peer: compare them`,
    notify: 'TS_UNACCEPTABLE',
  };
}

const KINDS: Readonly<Record<number, string>> = {
  [TransformType.ENCR]: 'encryption',
  [TransformType.PRF]: 'pseudorandom function',
  [TransformType.INTEG]: 'integrity algorithm',
  [TransformType.KE]: 'key exchange method',
  [TransformType.SN]: 'kind of sequence numbers',
};

function texts(selectors: readonly TrafficSelector[]): readonly string[] {
  return selectors.map(formatSelector);
}
