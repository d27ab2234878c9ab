import type { IpAddress } from '../../lib/ip.ts';
import { NetlinkWriter } from '../netlink/writer.ts';
import { domainOf } from '../socket-address.ts';

/** Which routing table is asked when, in order of priority: `ip rule`. */
export interface Rule {
  readonly family: 4 | 6;
  readonly table: number;
  /** Lower is asked earlier; the main table stands at 32766. */
  readonly priority: number;
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly source?: { readonly address: IpAddress; readonly prefix: number };
  /** For all that the conditions do not describe. */
  readonly invert?: boolean;
}

export const RTM_NEWRULE = 32;
export const RTM_DELRULE = 33;

const FRA_SRC = 2;
const FRA_PRIORITY = 6;
const FRA_FWMARK = 10;
const FRA_TABLE = 15;
const FRA_FWMASK = 16;
const FR_ACT_TO_TBL = 1;
const FIB_RULE_INVERT = 2;

/** struct fib_rule_hdr: family, destination and source prefix, TOS, table, two reserved, action, flags (4) */
export function encodeRule(rule: Rule): Uint8Array {
  const { source, mark, table } = rule;
  const writer = new NetlinkWriter()
    .u8(domainOf(rule.family))
    .u8(0)
    .u8(source?.prefix ?? 0)
    .u8(0)
    .u8(table > 255 ? 0 : table)
    .zeros(2)
    .u8(FR_ACT_TO_TBL)
    .u32(rule.invert === true ? FIB_RULE_INVERT : 0)
    .attributeU32(FRA_PRIORITY, rule.priority)
    .attributeU32(FRA_TABLE, table);
  if (source !== undefined) writer.attribute(FRA_SRC, source.address);
  if (mark !== undefined) writer.attributeU32(FRA_FWMARK, mark.value).attributeU32(FRA_FWMASK, mark.mask);
  return writer.finish();
}
