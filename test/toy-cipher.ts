import type { MessageCipher } from '../src/wire/v2/protect.ts';

/**
 * A cipher whose arithmetic one can do in one's head: the text is XORed with the IV, the ICV is a checksum of
 * all before it. It has the shapes of the real ones (IV, block, ICV) and shows whether whoever uses it keeps to them.
 */
export function toyCipher(ivLength = 8, icvLength = 4, blockLength = 1): MessageCipher {
  let sealed = 0;
  const icv = (packet: Uint8Array): Uint8Array => {
    let sum = 0x811c9dc5;
    for (const octet of packet.subarray(0, packet.length - icvLength))
      sum = Math.imul(sum ^ octet, 0x01000193) >>> 0;
    return Uint8Array.from({ length: icvLength }, (_, i) => sum >>> (8 * (i % 4)));
  };
  const crypt = (packet: Uint8Array, ivOffset: number): void => {
    const iv = packet.subarray(ivOffset, ivOffset + ivLength);
    const text = packet.subarray(ivOffset + ivLength, packet.length - icvLength);
    if (text.length === 0 || text.length % blockLength !== 0)
      throw new Error(`text of ${text.length} octets`);
    text.forEach((octet, i) => {
      text[i] = octet ^ (iv[i % ivLength] ?? 0) ^ i;
    });
  };
  return {
    ivLength,
    icvLength,
    blockLength,
    seal(packet, ivOffset) {
      sealed++;
      packet.fill(0x50 + sealed, ivOffset, ivOffset + ivLength);
      crypt(packet, ivOffset);
      packet.set(icv(packet), packet.length - icvLength);
    },
    open(packet, ivOffset) {
      const text = packet.length - ivOffset - ivLength - icvLength;
      if (text <= 0 || text % blockLength !== 0) return false;
      const expected = icv(packet);
      if (!expected.every((octet, i) => octet === packet[packet.length - icvLength + i])) return false;
      crypt(packet, ivOffset);
      return true;
    },
  };
}
