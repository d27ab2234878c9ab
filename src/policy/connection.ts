import type { ModpGroup } from '../crypto/ke/private-group.ts';
import type { Proposal } from '../crypto/proposal.ts';
import type { Duration } from '../lib/time.ts';
import type { Identity, IdentityPattern } from './identity.ts';
import type { IkeInterfaces, KernelConfig } from './kernel-config.ts';
import type { IpsecMode } from './sa.ts';
import type { TrafficSelector } from './traffic-selector.ts';

/** One connection as configured: how one peer, or a kind of peers, may be talked to. Plain data. */
export interface Connection {
  readonly name: string;
  /** 0: any as responder, IKEv2 as initiator. */
  readonly version: 0 | 1 | 2;
  /** Addresses, prefixes, ranges or names as written; `%any` and the empty list match all. */
  readonly localAddresses: readonly string[];
  readonly remoteAddresses: readonly string[];
  /** 500: the daemon's own. */
  readonly localPort: number;
  readonly remotePort: number;
  /** In order of preference. */
  readonly proposals: readonly Proposal[];
  /** One per authentication round, in order; at least one each. */
  readonly local: readonly LocalAuth[];
  readonly remote: readonly RemoteAuth[];
  readonly children: readonly ChildConfig[];
  /** Pretend to be behind a NAT, so that ESP goes in UDP. */
  readonly encap: boolean;
  readonly fragmentation: 'yes' | 'accept' | 'force' | 'no';
  readonly mobike: boolean;
  /** DSCP of datagrams with IKE messages; absent: 0. */
  readonly dscp?: number;
  /** IKE and ESP over TCP (RFC 9329): never, at once, or where UDP goes unanswered. A responder takes both but with `no`. */
  readonly tcp: 'no' | 'yes' | 'fallback';
  readonly childless: 'allow' | 'prefer' | 'force' | 'never';
  readonly sendCertreq: boolean;
  /** OCSP responses within IKE (RFC 4806): ask for the peer's, reply with ours. Absent: reply. */
  readonly ocsp?: 'never' | 'reply' | 'request' | 'both';
  readonly sendCert: 'always' | 'never' | 'ifasked';
  readonly unique: 'never' | 'no' | 'keep' | 'replace';
  /** Attempts at IKE_SA_INIT, each with its full retransmission; 0 is without end. */
  readonly keyingTries: number;
  /** Liveness checks after this long without traffic; 0 is off. */
  readonly dpdDelay: Duration;
  readonly dpdTimeout: Duration;
  readonly rekeyTime: Duration;
  readonly reauthTime: Duration;
  /** How long after rekeyTime or reauthTime the SA is given up. */
  readonly overTime: Duration;
  /** Up to this much is taken off rekeyTime and reauthTime at random. */
  readonly randTime: Duration;
  readonly aggressive: boolean;
  /** IKEv1's new group mode: take the peer's groups, or offer it this one, which children with PFS then go by. Absent: neither. */
  readonly newGroup?: 'accept' | ModpGroup;
  readonly pull: boolean;
  /** Absent: no PPK is named, and none required; a peer may name one. */
  readonly ppk?: PpkConfig;
  readonly vips: readonly string[];
  readonly pools: readonly string[];
  /** XFRM interfaces that are told of as the IKE SA's; its children's configurations have them already. Absent: none. */
  readonly interfaces?: IkeInterfaces;
}

/** Which post-quantum pre-shared key goes into the keys of IKEv2 (RFC 8784). */
export interface PpkConfig {
  /** An initiator names the one that fits exactly; a responder takes those that fit. Absent: any. */
  readonly id?: IdentityPattern;
  /** No IKE SA without one. */
  readonly required: boolean;
}

export type AuthMethodName =
  | 'psk'
  | 'pubkey'
  | 'pubkey-encryption'
  | 'pubkey-encryption-revised'
  | 'xauth'
  | 'eap'
  | 'never';

/** Whether keys of the method encrypt instead of signing: IKEv1 alone has it (RFC 2409 §5.2, §5.3). */
export function isEncryption(method: AuthMethodName): boolean {
  return method === 'pubkey-encryption' || method === 'pubkey-encryption-revised';
}

