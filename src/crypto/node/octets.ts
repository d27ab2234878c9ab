/**
 * The same memory without Node's Buffer about it: above the port, `slice` must copy, which Buffer's does not, and
 * two results of equal octets must be equal.
 */
export function octets(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
