import { V1IdType, V1Notify, V1PayloadType } from '../../../iana/ikev1.ts';
import { knownName } from '../../../iana/name.ts';
import { Malformed } from '../../../lib/reader.ts';
import { checkIdentity, type Identity } from '../../../policy/identity.ts';
import { encodeV1Body } from '../../../wire/v1/message.ts';
import type { V1IdPayload, V1Payload } from '../../../wire/v1/payload.ts';
import { type Message, Refused } from '../../flow.ts';
import type { Share } from '../method.ts';
import type { Parties } from './parties.ts';

/** How the shares of a method are hidden. */
export interface Veil {
  share(parties: Parties, ours: Share): readonly V1Payload[];
  arrange(parties: Parties, own: readonly V1Payload[], others: readonly V1Payload[]): readonly V1Payload[];
  /** Throws Refused for what shows without any key, and for nothing else that the peer wrote. */
  readShare(parties: Parties, message: Message): Share;
}

/** "Between 8 and 256 bytes inclusive" (RFC 2409 §5). */
const SHORTEST_NONCE = 8;
const LONGEST_NONCE = 256;
const STAND_IN_LENGTH = 32;

/** The nonce of the peer; where its length cannot be, one that nobody knows. */
export function hiddenNonce(parties: Parties, ciphertext: Uint8Array): Uint8Array {
  const nonce = parties.decrypt(ciphertext);
  const standIn = parties.run.sa.host.provider.random(STAND_IN_LENGTH);
  return nonce.length < SHORTEST_NONCE || nonce.length > LONGEST_NONCE ? standIn : nonce;
}

/** The ID payload of a decrypted body, whatever that is. */
export function hiddenId(body: Uint8Array): V1IdPayload {
  const [idType = 0, protocol = 0, high = 0, low = 0] = body;
  const port = (high << 8) | low;
  return { type: V1PayloadType.ID, idType, protocol, port, data: body.subarray(4), body };
}

/** The identity in it; undefined where it is none, as what somebody else's key made of it hardly ever is. */
export function identityOf({ idType, protocol, port, data }: V1IdPayload): Identity | undefined {
  const isLikely = knownName(V1IdType, idType) !== undefined && (protocol === 0 || protocol === 17);
  if (!isLikely || !IKE_PORTS.includes(port)) return undefined;
  try {
    return checkIdentity(idType, data.slice());
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

const IKE_PORTS: readonly number[] = [0, 500, 4500];

/** The body of a payload as it stands in the message. */
export function bodyOf(payload: V1Payload): Uint8Array {
  return payload.type === 'unknown' ? payload.data : encodeV1Body(payload);
}

/** A payload of `type` whose body is ciphertext; its generic header stays in the clear. */
export function hidden(type: number, data: Uint8Array): V1Payload {
  return { type: 'unknown', number: type, data };
}

export function malformedShare(what: string): Refused {
  return new Refused(V1Notify.PAYLOAD_MALFORMED, {
    code: 'peer/malformed',
    summary: `the key exchange of phase 1 ${what}`,
  });
}
