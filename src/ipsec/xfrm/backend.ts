import { equal } from '../../lib/bytes.ts';
import { formatIp, type IpAddress, isV4 } from '../../lib/ip.ts';
import type { Instant } from '../../lib/time.ts';
import type { Failure } from '../../policy/failure.ts';
import type {
  BackendEvent,
  BackendFeatures,
  ChildSaParameters,
  ChildSaUsage,
  Path,
  StandingPolicy,
} from '../../policy/sa.ts';
import type { TunnelInterface } from '../../policy/tunnel-interface.ts';
import type { NetlinkSocket } from '../../sys/netlink/socket.ts';
import type { Routing } from '../../sys/routing/routing.ts';
import { type SystemCalls, systemCalls } from '../../sys/system-calls.ts';
import type { IpsecBackend } from '../backend.ts';
import type { SpiRange } from '../spi-pool.ts';
import { removeLeftoverAddresses } from '../virtual-addresses.ts';
import { admit } from './admission.ts';
import { kernelFailure, refusal } from './failure.ts';
import { HostRouting, type RouteTable } from './host-routing.ts';
import { type Installed, installedOf, spendKeys } from './installed.ts';
import { InstalledSas } from './installed-sas.ts';
import { XfrmKernel } from './kernel.ts';
import { KernelEvents } from './kernel-events.ts';
import { removeLeftovers } from './leftovers.ts';
import { openSocket } from './open-socket.ts';
import { inboundPolicies, outboundPolicies, standingPolicies } from './policies-of.ts';
import { PolicyTable } from './policy-table.ts';
import { probe } from './probe.ts';
import { Reservations } from './reservations.ts';
import { inboundState, LARGEST_WINDOW, outboundState, stateMark } from './state.ts';
import { counted } from './traffic.ts';

export interface XfrmOptions {
  /** Routes that give this host's own packets an address of the local selectors; false leaves them to others. */
  readonly routes?: Partial<RouteTable> | false;
  /** Where virtual IPs go: on the interface of that name, otherwise the one that has the SA's own address. False: nowhere. */
  readonly virtualIps?: { readonly interface?: string } | false;
  /** Of packets that come in; default 0xc0000000 to 0xcfffffff, clear of what is set by hand. */
  readonly spis?: SpiRange;
  /** The clock of events; default the system's. */
  readonly now?: () => Instant;
  /** Messages from the kernel were lost, or could not be read. */
  readonly onWarning?: (text: string) => void;
}

const FEATURES: BackendFeatures = {
  modes: ['tunnel', 'transport', 'beet'],
  protocols: ['esp', 'ah'],
  esn: true,
  forceUdpEncapsulation: false,
  maximumReplayWindow: LARGEST_WINDOW,
  ipcomp: true,
  kernelOptions: true,
};
/** As strongSwan has them, so that firewalls and scripts made for it go on. */
const ROUTES: RouteTable = { table: 220, priority: 220 };
/** How often an SA that only receives yet is asked whether something came. */
const NOTICE_MS = 250;

/**
 * IPsec in the Linux kernel. Throws Failed: `local/no-privilege` without CAP_NET_ADMIN, `local/unsupported` where the
 * kernel has no IPsec.
 */
export function openXfrmBackend(options: XfrmOptions = {}): XfrmBackend {
  const calls = systemCalls();
  if (calls === undefined)
    throw refusal('local/unsupported', 'there are no system calls on this platform, so no kernel IPsec');
  try {
    probe(calls);
    return new XfrmBackend(calls, options);
  } catch (error) {
    throw kernelFailure(error, "opening the kernel's IPsec");
  }
}

export class XfrmBackend implements IpsecBackend {
  readonly name = 'xfrm';
  readonly features: BackendFeatures;
  readonly #kernel: XfrmKernel;
  readonly #policies: PolicyTable;
  readonly #routing: HostRouting;
  readonly #events: KernelEvents;
  readonly #release: () => void;
  readonly #onWarning: (text: string) => void;
  readonly #now: () => Instant;
  readonly #sas = new InstalledSas();
  readonly #standing = new Set<number>();
  readonly #reservations: Reservations;
  #onEvent: (event: BackendEvent) => void = () => {};
  #closed = false;

