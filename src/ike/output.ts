import type { IpAddress } from '../lib/ip.ts';
import type { Duration, Instant } from '../lib/time.ts';
import type { Failure } from '../policy/failure.ts';
import type { ConfigurationAttribute } from '../policy/pool.ts';
import type { ChildSaParameters, Compression, KernelOptions, Path } from '../policy/sa.ts';
import type { TrafficSelector } from '../policy/traffic-selector.ts';

/** What the core wants done, in order. The shell performs it; nothing in the core does anything itself. */
export type Output =
  | {
      readonly kind: 'transmit';
      readonly datagram: Uint8Array;
      readonly path: Path;
      /** For the IP header; absent: 0. */
      readonly dscp?: number;
    }
  /** One octet 0xFF to hold a NAT's mapping open (RFC 3948 §4). */
  | { readonly kind: 'keepalive'; readonly path: Path }
  | { readonly kind: 'ask'; readonly id: number; readonly question: Question }
  | { readonly kind: 'command'; readonly command: Command }
  | { readonly kind: 'event'; readonly event: IkeEvent };

/** What the core cannot know: answered later by `answer(id, …)`. An answer whose SA is gone is undone by the core. */
export type Question =
  /** Names resolved, a local address chosen: from where to where a connection's first message goes. */
  | {
      readonly kind: 'resolve';
      readonly connection: string;
      /** A TCP connection is opened too; the answer's path is by it. */
      readonly tcp?: true;
    }
  /** By which of this host's addresses which of the peer's can be reached now (RFC 4555 §3.5). */
  | {
      readonly kind: 'paths';
      /** The present one: ports and, where there is no reason against it, addresses are taken from it. */
      readonly path: Path;
      /** Addresses of the peer, best first. */
      readonly remotes: readonly IpAddress[];
    }
  /** With `ipcomp` a CPI along with the SPI, where there is one to be had: the two are released and installed together. */
  | {
      readonly kind: 'allocate-spi';
      readonly protocol: 'esp' | 'ah';
      readonly path: Path;
      readonly ipcomp?: boolean;
    }
  | { readonly kind: 'install'; readonly sa: ChildSaParameters; readonly outbound: boolean }
  /** Virtual IPs for a peer that has proved who it is, from the pools of its connection. */
  | {
      readonly kind: 'lease';
      /** Unique while the daemon runs: `release-lease` names it. */
      readonly id: number;
      readonly connection: string;
      readonly pools: readonly string[];
      /** Who gets them, the user where there is one: the same identity gets the same addresses again. */
      readonly identity: string;
      /** From where the peer speaks. */
      readonly peer: IpAddress;
      /** One for each that is asked for; all zero is any of that family. */
      readonly wanted: readonly IpAddress[];
    }
  /** A virtual IP that the peer gave us goes on this host, before the SAs that use it are installed. */
  | { readonly kind: 'assign-address'; readonly address: IpAddress; readonly path: Path }
  /** Whether p and (p − 1) / 2 are prime, by tests that whoever chose p cannot foresee: it takes up to seconds. Done: they are. */
  | { readonly kind: 'check-safe-prime'; readonly prime: Uint8Array }
  /** Octets from a place that a certificate of a trusted authority names, or the configuration: http:, https: or file:. */
  | {
      readonly kind: 'fetch';
      readonly uri: string;
      /** An OCSP request, to be posted as that; absent: to be got. */
      readonly body?: Uint8Array;
      /** Longer answers are of no use, octets; and when none is any more. */
      readonly limit: number;
      readonly timeout: Duration;
    };

export type Answer =
  | { readonly kind: 'path'; readonly path: Path }
  /** Best first; none where nothing can be reached. */
  | { readonly kind: 'paths'; readonly paths: readonly Path[] }
  | { readonly kind: 'spi'; readonly spi: number; readonly cpi?: number }
  | {
      readonly kind: 'lease';
      /** At least one, in the order in which they were asked for. */
      readonly addresses: readonly IpAddress[];
      /** What the pools say besides. */
      readonly attributes: readonly ConfigurationAttribute[];
      /** Whose each was, one for each that was asked for; undefined where there was none to give. */
      readonly origins?: readonly (LeaseOrigin | undefined)[];
    }
  | { readonly kind: 'octets'; readonly octets: Uint8Array }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** An address was nobody's before, or the same peer's, who is away or here; or somebody else's, who is away. */
