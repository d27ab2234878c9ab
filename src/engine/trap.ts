import type { ChildConfig, Connection } from '../policy/connection.ts';
import { resolveSelectors } from '../policy/narrowing.ts';
import type { BackendEvent } from '../policy/sa.ts';
import { coversFlow } from '../policy/traffic-selector.ts';
import type { EngineHost } from './host.ts';

type Acquire = Extract<BackendEvent, { kind: 'acquire' }>;

/** The child that a packet waits for: by the number of its policy, otherwise by what its selectors cover. */
export function childFor(
  host: EngineHost,
  { reqid, source, destination, protocol }: Acquire,
): { readonly connection: Connection; readonly child: ChildConfig } | undefined {
  const trapped = host.connections.flatMap(connection =>
    connection.children.filter(isTrap).map(child => ({ connection, child })),
  );
  const owner = host.reqids.ownerOf(reqid);
  return (
    trapped.find(({ child }) => child.reqid === reqid && reqid > 0) ??
    trapped.find(
      ({ connection, child }) => connection.name === owner?.connection && child.name === owner.child,
    ) ??
    trapped.find(({ child }) =>
      coversFlow(resolveSelectors(child.localTs, [source]), resolveSelectors(child.remoteTs, [destination]), {
        source,
        destination,
        protocol,
      }),
    )
  );
}

function isTrap({ startAction, closeAction, dpdAction }: ChildConfig): boolean {
  return startAction.includes('trap') || closeAction.includes('trap') || dpdAction === 'trap';
}
