import type { PacketCipher } from '../crypto/provider.ts';
import type { ChildSa } from '../ike/child.ts';
import type { IkeSaStatus } from '../ike/output.ts';
import type { Host } from '../ike/session.ts';
import type { VerifiedPeer } from '../ike/verified-peer.ts';
import type { VirtualIps } from '../ike/virtual-ips.ts';
import type { Secret } from '../lib/secret.ts';
import type { Duration } from '../lib/time.ts';
import type { Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { Identity } from '../policy/identity.ts';
import type { Path } from '../policy/sa.ts';
import type { Collisions } from './collisions.ts';
import type { Flow } from './flow.ts';
import type { Moves } from './moves.ts';
import type { PeerFacts } from './peer-facts.ts';

/** The end that sent the first message of this IKE SA, or the rekey request that made it, is its initiator. */
export type Role = 'initiator' | 'responder';
export type IkeState = IkeSaStatus['state'];

/**
 * One IKE SA as its flows see it: what is agreed, and the few deeds that are not messages. `Ikev2Session` is the
 * implementation; flows know this interface alone.
 */
export interface IkeSa {
  readonly id: number;
  readonly host: Host;
  readonly role: Role;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly path: Path;
  readonly connection: Connection;
  readonly localId: Identity;
  readonly remoteId: Identity;
  readonly keys: IkeKeys;
  readonly peer: PeerFacts;
  readonly children: readonly ChildSa[];
  state: IkeState;
  /** Those that this SA has, until it hands them on or gives them back at its end. */
  virtualIps: VirtualIps;
  readonly collisions: Collisions<IkeSa>;
  /** Where the two ends are, and what follows when one moves. */
  readonly mobility: Moves;
  /** The task whose request is on its way; those that wait are not meant. */
  readonly running: Task | undefined;

  /** Queues `task`; it runs when no other task does, at the earliest after `delay`. One of the same `key` is not queued twice. */
  start(task: Task, delay?: Duration): void;
  /** Withdraws tasks: the queued ones are forgotten, the running one is dropped at its step. */
  withdraw(which: (task: Task) => boolean): void;
  /** Whether such a task runs or waits. */
  has(which: (task: Task) => boolean): boolean;

  addChild(child: ChildSa): void;
  /** Children, those that leave too, go on along the path of this SA, and in UDP where that is needed now. */
  moveChildren(): void;
  /** Takes `child` off this SA without touching the back end. */
  releaseChild(child: ChildSa): void;
  /** Takes `child` off this SA and, after `delay`, out of the back end. */
  removeChild(child: ChildSa, delay?: Duration): void;

  /** A new IKE SA with this one's connection, path, identities and facts, ready to receive: a rekey made it. No child moves yet. */
  succeed(parameters: Succession): IkeSa;
  /** Moves all children, the virtual IPs and the queued tasks about children to `successor`; this SA becomes REKEYED. */
  handOver(successor: IkeSa): void;
  /** The SA is gone at once: children removed, keys wiped, nothing sent. */
  close(failure?: Failure): void;
  /** The event that a negotiation came to nothing: of the IKE SA, or of the configured child of that name. */
  tellFailed(failure: Failure, child?: string): void;
  /** Makes a new IKE SA with the same children from scratch, then ends this one (RFC 7296 §2.8.3). */
  reauthenticate(): void;
  /** For events. */
  status(): IkeSaStatus;
}

/**
 * An IKE SA in the making, as IKE_SA_INIT and IKE_AUTH see it. It is established by a `VerifiedPeer` and nothing
 * else: the type can only be had by checking an AUTH payload.
 */
export interface EmergingSa extends IkeSa {
  path: Path;
  connection: Connection;
  /** IKE_SA_INIT begins anew on another path, with another SPI of ours. */
  beginAnew(path: Path): void;
  /** IKE_SA_INIT is done: the peer's SPI is known, and from now on messages are protected. */
  agree(peerSpi: bigint, keys: IkeKeys): void;
  /** The peer is who it says: `localId` is what we said of ourselves. */
  establish(localId: Identity, peer: VerifiedPeer): void;
  /** The event that the SA is up, once; with the virtual IPs that it has by then. */
  announce(): void;
}

/** What an IKE SA begins as. */
export interface Beginning {
  readonly host: Host;
  /** Where it was told already. */
  readonly id?: number;
  readonly connection: Connection;
  readonly path: Path;
  readonly role: Role;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
}

export interface Succession {
  /** The number of the new SA, where it is told before there is one. */
  readonly id?: number;
  readonly role: Role;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly keys: IkeKeys;
}

/** A conversation that this end begins. */
export interface Task {
  readonly kind:
    | 'establish'
    | 'create-child'
    | 'after-children'
    | 'rekey-child'
    | 'rekey-ike'
    | 'delete-child'
    | 'delete-ike'
    | 'liveness'
    | 'mobike';
  /** What it is about: a child's name or number. Tasks of the same kind and subject are one. */
  readonly subject: string;
  /** The configured name of the child it is about. */
  readonly child?: string;
  run(sa: IkeSa): Flow<void>;
  /** Told when it came to nothing; without it the failure becomes an event and no more. */
  failed?(failure: Failure): void;
}

/** The keys of an established IKE SA (RFC 7296 §2.14) as they are used from then on. */
export interface IkeKeys {
  /** Chosen algorithms in proposal keywords. */
  readonly proposal: string;
  readonly prf: number;
  readonly keMethod: number;
  /** A PPK is mixed into it while the SA is made (RFC 8784). */
  skD: Secret;
  readonly outgoing: PacketCipher;
  readonly incoming: PacketCipher;
}