export type LeaseOrigin = 'new' | 'offline' | 'online' | { readonly formerly: string };

/** Done without an answer, strictly in order with the questions about the same SA. */
export type Command =
  | { readonly kind: 'release-spi'; readonly protocol: 'esp' | 'ah'; readonly spi: number }
  | { readonly kind: 'activate-outbound'; readonly id: number }
  | { readonly kind: 'deactivate-outbound'; readonly id: number }
  | { readonly kind: 'remove'; readonly id: number }
  | {
      readonly kind: 'update-path';
      readonly id: number;
      readonly path: Path;
      readonly udpEncapsulation: boolean;
    }
  /** The lease of this number ends; its addresses stay its identity's while nobody else needs them. */
  | {
      readonly kind: 'release-lease';
      readonly id: number;
      /** The IKE SA that had it. */
      readonly of?: { readonly ike: number; readonly connection: string };
    }
  /** One assignment of the address ends; it goes when the last has. */
  | { readonly kind: 'unassign-address'; readonly address: IpAddress };

/** What happened, for logs, the control socket and embedding programs. */
export type IkeEvent = { readonly at: Instant } & (
  | { readonly kind: 'ike-up' | 'ike-down'; readonly ike: IkeSaStatus; readonly failure?: Failure }
  | { readonly kind: 'ike-rekey'; readonly old: IkeSaStatus; readonly new: IkeSaStatus }
  /** It goes on along another path than `from`. */
  | { readonly kind: 'ike-update'; readonly ike: IkeSaStatus; readonly from: Path }
  | {
      readonly kind: 'child-up' | 'child-down';
      readonly ike: IkeSaStatus;
      readonly child: ChildSaStatus;
      readonly failure?: Failure;
    }
  | {
      readonly kind: 'child-rekey';
      readonly ike: IkeSaStatus;
      readonly old: ChildSaStatus;
      readonly new: ChildSaStatus;
    }
  /** A negotiation came to nothing: an IKE SA, or one child of an SA that stays. */
  | {
      readonly kind: 'failed';
      readonly connection: string;
      readonly child?: string;
      readonly role: 'initiator' | 'responder';
      readonly remote: string;
      readonly failure: Failure;
    }
  /** Keys of an SA, only emitted when the engine was told to (`saveKeys`): for decryption tables. */
  | { readonly kind: 'ike-keys'; readonly keys: IkeKeyRecord }
  | { readonly kind: 'child-keys'; readonly sa: ChildSaParameters }
  | {
      readonly kind: 'message';
      readonly direction: 'in' | 'out';
      readonly ike: number;
      readonly connection: string;
      readonly text: string;
      readonly path: Path;
    }
  /**
   * What happens on the way, in the words that the field's logs have for it: where messages are traced alone, for people
   * and programs that follow such a log. Level 0 is what an audit wants, 1 what happens.
   */
  | {
      readonly kind: 'step';
      readonly group: 'ike' | 'cfg' | 'enc';
      readonly level: 0 | 1;
      readonly ike: number;
      readonly connection: string;
      readonly text: string;
    }
  /** A revocation list came from where it was fetched, and its issuer signed it. */
  | {
      readonly kind: 'list-fetched';
      /** The issuer's key in hexadecimal, with `_delta` where it only changes another. */
      readonly name: string;
      readonly thisUpdate: Instant;
      readonly der: Uint8Array;
    }
  /** A child is about to go, and carries nothing from now on: what it has carried can still be asked. */
  | {
      readonly kind: 'closing';
      readonly ike: number;
      readonly connection: string;
      readonly child: ChildSaStatus;
    }
  | {
      readonly kind: 'log';
      readonly level: 'debug' | 'info' | 'warn' | 'error';
      readonly group: string;
      readonly ike?: number;
      readonly connection?: string;
      readonly text: string;
    }
);

/** Raw key octets, in hex, for a decryption table: the one place where keys leave their Secret. */
export interface IkeKeyRecord {
  readonly version: 1 | 2;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly encryption: number;
  readonly keyLength: number;
  readonly integrity: number;
  readonly skEi: string;
  readonly skEr: string;
  readonly skAi: string;
  readonly skAr: string;
}

