import { Leases } from '../../src/daemon/leases.ts';
import type { Answer, IkeEvent, IkeSaStatus, Output, Question } from '../../src/ike/output.ts';
import type { IpAddress } from '../../src/lib/ip.ts';
import type { Duration, Instant } from '../../src/lib/time.ts';
import type { BackendEvent, Path } from '../../src/policy/sa.ts';
import type { FakeBackEnd, InstalledSa } from './back-end.ts';
import { assertPair } from './back-end.ts';
import { Ledger } from './ledger.ts';
import type { Network } from './network.ts';
import type { Packet } from './packet.ts';
import type { SeededProvider } from './provider.ts';
import type { Schedule } from './schedule.ts';

/** What a host needs of an engine. */
export interface HostEngine {
  receive(datagram: Uint8Array, path: Path, now: Instant): readonly Output[];
  answer(id: number, answer: Answer, now: Instant): readonly Output[];
  tick(now: Instant): readonly Output[];
  readonly deadline: Instant | undefined;
  initiate(
    target: { connection: string; child?: string },
    now: Instant,
  ): { readonly ike: number; readonly outputs: readonly Output[] };
  terminate(target: Target, now: Instant): { readonly matched: number; readonly outputs: readonly Output[] };
  rekey(target: Target, now: Instant): { readonly matched: number; readonly outputs: readonly Output[] };
  backendEvent(event: BackendEvent, now: Instant): readonly Output[];
  networkChanged?(addresses: readonly IpAddress[], now: Instant): readonly Output[];
  status(): readonly IkeSaStatus[];
  shutdown(now: Instant): readonly Output[];
}

export interface Target {
  readonly connection?: string;
  readonly ike?: number;
  readonly child?: string;
  readonly childId?: number;
}

/** Events of one kind. */
export type EventOf<K extends IkeEvent['kind']> = Of<IkeEvent, K>;
type Of<E, K> = E extends { readonly kind: infer Kind }
  ? K extends Kind
    ? E & { readonly kind: K }
    : never
  : never;

const MOST_TICKS_AT_ONE_INSTANT = 200;

/** The shell of the simulation: carries out what its engine wants and brings back answers and ticks. */
export class Host<E extends HostEngine = HostEngine> {
  readonly name: string;
  address: IpAddress;
  readonly engine: E;
  readonly backEnd: FakeBackEnd;
  /** Where its peers' virtual IPs come from. */
  readonly leases = new Leases();
  readonly provider: SeededProvider;
  readonly events: IkeEvent[] = [];
  /** Where the first message of a connection goes. */
  resolve: (connection: string, tcp?: true) => Answer;
  /** All of its addresses, once it has roamed. */
  addresses: readonly IpAddress[] = [];
  /** By which of its addresses those of a peer can be reached: by all, in the order of its own. */
  paths = ({ path, remotes }: Extract<Question, { kind: 'paths' }>): readonly Path[] =>
    remotes.flatMap(remote =>
      this.addresses
        .filter(({ length }) => length === remote.length)
        .map(address => ({
          ...path,
          local: { ...path.local, address },
          remote: { ...path.remote, address: remote },
        })),
    );
  /** What becomes of a prime that a peer proposes: what the daemon does with it takes too long here. */
  checkPrime: (prime: Uint8Array) => Answer = () => ({ kind: 'done' });
  primeLatency: Duration = 200;
  fetch: (wanted: FetchQuestion) => Answer = ({ uri }) => unreachable(uri);
  fetchLatency: Duration = 50;
  /** How long a `resolve` takes. */
  resolveLatency: Duration = 0;
  readonly #schedule: Schedule;
  readonly #network: Network;
  #cancelWake: () => void = () => undefined;
  #wakeAt: Instant | undefined;
  #ticks = { at: -1, count: 0 };
  #asks = 0;
  readonly #ledger: Ledger;

  constructor(options: {
    readonly name: string;
    readonly address: IpAddress;
    readonly engine: E;
    readonly backEnd: FakeBackEnd;
    readonly provider: SeededProvider;
    readonly schedule: Schedule;
    readonly network: Network;
    readonly resolve: (connection: string, tcp?: true) => Answer;
  }) {
    this.name = options.name;
    this.address = options.address;
    this.engine = options.engine;
    this.backEnd = options.backEnd;
    this.provider = options.provider;
    this.resolve = options.resolve;
    this.#schedule = options.schedule;
    this.#network = options.network;
    this.#ledger = new Ledger(this.name);
    this.#network.attach(this.name, this.address, this.#receive);
  }

