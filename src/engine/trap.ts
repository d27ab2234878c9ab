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
  return (
    trapped.find(({ child }) => child.reqid === reqid && reqid > 0) ??
    ownerOf(host, reqid) ??
    trapped.find(({ child }) =>
      coversFlow(resolveSelectors(child.localTs, [source]), resolveSelectors(child.remoteTs, [destination]), {
        source,
        destination,
        protocol,
      }),
    )
  );
}

/** Whose number it is, if that is still configured: a person may trap the traffic of any child. */
function ownerOf(
  host: EngineHost,
  reqid: number,
): { readonly connection: Connection; readonly child: ChildConfig } | undefined {
  const owner = host.reqids.ownerOf(reqid);
  const connection = host.connections.find(({ name }) => name === owner?.connection);
  const child = connection?.children.find(({ name }) => name === owner?.child);
  return connection === undefined || child === undefined ? undefined : { connection, child };
}

function isTrap({ startAction, closeAction, dpdAction }: ChildConfig): boolean {
  return startAction.includes('trap') || closeAction.includes('trap') || dpdAction.includes('trap');
}
