/** Fills the IV of a packet, at an offset. */
export type IvSource = (packet: Uint8Array, at: number) => void;

/** IVs drawn at once: 16 octets each. */
const POOL = 4096;

/** CBC: octets that nobody can foretell, drawn many at a time, since drawing costs more than encrypting. */
export function randomIv(length: number, random: (length: number) => Uint8Array): IvSource {
  let pool = new Uint8Array(0);
  let next = 0;
  return (packet, at) => {
    if (next + length > pool.length) {
      pool = Uint8Array.from(random(POOL));
      next = 0;
    }
    for (let i = 0; i < length; i++) packet[at + i] = pool[next + i] as number;
    next += length;
  };
}

/**
 * AEAD and CTR: eight octets that never come twice under a key, counting up from a random start, so that an SA whose
 * keys are restored from a store goes on elsewhere in the 2^64 values. Drawn when first wanted: who only opens packets
 * wants none.
 */
export function countedIv(random: (length: number) => Uint8Array): IvSource {
  let begun = false;
  let high = 0;
  let low = 0;
  return (packet, at) => {
    if (!begun) {
      const start = random(8);
      [high, low] = [u32(start, 0), u32(start, 4)];
      begun = true;
    }
    packet[at] = high >>> 24;
    packet[at + 1] = high >>> 16;
    packet[at + 2] = high >>> 8;
    packet[at + 3] = high;
    packet[at + 4] = low >>> 24;
    packet[at + 5] = low >>> 16;
    packet[at + 6] = low >>> 8;
    packet[at + 7] = low;
    low = (low + 1) >>> 0;
    if (low === 0) high = (high + 1) >>> 0;
  };
}

function u32(octets: Uint8Array, at: number): number {
  let value = 0;
  for (let i = 0; i < 4; i++) value = 256 * value + (octets[at + i] as number);
  return value;
}
