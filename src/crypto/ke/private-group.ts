import { compare, equal } from '../../lib/bytes.ts';
import type { CryptoProvider } from '../provider.ts';
import { exchangeBy, type KeyExchange } from './key-exchange.ts';
import { KEY_EXCHANGES } from './registry.ts';

/** A group that no registry has: a safe prime and a generator, unsigned, without leading zeros. */
export interface ModpGroup {
  readonly prime: Uint8Array;
  readonly generator: Uint8Array;
}

/** Groups below are weak, and those above buy nobody anything but time of ours. */
const LEAST_BITS = 2048;
const MOST_BITS = 8192;

/** What shows at once that a group must not be used; undefined where nothing does. Whether its prime is one is not looked at. */
export function groupFault({ prime, generator }: ModpGroup): string | undefined {
  const bits = bitLength(prime);
  if (bits < LEAST_BITS) return `its prime has ${bits} bits, at least ${LEAST_BITS} are wanted`;
  if (bits > MOST_BITS) return `its prime has ${bits} bits, at most ${MOST_BITS} are looked at`;
  const last = prime[prime.length - 1] as number;
  // q = (p − 1) / 2 is odd as well, so p is 3 modulo 4.
  if (last % 4 !== 3) return 'its prime is none, or no safe one: it is not 3 modulo 4';
  const padded = new Uint8Array(prime.length);
  if (generator.length > prime.length) return 'its generator is larger than its prime';
  padded.set(generator, prime.length - generator.length);
  const one = new Uint8Array(prime.length).fill(1, prime.length - 1);
  // A copy in any case: what comes from a file may be a view.
  const top = new Uint8Array(prime).fill(last - 1, prime.length - 1);
  if (compare(padded, one) <= 0 || compare(padded, top) >= 0)
    return 'its generator is not between 1 and p − 1';
  return undefined;
}

/** Whether the prime is that of a group of the registry: those are known to be safe. */
export function isKnownPrime(prime: Uint8Array): boolean {
  return KEY_EXCHANGES.some(
    ({ primitive }) =>
      primitive.kind === 'modp' && primitive.order === undefined && equal(primitive.prime, prime),
  );
}

/** Undefined where the provider lacks such groups. @param number what the group is called between the two ends. */
export function privateExchange(
  provider: CryptoProvider,
  number: number,
  { prime, generator }: ModpGroup,
): KeyExchange | undefined {
  const length = prime.length;
  return exchangeBy(provider, {
    id: number,
    keywords: [`private${bitLength(prime)}`],
    primitive: { kind: 'modp', prime, generator },
    publicLength: length,
    responseLength: length,
    secretLength: length,
  });
}

/** An unsigned number without its leading zeros; a copy. */
export function plainNumber(octets: Uint8Array): Uint8Array {
  const first = octets.findIndex(octet => octet !== 0);
  return first < 0 ? new Uint8Array() : new Uint8Array(octets.subarray(first));
}

function bitLength(number: Uint8Array): number {
  return number.length === 0 ? 0 : 8 * (number.length - 1) + (32 - Math.clz32(number[0] as number));
}