export interface IkeSaStatus {
  /** Unique while the daemon runs. */
  readonly id: number;
  readonly connection: string;
  readonly version: 1 | 2;
  readonly state: 'CREATED' | 'CONNECTING' | 'ESTABLISHED' | 'REKEYING' | 'REKEYED' | 'DELETING';
  /** What the running conversation waits for, in words; absent when idle. */
  readonly phase?: string;
  readonly role: 'initiator' | 'responder';
  readonly path: Path;
  /** Text forms; absent until known. */
  readonly localId?: string;
  readonly remoteId?: string;
  /** The user that the peer proved in XAUTH. */
  readonly remoteXauthId?: string;
  readonly initiatorSpi: bigint;
  readonly responderSpi: bigint;
  readonly natLocal: boolean;
  readonly natRemote: boolean;
  /** There is none, and we pretend to be behind one, so that ESP goes in UDP. */
  readonly natFake?: true;
  /** Both ends may move (RFC 4555); and where else the peer says it can be reached. */
  readonly mobike?: true;
  readonly remoteAddresses?: readonly string[];
  /** A post-quantum pre-shared key went into the keys (RFC 8784), of this SA or of the one that it was rekeyed from. */
  readonly ppk?: true;
  /** Chosen algorithms in proposal keywords, such as `aes128gcm16-prfsha256-x25519`. */
  readonly proposal?: string;
  /** XFRM interfaces that its connection gives it, where that does. */
  readonly interfaces?: Pick<KernelOptions, 'interfaceIn' | 'interfaceOut'>;
  readonly establishedAt?: Instant;
  readonly rekeyAt?: Instant;
  readonly reauthAt?: Instant;
  /** When it ends, whatever becomes of its renewal. */
  readonly expiresAt?: Instant;
  /** Virtual IPs: those that the peer gave us, those that we gave the peer. Absent where there are none. */
  readonly localVips?: readonly string[];
  readonly remoteVips?: readonly string[];
  /** What the peer told us with our virtual IPs: name servers, networks and the like. */
  readonly received?: readonly ReceivedAttribute[];
  readonly children: readonly ChildSaStatus[];
  readonly tasksQueued: readonly string[];
  readonly tasksActive: readonly string[];
}

export interface ReceivedAttribute {
  readonly kind: ConfigurationAttribute['kind'];
  /** As `formatAttribute` writes it: an address, `10.1.0.0/16`, a text. */
  readonly value: string;
}

export interface ChildSaStatus {
  readonly id: number;
  readonly name: string;
  readonly reqid: number;
  readonly state: 'CREATED' | 'INSTALLING' | 'INSTALLED' | 'REKEYING' | 'REKEYED' | 'DELETING';
  readonly protocol: 'esp' | 'ah';
  readonly mode: 'tunnel' | 'transport' | 'beet';
  readonly udpEncapsulation: boolean;
  readonly spiIn: number;
  readonly spiOut: number;
  /** Where packets are compressed. */
  readonly ipcomp?: Compression;
  readonly proposal: string;
  readonly esn: boolean;
  /** What is run when it comes up and goes, and the traffic that it is told of; absent where nothing is. */
  readonly updown?: Updown;
  /** Marks and the like, where any are configured. */
  readonly kernel?: KernelOptions;
  readonly localTs: readonly string[];
  readonly remoteTs: readonly string[];
  readonly installedAt?: Instant;
  readonly rekeyAt?: Instant;
  readonly expiresAt?: Instant;
}

/** The `updown` command of a Child SA, as configured when that was made. */
export interface Updown {
  readonly command: string;
  readonly hostAccess: boolean;
  readonly localTs: readonly TrafficSelector[];
  readonly remoteTs: readonly TrafficSelector[];
}

