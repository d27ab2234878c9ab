import type { CryptoProvider } from '../../src/crypto/provider.ts';

/** How often each primitive was asked for, since the last `take`. */
export interface Counting {
  take(): Readonly<Record<string, number>>;
}

/** Counts what is asked of `provider`, and of the ciphers and key exchanges that it hands out, from now on. */
export function counting(provider: CryptoProvider): Counting {
  let counts: Record<string, number> = {};
  const count = (what: string): void => {
    counts[what] = (counts[what] ?? 0) + 1;
  };
  const watch = (name: keyof CryptoProvider): void => {
    const original = provider[name];
    if (typeof original !== 'function') return;
    const watched = (...parameters: unknown[]): unknown => {
      count(name);
      return watchParts(name, Reflect.apply(original, provider, parameters), count);
    };
    Object.defineProperty(provider, name, { value: watched, configurable: true });
  };
  const names = ['random', 'hash', 'hmac', 'cbcCipher', 'keyExchange', 'importPublicKey', 'sign', 'verify'];
  for (const name of [...names, 'encrypt', 'decrypt'] as (keyof CryptoProvider)[]) watch(name);
  return {
    take() {
      const taken = Object.fromEntries(Object.entries(counts).sort(([a], [b]) => (a < b ? -1 : 1)));
      counts = {};
      return taken;
    },
  };
}

/** Methods of what a primitive hands out are counted where they come to an end: an exchange that refuses its value does no work. */
function watchParts(name: string, result: unknown, count: (what: string) => void): unknown {
  if ((name !== 'cbcCipher' && name !== 'keyExchange') || typeof result !== 'object' || result === null)
    return result;
  return watched(result, name, count);
}

function watched(object: object, name: string, count: (what: string) => void): object {
  return new Proxy(object, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      return (...parameters: unknown[]): unknown => {
        const result: unknown = Reflect.apply(value, target, parameters);
        count(`${name}.${String(key)}`);
        return key === 'initiate' && typeof result === 'object' && result !== null
          ? watched(result, name, count)
          : result;
      };
    },
  });
}
