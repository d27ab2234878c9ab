import { formatIp, type IpAddress } from '../../lib/ip.ts';
import { copyKeys, wipeKeys } from '../../policy/direction-keys.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import {
  type BackendEvent,
  type BackendFeatures,
  type ChildSaParameters,
  type ChildSaUsage,
  NO_USAGE,
  type Path,
  type StandingPolicy,
} from '../../policy/sa.ts';
import type { IpsecBackend } from '../backend.ts';
import { SpiPool } from '../spi-pool.ts';

/** What was asked, as it is told to `onCall`: for tests that look at more than the outcome. */
export type MemoryCall =
  | { readonly call: 'allocate-spi'; readonly protocol: 'esp' | 'ah'; readonly spi: number }
  | { readonly call: 'release-spi'; readonly protocol: 'esp' | 'ah'; readonly spi: number }
  | { readonly call: 'install'; readonly id: number; readonly outbound: boolean }
  | {
      readonly call: 'activate-outbound' | 'deactivate-outbound' | 'remove' | 'add-policy' | 'remove-policy';
      readonly id: number;
    }
  | {
      readonly call: 'update-path';
      readonly id: number;
      readonly path: Path;
      readonly udpEncapsulation: boolean;
    };

export interface MemorySa {
  readonly parameters: ChildSaParameters;
  readonly outbound: boolean;
  readonly path: Path;
  readonly udpEncapsulation: boolean;
  readonly usage: ChildSaUsage;
}

export interface MemoryOptions {
  readonly features?: Partial<BackendFeatures>;
  /** Draws SPIs; the default counts up from 0xc0000001. */
  readonly nextSpi?: () => number;
  readonly onCall?: (call: MemoryCall) => void;
}

const EVERYTHING: BackendFeatures = {
  modes: ['tunnel', 'transport', 'beet'],
  protocols: ['esp', 'ah'],
  esn: true,
  forceUdpEncapsulation: false,
  maximumReplayWindow: 4096,
  ipcomp: true,
};

/** Those that are negotiated (RFC 3173 §3.3). */
const FIRST_CPI = 256;
const LAST_CPI = 61_439;

/** Carries no packet: keeps a list of SAs and says yes. For tests, dry runs and `--backend memory`. */
export class MemoryBackend implements IpsecBackend {
  readonly name = 'memory';
  readonly features: BackendFeatures;
  /** What is installed now, by number. */
  readonly sas = new Map<number, MemorySa>();
  readonly policies = new Map<number, StandingPolicy>();
  /** Virtual IPs, as text. */
  readonly addresses = new Set<string>();
  readonly #spis: SpiPool;
  /** CPIs by the SPIs that they go with. */
  readonly #cpis = new Map<number, number>();
  readonly #onCall: (call: MemoryCall) => void;
  #refusal: Failure | undefined;
  #onEvent: (event: BackendEvent) => void = () => {};
  #closed = false;

  constructor({ features = {}, nextSpi = countingFrom(0xc000_0001), onCall = () => {} }: MemoryOptions = {}) {
    this.features = { ...EVERYTHING, ...features };
    this.#spis = new SpiPool(nextSpi);
    this.#onCall = onCall;
  }

  /** The next `install` or `allocateSpi` fails so. */
  refuseNext(failure: Failure): void {
    this.#refusal = failure;
  }

  /** Lets something happen that nobody asked for. */
  emit(event: BackendEvent): void {
    this.#onEvent(event);
  }

  /** Pretends that traffic passed. */
  setUsage(id: number, usage: Partial<ChildSaUsage>): void {
    const sa = this.#of(id);
    this.sas.set(id, { ...sa, usage: { ...sa.usage, ...usage } });
  }

  async allocateSpi(protocol: 'esp' | 'ah'): Promise<number> {
    this.#ready();
    const spi = this.#spis.allocate();
    this.#onCall({ call: 'allocate-spi', protocol, spi });
    return spi;
  }

