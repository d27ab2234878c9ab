import { KeMethod } from '../../iana/transforms.ts';
import { type Algorithm, byId } from '../algorithm.ts';
import type { KePrimitive } from '../provider.ts';
import * as primes from './primes.ts';

/** Key exchange methods: transforms of type KE and ADDKE1 … ADDKE7 (RFC 8247 §2.4, RFC 9370). Sizes in octets. */
export interface KeyExchangeAlgorithm extends Algorithm {
  /** Proposal keywords, the canonical one first. */
  readonly keywords: readonly [string, ...string[]];
  readonly primitive: KePrimitive;
  /** Key Exchange Data as the initiator of the exchange sends it. */
  readonly publicLength: number;
  /** As the responder sends it: differs with a KEM, whose answer is a ciphertext. */
  readonly responseLength: number;
  readonly secretLength: number;
}

/** The row of a transform ID, or undefined for a method that is not known here. */
export function keyExchangeRow(method: number): KeyExchangeAlgorithm | undefined {
  return index.get(method);
}

type Shared = Pick<KeyExchangeAlgorithm, 'id' | 'name' | 'status' | 'strength'> & {
  readonly keywords: readonly [string, ...string[]];
};

const TWO = Uint8Array.of(2);

/** Values and secrets are as long as the prime (RFC 7296 §2.14, §3.4). */
function modp(
  row: Shared,
  prime: Uint8Array,
  generator: Uint8Array = TWO,
  order?: Uint8Array,
): KeyExchangeAlgorithm {
  const length = prime.length;
  const primitive: KePrimitive = {
    kind: 'modp',
    prime,
    generator,
    ...(order === undefined ? {} : { order }),
  };
  return { ...row, uses: ['ike', 'esp', 'ah'], primitive, ...same(length), secretLength: length };
}

/** Values are x‖y, the secret is x alone (RFC 5903 §7, RFC 6954 §2). */
function ecp(row: Shared, curve: string, fieldLength: number): KeyExchangeAlgorithm {
  const primitive: KePrimitive = { kind: 'ecp', curve, fieldLength };
  return {
    ...row,
    uses: ['ike', 'esp', 'ah'],
    primitive,
    ...same(2 * fieldLength),
    secretLength: fieldLength,
  };
}

function montgomery(row: Shared, curve: 'x25519' | 'x448', length: number): KeyExchangeAlgorithm {
  const primitive: KePrimitive = { kind: 'montgomery', curve };
  return { ...row, uses: ['ike', 'esp', 'ah'], primitive, ...same(length), secretLength: length };
}

function mlkem(
  row: Shared,
  size: 512 | 768 | 1024,
  publicLength: number,
  responseLength: number,
): KeyExchangeAlgorithm {
  const primitive: KePrimitive = { kind: 'mlkem', size };
  return { ...row, uses: ['ike', 'esp', 'ah'], primitive, publicLength, responseLength, secretLength: 32 };
}

function same(length: number): { publicLength: number; responseLength: number } {
  return { publicLength: length, responseLength: length };
}

