import type { VendorName } from '../iana/vendor-ids.ts';
import type { ChildSa, Numbering } from '../ike/child.ts';
import type { IkeSaStatus } from '../ike/output.ts';
import type { Host } from '../ike/session.ts';
import type { VerifiedPeer } from '../ike/verified-peer.ts';
import type { VirtualIps } from '../ike/virtual-ips.ts';
import type { Duration } from '../lib/time.ts';
import type { Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { Identity } from '../policy/identity.ts';
import type { Path } from '../policy/sa.ts';
import type { V1Payload } from '../wire/v1/payload.ts';
import type { Flow } from './flow.ts';
import type { IsakmpKeys } from './isakmp-keys.ts';
import type { PrivateGroup } from './private-group.ts';
import type { Stage } from './states.ts';

/** Who sent the first message of phase 1: the cookies keep their places, whoever begins an exchange later. */
export type Role = 'initiator' | 'responder';

/**
 * One ISAKMP SA as its flows see it: what is agreed, and the few deeds that are not messages of an exchange.
 * `Ikev1Session` is the implementation; flows know this interface alone.
 */
export interface IsakmpSa {
  readonly id: number;
  readonly host: Host;
  readonly role: Role;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly path: Path;
  readonly connection: Connection;
  /** Ours and the peer's. */
  readonly virtualIps: VirtualIps;
  readonly localId: Identity;
  readonly remoteId: Identity;
  readonly keys: IsakmpKeys;
  readonly peer: PeerFacts;
  readonly stage: Stage;
  readonly children: readonly ChildSa[];
  /** That new group mode has agreed upon, if it has. */
  privateGroup: PrivateGroup | undefined;
  /** The SA that has the children: this one, or the one that has taken its place. */
  readonly current: IsakmpSa;

  /** Queues `task`, to run at the earliest after `delay`. One of the same kind and subject is not queued twice. */
  start(task: Task, delay?: Duration): void;
  /** Whether such a task runs or waits. */
  has(which: (task: Task) => boolean): boolean;
  /** Sends Notify and Delete payloads under the SA: once, and nobody confirms them. */
  inform(payloads: readonly V1Payload[]): void;

  addChild(child: ChildSa): void;
  /** Takes `child` off this SA and, after `delay`, out of the back end. */
  removeChild(child: ChildSa, delay?: Duration): void;

  /** The SA is gone at once: children removed, keys wiped, nothing sent. */
  close(failure?: Failure): void;
  /** Deletes the SA and all it has, the peer told. */
  terminate(failure?: Failure): void;
  /** The event that a negotiation came to nothing: of the ISAKMP SA, or of the configured child of that name. */
  tellFailed(failure: Failure, child?: string): void;
  /** For events. */
  status(): IkeSaStatus;
}

/**
 * An ISAKMP SA in the making, as phase 1 sees it. It is established by a `VerifiedPeer` and nothing else: the type
 * can only be had by checking a HASH or SIG payload.
 */
export interface EmergingSa extends IsakmpSa {
  path: Path;
  connection: Connection;
  /** Known to an initiator with the responder's first message. */
  responderSpi: bigint;
  /** From now on messages can be encrypted. A responder may have several candidates until the peer shows which is meant. */
  agree(candidates: readonly IsakmpKeys[]): void;
  /** The peer is who it says: `localId` is what we said of ourselves, `keys` those it proved itself with. */
  establish(localId: Identity, peer: VerifiedPeer, keys: IsakmpKeys): void;
}

/** What an ISAKMP SA is made with. */
export interface Beginning {
  readonly host: Host;
  readonly connection: Connection;
  readonly path: Path;
  readonly role: Role;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
}

/** A conversation that this end begins. */
export interface Task {
  readonly kind: 'establish' | 'xauth' | 'mode-config' | 'new-group' | 'create-child' | 'rekey-child';
  /** The others wait until it has come to its end. */
  readonly first?: true;
  /** What it is about: tasks of the same kind and subject are one. */
  readonly subject: string;
  /** The configured name of the child it is about. */
  readonly child?: string;
  run(sa: IsakmpSa): Flow<void>;
}

/** What the peer said it can do, and what lies between us. Vendor IDs fill it in (`vendor-ids/`). */
export interface PeerFacts {
  /** How NAT traversal goes with it: by RFC 3947, or by the numbers of the drafts before. */
  natTraversal: 'rfc' | 'draft' | undefined;
  /** The Vendor ID that said so. */
  natTraversalName: VendorName | undefined;
  /** Some NAT changes our address or port; the peer's. */
  natLocal: boolean;
  natRemote: boolean;
  /** ESP goes in UDP: a NAT is there, or is to be believed to be. */
  encapsulate: boolean;
  /** RFC 3706. */
  deadPeerDetection: boolean;
  /** It takes vendor fragments. */
  fragmentation: boolean;
  /** It knows the attributes of Cisco Unity. */
  unity: boolean;
  /** It holds no other SA with us. */
  initialContact: boolean;
  /** Of its XFRM interfaces. */
  readonly numbering: Numbering;
  /** It asked for a certificate. */
  certificateAsked: boolean;
}

export function noFacts(): PeerFacts {
  return {
    natTraversal: undefined,
    natTraversalName: undefined,
    natLocal: false,
    natRemote: false,
    encapsulate: false,
    deadPeerDetection: false,
    fragmentation: false,
    unity: false,
    initialContact: false,
    numbering: {},
    certificateAsked: false,
  };
}
