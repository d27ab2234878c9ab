/** SPI and Sequence Number (RFC 4303 §2): what stands in clear and is authenticated. */
export const ESP_HEADER_LENGTH = 8;
/** Pad Length and Next Header. */
export const ESP_TRAILER_LENGTH = 2;

/** IP protocol numbers that the Next Header field says. */
export const NextHeader = { IPV4: 4, IPV6: 41, DUMMY: 59 } as const;

/** The SPI of an ESP packet of at least four octets at `at`. */
export function spiOf(packet: Uint8Array, at = 0): number {
  return (
    (((packet[at] as number) << 24) |
      ((packet[at + 1] as number) << 16) |
      ((packet[at + 2] as number) << 8) |
      (packet[at + 3] as number)) >>>
    0
  );
}
