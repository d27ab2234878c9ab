import { OakleyAuthMethod } from '../../iana/ikev1.ts';
import { knownName } from '../../iana/name.ts';
import { Failed } from '../../policy/failure.ts';
import { publicKeyEncryption } from './encryption/plain.ts';
import { revisedEncryption } from './encryption/revised.ts';
import { hybrid } from './hybrid.ts';
import type { AuthMethod, MethodAsk } from './method.ts';
import { psk } from './psk.ts';
import { signature } from './signature.ts';
import { xauthEncryption, xauthPsk, xauthRevised, xauthSignature } from './xauth.ts';

const METHODS: readonly AuthMethod[] = [
  psk,
  signature,
  xauthPsk,
  xauthSignature,
  hybrid,
  publicKeyEncryption,
  revisedEncryption,
  xauthEncryption,
  xauthRevised,
];

/** The Authentication Methods that a connection may use, best first. Throws Failed (`auth/no-key`, `local/unsupported`). */
export function methodsFor(ask: MethodAsk): readonly number[] {
  const numbers = METHODS.flatMap(method => method.numbersFor(ask));
  if (numbers.length > 0) return numbers;
  const rounds = [...ask.connection.local, ...ask.connection.remote].map(({ method }) => method);
  throw new Failed({
    code: 'local/unsupported',
    summary: `${ask.connection.name}: IKEv1 has no authentication by ${[...new Set(rounds)].join(' and ')}`,
    ours: rounds,
    remedy:
      'use psk or pubkey at both ends, with or without xauth as a second round; or pubkey at one end and xauth at the other',
  });
}

/** Whether a method of this number encrypts identities in the messages of the key exchange. */
export function encryptsShare(number: number): boolean {
  return METHODS.some(({ encrypts, numbers }) => encrypts === true && numbers.includes(number));
}

/** The method of a number that `methodsFor` gave. */
export function methodOf(number: number): AuthMethod {
  const method = METHODS.find(({ numbers }) => numbers.includes(number));
  if (method === undefined) throw new Error(`no method ${knownName(OakleyAuthMethod, number)}`);
  return method;
}
