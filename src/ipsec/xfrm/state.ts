import { type IpAddress, isV4 } from '../../lib/ip.ts';
import { Malformed } from '../../lib/reader.ts';
import { UNLIMITED } from '../../policy/lifetimes.ts';
import type {
  ChildLifetimes,
  ChildSaParameters,
  DirectionKeys,
  IpsecMode,
  Mark,
  Path,
} from '../../policy/sa.ts';
import { type NetlinkMessage, readAttributes } from '../../sys/netlink/message.ts';
import { NetlinkWriter } from '../../sys/netlink/writer.ts';
import { AF_INET, domainOf, familyOf } from '../../sys/socket-address.ts';
import type { SpiRange } from '../spi-pool.ts';
import { writeAlgorithms, writeCompression } from './algorithms.ts';
import { Attribute, INFINITE, type KernelProtocol, Mode, Protocol } from './numbers.ts';
import { type Offload, writeOffload } from './offload.ts';
import { sealOfState } from './seal.ts';
import {
  type KernelSelector,
  kernelSelectors,
  SELECTOR_LENGTH,
  writeAddress,
  writeSelector,
} from './selector.ts';

/** One direction of an SA, as the kernel keeps it. */
export interface KernelState {
  readonly spi: number;
  readonly source: IpAddress;
  readonly destination: IpAddress;
  readonly protocol: KernelProtocol;
}

/** struct xfrm_usersa_info and where its parts lie. */
const STATE_LENGTH = 224;
const ID_AT = 56;
const SOURCE_AT = 80;
const CURRENT_AT = 160;
const SEQUENCE_AT = 204;
const FAMILY_AT = 212;
const STATE_FLAG_NOECN = 1;
const STATE_FLAG_DECAP_DSCP = 2;
const STATE_FLAG_NOPMTUDISC = 4;
const STATE_FLAG_ICMP = 16;
const STATE_FLAG_AF_UNSPEC = 32;
const EXTRA_FLAG_DONT_ENCAP_DSCP = 1;
/** AH over IPv4 is padded to 4 octets (RFC 4302 §3.3.3.2.1); Linux pads to 8, as IPv6 has it, unless told so. */
const STATE_FLAG_ALIGN4 = 64;
const STATE_FLAG_ESN = 128;
const ESP_IN_UDP = 2;
const ESP_IN_TCP = 7;
/** XFRMA_REPLAY_ESN_MAX */
export const LARGEST_WINDOW = 4096;
/** What the older, fixed form of the replay window holds. */
const SMALL_WINDOW = 32;
/** After the IKE side should have replaced or removed an SA: only where it died is it the kernel that ends it. */
const GRACE_SECONDS = 10n;

export function inboundState({ spiIn, protocol, path }: ChildSaParameters): KernelState {
  return { spi: spiIn, source: path.remote.address, destination: path.local.address, protocol };
}

export function outboundState({ spiOut, protocol, path }: ChildSaParameters): KernelState {
  return { spi: spiOut, source: path.local.address, destination: path.remote.address, protocol };
}

/** The state of IPComp that goes with one direction of an SA; undefined where it does not compress. */
export function compressionState(sa: ChildSaParameters, inbound: boolean): KernelState | undefined {
  if (sa.ipcomp === undefined) return undefined;
  const { cpiIn, cpiOut } = sa.ipcomp;
  const { source, destination } = inbound ? inboundState(sa) : outboundState(sa);
  return { protocol: 'ipcomp', spi: inbound ? cpiIn : cpiOut, source, destination };
}

