import type { Instant } from '../lib/time.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import { ikeInterfaces, isUniqueOfIke, kernelOptions } from '../policy/kernel-config.ts';
import { childLifetimes } from '../policy/lifetimes.ts';
import type {
  Compression,
  DirectionKeys,
  IpsecAlgorithms,
  IpsecMode,
  KernelOptions,
  Path,
} from '../policy/sa.ts';
import { formatSelector } from '../policy/selector-text.ts';
import type { TrafficSelector } from '../policy/traffic-selector.ts';
import { ask, type Flow } from './flow.ts';
import type { ChildSaStatus, IkeSaStatus } from './output.ts';
import type { Host } from './session.ts';

/** One Child SA, both directions. Plain data: it lives as long as its SA and moves from IKE SA to IKE SA. */
export interface ChildSa {
  readonly id: number;
  readonly config: ChildConfig;
  readonly reqid: number;
  readonly protocol: 'esp' | 'ah';
  readonly mode: IpsecMode;
  readonly algorithms: IpsecAlgorithms;
  /** Chosen algorithms in proposal keywords. */
  readonly proposal: string;
  /** Key exchange method of the proposal it was made under; 0 without: the first guess at its rekey. */
  keMethod: number;
  readonly spiIn: number;
  readonly spiOut: number;
  /** Where packets are compressed. */
  readonly ipcomp?: Compression;
  readonly localTs: readonly TrafficSelector[];
  readonly remoteTs: readonly TrafficSelector[];
  /** IKEv1: what quick mode named, where less of it is installed. */
  readonly negotiated?: { readonly local: TrafficSelector; readonly remote: TrafficSelector };
  udpEncapsulation: boolean;
  /** Marks and the like, where any are configured. */
  readonly kernel?: KernelOptions;
  /** Where it is other than configured. */
  readonly tfcPadding?: number;
  state: ChildSaStatus['state'];
  /** Whether packets go out by it: not yet on the responder's side of a rekey (RFC 7296 §2.8). */
  outbound: boolean;
  /** It stands beside one of another IKE SA that carries the same: when packets go out by it at the latest. */
  outboundAt?: Instant | undefined;
  /** Nothing is to go out by it ever again: it is on its way out. */
  stopped?: boolean;
  installedAt: Instant | undefined;
  /** When it wants a successor, and when it must go; undefined: never, or not again. */
  rekeyAt: Instant | undefined;
  expiresAt: Instant | undefined;
  /** Whether `child-up`, or the `child-rekey` that made it, was told and its end was not yet. */
  up?: boolean;
  /** The rekey that replaces this one: the peer's from its request on, ours once it has come to something. */
  successor?: Succession | undefined;
}

/** What a rekey of a Child SA has come to. */
export interface Succession {
  /** The lower nonce of its exchange: when both ends rekey one SA, the lowest of the four decides (RFC 7296 §2.8.1). */
  readonly nonce: Uint8Array;
  /** The SA it made, once that is installed. */
  child?: ChildSa;
}

export interface ChildKeys {
  readonly keysIn: DirectionKeys;
  readonly keysOut: DirectionKeys;
}

/** What packets will bear that come in by an SA to be. */
export interface Reserved {
  readonly spi: number;
  /** Where compression was asked for and can be had (RFC 3173); it goes the way of the SPI. */
  readonly cpi?: number;
  /** The number of the SA, where it is told before there is one. */
  readonly child?: number;
}

/** An inbound SPI for `protocol`, with `ipcomp` a CPI too. Whoever takes it must release the SPI, or see it installed. */
export function* reserveSpi(protocol: 'esp' | 'ah', path: Path, ipcomp = false): Flow<never, Reserved> {
  return yield* ask<'allocate-spi'>({
    kind: 'allocate-spi',
    protocol,
    path,
    ...(ipcomp && { ipcomp }),
  });
}

/** What an IKE SA knows of the numbers of its children. */
export interface Numbering {
  /** Its own, drawn when it is first asked for. */
  ofIke?: number;
}

/** What the kernel is told besides of a child of `config`, its numbers chosen; `old` is what it was told of the one that is rekeyed. */
export function kernelOf(
  host: Pick<Host, 'newReqid'>,
  numbering: Numbering,
  { kernel }: ChildConfig,
  reqid: number,
  old?: KernelOptions,
): { readonly kernel?: KernelOptions } {
  if (kernel === undefined) return {};
  if (!isUniqueOfIke(kernel)) return { kernel: kernelOptions(kernel, reqid) };
  numbering.ofIke ??= host.newReqid();
  const options = kernelOptions(kernel, reqid, numbering.ofIke);
  // Under another IKE SA than it was made (IKEv1) it stays on its interfaces.
  return { kernel: old === undefined ? options : { ...options, ...interfacesIn(old) } };
}