export const KEY_EXCHANGES: readonly KeyExchangeAlgorithm[] = [
  // RFC 8031
  montgomery(
    {
      id: KeMethod.CURVE25519,
      name: 'CURVE25519',
      keywords: ['x25519', 'curve25519'],
      status: 'default',
      strength: 128,
    },
    'x25519',
    32,
  ),
  // RFC 5903
  ecp(
    { id: KeMethod.ECP256, name: 'ECP256', keywords: ['ecp256'], status: 'default', strength: 128 },
    'prime256v1',
    32,
  ),
  ecp(
    { id: KeMethod.ECP384, name: 'ECP384', keywords: ['ecp384'], status: 'default', strength: 192 },
    'secp384r1',
    48,
  ),
  ecp(
    { id: KeMethod.ECP521, name: 'ECP521', keywords: ['ecp521'], status: 'default', strength: 256 },
    'secp521r1',
    66,
  ),
  montgomery(
    {
      id: KeMethod.CURVE448,
      name: 'CURVE448',
      keywords: ['x448', 'curve448'],
      status: 'default',
      strength: 224,
    },
    'x448',
    56,
  ),
  // RFC 3526
  modp(
    { id: KeMethod.MODP3072, name: 'MODP3072', keywords: ['modp3072'], status: 'default', strength: 128 },
    primes.MODP3072,
  ),
  modp(
    { id: KeMethod.MODP4096, name: 'MODP4096', keywords: ['modp4096'], status: 'default', strength: 152 },
    primes.MODP4096,
  ),
  modp(
    { id: KeMethod.MODP2048, name: 'MODP2048', keywords: ['modp2048'], status: 'default', strength: 112 },
    primes.MODP2048,
  ),
  modp(
    { id: KeMethod.MODP6144, name: 'MODP6144', keywords: ['modp6144'], status: 'allowed', strength: 176 },
    primes.MODP6144,
  ),
  modp(
    { id: KeMethod.MODP8192, name: 'MODP8192', keywords: ['modp8192'], status: 'allowed', strength: 200 },
    primes.MODP8192,
  ),
  // RFC 6954
  ecp(
    {
      id: KeMethod.BRAINPOOL256,
      name: 'BRAINPOOL256',
      keywords: ['ecp256bp'],
      status: 'allowed',
      strength: 128,
    },
    'brainpoolP256r1',
    32,
  ),
  ecp(
    {
      id: KeMethod.BRAINPOOL384,
      name: 'BRAINPOOL384',
      keywords: ['ecp384bp'],
      status: 'allowed',
      strength: 192,
    },
    'brainpoolP384r1',
    48,
  ),
  ecp(
    {
      id: KeMethod.BRAINPOOL512,
      name: 'BRAINPOOL512',
      keywords: ['ecp512bp'],
      status: 'allowed',
      strength: 256,
    },
    'brainpoolP512r1',
    64,
  ),
  ecp(
    {
      id: KeMethod.BRAINPOOL224,
      name: 'BRAINPOOL224',
      keywords: ['ecp224bp'],
      status: 'allowed',
      strength: 112,
    },
    'brainpoolP224r1',
    28,
  ),
  // draft-ietf-ipsecme-ikev2-mlkem; against a quantum computer, where the others have none: 128, 192, 256 bits too
  mlkem(
    { id: KeMethod.ML_KEM_768, name: 'ML_KEM_768', keywords: ['mlkem768'], status: 'allowed', strength: 192 },
    768,
    1184,
    1088,
  ),
  mlkem(
    {
      id: KeMethod.ML_KEM_1024,
      name: 'ML_KEM_1024',
      keywords: ['mlkem1024'],
      status: 'allowed',
      strength: 256,
    },
    1024,
    1568,
    1568,
  ),
  mlkem(
    { id: KeMethod.ML_KEM_512, name: 'ML_KEM_512', keywords: ['mlkem512'], status: 'allowed', strength: 128 },
    512,
    800,
    768,
  ),
  // RFC 5114
  ecp(
    { id: KeMethod.ECP224, name: 'ECP224', keywords: ['ecp224'], status: 'allowed', strength: 112 },
    'secp224r1',
    28,
  ),
  ecp(
    { id: KeMethod.ECP192, name: 'ECP192', keywords: ['ecp192'], status: 'weak', strength: 96 },
    'prime192v1',
    24,
  ),
  // "SHOULD NOT" and, of 1024-160, "MUST NOT" in RFC 8247 §2.4: primes of unknown making, small subgroups
  modp(
    {
      id: KeMethod.MODP2048_256,
      name: 'MODP2048_256',
      keywords: ['modp2048s256'],
      status: 'weak',
      strength: 112,
    },
    primes.MODP2048_256_P,
    primes.MODP2048_256_G,
    primes.MODP2048_256_Q,
  ),
  modp(
    {
      id: KeMethod.MODP2048_224,
      name: 'MODP2048_224',
      keywords: ['modp2048s224'],
      status: 'weak',
      strength: 112,
    },
    primes.MODP2048_224_P,
    primes.MODP2048_224_G,
    primes.MODP2048_224_Q,
  ),
  modp(
    {
      id: KeMethod.MODP1024_160,
      name: 'MODP1024_160',
      keywords: ['modp1024s160'],
      status: 'weak',
      strength: 80,
    },
    primes.MODP1024_160_P,
    primes.MODP1024_160_G,
    primes.MODP1024_160_Q,
  ),
  // "SHOULD NOT" and, of 768, "MUST NOT" in RFC 8247 §2.4
  modp(
    { id: KeMethod.MODP1536, name: 'MODP1536', keywords: ['modp1536'], status: 'weak', strength: 90 },
    primes.MODP1536,
  ),
  modp(
    { id: KeMethod.MODP1024, name: 'MODP1024', keywords: ['modp1024'], status: 'weak', strength: 80 },
    primes.MODP1024,
  ),
  modp(
    { id: KeMethod.MODP768, name: 'MODP768', keywords: ['modp768'], status: 'weak', strength: 66 },
    primes.MODP768,
  ),
];

const index = byId(KEY_EXCHANGES);
