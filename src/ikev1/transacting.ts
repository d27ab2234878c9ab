import { V1PayloadType } from '../iana/ikev1.ts';
import type { Failure } from '../policy/failure.ts';
import type { Identity } from '../policy/identity.ts';
import type { V1Attribute, V1AttributesPayload } from '../wire/v1/payload.ts';
import type { IsakmpSa } from './isakmp-sa.ts';

/** An ISAKMP SA that is not established before a user has proved itself. */
export interface Transacting extends IsakmpSa {
  readonly xauth: XauthProgress;
  /** XAUTH is over: `user` is who proved itself to us. */
  complete(user?: Identity): void;
}

export interface XauthProgress {
  /** The password was given to the peer. */
  given: boolean;
  /** Why XAUTH most likely comes to nothing, should the SA end now. */
  obstacle: Failure | undefined;
  /** Who proved itself to us. */
  user: Identity | undefined;
}

export function noProgress(): XauthProgress {
  return { given: false, obstacle: undefined, user: undefined };
}

/** The REPLY to a REQUEST, the ACK to a SET. */
export function answerTo(
  { cfgType, identifier }: V1AttributesPayload,
  attributes: readonly V1Attribute[],
): V1AttributesPayload {
  return { type: V1PayloadType.ATTRIBUTES, cfgType: cfgType + 1, identifier, attributes };
}
