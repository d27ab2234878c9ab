/**
 * By what a state or policy in the kernel is known as ours, when the daemon that made it was killed: numbers that the
 * kernel keeps and does not use. The sequence number of an acquire tells which one a state answers, and nobody asks
 * for ours; a policy's index is the kernel's choice, counted from 8, unless one is asked for.
 */
const STATE_SEAL = 0x4359;
const POLICY_SEAL = 0x43;

/** Different for states of different SPIs, since the kernel files them by it. */
export function sealOfState(spi: number): number {
  return ((STATE_SEAL << 16) | (spi & 0xffff)) >>> 0;
}

export function isSealedState(sequence: number): boolean {
  return sequence >>> 16 === STATE_SEAL;
}

/** The last three bits are the direction; where the number is taken the kernel chooses another. */
export function sealOfPolicy(serial: number, direction: number): number {
  return ((POLICY_SEAL << 24) | ((serial & 0x1f_ffff) << 3) | direction) >>> 0;
}

export function isSealedPolicy(index: number): boolean {
  return index >>> 24 === POLICY_SEAL;
}
