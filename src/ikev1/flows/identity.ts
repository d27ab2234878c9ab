import { isFor } from '../../ike/crossing.ts';
import { tellCertificates, tellProof } from '../../ike/steps.ts';
import type { VerifiedPeer } from '../../ike/verified-peer.ts';
import { wrongIdentity } from '../../policy/auth-failures.ts';
import { noConnection } from '../../policy/config-failures.ts';
import type { Connection, RemoteAuth } from '../../policy/connection.ts';
import type { SharedKey } from '../../policy/credentials.ts';
import { Failed } from '../../policy/failure.ts';
import { formatIdentity, type Identity } from '../../policy/identity.ts';
import { matchesIdentity, NO_MATCH } from '../../policy/identity-match.ts';
import { matchConnections, type PeerQuery } from '../../policy/peer-match.ts';
import { methodsFor } from '../auth/index.ts';
import type { Authentication, Share } from '../auth/method.ts';
import { certificatesIn } from '../auth/own-signature.ts';
import type { Message } from '../flow.ts';
import type { IsakmpKeys } from '../isakmp-keys.ts';
import type { EmergingSa, Role } from '../isakmp-sa.ts';
import { isAccepted, type PhaseOneSuite } from '../phase-one-proposal.ts';
import { hashOf, identityIn, idOf, notAuthenticated, type Transcript } from './phase-one.ts';

/** Connections whose demands are compared with what a peer proved, at most. */
const MOST_CANDIDATES = 8;

/** The proof in a message, and what it was made with. */
export interface Proof {
  readonly transcript: Transcript;
  readonly keys: IsakmpKeys;
  readonly shared: SharedKey | undefined;
  /** The peer's part in the key exchange. */
  readonly share: Share;
  readonly message: Message;
  readonly remote: RemoteAuth;
}

/** Who proves itself in `message`, if it is whom `remote` asks for. Throws Refused. */
export function verifyPeer(sa: EmergingSa, method: Authentication, proof: Proof): VerifiedPeer {
  const { transcript, keys, shared, share, message, remote } = proof;
  const side: Role = sa.role === 'initiator' ? 'responder' : 'initiator';
  const id = idOf(method, share, message);
  const expected = hashOf(sa, side, transcript, keys, id, method.peerHash);
  // Of what came encrypted nothing may show before the peer has proved that it is its own.
  if (method.misfit !== undefined && method.fits?.(message, expected) !== true)
    throw notAuthenticated(method.misfit());
  const identity = identityIn(id);
  if (matchesIdentity(remote.id, identity) === NO_MATCH)
    throw notAuthenticated(wrongIdentity(remote.id, identity));
  try {
    if (sa.role === 'initiator') tellCertificates(sa, 'received', certificatesIn(message.payloads));
    const verified = method.verify({
      ...{ remote, identity, localId: method.localId, message, expected, shared },
    });
    // That a shared key is right shows in the next lines.
    if (verified.path !== undefined) tellProof(sa, verified);
    return verified;
  } catch (error) {
    if (error instanceof Failed) throw notAuthenticated(error.failure);
    throw error;
  }
}

/** The connections that a peer of this identity may have under what was agreed, best first. Throws Refused where there is none. */
export function candidates(sa: EmergingSa, suite: PhaseOneSuite, remoteId: Identity): readonly Connection[] {
  const query: PeerQuery = { ...queryOf(sa), remoteId };
  const found = matching(sa, suite, query).slice(0, MOST_CANDIDATES);
  if (found.length > 0) return found;
  throw notAuthenticated(noConnection(sa.host.connections, query));
}

/** The connections that may be meant under what was agreed, whoever the peer is. */
export function possible(sa: EmergingSa, suite: PhaseOneSuite): readonly Connection[] {
  return matching(sa, suite, queryOf(sa));
}

function queryOf({ host, path }: EmergingSa): PeerQuery {
  const { local, remote } = path;
  return { version: 1, local: local.address, remote: remote.address, names: host.names };
}

function matching(sa: EmergingSa, suite: PhaseOneSuite, query: PeerQuery): readonly Connection[] {
  return matchConnections(sa.host.connections, query)
    .map(({ connection }) => connection)
    .filter(connection => allows(sa, connection, suite));
}

/** Throws Refused where `unique` keeps the SA that is there. The end that has it may make it anew. */
export function admit(
  sa: EmergingSa,
  connection: Connection,
  localId: Identity,
  { identity }: VerifiedPeer,
): void {
  const { host, path, peer } = sa;
  if (host.admits(connection, localId, identity, peer.initialContact)) return;
  if (host.between(localId, identity).some(other => isFor(other.status(), connection, path))) return;
  throw notAuthenticated({
    code: 'local/superseded',
    summary: `${formatIdentity(identity)} has an ISAKMP SA already, and ${connection.name} keeps the first`,
  });
}

function allows(sa: EmergingSa, connection: Connection, suite: PhaseOneSuite): boolean {
  try {
    const { host, path } = sa;
    const methods = methodsFor({ host, connection, role: 'responder', path });
    return methods.includes(suite.method) && isAccepted(connection, suite);
  } catch (error) {
    if (error instanceof Failed) return false;
    throw error;
  }
}
