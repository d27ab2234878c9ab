import { formatIp, type IpAddress } from '../../lib/ip.ts';
import { Malformed } from '../../lib/reader.ts';
import { Failed } from '../../policy/failure.ts';
import type { ChildSaParameters, Mark, Path } from '../../policy/sa.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { NetlinkMessage } from '../../sys/netlink/message.ts';
import type { NetlinkSocket } from '../../sys/netlink/socket.ts';
import type { SpiRange } from '../spi-pool.ts';
import { type KernelProtocol, Message } from './numbers.ts';
import { type Offload, offloadsOf } from './offload.ts';
import { DIRECTION, encodePolicy, encodePolicyId, type PolicyAction, type PolicyId } from './policy.ts';
import type { PolicyStore } from './policy-table.ts';
import { sealOfPolicy } from './seal.ts';
import {
  compressionState,
  encodeCompression,
  encodeMoved,
  encodeReplayQuery,
  encodeSpiRequest,
  encodeState,
  encodeStateId,
  inboundState,
  type KernelState,
  outboundState,
  readState,
  type StateReport,
  stateMark,
} from './state.ts';

/** The kernel's IPsec by its messages, one call each. All throw SystemFailure. */
export class XfrmKernel implements PolicyStore {
  readonly #socket: Pick<NetlinkSocket, 'request'>;
  readonly #interfaceOf: (address: IpAddress) => number | undefined;
  readonly #spis: SpiRange | undefined;
  #policies = 0;

  /** `interfaceOf` answers the index of the interface that has an address. */
  constructor(
    socket: Pick<NetlinkSocket, 'request'>,
    interfaceOf: (address: IpAddress) => number | undefined = () => undefined,
    spis?: SpiRange,
  ) {
    this.#socket = socket;
    this.#spis = spis;
    this.#interfaceOf = interfaceOf;
  }

