import { createRequire } from 'node:module';
import type { LibraryHandle } from 'koffi';

type Koffi = typeof import('koffi');

/** The foreign function interface and the process's own symbols: libc, and OpenSSL where node exports it. */
export interface Native {
  readonly koffi: Koffi;
  readonly symbols: LibraryHandle;
}

let loaded: { readonly native: Native | undefined } | undefined;

/**
 * Loads the native door once a thread. Undefined where it cannot be had: a platform without a prebuilt koffi, or one
 * whose structures are not the ones laid out here (Linux on 64-bit little-endian x86 and ARM, glibc and musl alike).
 */
export function native(): Native | undefined {
  loaded ??= { native: load() };
  return loaded.native;
}

function load(): Native | undefined {
  if (process.platform !== 'linux' || (process.arch !== 'x64' && process.arch !== 'arm64')) return undefined;
  try {
    const koffi = createRequire(import.meta.url)('koffi') as Koffi;
    return { koffi, symbols: koffi.load(null) };
  } catch {
    return undefined;
  }
}