/** The body of XFRM_MSG_NEWSA and XFRM_MSG_UPDSA. It holds keys: to be wiped. Throws Failed. */
export function encodeState(sa: ChildSaParameters, inbound: boolean, offload?: Offload): Uint8Array {
  const state = inbound ? inboundState(sa) : outboundState(sa);
  const { algorithms, replayWindow } = sa;
  const window = inbound ? inboundWindow(replayWindow, algorithms.esn) : algorithms.esn ? 1 : 0;
  const large = algorithms.esn || window > SMALL_WINDOW;
  const writer = new NetlinkWriter();
  writeInfo(writer, sa, state, {
    // Where packets are compressed it is that which makes the tunnel.
    mode: sa.ipcomp === undefined ? sa.mode : 'transport',
    selector: ownSelector(sa, inbound),
    lifetimes: sa.lifetimes,
    replayWindow: large ? 0 : window,
    flags: flagsOf(sa, inbound),
  });
  const keys: DirectionKeys = inbound ? sa.keysIn : sa.keysOut;
  writeAlgorithms(writer, algorithms, keys);
  writeEncapsulation(writer, sa.path, sa.udpEncapsulation, inbound);
  if (large) writer.attribute(Attribute.REPLAY_ESN_VAL, replayState(window));
  if (!inbound && sa.tfcPadding > 0 && sa.mode === 'tunnel' && sa.protocol === 'esp' && !sa.ipcomp)
    writer.attributeU32(Attribute.TFCPAD, sa.tfcPadding);
  const { kernel } = sa;
  const newMark = inbound ? kernel?.setMarkIn : kernel?.setMarkOut;
  if (newMark !== undefined)
    writer
      .attributeU32(Attribute.SET_MARK, newMark.value)
      .attributeU32(Attribute.SET_MARK_MASK, newMark.mask);
  if (!inbound && (kernel?.copyDscp === 'in' || kernel?.copyDscp === 'no'))
    writer.attributeU32(Attribute.SA_EXTRA_FLAGS, EXTRA_FLAG_DONT_ENCAP_DSCP);
  writeScope(writer, sa, inbound);
  if (offload !== undefined) writeOffload(writer, offload, inbound);
  return writer.finish();
}

/** Which packets the state is for, besides its addresses. */
function writeScope(writer: NetlinkWriter, sa: ChildSaParameters, inbound: boolean): void {
  const mark = stateMark(sa, inbound);
  if (mark !== undefined) writeMark(writer, mark);
  const interfaceId = inbound ? sa.kernel?.interfaceIn : sa.kernel?.interfaceOut;
  if (interfaceId !== undefined) writer.attributeU32(Attribute.IF_ID, interfaceId);
}

/** The body of XFRM_MSG_NEWSA and XFRM_MSG_UPDSA for `compressionState`. */
export function encodeCompression(sa: ChildSaParameters, inbound: boolean, state: KernelState): Uint8Array {
  const writer = new NetlinkWriter();
  writeInfo(writer, sa, state, {
    mode: sa.mode,
    selector: ownSelector(sa, inbound),
    lifetimes: UNLIMITED,
    replayWindow: 0,
    flags: flagsOfCompression(sa),
  });
  writeCompression(writer);
  writeScope(writer, sa, inbound);
  return writer.finish();
}

/** struct xfrm_usersa_info */
function writeInfo(
  writer: NetlinkWriter,
  sa: ChildSaParameters,
  state: KernelState,
  info: {
    readonly mode: IpsecMode;
    readonly selector: KernelSelector | undefined;
    readonly lifetimes: ChildLifetimes;
    readonly replayWindow: number;
    readonly flags: number;
  },
): void {
  if (info.selector === undefined) writer.zeros(SELECTOR_LENGTH);
  else writeSelector(writer, info.selector);
  writeId(writer, state);
  writeAddress(writer, state.source);
  writeLifetimes(writer, info.lifetimes);
  // Current lifetime, statistics and sequence number are the kernel's.
  writer.zeros(SEQUENCE_AT - writer.position);
  writer.u32(sealOfState(state.spi)).u32(sa.reqid);
  writer.u16(domainOf(familyOf(state.source)));
  writer.u8(Mode[info.mode]).u8(info.replayWindow);
  writer.u8(info.flags).zeros(7);
}

/** Marks choose among SAs on the way out; what comes in is told apart by its SPI, unless it is asked for a mark too. */
export function stateMark({ kernel }: ChildSaParameters, inbound: boolean): Mark | undefined {
  if (!inbound) return kernel?.markOut;
  return kernel?.markInSa === true ? kernel.markIn : undefined;
}

