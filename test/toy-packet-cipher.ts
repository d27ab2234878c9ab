import type { PacketCipher, PacketOptions } from '../src/crypto/provider.ts';

export interface ToySizes {
  readonly ivLength?: number;
  readonly icvLength?: number;
  readonly blockLength?: number;
}

/**
 * A packet cipher for tests of what lies around ciphers: keeps the contract of PacketCipher to the letter, hides
 * nothing from anybody. The ICV is a checksum in which every octet, its place and the high sequence number count.
 */
export function toyPacketCipher({
  ivLength = 8,
  icvLength = 16,
  blockLength = 1,
}: ToySizes = {}): PacketCipher {
  let counter = 0;
  const mask = (packet: Uint8Array, ivOffset: number): void => {
    const seed = packet[ivOffset + ivLength - 1] ?? 0;
    for (let i = ivOffset + ivLength; i < packet.length - icvLength; i++)
      packet[i] = (packet[i] as number) ^ ((seed + 31 * i) & 0xff);
  };
  const icv = (packet: Uint8Array, esnHigh: number): Uint8Array => {
    let sum = 0x811c9dc5 ^ esnHigh;
    const end = packet.length - icvLength;
    for (let i = 0; i < end; i++) sum = Math.imul(sum ^ (packet[i] as number) ^ (i << 8), 0x01000193) >>> 0;
    return Uint8Array.from({ length: icvLength }, (_, i) => Math.imul(sum, 2 * i + 1) >>> 24);
  };
  return {
    ivLength,
    icvLength,
    blockLength,
    seal(packet: Uint8Array, ivOffset: number, options?: PacketOptions): void {
      packet.fill(0, ivOffset, ivOffset + ivLength);
      if (ivLength > 0) packet[ivOffset + ivLength - 1] = ++counter;
      mask(packet, ivOffset);
      packet.set(icv(packet, options?.esnHigh ?? 0), packet.length - icvLength);
    },
    open(packet: Uint8Array, ivOffset: number, options?: PacketOptions): boolean {
      const text = packet.length - ivOffset - ivLength - icvLength;
      if (text < 0 || text % blockLength !== 0) return false;
      const expected = icv(packet, options?.esnHigh ?? 0);
      if (expected.some((octet, i) => octet !== packet[packet.length - icvLength + i])) return false;
      mask(packet, ivOffset);
      return true;
    },
    wipe(): void {},
  };
}
