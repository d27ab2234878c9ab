import { formatIp } from '../lib/ip.ts';
import type { Connection } from './connection.ts';
import type { Failure } from './failure.ts';
import { formatIdentity } from './identity.ts';
import { formatIdentityPattern } from './identity-match.ts';
import { mismatchedConnections, type PeerDifference, type PeerQuery } from './peer-match.ts';

/** No connection fits a peer: each is told with what keeps it from fitting, the nearest first. */
export function noConnection(connections: readonly Connection[], query: PeerQuery): Failure {
  const mismatches = mismatchedConnections(connections, query);
  const [nearest] = mismatches;
  const [difference] = nearest?.differs ?? [];
  return {
    code: 'config/no-connection',
    summary: `no connection fits a peer at ${formatIp(query.remote)}${query.remoteId === undefined ? '' : ` that is ${formatIdentity(query.remoteId)}`}`,
    ours: mismatches.map(
      ({ connection, differs }) =>
        `${connection.name}: ${differs.map(difference => describe(connection, query, difference)).join('; ')}`,
    ),
    theirs: theirsOf(query),
    ...(nearest === undefined || difference === undefined
      ? { remedy: 'configure a connection for this peer' }
      : {
          nearest: `${nearest.connection.name}, which differs in ${nearest.differs.join(' and ')}`,
          remedy: `set ${SETTINGS[difference]} of ${nearest.connection.name} to fit, or change it at the peer`,
        }),
  };
}

/** Nothing is configured under a name that was asked for. */
export function unknownName(kind: 'connection' | 'child', name: string, known: readonly string[]): Failure {
  return {
    code: 'config/unknown-name',
    summary: `there is no ${kind} ${name}`,
    ours: known,
    remedy: known.length === 0 ? `configure a ${kind}, then load it` : `use one of ${known.join(', ')}`,
  };
}

const SETTINGS: Readonly<Record<PeerDifference, string>> = {
  version: 'version',
  'local address': 'local_addrs',
  'remote address': 'remote_addrs',
  transport: 'tcp',
  'local identity': 'local.id',
  'remote identity': 'remote.id',
};

function describe(connection: Connection, query: PeerQuery, difference: PeerDifference): string {
  const list = (texts: readonly string[]): string => texts.join(', ') || '%any';
  switch (difference) {
    case 'version':
      return `it is for IKEv${connection.version}, the peer speaks IKEv${query.version}`;
    case 'local address':
      return `local_addrs ${list(connection.localAddresses)} is not ${formatIp(query.local)}`;
    case 'remote address':
      return `remote_addrs ${list(connection.remoteAddresses)} is not ${formatIp(query.remote)}`;
    case 'transport':
      return `tcp = ${connection.tcp}, the peer comes by TCP`;
    case 'local identity': {
      const own = connection.local[0]?.id;
      const wanted = query.localId === undefined ? '' : formatIdentity(query.localId);
      return `local.id ${own === undefined ? '%any' : formatIdentity(own)} is not ${wanted}, which the peer asks for`;
    }
    case 'remote identity': {
      const pattern = connection.remote[0]?.id;
      const claimed = query.remoteId === undefined ? '' : formatIdentity(query.remoteId);
      return `remote.id ${pattern === undefined ? '%any' : formatIdentityPattern(pattern)} is not ${claimed}`;
    }
  }
}

function theirsOf(query: PeerQuery): readonly string[] {
  return [
    `IKEv${query.version}${query.tcp === true ? ' over TCP' : ''} from ${formatIp(query.remote)} to ${formatIp(query.local)}`,
    ...(query.remoteId === undefined ? [] : [`is ${formatIdentity(query.remoteId)}`]),
    ...(query.localId === undefined ? [] : [`asks for ${formatIdentity(query.localId)}`]),
  ];
}
