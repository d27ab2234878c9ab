import type { IpAddress } from '../lib/ip.ts';

/** A range of addresses, one IP protocol or any, and a range of ports (RFC 7296 §3.13.1). */
export interface TrafficSelector {
  /** First and last address, of one family. */
  readonly start: IpAddress;
  readonly end: IpAddress;
  /** 0 is any. */
  readonly protocol: number;
  /** 0 … 65535 is any; 65535 … 0 is OPAQUE. For ICMP: type in the high octet, code in the low one. */
  readonly startPort: number;
  readonly endPort: number;
}
