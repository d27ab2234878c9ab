import type { IpAddress } from '../../lib/ip.ts';
import type { IpsecMode, Mark } from '../../policy/sa.ts';
import { NetlinkWriter } from '../../sys/netlink/writer.ts';
import { domainOf, familyOf } from '../../sys/socket-address.ts';
import { Attribute, Direction, INFINITE, type KernelProtocol, Mode, Protocol } from './numbers.ts';
import { type Offload, writeOffload } from './offload.ts';
import { type KernelSelector, selectorKey, writeAddress, writeSelector } from './selector.ts';
import { writeMark } from './state.ts';

/** What tells one policy from another in the kernel: a second one with all of these replaces the first. */
export interface PolicyId {
  readonly direction: 'in' | 'out' | 'fwd';
  readonly selector: KernelSelector;
  readonly mark?: Mark;
  /** XFRM interface. */
  readonly interface?: number;
  /** Index of the interface that packets leave by. */
  readonly device?: number;
}

/** What is done with the packets that fit. */
export interface PolicyAction {
  readonly priority: number;
  readonly drop?: boolean;
  /** ICMP errors about packets that fit go along with them. */
  readonly icmpErrors?: boolean;
  /** Which SAs have to have protected them, or will, the innermost first; without any they pass in clear. */
  readonly templates?: readonly PolicyTemplate[];
  /** Cards that take whole packets look their policies up themselves: that of the interface with the address. */
  readonly offload?: { readonly wanted: 'packet' | 'auto'; readonly local: IpAddress };
}

export interface PolicyTemplate {
  readonly protocol: KernelProtocol;
  /** What did not go through such an SA passes all the same. */
  readonly optional?: boolean;
  readonly mode: IpsecMode;
  /** 0 is any of the reqid. */
  readonly spi: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly reqid: number;
}

export const DIRECTION = { in: Direction.IN, out: Direction.OUT, fwd: Direction.FWD } as const;
const ALLOW = 0;
const BLOCK = 1;
/** struct xfrm_userpolicy_info: direction, action, flags, share. */
const POLICY_FLAG_ICMP = 2;
const ALL_ALGORITHMS = 0xffff_ffff;

export function policyKey({ direction, selector, mark, interface: own, device }: PolicyId): string {
  return `${direction} ${selectorKey(selector)} ${mark?.value ?? 0}&${mark?.mask ?? 0} ${own ?? 0} ${device ?? 0}`;
}

/** The body of XFRM_MSG_UPDPOLICY: struct xfrm_userpolicy_info and its template. With `index` 0 the kernel chooses one. */
export function encodePolicy(id: PolicyId, action: PolicyAction, index = 0, offload?: Offload): Uint8Array {
  const writer = new NetlinkWriter();
  writeSelector(writer, id.selector, id.device);
  // Octets and packets without limit; seconds: zero is none. Then what passed so far, which is the kernel's.
  writer.u64(INFINITE).u64(INFINITE).u64(INFINITE).u64(INFINITE).zeros(32).zeros(32);
  writer.u32(action.priority).u32(index);
  writer
    .u8(DIRECTION[id.direction])
    .u8(action.drop === true ? BLOCK : ALLOW)
    .u8(action.icmpErrors === true ? POLICY_FLAG_ICMP : 0)
    .zeros(5);
  const { templates = [] } = action;
  if (templates.length > 0)
    writer.nested(Attribute.TMPL, inner => {
      for (const template of templates) writeTemplate(inner, template);
    });
  writeScope(writer, id);
  if (offload !== undefined) writeOffload(writer, offload, false);
  return writer.finish();
}

/** The body of XFRM_MSG_DELPOLICY: struct xfrm_userpolicy_id. */
export function encodePolicyId(id: PolicyId): Uint8Array {
  const writer = new NetlinkWriter();
  writeSelector(writer, id.selector, id.device);
  writer.u32(0).u8(DIRECTION[id.direction]).zeros(3);
  writeScope(writer, id);
  return writer.finish();
}

function writeScope(writer: NetlinkWriter, { mark, interface: own }: PolicyId): void {
  if (mark !== undefined) writeMark(writer, mark);
  if (own !== undefined) writer.attributeU32(Attribute.IF_ID, own);
}

/** struct xfrm_user_tmpl. In transport mode the addresses are those of the packet itself. */
function writeTemplate(writer: NetlinkWriter, template: PolicyTemplate): void {
  const { protocol, mode, spi, source, destination, reqid } = template;
  const outer = mode !== 'transport';
  if (outer) writeAddress(writer, destination);
  else writer.zeros(16);
  writer.be32(spi).u8(Protocol[protocol]).zeros(3);
  writer.u16(domainOf(familyOf(destination))).zeros(2);
  if (outer) writeAddress(writer, source);
  else writer.zeros(16);
  writer
    .u32(reqid)
    .u8(Mode[mode])
    .u8(0)
    .u8(template.optional === true ? 1 : 0)
    .zeros(1);
  writer.u32(ALL_ALGORITHMS).u32(ALL_ALGORITHMS).u32(ALL_ALGORITHMS);
}
