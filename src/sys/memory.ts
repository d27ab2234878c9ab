import { native } from './native.ts';

/** Octets at a fixed place, for structures that hold pointers to each other. Little-endian, as both platforms are. */
export interface Memory {
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly address: number;
}

/** Zeroed octets outside V8's heap. They stay where they are for as long as the result is referenced. */
export function allocate(length: number): Memory {
  const buffer = new ArrayBuffer((length + 7) & ~7);
  const bytes = new Uint8Array(buffer);
  return { bytes, words: new Uint32Array(buffer), address: addressOf(bytes) };
}

const bases = new WeakMap<ArrayBufferLike, number>();
let lastBuffer: ArrayBufferLike | undefined;
let lastBase = 0;

/**
 * Where `bytes` begins, as a number (user space addresses stay below 2^47). Asking for `.buffer` moves a small array
 * off V8's heap for good, so the place is known once and for all; the look-up spares a native call per packet.
 * The caller keeps the array alive, and within its length, for as long as the address is used.
 */
export function addressOf(bytes: Uint8Array): number {
  const buffer = bytes.buffer;
  if (buffer === lastBuffer) return lastBase + bytes.byteOffset;
  let base = bases.get(buffer);
  if (base === undefined) {
    base = Number((native() as NonNullable<ReturnType<typeof native>>).koffi.address(buffer));
    bases.set(buffer, base);
  }
  lastBuffer = buffer;
  lastBase = base;
  return base + bytes.byteOffset;
}

/** Writes a pointer (or any number below 2^53) as eight octets; `at` in octets, a multiple of four. */
export function setPointer(words: Uint32Array, at: number, value: number): void {
  words[at >> 2] = value;
  words[(at >> 2) + 1] = value / 0x1_0000_0000;
}