  /** Children and IKE SAs that, to go by the events alone, are up. */
  get up(): { readonly children: readonly number[]; readonly ikes: readonly number[] } {
    return this.#ledger;
  }

  /** Whether something asked of the shell is unanswered. */
  get busy(): boolean {
    return this.#asks > 0 || this.backEnd.pending > 0;
  }

  initiate(connection: string, child?: string): number {
    const { ike, outputs } = this.engine.initiate(
      child === undefined ? { connection } : { connection, child },
      this.#schedule.now,
    );
    this.#begin(outputs);
    return ike;
  }

  /** Returns how many SAs that meant. */
  terminate(target: Target): number {
    const { matched, outputs } = this.engine.terminate(target, this.#schedule.now);
    this.#begin(outputs);
    return matched;
  }

  /** Returns how many SAs that meant. */
  rekey(target: Target): number {
    const { matched, outputs } = this.engine.rekey(target, this.#schedule.now);
    this.#begin(outputs);
    return matched;
  }

  shutdown(): void {
    this.#begin(this.engine.shutdown(this.#schedule.now));
  }

  /** The back end says a Child SA has reached a soft or hard limit. */
  expire(id: number, hard: boolean): void {
    this.backendEvent({ kind: 'expire', id, hard, now: this.#schedule.now });
  }

  backendEvent(event: BackendEvent): void {
    this.#begin(this.engine.backendEvent(event, this.#schedule.now));
  }

  /** Lets the engine do something of its own (`configure`, say) and carries out what follows. */
  act(action: (engine: E, now: Instant) => readonly Output[]): void {
    this.#begin(action(this.engine, this.#schedule.now));
  }

  /** Takes another address; the old one is gone. The engine is not told. */
  move(address: IpAddress): void {
    this.#network.detach(this.address);
    this.address = address;
    this.#network.attach(this.name, this.address, this.#receive);
  }

  /** Has these addresses from now on, the first of which the routing table prefers, and tells the engine. */
  roam(...addresses: readonly IpAddress[]): void {
    for (const address of [this.address, ...this.addresses]) this.#network.detach(address);
    this.addresses = addresses;
    for (const address of addresses) this.#network.attach(this.name, address, this.#receive);
    this.#begin(this.engine.networkChanged?.(addresses, this.#schedule.now) ?? []);
  }

  status(): readonly IkeSaStatus[] {
    return this.engine.status();
  }

  eventsOf<K extends IkeEvent['kind']>(kind: K): readonly EventOf<K>[] {
    return this.events.filter((event): event is EventOf<K> => event.kind === kind);
  }

  /** Sends a packet of the child named `name` through the network; false when no outbound SA is active. */
  sendPacket(name: string): boolean {
    const out = this.backEnd.outbound(name);
    if (out === undefined) return false;
    this.#network.send({ kind: 'esp', spi: out.sa.spiOut, key: out.keyOut }, out.path);
    return true;
  }

  /**
   * Why a packet of `name` to `peer` would be lost at this instant though the network carries it; undefined
   * when it would arrive. Fails when both ends have the SA but disagree about it.
   */
  gapTo(peer: Host, name: string): string | undefined {
    const out = this.backEnd.outbound(name);
    if (out === undefined) return `${this.name} has no active outbound SA of ${name}`;
    const into: InstalledSa | undefined = peer.backEnd.inbound(out.sa.spiOut);
    if (into === undefined)
      return `${this.name} sends ${name} by SA ${out.sa.id}, which ${peer.name} cannot receive`;
    assertPair(out, into);
    return undefined;
  }

  readonly #receive = (content: Packet['content'], path: Path): void => {
    if (content.kind === 'ike') {
      this.#perform(this.engine.receive(content.datagram, path, this.#schedule.now));
      return;
    }
    if (content.kind === 'keepalive') return;
    const into = this.backEnd.inbound(content.spi);
    if (into === undefined || into.keyIn !== content.key) {
      this.#network.ladder.push(
        `${this.#schedule.now} ${this.name} cannot receive ESP ${content.spi.toString(16)}`,
      );
      return;
    }
    if (into.received++ > 0) return;
    this.#perform(this.engine.backendEvent({ kind: 'inbound', id: into.sa.id }, this.#schedule.now));
  };

  /** What a test sets off, with all that follows at this instant. */
  #begin(outputs: readonly Output[]): void {
    this.#perform(outputs);
    this.#network.settle();
  }

  #perform(outputs: readonly Output[]): void {
    for (const output of outputs) {
      switch (output.kind) {
        case 'transmit':
          this.#network.send(
            {
              kind: 'ike',
              datagram: output.datagram.slice(),
              ...(output.dscp !== undefined && { dscp: output.dscp }),
            },
            output.path,
          );
          break;
        case 'keepalive':
          this.#network.send({ kind: 'keepalive' }, output.path);
          break;
        case 'ask':
          this.#ask(output);
          break;
        case 'command':
          if (output.command.kind === 'release-lease') this.leases.release(output.command.id);
          else this.backEnd.command(output.command);
          break;
        case 'event':
          this.events.push(output.event);
          this.#ledger.enter(output.event);
          assertNoDefect(this.name, output.event);
          if (output.event.kind !== 'message')
            this.#network.ladder.push(describeEvent(this.name, output.event));
      }
    }
    this.#plan();
  }

  #ask({ id, question }: Extract<Output, { kind: 'ask' }>): void {
    const back = (answer: Answer): void => {
      this.#asks--;
      this.#perform(this.engine.answer(id, answer, this.#schedule.now));
    };
    this.#asks++;
    if (question.kind === 'paths') {
      const answer: Answer = { kind: 'paths', paths: this.paths(question) };
      this.#schedule.at(this.#schedule.now, () => back(answer));
    } else if (question.kind === 'resolve') {
      const answer = this.resolve(question.connection, question.tcp);
      this.#schedule.at(this.#schedule.now + this.resolveLatency, () => back(answer));
    } else if (question.kind === 'lease') {
      this.#schedule.at(this.#schedule.now, () => back(this.leases.lease(question)));
    } else if (question.kind === 'check-safe-prime') {
      const answer = this.checkPrime(question.prime);
      this.#schedule.at(this.#schedule.now + this.primeLatency, () => back(answer));
    } else if (question.kind === 'fetch') {
      const answer = this.fetch(question);
      this.#schedule.at(this.#schedule.now + this.fetchLatency, () => back(answer));
    } else {
      this.backEnd.ask(question, back);
    }
  }

  #plan(): void {
    const deadline = this.engine.deadline;
    if (deadline === this.#wakeAt) return;
    this.#cancelWake();
    this.#wakeAt = deadline;
    if (deadline === undefined) return;
    this.#cancelWake = this.#schedule.at(deadline, () => {
      this.#wakeAt = undefined;
      const { now } = this.#schedule;
      this.#ticks =
        this.#ticks.at === now ? { at: now, count: this.#ticks.count + 1 } : { at: now, count: 1 };
      if (this.#ticks.count > MOST_TICKS_AT_ONE_INSTANT)
        throw new Error(`${this.name}: the deadline ${deadline} does not move on`);
      this.#perform(this.engine.tick(now));
    });
  }
}

