import { selectProposal } from '../../crypto/proposal.ts';
import { PayloadType } from '../../iana/ikev2.ts';
import { withStatus } from '../../ike/certificate-status.ts';
import { isFor } from '../../ike/crossing.ts';
import { tell, tellMobike, tellSearch } from '../../ike/steps.ts';
import type { VerifiedPeer } from '../../ike/verified-peer.ts';
import { equal } from '../../lib/bytes.ts';
import { noConnection } from '../../policy/config-failures.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { formatIdentity, type Identity, sameIdentity } from '../../policy/identity.ts';
import { matchIdentities, NO_MATCH } from '../../policy/identity-match.ts';
import { matchConnections, mismatchedConnections, type PeerQuery } from '../../policy/peer-match.ts';
import type { AuthPayload, IdPayload, Payload } from '../../wire/v2/payload.ts';
import { tellAsked } from '../auth/certificate-request.ts';
import { methodNamed } from '../auth/index.ts';
import type { Proof } from '../auth/method.ts';
import { heed } from '../extensions/index.ts';
import { type Flow, first, type Message } from '../flow.ts';
import type { EmergingSa } from '../ike-sa.ts';
import { type AuthKeys, adopt, blamedOnPpk, claimedKeys, forgetKeys, ppkAnswer } from '../ppk.ts';
import { allowedMethod, identityIn, verifyPeer } from './auth.ts';
import { type InitResult, proposalsIn } from './init.ts';
import { announcesAnother, checkRounds, inRound } from './rounds.ts';

/** Which connections fit what the peer says is judged before its proof; the proof then decides among these. */
const MAX_CANDIDATES = 8;

/** What the peer says of itself in one round, and how it proves it. */
interface Claim {
  readonly message: Message;
  readonly id: IdPayload;
  readonly identity: Identity;
  readonly auth: AuthPayload;
  /** Another round follows. */
  readonly another: boolean;
  /** Who it wants us to be. */
  readonly wanted: Identity | undefined;
}

/** One connection whose demands the peer has met so far. */
interface Standing {
  readonly connection: Connection;
  readonly peer: VerifiedPeer;
  /** By which both prove themselves from the first round on. */
  readonly keys: AuthKeys;
  /** Of ours, one for each round that the peer has begun; fewer where we have fewer. */
  readonly proofs: readonly Proof[];
}

/**
 * Who a peer may still be taken for: with each proof of identity the connections that ask for another drop out, in their
 * order. A connection whose own proofs would have been others than those already given drops out too.
 */
export class Admission {
  readonly #sa: EmergingSa;
  readonly #init: InitResult;
  readonly #initRequest: Message;
  readonly #opening: Message;
  readonly #claims: Claim[] = [];
  #candidates: readonly Connection[] = [];
  #standing: Standing | undefined;
  #adopted = false;

  /** @param opening the first request of IKE_AUTH */
  constructor(sa: EmergingSa, initRequest: Message, init: InitResult, opening: Message) {
    this.#sa = sa;
    this.#initRequest = initRequest;
    this.#init = init;
    this.#opening = opening;
  }

