/** A chain of payloads as octets, with the type of the first, which the payload or header before it names. */
export interface PayloadChain {
  /** 0 when there is none. */
  readonly first: number;
  readonly bytes: Uint8Array;
}