  async allocateCpi(_protocol: 'esp' | 'ah', spi: number): Promise<number> {
    this.#ready();
    const taken = new Set(this.#cpis.values());
    let cpi = FIRST_CPI;
    while (taken.has(cpi)) cpi++;
    if (cpi > LAST_CPI) throw refusal('kernel/install', 'no free CPI was found');
    this.#cpis.set(spi, cpi);
    return cpi;
  }

  releaseSpi(protocol: 'esp' | 'ah', spi: number): void {
    this.#onCall({ call: 'release-spi', protocol, spi });
    if (!this.#holdsSpi(spi)) this.#release(spi);
  }

  async install(parameters: ChildSaParameters, { outbound }: { readonly outbound: boolean }): Promise<void> {
    this.#ready();
    const { id, spiIn, mode, protocol, path, udpEncapsulation, replayWindow } = parameters;
    const { modes, protocols, maximumReplayWindow, esn, forceUdpEncapsulation } = this.features;
    if (this.sas.has(id)) throw refusal('kernel/install', `an SA with the number ${id} is installed already`);
    if (this.#holdsSpi(spiIn))
      throw refusal('kernel/install', `the SPI ${spiIn.toString(16)} is in use already`);
    if (!modes.includes(mode)) throw refusal('local/unsupported', `${mode} mode cannot be carried here`);
    if (!protocols.includes(protocol))
      throw refusal('local/unsupported', `${protocol} cannot be carried here`);
    if (parameters.algorithms.esn && !esn) throw refusal('local/unsupported', 'there is no ESN here');
    if (parameters.ipcomp !== undefined && this.features.ipcomp !== true)
      throw refusal('local/unsupported', 'there is no IPComp here');
    if (replayWindow > maximumReplayWindow)
      throw refusal('local/unsupported', `a replay window of ${replayWindow} packets is too large`);
    if (forceUdpEncapsulation && !udpEncapsulation)
      throw refusal('local/unsupported', 'plain ESP cannot be carried here: it must travel in UDP');
    this.#spis.take(spiIn);
    if (parameters.ipcomp === undefined) this.#cpis.delete(spiIn);
    const [keysIn, keysOut] = [copyKeys(parameters.keysIn), copyKeys(parameters.keysOut)];
    this.sas.set(id, {
      parameters: { ...parameters, keysIn, keysOut },
      ...{ outbound, path, udpEncapsulation, usage: NO_USAGE },
    });
    this.#onCall({ call: 'install', id, outbound });
  }

  async activateOutbound(id: number): Promise<void> {
    this.sas.set(id, { ...this.#of(id), outbound: true });
    this.#onCall({ call: 'activate-outbound', id });
  }

  async deactivateOutbound(id: number): Promise<void> {
    this.sas.set(id, { ...this.#of(id), outbound: false });
    this.#onCall({ call: 'deactivate-outbound', id });
  }

  async remove(id: number): Promise<void> {
    const sa = this.sas.get(id);
    this.#onCall({ call: 'remove', id });
    if (sa === undefined) return;
    this.sas.delete(id);
    wipeKeys(sa.parameters);
    this.#release(sa.parameters.spiIn);
  }

  async updatePath(id: number, path: Path, udpEncapsulation: boolean): Promise<void> {
    this.sas.set(id, { ...this.#of(id), path, udpEncapsulation });
    this.#onCall({ call: 'update-path', id, path, udpEncapsulation });
  }

  async usage(id: number): Promise<ChildSaUsage | undefined> {
    return this.sas.get(id)?.usage;
  }

  async addPolicy(policy: StandingPolicy): Promise<void> {
    this.#ready();
    if (this.policies.has(policy.id))
      throw refusal('kernel/install', `a policy with the number ${policy.id} is installed already`);
    this.policies.set(policy.id, policy);
    this.#onCall({ call: 'add-policy', id: policy.id });
  }

  async removePolicy(id: number): Promise<void> {
    this.policies.delete(id);
    this.#onCall({ call: 'remove-policy', id });
  }

  async assignAddress(address: IpAddress): Promise<void> {
    this.#ready();
    this.addresses.add(formatIp(address));
  }

  async unassignAddress(address: IpAddress): Promise<void> {
    this.addresses.delete(formatIp(address));
  }

  onEvent(listener: (event: BackendEvent) => void): void {
    this.#onEvent = listener;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { parameters } of this.sas.values()) wipeKeys(parameters);
    this.sas.clear();
    this.policies.clear();
    this.#spis.clear();
    this.#cpis.clear();
  }

  #release(spi: number): void {
    this.#spis.release(spi);
    this.#cpis.delete(spi);
  }

  #ready(): void {
    if (this.#closed) throw refusal('local/stopped', 'the IPsec back end is closed');
    const failure = this.#refusal;
    this.#refusal = undefined;
    if (failure !== undefined) throw new Failed(failure);
  }

  #of(id: number): MemorySa {
    const sa = this.sas.get(id);
    if (sa === undefined) throw refusal('kernel/install', `there is no SA with the number ${id}`);
    return sa;
  }

  #holdsSpi(spi: number): boolean {
    return [...this.sas.values()].some(sa => sa.parameters.spiIn === spi);
  }
}

function countingFrom(first: number): () => number {
  let next = first;
  return () => next++ >>> 0;
}

function refusal(code: Failure['code'], summary: string): Failed {
  return new Failed({ code, summary });
}
