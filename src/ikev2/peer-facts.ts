import type { Numbering } from '../ike/child.ts';
import type { IpAddress } from '../lib/ip.ts';
import type { Duration } from '../lib/time.ts';

/** What the peer said it can do, and what lies between us. Extensions fill it in (`extensions/`). */
export interface PeerFacts {
  /** It knows of NAT traversal: it said where it sends from and to. */
  natTraversal: boolean;
  /** Some NAT changes our address or port; the peer's. */
  natLocal: boolean;
  natRemote: boolean;
  /** ESP goes in UDP: a NAT is there, or is to be believed to be. */
  encapsulate: boolean;
  /** Our address and port as it sees them, hashed (RFC 7296 §2.23); undefined until it has said. */
  seenAs: Uint8Array | undefined;
  /** RFC 4555: both ends said that they may move. */
  mobike: boolean;
  /** Where else it can be reached, and where else we told it that we can. */
  addresses: readonly IpAddress[];
  toldAddresses: readonly IpAddress[];
  /** RFC 7383: it understands SKF. */
  fragmentation: boolean;
  /** RFC 6023. */
  childless: boolean;
  /** RFC 4739: it may prove, and have proved to it, several identities. */
  multipleAuthentication: boolean;
  /** RFC 8784: both said that they would use a PPK; and whether the keys of the IKE SA, or of the one it came from, have one in them. */
  ppk: boolean;
  usesPpk: boolean;
  /** RFC 7427 §4: hash algorithms it takes in signatures; empty: none but the old methods. */
  signatureHashes: readonly number[];
  /** It wants new proofs within this time (RFC 4478). */
  authLifetime?: Duration;
  /** It holds no other IKE SA with us (RFC 7296 §2.4). */
  initialContact: boolean;
  /** Of its XFRM interfaces. */
  readonly numbering: Numbering;
}

/** Before the peer has said anything. */
export function unknownPeer(): PeerFacts {
  return {
    natTraversal: false,
    natLocal: false,
    natRemote: false,
    encapsulate: false,
    seenAs: undefined,
    mobike: false,
    addresses: [],
    toldAddresses: [],
    fragmentation: false,
    childless: false,
    multipleAuthentication: false,
    ppk: false,
    usesPpk: false,
    signatureHashes: [],
    initialContact: false,
    numbering: {},
  };
}