  /** Takes the proof of a round: `sa.connection` is then the one whose demands are met. Throws Failed. */
  *take(message: Message, id: IdPayload, auth: AuthPayload): Flow<void> {
    const idr = first(message, PayloadType.IDr);
    const claim: Claim = {
      message,
      id,
      identity: identityIn(id),
      auth,
      another: announcesAnother(this.#sa, message),
      wanted: idr === undefined ? undefined : identityIn(idr),
    };
    this.#claims.push(claim);
    tellAsked(this.#sa, message);
    tellSearch(this.#sa, claim.identity, claim.wanted);
    if (this.#claims.length === 1) this.#candidates = this.#fitting(claim);
    yield* withStatus(this.#sa, () => this.#settle(claim));
  }

  /** The peer who has proved itself, last as this. */
  get peer(): VerifiedPeer {
    return present(this.#standing).peer;
  }

  /** How we prove ourselves in a round, counted from 0. Throws Failed. */
  proof(round: number): Proof {
    const { connection, proofs, peer } = present(this.#standing);
    return proofs[round] ?? this.#prepare(connection, round, peer.identity);
  }

  /** The keys that our proofs cover. */
  get init(): InitResult {
    return present(this.#standing).keys.init;
  }

  /** What goes beside our proof of a round, counted from 0. */
  beside(round: number): readonly Payload[] {
    return round === 0 ? ppkAnswer(present(this.#standing).keys) : [];
  }

  /** All is proved: the IKE SA goes by the keys of the proofs. */
  conclude(): void {
    adopt(this.#sa, present(this.#standing).keys);
    this.#adopted = true;
  }

  /** What only proofs needed is wiped, and all of it where it came to nothing. */
  forget(): void {
    if (this.#standing !== undefined) forgetKeys(this.#standing.keys, this.#adopted);
  }

  /** Settles on the first connection whose demands are met by all claims, `claim` the last of them. Throws Failed. */
  #settle(claim: Claim): void {
    let failure: Failure | undefined;
    for (const [i, connection] of this.#candidates.entries()) {
      try {
        this.#sa.connection = connection;
        tell(this.#sa, 'cfg', () => `selected peer config '${connection.name}'`);
        this.#standing = this.#judge(connection);
        this.#candidates = this.#candidates.slice(i);
        tellMobike(this.#sa);
        return;
      } catch (error) {
        if (!(error instanceof Failed)) throw error;
        // What came furthest explains most: a wrong key is nearer than a wrong method.
        if (failure === undefined || SHALLOW.has(failure.code)) failure = error.failure;
      }
    }
    if (failure === undefined) tell(this.#sa, 'cfg', () => 'no matching peer config found');
    throw new Failed(failure ?? this.#nobody(claim));
  }

  /** Throws Failed. */
  #judge(connection: Connection): Standing {
    const first = this.#claims[0] as Claim;
    if (this.#standing?.connection === connection)
      return this.#demand(connection, this.#standing.keys, first.auth, this.#standing);
    const { keys, auth, without } = claimedKeys(this.#sa, connection, this.#init, first.message, first.auth);
    try {
      return this.#demand(connection, this.#asGiven(connection, keys), auth);
    } catch (error) {
      const certain = (): boolean => without !== undefined && this.#holds(connection, first, without);
      forgetKeys(keys, false);
      if (!(error instanceof Failed) || this.#claims.length > 1) throw error;
      throw new Failed(blamedOnPpk(error.failure, keys, certain));
    }
  }

  /** Whoever has our first proof knows by which keys it was made: a connection that follows on another goes by the same. */
  #asGiven(connection: Connection, keys: AuthKeys): AuthKeys {
    const given = this.#standing?.keys;
    if (given === undefined) return keys;
    if (given.mixed?.ppk.key === keys.mixed?.ppk.key) {
      forgetKeys(keys, false);
      return given;
    }
    throw new Failed({
      code: 'auth/method',
      summary: `${connection.name} goes by another PPK than the one already agreed on`,
    });
  }

  #holds(connection: Connection, claim: Claim, auth: AuthPayload): boolean {
    try {
      const proofs = [this.#prepareAs(connection, 0, claim, undefined)];
      this.#verify(connection, 0, { ...claim, auth }, proofs, this.#init);
      return true;
    } catch (error) {
      return !(error instanceof Failed);
    }
  }

  /** Whether all claims are what the connection asks for, the first one proved by `auth`. Throws Failed. */
  #demand(connection: Connection, keys: AuthKeys, auth: AuthPayload, known?: Standing): Standing {
    const { host } = this.#sa;
    let proofs: readonly Proof[] = known?.proofs ?? [];
    let peer = known?.peer;
    for (const [round, claim] of this.#claims.entries()) {
      if (known !== undefined && round < this.#claims.length - 1) continue;
      if (round < connection.local.length)
        proofs = [...proofs, this.#prepareAs(connection, round, claim, this.#standing?.proofs[round])];
      const counted = round === 0 ? { ...claim, auth } : claim;
      peer = this.#verify(connection, round, counted, proofs, keys.init);
    }
    const verified = peer as VerifiedPeer;
    heed('auth-request', this.#opening.payloads, this.#sa);
    const ownId = connection.local.at(-1)?.id ?? (proofs.at(-1) as Proof).identity;
    const admitted =
      this.#claims.at(-1)?.another === true ||
      host.admits(connection, ownId, verified.identity, this.#sa.peer.initialContact) ||
      // The end that has it may make it anew.
      host.between(ownId, verified.identity).some(other => isFor(other.status(), connection, this.#sa.path));
    if (admitted) return { connection, peer: verified, proofs, keys };
    throw new Failed({
      code: 'local/superseded',
      summary: `${formatIdentity(verified.identity)} has an IKE SA already, and ${connection.name} keeps the first`,
    });
  }

  #verify(
    connection: Connection,
    round: number,
    claim: Claim,
    proofs: readonly Proof[],
    init: InitResult,
  ): VerifiedPeer {
    const { remote } = connection;
    checkRounds(connection, round + 1, claim.another);
    const asked = remote[round] as (typeof remote)[number];
    const { identity: localId } = proofs.at(-1) as Proof;
    return inRound(round, remote.length, () =>
      verifyPeer(this.#sa, init, claim.message, asked, { ...claim, localId }),
    );
  }

  /** Our proof in the round of `claim`; `given` was one of another connection's, which the peer has. Throws Failed. */
  #prepareAs(connection: Connection, round: number, claim: Claim, given: Proof | undefined): Proof {
    const { local, remote } = connection;
    const asked = remote[round];
    // Whoever proves itself otherwise than is asked is refused before a key is looked for.
    if (asked !== undefined)
      inRound(round, remote.length, () => allowedMethod(asked, claim.auth, claim.identity));
    const ownId = local[round]?.id;
    if (claim.wanted !== undefined && ownId !== undefined && round > 0)
      if (matchIdentities(ownId, claim.wanted) === NO_MATCH)
        throw notThatOne(connection, round, ownId, claim.wanted);
    const proof = this.#prepare(connection, round, claim.identity);
    if (given === undefined || round === this.#claims.length - 1 || isSame(proof, given)) return proof;
    throw new Failed({
      code: 'auth/method',
      summary: `${connection.name} has another proof of identity than the one already given`,
    });
  }

  #prepare(connection: Connection, round: number, remoteId: Identity): Proof {
    const { host, path, peer } = this.#sa;
    const { local } = connection;
    const own = local[round] as (typeof local)[number];
    return inRound(round, local.length, () =>
      methodNamed(own.method).prepare({
        host,
        connection,
        local: own,
        prf: this.#init.prf,
        path,
        remoteId,
        peerHashes: peer.signatureHashes,
        certificateAsked: first(this.#opening, PayloadType.CERTREQ) !== undefined,
      }),
    );
  }

  /** The connections that fit addresses, identities and what IKE_SA_INIT agreed on. */
  #fitting(claim: Claim): readonly Connection[] {
    const { host, connection: negotiatedWith } = this.#sa;
    const offer = proposalsIn(this.#initRequest);
    const agreed = (connection: Connection): boolean => {
      if (connection === negotiatedWith) return true;
      const chosen = selectProposal(connection.proposals, offer, {
        preferOurs: host.settings.preferConfiguredProposals,
        additionalKeyExchanges: false,
      });
      return chosen.kind === 'accepted' && chosen.text === this.#init.chosen.text;
    };
    return matchConnections(host.connections, this.#query(claim))
      .map(({ connection }) => connection)
      .filter(agreed)
      .slice(0, MAX_CANDIDATES);
  }

  #nobody(claim: Claim): Failure {
    const { connections } = this.#sa.host;
    const query = this.#query(claim);
    const [fitting] = matchConnections(connections, query);
    if (fitting !== undefined)
      return otherAlgorithms(fitting.connection, this.#init.chosen.text, claim.identity);
    const [nearest] = mismatchedConnections(connections, query);
    const failure = noConnection(connections, query);
    return nearest?.differs.some(difference => difference.endsWith('identity')) === true
      ? { ...failure, code: 'auth/wrong-identity' }
      : failure;
  }

  #query({ identity, wanted }: Claim): PeerQuery {
    const { host, path } = this.#sa;
    return {
      version: 2,
      local: path.local.address,
      remote: path.remote.address,
      tcp: path.tcp === true,
      names: host.names,
      remoteId: identity,
      localId: wanted,
    };
  }
}

/** What says little, where another connection came further. */
const SHALLOW: ReadonlySet<string> = new Set(['auth/method', 'auth/rounds']);

function isSame(one: Proof, other: Proof): boolean {
  return (
    sameIdentity(one.identity, other.identity) &&
    one.certificates.length === other.certificates.length &&
    one.certificates.every((certificate, i) =>
      equal(certificate.data, other.certificates[i]?.data ?? new Uint8Array()),
    )
  );
}

function present(standing: Standing | undefined): Standing {
  if (standing === undefined)
    throw new Failed({ code: 'local/internal', summary: 'nobody has proved itself yet' });
  return standing;
}

function notThatOne(connection: Connection, round: number, ours: Identity, wanted: Identity): Failed {
  return new Failed({
    code: 'auth/wrong-identity',
    summary: `${connection.name}: in round ${round + 1} the peer wants ${formatIdentity(wanted)} to answer, and we are ${formatIdentity(ours)}`,
    ours: [formatIdentity(ours)],
    theirs: [formatIdentity(wanted)],
    remedy: `set id of the local section of that round to ${formatIdentity(wanted)}, or the remote one at the peer to ${formatIdentity(ours)}`,
  });
}

/** IKE_SA_INIT was agreed by another connection's proposals, before the peer had said who it is. */
function otherAlgorithms({ name, proposals }: Connection, chosen: string, remoteId: Identity): Failure {
  return {
    code: 'peer/no-proposal-chosen',
    summary: `${name} is for ${formatIdentity(remoteId)}, and does not allow ${chosen}, which was agreed before it named itself`,
    ours: proposals.map(({ text }) => text),
    theirs: [chosen],
    remedy: `add ${chosen} to proposals of ${name}, or give all connections for these addresses the same proposals`,
  };
}
