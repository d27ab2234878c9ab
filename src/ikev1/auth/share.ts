import { V1Notify, V1PayloadType } from '../../iana/ikev1.ts';
import type { V1Payload } from '../../wire/v1/payload.ts';
import { first, type Message, Refused } from '../flow.ts';
import type { Share } from './method.ts';

/** "The length of nonce payload MUST be between 8 and 256 bytes" (RFC 2409 §5); the shortest the wire room sees to. */
const LONGEST_NONCE = 256;

/** KE, Nonce and, in aggressive mode, ID, all in the clear: what most methods send. */
export function plainShare({ publicValue, nonce, id }: Share): readonly V1Payload[] {
  return [
    { type: V1PayloadType.KE, data: publicValue },
    { type: V1PayloadType.NONCE, data: nonce },
    ...(id === undefined ? [] : [id]),
  ];
}

/** The inverse; the octets are copies. Throws Refused. */
export function readPlainShare(message: Message): Share {
  const ke = first(message, V1PayloadType.KE);
  const nonce = first(message, V1PayloadType.NONCE);
  const id = first(message, V1PayloadType.ID);
  if (ke === undefined || nonce === undefined || nonce.data.length > LONGEST_NONCE)
    throw new Refused(V1Notify.PAYLOAD_MALFORMED, {
      code: 'peer/malformed',
      summary: 'the key exchange of phase 1 has no public value, or a nonce of more than 256 octets',
    });
  return {
    publicValue: ke.data.slice(),
    nonce: nonce.data.slice(),
    id: id === undefined ? undefined : { ...id, data: id.data.slice(), ...copied(id.body) },
  };
}

function copied(body: Uint8Array | undefined): { readonly body?: Uint8Array } {
  return body === undefined ? {} : { body: body.slice() };
}
