import type { IpAddress } from '../lib/ip.ts';
import type { Failure } from '../policy/failure.ts';
import type {
  BackendEvent,
  BackendFeatures,
  ChildSaParameters,
  ChildSaUsage,
  Path,
  StandingPolicy,
} from '../policy/sa.ts';
import type { TunnelInterface } from '../policy/tunnel-interface.ts';

/**
 * What cygnet asks of whatever carries packets: the kernel, user space, or a list in memory. All calls answer
 * at once or by promise; a call that fails throws `Failed` with a `kernel/…` or `local/…` code and leaves
 * nothing behind. `ipsec/conformance.ts` is this contract as tests.
 */
export interface IpsecBackend {
  readonly name: string;
  /** What it can do; what it cannot is refused before a negotiation begins. */
  readonly features: BackendFeatures;
  /** An unused inbound SPI (256 … 2^32−1), reserved until it is installed or released. */
  allocateSpi(protocol: 'esp' | 'ah', path: Path): Promise<number>;
  /**
   * An unused CPI (256 … 61439) for an SPI that is reserved: it is released with that, or installed with it, or released
   * when the SPI is installed without it. Only where `features.ipcomp` says so.
   */
  allocateCpi?(protocol: 'esp' | 'ah', spi: number, path: Path): Promise<number>;
  releaseSpi(protocol: 'esp' | 'ah', spi: number): void;
  /**
   * Both directions. The keys are the caller's, who wipes them once this has settled: what is needed later is copied,
   * and wiped in its turn. With `outbound: false` the inbound SA goes in alone and traffic keeps its old outbound SA,
   * as the responder of a rekey needs it; `activateOutbound` follows (RFC 7296 §2.8).
   */
  install(sa: ChildSaParameters, options: { readonly outbound: boolean }): Promise<void>;
  activateOutbound(id: number): Promise<void>;
  /** Stops sending by the SA for good; it still receives, until `remove`. */
  deactivateOutbound(id: number): Promise<void>;
  remove(id: number): Promise<void>;
  /** The peer moved (NAT rebinding, MOBIKE). */
  updatePath(id: number, path: Path, udpEncapsulation: boolean): Promise<void>;
  usage(id: number): Promise<ChildSaUsage | undefined>;
  /** Policies without an SA. Absent where the back end cannot have them. */
  addPolicy?(policy: StandingPolicy): Promise<void>;
  removePolicy?(id: number): Promise<void>;
  /**
   * Puts a virtual IP on this host, for SAs over `path` that are installed after it, and takes it off again. An address that
   * the host has by itself is left as it is. Absent where packets are not the host's: who makes them reads the address of the
   * status.
   */
  assignAddress?(address: IpAddress, path: Path): Promise<void>;
  unassignAddress?(address: IpAddress): Promise<void>;
  /**
   * Makes these all the interfaces there are of ours, and answers what could not be done. Absent where the back end
   * cannot have them.
   */
  setInterfaces?(wanted: readonly TunnelInterface[]): readonly Failure[];
  /** Addresses or routes of the host are others than before. Absent where nothing depends on them. */
  networkChanged?(): void;
  /** Called for what happens without being asked; one listener. */
  onEvent(listener: (event: BackendEvent) => void): void;
  /** Removes all that was installed. */
  close(): Promise<void>;
}
