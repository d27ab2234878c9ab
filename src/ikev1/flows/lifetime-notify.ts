import { V1Notify } from '../../iana/ikev1.ts';
import { Malformed } from '../../lib/reader.ts';
import { decodeV1Attributes, encodeV1Attributes } from '../../wire/v1/attribute.ts';
import type { V1NotifyPayload } from '../../wire/v1/payload.ts';
import { type About, findNotify, type Message, notify } from '../flow.ts';
import { type Life, lifeAttributes, lifeIn, PHASE_TWO_LIFE } from '../life.ts';

/** RESPONDER-LIFETIME (RFC 2407 §4.6.3.1): the responder gives the SA up sooner than was offered. */
export function lifetimeNotify(life: Life, about: About): V1NotifyPayload {
  const data = encodeV1Attributes(lifeAttributes(life, PHASE_TWO_LIFE));
  return notify(V1Notify.RESPONDER_LIFETIME, data, about);
}

/** What the responder says of that; nothing where it says nothing, or nothing that can be read. */
export function responderLifetime(message: Pick<Message, 'payloads'>): Life {
  const payload = findNotify(message, V1Notify.RESPONDER_LIFETIME);
  if (payload === undefined) return {};
  try {
    return lifeIn(decodeV1Attributes(payload.data), PHASE_TWO_LIFE);
  } catch (error) {
    if (error instanceof Malformed) return {};
    throw error;
  }
}