export interface LocalAuth {
  readonly method: AuthMethodName;
  /** Undefined: the certificate's subject, or the local address with a pre-shared key. */
  readonly id?: Identity;
  /** Certificates to use, DER, as configured; the first whose key is at hand is sent. */
  readonly certificates: readonly Uint8Array[];
  /** Raw public keys, SubjectPublicKeyInfo DER. */
  readonly publicKeys: readonly Uint8Array[];
  /** Names of RFC 7427 schemes allowed, such as `rsa/pss-sha256` or `ecdsa-sha384`; empty allows all strong ones. */
  readonly schemes: readonly string[];
  readonly xauthId?: string;
}

export interface RemoteAuth {
  readonly method: AuthMethodName;
  readonly id: IdentityPattern;
  /** The peer must present one of these (DER); empty allows any that is trusted. */
  readonly certificates: readonly Uint8Array[];
  readonly publicKeys: readonly Uint8Array[];
  /** The chain must end at or pass one of these (DER); empty allows all authorities. */
  readonly authorities: readonly Uint8Array[];
  readonly schemes: readonly string[];
  /** Some authority of the chain must have this identity, or be one of `authorities`; absent: those alone. */
  readonly authorityId?: IdentityPattern;
  /** Policies that the certificate must have been issued under, object identifiers: all of them. */
  readonly policies?: readonly string[];
  /** Least sizes of keys in the chain, and the schemes that certificates in it may be signed by; absent: what is sound. */
  readonly strength?: {
    readonly rsaBits: number;
    readonly ecdsaBits: number;
    readonly schemes: readonly string[];
  };
  /** In a round of XAUTH: who the user must be; absent: anybody whose password is known. */
  readonly xauthId?: IdentityPattern;
  /** With public key encryption: the peer makes SKEYID without the hash around the nonces, as old routers do. */
  readonly unhashedSkeyid?: true;
  readonly revocation: 'strict' | 'ifuri' | 'relaxed';
}

/** `dynamic` stands for the IKE SA's own address, or the virtual IP. */
export type ConfiguredSelector =
  | TrafficSelector
  | {
      readonly dynamic: true;
      readonly protocol: number;
      readonly startPort: number;
      readonly endPort: number;
    };

type StartAction = 'none' | 'trap' | 'start' | 'trap|start';

export interface ChildConfig {
  readonly name: string;
  readonly protocol: 'esp' | 'ah';
  /** Of ESP, or AH. In order of preference. */
  readonly proposals: readonly Proposal[];
  readonly localTs: readonly ConfiguredSelector[];
  readonly remoteTs: readonly ConfiguredSelector[];
  readonly mode: IpsecMode | 'pass' | 'drop';
  readonly rekeyTime: Duration;
  readonly lifeTime: Duration;
  readonly randTime: Duration;
  readonly rekeyBytes: bigint;
  readonly lifeBytes: bigint;
  /** Up to this much is taken off rekeyBytes at random; absent: what lies between it and lifeBytes. */
  readonly randBytes?: bigint;
  readonly rekeyPackets: bigint;
  readonly lifePackets: bigint;
  readonly randPackets?: bigint;
  readonly startAction: StartAction;
  readonly closeAction: StartAction;
  readonly dpdAction: 'clear' | 'trap' | 'restart' | 'trap|restart';
  /** Packets that may come late; absent: as the engine's settings have it. */
  readonly replayWindow?: number;
  readonly tfcPadding: number;
  readonly reqid: number;
  /** Command that is run when the SA comes up and when it goes, and whether it is told `PLUTO_HOST_ACCESS`. */
  readonly updown?: string;
  readonly hostAccess: boolean;
  readonly inactivity: Duration;
  /** Compress packets (RFC 3173), where the peer and the back end can; absent: no. */
  readonly ipcomp?: true;
  /** What the kernel's own IPsec is told besides; absent where nothing is. */
  readonly kernel?: KernelConfig;
}
