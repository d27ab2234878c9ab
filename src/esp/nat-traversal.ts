/** What came in on the NAT traversal port (RFC 3948 §2). */
export type NatTraversalKind = 'ike' | 'esp' | 'keepalive' | 'nothing';

/** Octets of the non-ESP marker before an IKE message (RFC 3948 §2.2). */
export const NON_ESP_MARKER_LENGTH = 4;
/** SPI and sequence number: no ESP packet is shorter. */
const ESP_HEADER_LENGTH = 8;

/**
 * Tells apart what one UDP port carries: an IKE message behind four zero octets, an ESP packet, the one octet
 * 0xFF that keeps a NAT's mapping, or nothing that anybody could use.
 */
export function classifyNatT(datagram: Uint8Array): NatTraversalKind {
  if (datagram.length === 1) return datagram[0] === 0xff ? 'keepalive' : 'nothing';
  if (datagram.length < ESP_HEADER_LENGTH) return 'nothing';
  const spi =
    (datagram[0] as number) | (datagram[1] as number) | (datagram[2] as number) | (datagram[3] as number);
  return spi === 0 ? 'ike' : 'esp';
}
