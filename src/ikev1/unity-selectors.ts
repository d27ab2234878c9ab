import type { ChildSa } from '../ike/child.ts';
import type { ChildConfig } from '../policy/connection.ts';
import {
  contains,
  sameSelector,
  selectorForPrefix,
  type TrafficSelector,
} from '../policy/traffic-selector.ts';
import { configuredSelectors, type Selectors } from './flows/quick.ts';
import type { IsakmpSa } from './isakmp-sa.ts';

/*
 * Cisco's clients ask in quick mode for everything, and send by it what goes to the networks that they were told of in
 * mode config (split-include): the server says "everything" too, and many a client takes nothing else for an answer.
 */

const EVERYTHING = selectorForPrefix(new Uint8Array(4), 0);

/** A bound for what a server tells us of. */
const MOST_NETWORKS = 64;

/** What is installed; `negotiated` where quick mode has named more. */
export type Installed = Pick<ChildSa, 'localTs' | 'remoteTs' | 'negotiated'>;

/** Whether the peer asks for everything and means the networks behind us: a client of ours that knows Unity. */
export function asksForEverything({ peer, current }: IsakmpSa, local: TrafficSelector): boolean {
  return peer.unity && current.virtualIps.remote.length > 0 && sameSelector(local, EVERYTHING);
}

/** What of an agreement is installed. `old` is the child whose place it takes. */
export function installedOf(
  sa: IsakmpSa,
  config: ChildConfig,
  agreed: Selectors,
  old: ChildSa | undefined,
): Installed {
  const { local, remote } = agreed;
  const whole: Installed = { localTs: [local], remoteTs: [remote] };
  if (old?.negotiated !== undefined && isSame(old.negotiated, agreed))
    return { localTs: old.localTs, remoteTs: old.remoteTs, negotiated: agreed };
  if (asksForEverything(sa, local)) {
    const ours = configuredSelectors(sa, config).local.filter(({ start }) => start.length === 4);
    const isLess = ours.length > 0 && !ours.some(one => sameSelector(one, local));
    return isLess ? { ...whole, localTs: ours, negotiated: agreed } : whole;
  }
  const networks = sameSelector(remote, EVERYTHING) ? networksBehind(sa) : [];
  return networks.length === 0 ? whole : { ...whole, remoteTs: networks, negotiated: agreed };
}

/** The networks that a server of ours that knows Unity has named: some name one twice. */
function networksBehind({ peer, current }: IsakmpSa): readonly TrafficSelector[] {
  if (!peer.unity || current.virtualIps.local.length === 0) return [];
  const named = current.virtualIps.received.flatMap(one =>
    one.kind === 'split-include' ? [selectorForPrefix(one.address, one.prefix)] : [],
  );
  return named
    .slice(0, MOST_NETWORKS)
    .filter((one, i, all) => all.findIndex(other => contains(other, one)) === i);
}

function isSame(a: Selectors, b: Selectors): boolean {
  return sameSelector(a.local, b.local) && sameSelector(a.remote, b.remote);
}