/** As charon has them, whatever is configured for the headers. */
function flagsOfCompression({ mode }: ChildSaParameters): number {
  return STATE_FLAG_NOECN | STATE_FLAG_NOPMTUDISC | (mode === 'tunnel' ? STATE_FLAG_AF_UNSPEC : 0);
}

function flagsOf(
  { mode, protocol, path, algorithms, ipcomp, kernel }: ChildSaParameters,
  inbound: boolean,
): number {
  const dscp = kernel?.copyDscp ?? 'out';
  // As charon has them, in every mode: where there is but one header they mean nothing.
  const ofHeaders =
    (kernel?.copyEcn === false ? STATE_FLAG_NOECN : 0) |
    (kernel?.copyDf === false ? STATE_FLAG_NOPMTUDISC : 0) |
    (inbound && (dscp === 'in' || dscp === 'yes') ? STATE_FLAG_DECAP_DSCP : 0);
  return (
    ofHeaders |
    (kernel?.icmpErrors === true ? STATE_FLAG_ICMP : 0) |
    (mode === 'tunnel' && ipcomp === undefined ? STATE_FLAG_AF_UNSPEC : 0) |
    (protocol === 'ah' && isV4(path.local.address) ? STATE_FLAG_ALIGN4 : 0) |
    (algorithms.esn ? STATE_FLAG_ESN : 0)
  );
}

/**
 * ESN cannot do without the window in Linux; where the check is to be off, the largest one comes closest.
 */
function inboundWindow(wanted: number, esn: boolean): number {
  return esn && wanted === 0 ? LARGEST_WINDOW : wanted;
}

/** The body of XFRM_MSG_DELSA and XFRM_MSG_GETSA: struct xfrm_usersa_id. */
export function encodeStateId(state: KernelState, mark?: Mark): Uint8Array {
  const writer = new NetlinkWriter();
  writeAddress(writer, state.destination);
  writer
    .be32(state.spi)
    .u16(domainOf(familyOf(state.destination)))
    .u8(Protocol[state.protocol])
    .u8(0);
  writer.attribute(Attribute.SRCADDR, padded(state.source));
  if (mark !== undefined) writeMark(writer, mark);
  return writer.finish();
}

/** The body of XFRM_MSG_GETAE: struct xfrm_aevent_id, for the replay state. */
export function encodeReplayQuery(state: KernelState, mark?: Mark): Uint8Array {
  const writer = new NetlinkWriter();
  writeAddress(writer, state.destination);
  writer
    .be32(state.spi)
    .u16(domainOf(familyOf(state.destination)))
    .u8(Protocol[state.protocol])
    .u8(0);
  writeAddress(writer, state.source);
  writer.u32(REPLAY_VALUE).u32(0);
  if (mark !== undefined) writeMark(writer, mark);
  return writer.finish();
}

/** XFRM_AE_RVAL */
const REPLAY_VALUE = 2;
const AEVENT_LENGTH = 48;

/** The body of XFRM_MSG_ALLOCSPI: struct xfrm_userspi_info. Those from 0xc0000000 on stay clear of SPIs set by hand. */
export function encodeSpiRequest(
  protocol: KernelProtocol,
  path: Path,
  reqid: number,
  spis: SpiRange = SPIS,
): Uint8Array {
  const writer = new NetlinkWriter();
  const state = { spi: 0, source: path.remote.address, destination: path.local.address, protocol };
  writer.zeros(SELECTOR_LENGTH);
  writeId(writer, state);
  writeAddress(writer, state.source);
  writer.zeros(SEQUENCE_AT - writer.position);
  writer
    .u32(0)
    .u32(reqid)
    .u16(domainOf(familyOf(state.source)))
    .u8(Mode.tunnel)
    .zeros(9);
  const { lowest, highest } = protocol === 'ipcomp' ? CPIS : spis;
  return writer.u32(lowest).u32(highest).finish();
}

const SPIS: SpiRange = { lowest: 0xc000_0000, highest: 0xcfff_ffff };
/** Those that are negotiated (RFC 3173 §3.3). */
const CPIS: SpiRange = { lowest: 0x100, highest: 0xefff };

