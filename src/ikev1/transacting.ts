import { V1PayloadType } from '../iana/ikev1.ts';
import type { VirtualIps } from '../ike/virtual-ips.ts';
import type { Failure } from '../policy/failure.ts';
import type { Identity } from '../policy/identity.ts';
import type { ConfigurationAttribute } from '../policy/pool.ts';
import type { V1Attribute, V1AttributesPayload } from '../wire/v1/payload.ts';
import type { IsakmpSa } from './isakmp-sa.ts';

/** An ISAKMP SA that is not established before a user has proved itself, and before it has its virtual IPs. */
export interface Transacting extends IsakmpSa {
  readonly progress: Progress;
  virtualIps: VirtualIps;
  /** Established ones between the same two. */
  siblings(): readonly IsakmpSa[];
  /** XAUTH is over: `user` is who proved itself to us. */
  authenticated(user?: Identity): void;
  /** Virtual IPs are where they belong: the SA is established. */
  configured(): void;
}

/** What happens between phase 1 and the established SA. */
export interface Progress {
  /** What must still happen here: we are asked for our user, or prove the peer's; the peer gives us addresses. */
  awaits: 'user' | 'addresses' | undefined;
  /** The password was given to the peer. */
  given: boolean;
  /** Why it most likely comes to nothing, should the SA end now. */
  obstacle: Failure | undefined;
  /** Who proved itself to us. */
  user: Identity | undefined;
  /** What the peer is told along with its virtual IPs. */
  told: readonly ConfigurationAttribute[];
}

export function noProgress(): Progress {
  return { awaits: undefined, given: false, obstacle: undefined, user: undefined, told: [] };
}

/** The REPLY to a REQUEST, the ACK to a SET. */
export function answerTo(
  { cfgType, identifier }: V1AttributesPayload,
  attributes: readonly V1Attribute[],
): V1AttributesPayload {
  return { type: V1PayloadType.ATTRIBUTES, cfgType: cfgType + 1, identifier, attributes };
}
