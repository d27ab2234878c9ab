/** What is done to a packet whose lengths are in order and whose IV stands in it. */
export interface Protection {
  seal(packet: Uint8Array, ivOffset: number, esnHigh: number | undefined): void;
  open(packet: Uint8Array, ivOffset: number, esnHigh: number | undefined): boolean;
  wipe(): void;
}
