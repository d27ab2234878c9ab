import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type ECDH,
  type KeyObject,
} from 'node:crypto';
import { concat, fromHex } from '../../lib/bytes.ts';
import { Secret } from '../../lib/secret.ts';
import { CryptoFailure, type KePrimitive, type KeyExchangePrimitive } from '../provider.ts';
import { bitString, explicit, octetString, sequence } from './der.ts';
import { octets } from './octets.ts';
import { refusing } from './refusal.ts';

/**
 * Diffie-Hellman on curves over prime fields: values are x‖y, the secret is x (RFC 5903 §7). Undefined when OpenSSL
 * lacks the curve. `createECDH` makes the public value; key objects agree on the secret, since `computeSecret`
 * checks our own key again and takes twice as long. The import of the peer's value checks that it is on the curve,
 * and all these curves have cofactor 1, so there is no subgroup to fall into.
 */
export function ecpExchange(
  { curve, fieldLength }: Extract<KePrimitive, { kind: 'ecp' }>,
  random: (length: number) => Uint8Array,
): KeyExchangePrimitive | undefined {
  const oid = OIDS.get(curve);
  if (oid === undefined) return undefined;
  const algorithm = sequence(EC_PUBLIC_KEY, oid);

  const half = (): { privateKey: KeyObject; publicValue: Uint8Array } => {
    const pair = createECDH(curve);
    const scalar = drawScalar(pair, fieldLength, random);
    const point = pair.getPublicKey();
    const parts = [VERSION_1, octetString(scalar), explicit(0, oid), explicit(1, bitString(point))];
    const der = Buffer.from(sequence(...parts));
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'sec1' });
    scalar.fill(0);
    der.fill(0);
    return { privateKey, publicValue: octets(point.subarray(1)) };
  };

  const agree = (privateKey: KeyObject, peer: Uint8Array): Secret =>
    refusing(() => {
      const info = Buffer.from(sequence(algorithm, bitString(concat(UNCOMPRESSED, peer))));
      const publicKey = createPublicKey({ key: info, format: 'der', type: 'spki' });
      return new Secret(octets(diffieHellman({ privateKey, publicKey })));
    });

  return {
    initiate() {
      const { privateKey, publicValue } = half();
      return { publicValue, finish: peer => agree(privateKey, peer) };
    },
    respond(peer) {
      const { privateKey, publicValue } = half();
      return { publicValue, sharedSecret: agree(privateKey, peer) };
    },
  };
}

/** OBJECT IDENTIFIERs, DER. */
const OIDS: ReadonlyMap<string, Uint8Array> = new Map(
  Object.entries({
    prime192v1: '06082a8648ce3d030101',
    secp224r1: '06052b81040021',
    prime256v1: '06082a8648ce3d030107',
    secp384r1: '06052b81040022',
    secp521r1: '06052b81040023',
    brainpoolP224r1: '06092b2403030208010105',
    brainpoolP256r1: '06092b2403030208010107',
    brainpoolP384r1: '06092b240303020801010b',
    brainpoolP512r1: '06092b240303020801010d',
  }).map(([curve, der]) => [curve, fromHex(der) as Uint8Array]),
);

const EC_PUBLIC_KEY = fromHex('06072a8648ce3d0201') as Uint8Array;
const VERSION_1 = Uint8Array.of(0x02, 1, 1);
const UNCOMPRESSED = Uint8Array.of(4);

/** Draws until a number is below the order of the curve, as OpenSSL judges: uniform, and mostly done at once. */
function drawScalar(pair: ECDH, fieldLength: number, random: (length: number) => Uint8Array): Uint8Array {
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const scalar = random(fieldLength);
    // P-521 fills 521 of 528 bits
    if (fieldLength === 66) scalar[0] = (scalar[0] as number) & 0x01;
    try {
      pair.setPrivateKey(scalar);
      return scalar;
    } catch {
      scalar.fill(0);
    }
  }
  throw new CryptoFailure('no private key came of the random octets');
}

/** brainpoolP224r1 and P512r1 have orders at 0.84 and 0.67 of the range: 128 refusals in a row do not happen. */
const MOST_ATTEMPTS = 128;
