import type { ChildSa } from '../../ike/child.ts';
import { compare } from '../../lib/bytes.ts';
import type { IpAddress } from '../../lib/ip.ts';
import type { ConfiguredSelector } from '../../policy/connection.ts';
import type { TrafficSelector } from '../../policy/traffic-selector.ts';
import type { IkeSa, Task } from '../ike-sa.ts';
import { createChild } from './create-child-new.ts';
import { deleteChildSa } from './delete.ts';

/**
 * After a move: children whose selectors were to be the ends' own addresses (transport mode, `dynamic` without a virtual IP)
 * name what is no longer there. They are made anew, since a rekey keeps the selectors (RFC 7296 §2.9.2).
 */
export function readdress(sa: IkeSa): void {
  for (const child of sa.children) if (child.up === true && namesOldAddress(sa, child)) sa.start(anew(child));
}

function anew(child: ChildSa): Task {
  const { config } = child;
  return {
    kind: 'create-child',
    subject: config.name,
    child: config.name,
    *run(sa) {
      yield* createChild(config).run(sa);
      const isThere = sa.children.some(other => other !== child && other.config === config && other.outbound);
      if (isThere) yield* deleteChildSa(sa, child);
    },
  };
}

function namesOldAddress({ path, virtualIps }: IkeSa, { config, localTs, remoteTs }: ChildSa): boolean {
  const isGone = (
    configured: readonly ConfiguredSelector[],
    selectors: readonly TrafficSelector[],
    virtual: readonly IpAddress[],
    address: IpAddress,
  ): boolean =>
    virtual.length === 0 &&
    configured.every(selector => 'dynamic' in selector) &&
    !selectors.some(({ start, end }) => compare(start, address) <= 0 && compare(address, end) <= 0);
  return (
    isGone(config.localTs, localTs, virtualIps.local, path.local.address) ||
    isGone(config.remoteTs, remoteTs, virtualIps.remote, path.remote.address)
  );
}
