import type { IpAddress } from '../lib/ip.ts';
import { type AddressQuality, matchAddress, type ResolvedNames } from './address-match.ts';
import type { Connection } from './connection.ts';
import type { Identity } from './identity.ts';
import {
  ANY_MATCH,
  type MatchQuality,
  matchesIdentity,
  matchIdentities,
  NO_MATCH,
} from './identity-match.ts';

/** What is known of a peer when a responder looks for its connection; identities come later than addresses. */
export interface PeerQuery {
  readonly version: 1 | 2;
  readonly local: IpAddress;
  readonly remote: IpAddress;
  /** It came by a TCP connection (RFC 9329). */
  readonly tcp?: boolean;
  /** What the peer wants us to be (IDr), when it said so. */
  readonly localId?: Identity | undefined;
  /** What the peer says it is (IDi). */
  readonly remoteId?: Identity;
  readonly names?: ResolvedNames;
}

export interface ConnectionMatch {
  readonly connection: Connection;
  /** Both address lists together. */
  readonly addresses: AddressQuality;
  /** `ANY_MATCH` while the identity is not known. */
  readonly localId: MatchQuality;
  readonly remoteId: MatchQuality;
}

/** One thing about a connection that does not fit. */
export type PeerDifference =
  | 'version'
  | 'local address'
  | 'remote address'
  | 'transport'
  | 'local identity'
  | 'remote identity';

export interface ConnectionMismatch {
  readonly connection: Connection;
  readonly differs: readonly PeerDifference[];
}

/**
 * The connections that fit, best first: by the remote identity, then the addresses, then the local identity, then
 * their order in the configuration. Only the first authentication round is looked at: later ones come later.
 */
export function matchConnections(
  connections: readonly Connection[],
  query: PeerQuery,
): readonly ConnectionMatch[] {
  return connections
    .filter(connection => fits(connection, query))
    .map(connection => qualitiesOf(connection, query))
    .sort((a, b) => b.remoteId - a.remoteId || b.addresses - a.addresses || b.localId - a.localId);
}

/** Every connection with what keeps it from fitting, the nearest first. For explanations. */
export function mismatchedConnections(
  connections: readonly Connection[],
  query: PeerQuery,
): readonly ConnectionMismatch[] {
  return connections
    .map(connection => ({
      connection,
      differs: DIFFERENCES.filter(({ differs }) => differs(connection, query)).map(({ name }) => name),
    }))
    .filter(({ differs }) => differs.length > 0)
    .sort((a, b) => a.differs.length - b.differs.length);
}

type Differs = (connection: Connection, query: PeerQuery) => boolean;

/** What each difference is; a stranger's first message is held against all connections, so the cheap ones come first. */
const DIFFERENCES: readonly { readonly name: PeerDifference; readonly differs: Differs }[] = [
  { name: 'version', differs: ({ version }, query) => version !== 0 && version !== query.version },
  { name: 'local address', differs: (connection, query) => localQuality(connection, query) === 0 },
  { name: 'remote address', differs: (connection, query) => remoteQuality(connection, query) === 0 },
  { name: 'transport', differs: ({ tcp }, query) => query.tcp === true && tcp === 'no' },
  {
    name: 'local identity',
    differs: (connection, { localId }) => matchLocalId(connection, localId) === NO_MATCH,
  },
  {
    name: 'remote identity',
    differs: (connection, { remoteId }) => matchRemoteId(connection, remoteId) === NO_MATCH,
  },
];

function fits(connection: Connection, query: PeerQuery): boolean {
  for (const { differs } of DIFFERENCES) if (differs(connection, query)) return false;
  return true;
}

function qualitiesOf(connection: Connection, query: PeerQuery): ConnectionMatch {
  return {
    connection,
    addresses: localQuality(connection, query) + remoteQuality(connection, query),
    localId: matchLocalId(connection, query.localId),
    remoteId: matchRemoteId(connection, query.remoteId),
  };
}

function localQuality({ localAddresses }: Connection, { local, names }: PeerQuery): AddressQuality {
  return matchAddress(localAddresses, local, names);
}

function remoteQuality({ remoteAddresses }: Connection, { remote, names }: PeerQuery): AddressQuality {
  return matchAddress(remoteAddresses, remote, names);
}

/** A connection without a local identity takes whatever name the peer calls us by: the certificate shows later whether it holds. */
function matchLocalId(connection: Connection, wanted: Identity | undefined): MatchQuality {
  const own = connection.local[0]?.id;
  return wanted === undefined || own === undefined ? ANY_MATCH : matchIdentities(own, wanted);
}

function matchRemoteId(connection: Connection, claimed: Identity | undefined): MatchQuality {
  const pattern = connection.remote[0]?.id;
  return claimed === undefined || pattern === undefined ? ANY_MATCH : matchesIdentity(pattern, claimed);
}