/** The XFRM interfaces of an IKE SA, where its connection has any. */
export function ikeInterfacesOf(
  host: Pick<Host, 'newReqid'>,
  numbering: Numbering,
  { interfaces }: Connection,
): IkeSaStatus['interfaces'] {
  if (interfaces === undefined) return undefined;
  if (isUniqueOfIke(interfaces)) numbering.ofIke ??= host.newReqid();
  return ikeInterfaces(interfaces, numbering.ofIke ?? 0);
}

function interfacesIn({ interfaceIn, interfaceOut }: KernelOptions): KernelOptions {
  return {
    ...(interfaceIn !== undefined && { interfaceIn }),
    ...(interfaceOut !== undefined && { interfaceOut }),
  };
}

/**
 * Has the back end install `child`; with `outbound: false` its inbound half alone. From then on the SPI belongs to the
 * installed SA. Throws Failed (`kernel/…`) with nothing installed and the SPI still reserved.
 */
export function* install(
  host: Host,
  child: ChildSa,
  keys: ChildKeys,
  path: Path,
  options: {
    readonly outbound: boolean;
    readonly replaces?: number;
    /** Lifetimes that were agreed, in the place of those configured. */
    readonly limits?: Partial<ChildConfig>;
  },
): Flow<never, void> {
  const { config } = child;
  const parameters = {
    id: child.id,
    name: config.name,
    protocol: child.protocol,
    mode: child.mode,
    algorithms: child.algorithms,
    spiIn: child.spiIn,
    spiOut: child.spiOut,
    keysIn: keys.keysIn,
    keysOut: keys.keysOut,
    path,
    udpEncapsulation: child.udpEncapsulation,
    localTs: child.localTs,
    remoteTs: child.remoteTs,
    replayWindow: Math.min(
      config.replayWindow ?? host.settings.replayWindow,
      host.features.maximumReplayWindow,
    ),
    tfcPadding: child.tfcPadding ?? config.tfcPadding,
    reqid: child.reqid,
    lifetimes: childLifetimes(
      options.limits === undefined ? config : { ...config, ...options.limits },
      host.jitter(1),
    ),
    ...(child.ipcomp === undefined ? {} : { ipcomp: child.ipcomp }),
    ...(child.kernel === undefined ? {} : { kernel: child.kernel }),
    ...(options.replaces === undefined ? {} : { replaces: options.replaces }),
  };
  if (host.settings.saveKeys) host.event({ kind: 'child-keys', sa: parameters });
  child.state = 'INSTALLING';
  yield* ask<'install'>({ kind: 'install', sa: parameters, outbound: options.outbound });
  child.state = 'INSTALLED';
  child.outbound = options.outbound;
  child.installedAt = host.now;
  const { rekeyTime, lifeTime } = parameters.lifetimes;
  if (rekeyTime > 0) child.rekeyAt = host.now + rekeyTime;
  if (lifeTime > 0) child.expiresAt = host.now + lifeTime;
}

/** Packets go out by `child` from now on. */
export function activateOutbound(host: Host, child: ChildSa): void {
  child.outboundAt = undefined;
  if (child.outbound || child.stopped === true) return;
  child.outbound = true;
  host.command({ kind: 'activate-outbound', id: child.id });
}

/** No packet goes out by `child` any more; it still receives. */
export function deactivateOutbound(host: Host, child: ChildSa): void {
  if (!child.outbound) return;
  child.outbound = false;
  host.command({ kind: 'deactivate-outbound', id: child.id });
}

export function childStatus(child: ChildSa): ChildSaStatus {
  const { config, localTs, remoteTs } = child;
  const status: { -readonly [Key in keyof ChildSaStatus]: ChildSaStatus[Key] } = {
    id: child.id,
    name: config.name,
    reqid: child.reqid,
    state: child.state,
    protocol: child.protocol,
    mode: child.mode,
    udpEncapsulation: child.udpEncapsulation,
    spiIn: child.spiIn,
    spiOut: child.spiOut,
    proposal: child.proposal,
    esn: child.algorithms.esn,
    localTs: localTs.map(formatSelector),
    remoteTs: remoteTs.map(formatSelector),
  };
  if (child.installedAt !== undefined) status.installedAt = child.installedAt;
  if (child.rekeyAt !== undefined) status.rekeyAt = child.rekeyAt;
  if (child.expiresAt !== undefined) status.expiresAt = child.expiresAt;
  if (child.ipcomp !== undefined) status.ipcomp = child.ipcomp;
  if (child.kernel !== undefined) status.kernel = child.kernel;
  if (config.updown !== undefined)
    status.updown = { command: config.updown, hostAccess: config.hostAccess, localTs, remoteTs };
  return status;
}