  /** Reserves an SPI by a state that is not complete yet, for half a minute unless the system says otherwise. */
  allocateSpi(protocol: KernelProtocol, path: Path): number {
    const body = encodeSpiRequest(protocol, path, 0, this.#spis);
    return readState(only(this.#socket.request({ type: Message.ALLOCSPI, body })).body).spi;
  }

  /** In place of what `allocateSpi` reserved, where that is still there. Throws Failed for algorithms without a name. */
  addInbound(sa: ChildSaParameters, reserved: boolean): void {
    this.#add(sa, true, reserved);
  }

  addOutbound(sa: ChildSaParameters): void {
    this.#add(sa, false, false);
  }

  /** One direction of an SA, as far as it is there. */
  remove(sa: ChildSaParameters, inbound: boolean): void {
    for (const state of statesOf(sa, inbound)) this.deleteState(state, stateMark(sa, inbound));
  }

  /** False where there is none. */
  deleteState(state: KernelState, mark?: Mark): boolean {
    return this.#found(() => this.#socket.request({ type: Message.DELSA, body: encodeStateId(state, mark) }));
  }

  /** Undefined where there is none. */
  getState(state: KernelState, mark?: Mark): StateReport | undefined {
    const answer = this.#getState(state, mark);
    if (answer === undefined) return undefined;
    const report = readState(answer.body);
    answer.body.fill(0); // it has the keys
    return report;
  }

  /** One direction of `sa` goes on along another path, with its counters. False where it is not there. */
  moveState(sa: ChildSaParameters, path: Path, udpEncapsulation: boolean, inbound: boolean): boolean {
    const mark = stateMark(sa, inbound);
    return statesOf(sa, inbound).every(state => this.#move(state, mark, path, udpEncapsulation, inbound));
  }

  #move(
    state: KernelState,
    mark: Mark | undefined,
    path: Path,
    udpEncapsulation: boolean,
    inbound: boolean,
  ): boolean {
    const report = this.#getState(state, mark);
    if (report === undefined) return false;
    const counters = only(
      this.#socket.request({ type: Message.GETAE, body: encodeReplayQuery(state, mark) }),
    );
    const body = encodeMoved(report, counters, path, udpEncapsulation, inbound);
    try {
      this.deleteState(state, mark);
      this.#socket.request({ type: Message.NEWSA, body });
    } finally {
      body.fill(0);
      report.body.fill(0);
    }
    return true;
  }

  update(id: PolicyId, action: PolicyAction): void {
    const index = sealOfPolicy(++this.#policies, DIRECTION[id.direction]);
    const put = (offload?: Offload): void => {
      const body = encodePolicy(id, action, index, offload);
      this.#socket.request({ type: Message.UPDPOLICY, body });
    };
    // The kernel itself enforces those of the forward direction.
    const card =
      action.offload === undefined || id.direction === 'fwd'
        ? undefined
        : this.#interfaceOf(action.offload.local);
    if (card === undefined) {
      put();
      return;
    }
    try {
      put({ index: card, packet: true });
    } catch (error) {
      if (action.offload?.wanted !== 'auto' || !(error instanceof SystemFailure)) throw error;
      put();
    }
  }

  delete(id: PolicyId): void {
    this.#found(() => this.#socket.request({ type: Message.DELPOLICY, body: encodePolicyId(id) }));
  }

  #add(sa: ChildSaParameters, inbound: boolean, reserved: boolean): void {
    const [state, compression] = statesOf(sa, inbound);
    let compressed = false;
    try {
      if (compression !== undefined) this.#put(encodeCompression(sa, inbound, compression), reserved);
      compressed = compression !== undefined;
      this.#offloaded(sa, inbound, offload => this.#put(encodeState(sa, inbound, offload), reserved));
    } catch (error) {
      // A reservation goes with what should have taken its place; one that was lost may be somebody else's by now.
      const isHeld = reserved && !(error instanceof SystemFailure && error.code === 'EEXIST');
      const mark = stateMark(sa, inbound);
      if (compression !== undefined && (compressed || isHeld)) this.deleteState(compression, mark);
      if (state !== undefined && isHeld) this.deleteState(state, mark);
      throw error;
    }
  }

  /** What the card cannot do the kernel refuses, or does itself without a word. */
  #offloaded(sa: ChildSaParameters, inbound: boolean, put: (offload: Offload | undefined) => void): void {
    const wanted = sa.kernel?.offload;
    if (wanted === undefined) {
      put(undefined);
      return;
    }
    const index = this.#interfaceOf(sa.path.local.address);
    let refusal: SystemFailure | undefined;
    for (const offload of offloadsOf(wanted, index)) {
      try {
        put(offload);
        refusal = undefined;
        break;
      } catch (error) {
        if (!(error instanceof SystemFailure)) throw error;
        refusal = error;
      }
    }
    if (wanted === 'auto' && refusal !== undefined) throw refusal;
    const state = inbound ? inboundState(sa) : outboundState(sa);
    const mark = stateMark(sa, inbound);
    if (wanted === 'auto' || (refusal === undefined && this.getState(state, mark)?.offloaded === true))
      return;
    if (refusal === undefined) this.deleteState(state, mark);
    throw new Failed({
      code: 'kernel/install',
      summary: `the network card with the address ${formatIp(sa.path.local.address)} cannot do what hw_offload = ${wanted} asks of it: ${refusal === undefined ? 'it has no such function' : (refusal.detail ?? refusal.code)}`,
      remedy: 'set hw_offload = auto, or leave it out',
    });
  }

  #put(body: Uint8Array, reserved: boolean): void {
    try {
      if (reserved && this.#found(() => this.#socket.request({ type: Message.UPDSA, body }))) return;
      this.#socket.request({ type: Message.NEWSA, body });
    } finally {
      body.fill(0);
    }
  }

  #getState(state: KernelState, mark: Mark | undefined): NetlinkMessage | undefined {
    let answers: readonly NetlinkMessage[] = [];
    const found = this.#found(() => {
      answers = this.#socket.request({ type: Message.GETSA, body: encodeStateId(state, mark) });
    });
    return found ? only(answers) : undefined;
  }

  #found(request: () => unknown): boolean {
    try {
      request();
      return true;
    } catch (error) {
      if (error instanceof SystemFailure && (error.code === 'ESRCH' || error.code === 'ENOENT')) return false;
      throw error;
    }
  }
}

/** That of the SA itself comes first: without it there is nothing. */
function statesOf(sa: ChildSaParameters, inbound: boolean): readonly KernelState[] {
  const compression = compressionState(sa, inbound);
  const state = inbound ? inboundState(sa) : outboundState(sa);
  return compression === undefined ? [state] : [state, compression];
}

function only(answers: readonly NetlinkMessage[]): NetlinkMessage {
  const [answer] = answers;
  if (answer === undefined) throw new Malformed('the kernel gave no answer', 0);
  return answer;
}
