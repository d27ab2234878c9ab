import type { Path } from '../policy/sa.ts';

/** What one exchange about addresses is for. */
export interface Turn {
  /** The peer is to send to where we are now. */
  readonly update: boolean;
  /** It is to know of our addresses. */
  readonly addresses: boolean;
  /** It is to show that it receives where it says it is (RFC 4555 §3.7). */
  readonly verify: boolean;
  /** How often the path had changed when the exchange began. */
  readonly moves: number;
}

/** What flows see of the mobility of their IKE SA, which decides where the two ends are (`Mobility`). */
export interface Moves {
  /** This end began the first of the IKE SAs that replaced each other: it decides along which path children go (RFC 4555 §1.3). */
  readonly leads: boolean;
  /** How often the path has changed. */
  readonly count: number;
  /** Takes what is to be said next; undefined where that is nothing. */
  turn(): Turn | undefined;
  /** `turn` came to nothing, and is to be said again. */
  again(turn: Turn): void;
  /** The peer has shown that it receives where it says it is. */
  verified(): void;
  /** The peer did not accept the path: takes the first of `paths` that it has not refused yet; false where there is none. */
  refused(paths: readonly Path[]): boolean;
  /** The peer, which leads, asks for the path by which its request came. */
  led(path: Path): void;
  /** The peer told its addresses in a message that came by `path`. */
  told(path: Path): void;
  /** A NAT gives us another address or port than before. */
  remapped(): void;
}