/** What the kernel says of a state. */
export interface StateReport extends KernelState {
  readonly bytes: bigint;
  readonly packets: bigint;
  /** Milliseconds since the epoch; kernels before 6.2 do not say. */
  readonly lastUsed: number | undefined;
  /** A network card helps. */
  readonly offloaded: boolean;
}

const PROTOCOL_OF: Readonly<Record<number, KernelProtocol>> = {
  [Protocol.ah]: 'ah',
  [Protocol.ipcomp]: 'ipcomp',
};

/** Reads a struct xfrm_usersa_info, alone (XFRM_MSG_NEWSA) or at the head of a larger one. Throws Malformed. */
export function readState(body: Uint8Array, attributesAt = STATE_LENGTH): StateReport {
  if (body.length < attributesAt) throw new Malformed('xfrm_usersa_info cut short', 0);
  const view = new DataView(body.buffer, body.byteOffset, body.length);
  const length = view.getUint16(FAMILY_AT, true) === AF_INET ? 4 : 16;
  const attributes = readAttributes(body, attributesAt);
  const used = attributes.get(Attribute.LASTUSED);
  return {
    destination: body.slice(ID_AT, ID_AT + length),
    spi: view.getUint32(ID_AT + 16),
    protocol: PROTOCOL_OF[body[ID_AT + 20] as number] ?? 'esp',
    source: body.slice(SOURCE_AT, SOURCE_AT + length),
    bytes: view.getBigUint64(CURRENT_AT, true),
    packets: view.getBigUint64(CURRENT_AT + 8, true),
    offloaded: attributes.has(Attribute.OFFLOAD_DEV),
    lastUsed:
      used !== undefined && used.length >= 8
        ? Number(new DataView(used.buffer, used.byteOffset).getBigUint64(0, true)) * 1000
        : undefined,
  };
}

/** The number of the acquire that a struct xfrm_usersa_info answers, or the seal that stands in its place. Throws Malformed. */
export function readSequence(body: Uint8Array): number {
  if (body.length < STATE_LENGTH) throw new Malformed('xfrm_usersa_info cut short', 0);
  return new DataView(body.buffer, body.byteOffset).getUint32(SEQUENCE_AT, true);
}

/**
 * The body of XFRM_MSG_NEWSA for a state that moves: what the kernel reported of the old one (`report` to
 * XFRM_MSG_GETSA, with its keys, and `counters` to XFRM_MSG_GETAE) at new addresses and ports. To be wiped.
 */
export function encodeMoved(
  report: NetlinkMessage,
  counters: NetlinkMessage,
  path: Path,
  udpEncapsulation: boolean,
  inbound: boolean,
): Uint8Array {
  if (report.body.length < STATE_LENGTH || counters.body.length < AEVENT_LENGTH)
    throw new Malformed('report of a state cut short', 0);
  const [source, destination] = inbound
    ? [path.remote.address, path.local.address]
    : [path.local.address, path.remote.address];
  const head = report.body.slice(0, STATE_LENGTH);
  head.fill(0, ID_AT, ID_AT + 16).set(destination, ID_AT);
  head.fill(0, SOURCE_AT, SOURCE_AT + 16).set(source, SOURCE_AT);
  new DataView(head.buffer).setUint16(FAMILY_AT, domainOf(familyOf(source)), true);
  const writer = new NetlinkWriter().bytes(head);
  const kept = readAttributes(report.body, STATE_LENGTH);
  const counted = readAttributes(counters.body, AEVENT_LENGTH);
  for (const [attributes, types] of [
    [kept, KEPT],
    [counted, COUNTED],
  ] as const) {
    for (const type of types) {
      const value = attributes.get(type);
      if (value !== undefined) writer.attribute(type, value);
    }
  }
  if (head[ID_AT + 20] === Protocol.esp) writeEncapsulation(writer, path, udpEncapsulation, inbound);
  head.fill(0);
  return writer.finish();
}

