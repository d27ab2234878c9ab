/** ECN field values (RFC 3168 §5): the low two bits of the TOS octet or Traffic Class. */
const NOT_ECT = 0b00;
const ECT_0 = 0b10;
const CE = 0b11;

/**
 * The ECN field of a packet that leaves a tunnel, from the one it carried and the one of the header around it;
 * undefined where the packet must be dropped (RFC 6040 §4.2, figure 4).
 */
export function decapsulatedEcn(inner: number, outer: number): number | undefined {
  if (inner === NOT_ECT) return outer === CE ? undefined : NOT_ECT;
  if (outer === NOT_ECT || inner === CE) return inner;
  // The more severe of both: CE, then ECT(1), then ECT(0).
  return outer === ECT_0 ? inner : outer;
}

/** The TOS octet or Traffic Class of the IP packet at `at`: DSCP and ECN, which a tunnel's outer header copies (RFC 4301 §5.1.2). */
export function trafficClassOf(packet: Uint8Array, at: number): number {
  const first = packet[at] as number;
  const second = packet[at + 1] as number;
  return first >> 4 === 4 ? second : ((first & 0x0f) << 4) | (second >> 4);
}

/**
 * Brings the congestion mark of the outer header into the IP packet at `at`, in place, the IPv4 header
 * checksum with it (RFC 1624). False where the packet must be dropped. `outer` is the outer ECN field.
 */
export function propagateEcn(packet: Uint8Array, at: number, outer: number): boolean {
  const inner = trafficClassOf(packet, at) & CE;
  const ecn = decapsulatedEcn(inner, outer);
  if (ecn === undefined) return false;
  if (ecn === inner) return true;
  if ((packet[at] as number) >> 4 === 6) {
    packet[at + 1] = ((packet[at + 1] as number) & 0xcf) | (ecn << 4);
    return true;
  }
  packet[at + 1] = ((packet[at + 1] as number) & 0xfc) | ecn;
  const checksum = ((packet[at + 10] as number) << 8) | (packet[at + 11] as number);
  // RFC 1624 equation 3, over the one word that changed, by the difference of its two ECN fields.
  let sum = (~checksum & 0xffff) + (~inner & 0xffff) + ecn;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet[at + 10] = (~sum >>> 8) & 0xff;
  packet[at + 11] = ~sum & 0xff;
  return true;
}