/** Knobs of the engine; names and defaults follow the field's where it has them. */
export interface EngineSettings {
  /** Our UDP ports: IKE's own, and the one where ESP may travel too (RFC 3948). */
  readonly port: number;
  readonly natPort: number;
  /** First wait for an answer, growth of each further wait, and number of retransmissions. */
  readonly retransmitTimeout: Duration;
  readonly retransmitBase: number;
  readonly retransmitTries: number;
  /** The longest wait; 0 is none. */
  readonly retransmitLimit: Duration;
  /** Up to so many percent are taken off each wait at random. */
  readonly retransmitJitter: number;
  /** Octets of the longest message that is looked at, and of the longest that is put together from fragments. */
  readonly maxPacket: number;
  /** Life of a responder's half-open SA. */
  readonly halfOpenTimeout: Duration;
  /** Half-open SAs from which cookies are demanded: in all, and per peer address. 0 demands them always. */
  readonly cookieThreshold: number;
  readonly cookieThresholdPerAddress: number;
  /** Half-open SAs per peer address beyond which requests are dropped; 0 is off. */
  readonly blockThreshold: number;
  /** Half-open SAs in all; the oldest makes room for the next. */
  readonly halfOpenLimit: number;
  /** IKE SAs from which on peers begin no more; 0 is off. */
  readonly ikeSaLimit: number;
  /** No peer begins an IKE SA. */
  readonly initiatorOnly: boolean;
  /** A further child goes on the IKE SA that its connection has, in the place of one of its own. */
  readonly reuseIkeSa: boolean;
  /** IKE SAs of IKEv2 are made anew before the old ones go, instead of afterwards. */
  readonly makeBeforeBreak: boolean;
  /** Largest IP packet for IKE messages before they are fragmented, octets. */
  readonly fragmentSize: number;
  readonly natKeepAlive: Duration;
  /** A path that still works is left for one that the routing table prefers. */
  readonly preferBestPath: boolean;
  /** After a change of the network that leaves a path as it is, the peer is asked whether it still works. */
  readonly checkCurrentPath: boolean;
  /** When a peer whose name has no address, or to whom there is no way, is tried again; 0 is never. */
  readonly retryInitiateInterval: Duration;
  /** As responder, our order of algorithms goes before the peer's. */
  readonly preferConfiguredProposals: boolean;
  /** An IKE SA goes with the child that was to be made along with it. */
  readonly closeIkeOnChildFailure: boolean;
  /** Set in the SPIs that we choose for IKE SAs, in the place of the bits of the mask. */
  readonly spiMask: bigint;
  readonly spiLabel: bigint;
  /** The first number that ties policies to SAs of which no other was configured. */
  readonly reqidBase: number;
  /** Of children that say nothing of it. */
  readonly replayWindow: number;
  /** A keepalive that comes later than this asks whether the peer is there: this host slept. 0 never does. */
  readonly keepAliveDpdMargin: Duration;
  /** Say by Vendor ID that strongSwan's private numbers are known, and to Cisco's FlexVPN and Unity that we know of them. */
  readonly sendVendorId: boolean;
  readonly ciscoFlexvpn: boolean;
  readonly ciscoUnity: boolean;
  /** IKEv1: the initiator's identity and proof may come in the clear: whoever listens then guesses the shared key off line. */
  readonly acceptUnencryptedMainMode: boolean;
  /** IKEv1: what we have replaced is deleted at once. */
  readonly deleteRekeyed: boolean;
  /** IKEv1: exchanges of a peer's that are under way on one SA, at most. */
  readonly maxIkev1Exchanges: number;
  /** Answer aggressive mode of IKEv1 with a shared key: whoever asks gets what the key can be guessed from off line. */
  readonly allowAggressivePsk: boolean;
  /** Speak RFC 7427: announce hash algorithms, heed the peer's, sign by method 14. */
  readonly signatureAuthentication: boolean;
  /** Speak RFC 4739: several rounds of authentication a side. */
  readonly multipleAuthentication: boolean;
  /** Heed CRLs, and OCSP responses. */
  readonly useCrl: boolean;
  readonly useOcsp: boolean;
  /** Ask for the status of peers' certificates where they, or the configuration, say that it can be had. */
  readonly fetchStatus: boolean;
  /** When one such fetch is given up; 0 is with all of them together, after 25 s. */
  readonly fetchTimeout: Duration;
  /** Octets of the nonce in an OCSP request (RFC 9654); 0 sends none. */
  readonly ocspNonceLength: number;
  /** How long a replaced inbound SA still receives. */
  readonly deleteRekeyedDelay: Duration;
  /** Emit `message` events (for ladders) and key events (for decryption tables). */
  readonly traceMessages: boolean;
  readonly saveKeys: boolean;
}
