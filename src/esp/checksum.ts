/** The Internet checksum of `[start, end)` (RFC 1071), the field itself being zero; `before` is a sum that counts too. */
export function internetChecksum(bytes: Uint8Array, start: number, end: number, before = 0): number {
  return ~folded(before + wordSum(bytes, start, end)) & 0xffff;
}

/** What the addresses of the IP packet, its upper-layer protocol and length add to that one's checksum (RFC 8200 §8.1). */
export function pseudoHeaderSum(packet: Uint8Array, protocol: number, length: number): number {
  const v4 = (packet[0] as number) >> 4 === 4;
  return protocol + length + (v4 ? wordSum(packet, 12, 20) : wordSum(packet, 8, 40));
}

/** The sum of 16-bit words; an odd last octet is the high half of one (RFC 1071). */
function wordSum(bytes: Uint8Array, start: number, end: number): number {
  let sum = 0;
  for (let i = start; i < end; i += 2)
    sum += ((bytes[i] as number) << 8) | (i + 1 < end ? (bytes[i + 1] as number) : 0);
  return sum;
}

function folded(sum: number): number {
  let rest = sum;
  while (rest > 0xffff) rest = (rest & 0xffff) + (rest >>> 16);
  return rest;
}