const KEPT: readonly number[] = [
  Attribute.ALG_AEAD,
  Attribute.ALG_CRYPT,
  Attribute.ALG_COMP,
  Attribute.ALG_AUTH_TRUNC,
  Attribute.MARK,
  Attribute.SET_MARK,
  Attribute.SET_MARK_MASK,
  Attribute.SA_EXTRA_FLAGS,
  Attribute.TFCPAD,
  Attribute.IF_ID,
  Attribute.OFFLOAD_DEV,
];
/** Sequence numbers go on where they were, or the peer takes what follows for replays; so do counters and their limits. */
const COUNTED: readonly number[] = [Attribute.LTIME_VAL, Attribute.REPLAY_VAL, Attribute.REPLAY_ESN_VAL];

export function writeMark(writer: NetlinkWriter, { value, mask }: Mark): void {
  writer.nested(Attribute.MARK, inner => inner.u32(value).u32(mask));
}

/** struct xfrm_id: address, SPI, protocol. */
function writeId(writer: NetlinkWriter, { destination, spi, protocol }: KernelState): void {
  writeAddress(writer, destination);
  writer.be32(spi).u8(Protocol[protocol]).zeros(3);
}

/** Outside of tunnels the state itself limits the addresses; protocol and ports are left to the policies, which may share it. */
function ownSelector(sa: ChildSaParameters, inbound: boolean): KernelSelector | undefined {
  if (sa.mode === 'tunnel') return undefined;
  const [from, to] = inbound ? [sa.remoteTs, sa.localTs] : [sa.localTs, sa.remoteTs];
  const [first, ...others] = kernelSelectors(from, to);
  if (first === undefined) return undefined;
  const { source, destination } = first;
  const same = others.every(
    other => samePrefix(other.source, source) && samePrefix(other.destination, destination),
  );
  return same ? { source, destination, protocol: 0, sourcePort: ANY, destinationPort: ANY } : undefined;
}

const ANY = { port: 0, mask: 0 };

function samePrefix(
  a: { readonly address: IpAddress; readonly length: number },
  b: { readonly address: IpAddress; readonly length: number },
): boolean {
  return a.length === b.length && a.address.every((octet, i) => octet === b.address[i]);
}

/** struct xfrm_lifetime_cfg: soft and hard limits of octets and packets, then of seconds since it was added and first used. */
function writeLifetimes(writer: NetlinkWriter, lifetimes: ChildLifetimes): void {
  const limit = (value: bigint): bigint => (value === 0n ? INFINITE : value);
  writer.u64(limit(lifetimes.rekeyBytes)).u64(limit(lifetimes.lifeBytes));
  writer.u64(limit(lifetimes.rekeyPackets)).u64(limit(lifetimes.lifePackets));
  const seconds = BigInt(Math.ceil(lifetimes.lifeTime / 1000));
  writer.u64(0n).u64(seconds === 0n ? 0n : seconds + GRACE_SECONDS);
  writer.u64(0n).u64(0n);
}

/** struct xfrm_encap_tmpl, with ports in the direction of the packets. Over TCP the kernel finds the connection by them. */
function writeEncapsulation(writer: NetlinkWriter, path: Path, udp: boolean, inbound: boolean): void {
  const type = path.tcp === true ? ESP_IN_TCP : udp ? ESP_IN_UDP : undefined;
  if (type === undefined) return;
  const [source, destination] = inbound ? [path.remote, path.local] : [path.local, path.remote];
  const template = new NetlinkWriter().u16(type).be16(source.port).be16(destination.port).zeros(18);
  writer.attribute(Attribute.ENCAP, template.finish());
}

/** struct xfrm_replay_state_esn with nothing received yet. */
function replayState(window: number): Uint8Array {
  const words = Math.ceil(window / 32);
  return new NetlinkWriter()
    .u32(words)
    .zeros(16)
    .u32(window)
    .zeros(4 * words)
    .finish();
}

function padded(address: IpAddress): Uint8Array {
  const octets = new Uint8Array(16);
  octets.set(address);
  return isV4(address) ? octets : address;
}
