import type {
  AttemptView,
  ChildSaView,
  ConnectionView,
  DaemonStatus,
  Explanation,
  IkeSaView,
} from '../control/status.ts';
import type { ChildSaStatus, IkeSaStatus } from '../ike/output.ts';
import { formatIp, isV4 } from '../lib/ip.ts';
import type { ChildConfig, Connection, LocalAuth, RemoteAuth } from '../policy/connection.ts';
import { formatIdentity } from '../policy/identity.ts';
import { formatIdentityPattern } from '../policy/identity-match.ts';
import type { ChildSaUsage, Endpoint } from '../policy/sa.ts';
import { formatSelector } from '../policy/selector-text.ts';
import { now } from './clock.ts';
import type { Gateway } from './gateway.ts';
import type { History } from './history.ts';

/** What does not change while the daemon runs. */
export interface DaemonFacts {
  readonly version: string;
  readonly startedAt: number;
  readonly backend: string;
  readonly listening: readonly Endpoint[];
}

/** All that is configured and up, with what failed last. */
export async function daemonStatus(
  gateway: Gateway,
  history: History,
  facts: DaemonFacts,
): Promise<DaemonStatus> {
  const statuses = gateway.status();
  return {
    daemon: 'cygnet',
    version: facts.version,
    now: now(),
    startedAt: facts.startedAt,
    backend: facts.backend,
    listening: facts.listening.map(endpoint),
    connections: await Promise.all(
      gateway.connections.map(connection => connectionView(gateway, history, connection, statuses)),
    ),
  };
}

/** One connection in full: what is configured in its own words, what is up, and the last attempts. */
export async function explain(
  gateway: Gateway,
  history: History,
  connection: Connection,
): Promise<Explanation> {
  return {
    connection: await connectionView(gateway, history, connection, gateway.status()),
    now: now(),
    facts: [
      { topic: 'proposals', values: connection.proposals.map(proposal => proposal.text) },
      { topic: 'local', values: connection.local.map(localAuth) },
      { topic: 'remote', values: connection.remote.map(remoteAuth) },
      ...connection.children.map(child => ({
        topic: `child ${child.name}`,
        values: [
          `${child.localTs.map(formatSelector).join(' ')} === ${child.remoteTs.map(formatSelector).join(' ')}`,
          ...child.proposals.map(proposal => proposal.text),
        ],
      })),
    ],
    attempts: history.of(connection.name) as readonly AttemptView[],
  };
}

async function connectionView(
  gateway: Gateway,
  history: History,
  connection: Connection,
  statuses: readonly IkeSaStatus[],
): Promise<ConnectionView> {
  const lastFailure = history.of(connection.name).findLast(attempt => attempt.failure !== undefined);
  const [local] = connection.local;
  const [remote] = connection.remote;
  return {
    name: connection.name,
    version: connection.version,
    localAddresses: connection.localAddresses,
    remoteAddresses: connection.remoteAddresses,
    ...(local?.id === undefined ? {} : { localId: formatIdentity(local.id) }),
    ...(remote === undefined ? {} : { remoteId: formatIdentityPattern(remote.id) }),
    children: connection.children.map(configuredChild),
    ikeSas: await Promise.all(
      statuses.filter(ike => ike.connection === connection.name).map(ike => ikeSaView(gateway, ike)),
    ),
    ...(lastFailure === undefined ? {} : { lastFailure }),
  };
}

function configuredChild(child: ChildConfig): ConnectionView['children'][number] {
  return {
    name: child.name,
    mode: child.mode,
    localTs: child.localTs.map(formatSelector),
    remoteTs: child.remoteTs.map(formatSelector),
    startAction: child.startAction,
  };
}

async function ikeSaView(gateway: Gateway, ike: IkeSaStatus): Promise<IkeSaView> {
  const { path, initiatorSpi, responderSpi, children, connection: _, ...same } = ike;
  return {
    ...same,
    local: endpoint(path.local),
    remote: endpoint(path.remote),
    tcp: path.tcp === true,
    initiatorSpi: hex(initiatorSpi, 16),
    responderSpi: hex(responderSpi, 16),
    children: await Promise.all(
      children.map(async child => childSaView(child, await gateway.usage(child.id))),
    ),
  };
}

function childSaView(child: ChildSaStatus, usage: ChildSaUsage | undefined): ChildSaView {
  return {
    ...child,
    spiIn: hex(child.spiIn, 8),
    spiOut: hex(child.spiOut, 8),
    ...(child.ipcomp && { cpiIn: hex(child.ipcomp.cpiIn, 4), cpiOut: hex(child.ipcomp.cpiOut, 4) }),
    bytesIn: usage?.bytesIn ?? 0n,
    packetsIn: usage?.packetsIn ?? 0n,
    bytesOut: usage?.bytesOut ?? 0n,
    packetsOut: usage?.packetsOut ?? 0n,
  };
}

function localAuth(auth: LocalAuth): string {
  return [auth.method, auth.id === undefined ? undefined : formatIdentity(auth.id), ...auth.schemes]
    .filter(part => part !== undefined)
    .join(' ');
}

function remoteAuth(auth: RemoteAuth): string {
  return [auth.method, formatIdentityPattern(auth.id), ...auth.schemes].join(' ');
}

function endpoint({ address, port }: Endpoint): string {
  return isV4(address) ? `${formatIp(address)}:${port}` : `[${formatIp(address)}]:${port}`;
}

function hex(value: number | bigint, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