export type FetchQuestion = Extract<Question, { kind: 'fetch' }>;

function unreachable(uri: string): Answer {
  return { kind: 'failed', failure: { code: 'local/unreachable', summary: `nothing is at ${uri}` } };
}

/** Whatever a peer or a network does, none of it is a defect of ours. */
function assertNoDefect(host: string, event: IkeEvent): void {
  if ('failure' in event && event.failure?.code === 'local/internal')
    throw new Error(`${host}: ${event.failure.summary}`);
  if (event.kind === 'log' && event.group === 'engine') throw new Error(`${host}: ${event.text}`);
}

function describeEvent(host: string, event: IkeEvent): string {
  const what =
    'failure' in event && event.failure !== undefined
      ? ` (${event.failure.code}: ${event.failure.summary})`
      : '';
  switch (event.kind) {
    case 'child-up':
    case 'child-down':
      return `${event.at} ${host} ${event.kind} ${event.child.name} ${event.child.id}${what}`;
    case 'child-rekey':
    case 'ike-rekey':
      return `${event.at} ${host} ${event.kind} ${event.old.id} → ${event.new.id}`;
    case 'ike-up':
    case 'ike-down':
      return `${event.at} ${host} ${event.kind} ${event.ike.id}${what}`;
    case 'log':
      return `${event.at} ${host} ${event.level} ${event.text}`;
    default:
      return `${event.at} ${host} ${event.kind}${what}`;
  }
}