  constructor(calls: SystemCalls, options: XfrmOptions) {
    this.features = { ...FEATURES, ...(calls.canCarryEspInTcp() && { tcp: true }) };
    this.#onWarning = options.onWarning ?? (() => {});
    const { socket, isOnly } = openSocket(calls);
    const routing = calls.routing();
    const routes = options.routes === false ? undefined : { ...ROUTES, ...options.routes };
    const inherited = isOnly ? this.#removeLeftovers(socket, routing, routes?.table) : new Set<4 | 6>();
    this.#routing = new HostRouting({
      routing,
      routes,
      virtualIps: options.virtualIps ?? {},
      isOnly,
      inherited,
      onWarning: this.#onWarning,
    });
    this.#kernel = new XfrmKernel(
      socket,
      local => routing.addresses().find(({ address }) => equal(address, local))?.index,
      options.spis,
    );
    this.#reservations = new Reservations(this.#kernel);
    this.#policies = new PolicyTable(this.#kernel);
    this.#now = options.now ?? Date.now;
    this.#events = new KernelEvents(calls, this.#sas, {
      onEvent: event => this.#onEvent(event),
      onWarning: this.#onWarning,
      now: this.#now,
    });
    this.#release = () => {
      socket.close();
      routing.close();
    };
  }

  async allocateSpi(protocol: 'esp' | 'ah', path: Path): Promise<number> {
    this.#ready();
    return attempt('reserving an SPI', () => this.#reservations.spi(protocol, path));
  }

  async allocateCpi(protocol: 'esp' | 'ah', spi: number, path: Path): Promise<number> {
    this.#ready();
    return attempt('reserving a CPI', () => this.#reservations.cpi(protocol, spi, path));
  }

  releaseSpi(protocol: 'esp' | 'ah', spi: number): void {
    if (!this.#closed) attempt('releasing an SPI', () => this.#reservations.release(protocol, spi));
  }

  async install(sa: ChildSaParameters, { outbound }: { readonly outbound: boolean }): Promise<void> {
    this.#ready();
    admit(sa, this.#sas);
    const installed = installedOf(sa, outbound);
    attempt(`installing the SA "${sa.name}"`, () => {
      this.#kernel.addInbound(sa, this.#reservations.take(sa));
      this.#sas.add(installed);
      try {
        if (withPolicies(sa)) this.#policies.set(`${sa.id} in`, inboundPolicies(sa));
        if (outbound) this.#addOutbound(installed);
        else this.#awaitFirst(installed);
      } catch (error) {
        this.#take(installed);
        throw error;
      }
    });
  }

  async activateOutbound(id: number): Promise<void> {
    const installed = this.#of(id);
    if (!installed.waiting) return;
    attempt(`activating the SA "${installed.parameters.name}"`, () => this.#addOutbound(installed));
    spendKeys(installed);
  }

  async deactivateOutbound(id: number): Promise<void> {
    const installed = this.#of(id);
    spendKeys(installed);
    attempt(`deactivating the SA "${installed.parameters.name}"`, () => this.#takeOutbound(installed));
  }

  async remove(id: number): Promise<void> {
    const installed = this.#sas.get(id);
    if (installed === undefined) return;
    attempt(`removing the SA "${installed.parameters.name}"`, () => this.#take(installed));
  }

  async updatePath(id: number, path: Path, udpEncapsulation: boolean): Promise<void> {
    const installed = this.#of(id);
    const before = installed.parameters;
    attempt(`moving the SA "${before.name}"`, () => {
      if (!this.#kernel.moveState(before, path, udpEncapsulation, true))
        throw refusal('kernel/expired', `the SA "${before.name}" is not in the kernel any more`);
      if (installed.outbound) this.#kernel.moveState(before, path, udpEncapsulation, false);
      this.#sas.change(installed, { ...before, path, udpEncapsulation });
      this.#routing.move(before.path.local.address, path);
      if (!withPolicies(before)) return;
      this.#policies.set(`${id} in`, inboundPolicies(installed.parameters));
      if (installed.outbound) this.#setOutboundPolicies(installed.parameters);
    });
  }

  async usage(id: number): Promise<ChildSaUsage | undefined> {
    const installed = this.#sas.get(id);
    if (installed === undefined) return undefined;
    attempt('asking about an SA', () => this.#count(installed));
    const { received, sent } = installed;
    return {
      bytesIn: received.bytes,
      packetsIn: received.packets,
      usedIn: received.used,
      bytesOut: sent.bytes,
      packetsOut: sent.packets,
      usedOut: sent.used,
    };
  }

  async addPolicy(policy: StandingPolicy): Promise<void> {
    this.#ready();
    if (this.#standing.has(policy.id))
      throw refusal('kernel/install', `a policy with the number ${policy.id} is installed already`);
    attempt(`installing a ${policy.kind} policy`, () => {
      this.#policies.set(standing(policy.id), standingPolicies(policy, this.#routing.deviceOf(policy)));
      this.#standing.add(policy.id);
      if (policy.kind === 'trap')
        this.#routing.setRoutes(standing(policy.id), { ...policy, peer: policy.remote });
    });
  }

  async removePolicy(id: number): Promise<void> {
    this.#standing.delete(id);
    attempt('removing a policy', () => {
      this.#routing.clearRoutes(standing(id));
      this.#policies.clear(standing(id));
    });
  }

  setInterfaces(wanted: readonly TunnelInterface[]): readonly Failure[] {
    this.#ready();
    const { failures, made } = attempt('looking at the interfaces', () =>
      this.#routing.setInterfaces(wanted),
    );
    if (!made) return failures;
    // One that was made anew took the routes through it along.
    for (const id of this.#sas.ids) {
      const { outbound, parameters: sa } = this.#of(id);
      if (outbound && withPolicies(sa) && sa.kernel?.tunnelInterface?.routes === true)
        this.#routing.setRoutes(`${id}`, { ...sa, peer: sa.path.remote.address });
    }
    return failures;
  }

  async assignAddress(address: IpAddress, path: Path): Promise<void> {
    this.#ready();
    attempt(`putting the virtual IP ${formatIp(address)} on this host`, () =>
      this.#routing.assignAddress(address, path),
    );
  }

  async unassignAddress(address: IpAddress): Promise<void> {
    attempt(`taking the virtual IP ${formatIp(address)} off this host`, () =>
      this.#routing.unassignAddress(address),
    );
  }

  networkChanged(): void {
    if (this.#closed) return;
    try {
      this.#routing.refresh();
    } catch (error) {
      this.#onWarning((error as Error).message);
    }
  }

  onEvent(listener: (event: BackendEvent) => void): void {
    this.#onEvent = listener;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#events.close();
    for (const id of [...this.#standing]) await this.#anyhow(() => this.removePolicy(id));
    for (const id of this.#sas.ids) await this.#anyhow(() => this.remove(id));
    await this.#anyhow(() => this.#reservations.releaseAll());
    this.#routing.close();
    this.#closed = true;
    this.#release();
  }

  /** Answers the families of the routes that there were. */
  #removeLeftovers(socket: NetlinkSocket, routing: Routing, table: number | undefined): ReadonlySet<4 | 6> {
    const addresses = removeLeftoverAddresses(routing);
    const { states, policies, routes } = removeLeftovers(socket, routing, table);
    if (states + policies + routes.length + addresses > 0) {
      this.#onWarning(
        `removed what a daemon that was killed had left in the kernel: ${states} SAs, ${policies} policies, ${routes.length} routes, ${addresses} virtual IPs`,
      );
    }
    return new Set(routes.map(({ destination }) => (isV4(destination) ? 4 : 6)));
  }

  /** What cannot be taken out must not keep the rest in. */
  async #anyhow(act: () => Promise<void> | void): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.#onWarning((error as Error).message);
    }
  }

  #addOutbound(installed: Installed): void {
    if (installed.outbound) return;
    const sa = installed.parameters;
    this.#kernel.addOutbound(sa);
    installed.outbound = true;
    try {
      if (withPolicies(sa)) this.#setOutboundPolicies(sa);
    } catch (error) {
      this.#takeOutbound(installed);
      throw error;
    }
    clearInterval(installed.notice);
  }

  #setOutboundPolicies(sa: ChildSaParameters): void {
    this.#policies.set(`${sa.id} out`, outboundPolicies(sa, this.#routing.deviceOf(sa)));
    this.#routing.setRoutes(`${sa.id}`, { ...sa, peer: sa.path.remote.address });
  }

  #takeOutbound(installed: Installed): void {
    if (!installed.outbound) return;
    const sa = installed.parameters;
    this.#policies.clear(`${sa.id} out`);
    this.#routing.clearRoutes(`${sa.id}`);
    this.#count(installed);
    installed.outbound = false;
    this.#kernel.remove(sa, false);
  }

  #take(installed: Installed): void {
    const sa = installed.parameters;
    clearInterval(installed.notice);
    this.#sas.delete(installed);
    spendKeys(installed);
    this.#takeOutbound(installed);
    this.#policies.clear(`${sa.id} in`);
    this.#kernel.remove(sa, true);
  }

  /** What is gone, by itself or on demand, keeps what it had carried. */
  #count(installed: Installed): void {
    const { parameters: sa } = installed;
    installed.received = counted(
      installed.received,
      this.#kernel.getState(inboundState(sa), stateMark(sa, true)),
      this.#now(),
    );
    if (!installed.outbound) return;
    const state = this.#kernel.getState(outboundState(sa), stateMark(sa, false));
    installed.sent = counted(installed.sent, state, this.#now());
  }

  /** The kernel does not tell of a first packet: it is asked until there was one, or somebody else settled it. */
  #awaitFirst(installed: Installed): void {
    const { id } = installed.parameters;
    installed.notice = setInterval(() => {
      const { parameters: sa } = installed;
      const state = this.#kernel.getState(inboundState(sa), stateMark(sa, true));
      if (state !== undefined && state.packets === 0n) return;
      clearInterval(installed.notice);
      if (state !== undefined) this.#onEvent({ kind: 'inbound', id });
    }, NOTICE_MS).unref();
  }

  #ready(): void {
    if (this.#closed) throw refusal('local/stopped', 'the IPsec back end is closed');
  }

  #of(id: number): Installed {
    const installed = this.#sas.get(id);
    if (installed === undefined) throw refusal('kernel/install', `there is no SA with the number ${id}`);
    return installed;
  }
}

/** The name of a policy without an SA, as the owner of policies and routes. */
function standing(id: number): string {
  return `standing ${id}`;
}

function withPolicies(sa: ChildSaParameters): boolean {
  return sa.kernel?.policies !== false;
}

function attempt<T>(what: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw kernelFailure(error, what);
  }
}
