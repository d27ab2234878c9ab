import { CryptoFailure } from '../provider.ts';

/** Runs a primitive on a peer's octets: whatever OpenSSL has against them becomes a CryptoFailure. */
export function refusing<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw new CryptoFailure(error instanceof Error ? error.message : String(error));
  }
}
