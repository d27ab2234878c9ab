/**
 * What shares the NAT-traversal port (RFC 3948 §2, RFC 7296 §2.23): IKE behind four zero octets, ESP, whose SPI is
 * never zero, and keepalives of a single octet.
 */
export type Encapsulated = 'ike' | 'esp' | 'keepalive' | 'nothing';

const KEEPALIVE_OCTET = 0xff;

/** Non-ESP marker: where an SPI would stand. */
export const MARKER: Uint8Array = new Uint8Array(4);

/** RFC 3948 §2.3: one octet that only keeps a NAT's mapping alive. */
export const KEEPALIVE: Uint8Array = Uint8Array.of(KEEPALIVE_OCTET);

/** Says what a datagram on the NAT-traversal port holds; `nothing` is too short to be anything. */
export function classify(datagram: Uint8Array): Encapsulated {
  if (datagram.length < 4)
    return datagram.length === 1 && datagram[0] === KEEPALIVE_OCTET ? 'keepalive' : 'nothing';
  return datagram[0] === 0 && datagram[1] === 0 && datagram[2] === 0 && datagram[3] === 0 ? 'ike' : 'esp';
}

/** The datagram behind the marker, as a view. */
export function withoutMarker(datagram: Uint8Array): Uint8Array {
  return datagram.subarray(MARKER.length);
}
