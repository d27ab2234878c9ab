import { formatIp, type IpAddress, isV4 } from '../../src/lib/ip.ts';
import type { Duration } from '../../src/lib/time.ts';
import type { Endpoint, Path } from '../../src/policy/sa.ts';
import { describePacket, labelOf, type Packet } from './packet.ts';
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';

/** How one direction between two hosts treats what it carries. */
export interface Weather {
  readonly delay: Duration;
  /** Up to this much is added at random: packets overtake each other. */
  readonly jitter: Duration;
  /** Probabilities. */
  readonly loss: number;
  readonly duplicate: number;
  /** Larger IP packets (headers included, octets) vanish, as where IP fragments are dropped. */
  readonly mtu: number;
}

export const CALM: Weather = { delay: 10, jitter: 0, loss: 0, duplicate: 0, mtu: Number.POSITIVE_INFINITY };

/** What a script decides about a packet; octets replace the datagram. */
export type Verdict = 'pass' | 'hold' | 'drop' | Uint8Array;

/** One direction between two hosts: its weather, its script, and what is held back at the moment. */
export class Direction {
  weather: Weather = CALM;
  /** Asked for every packet before the weather; `hold()` and `flow()` set the two usual ones. */
  script: (packet: Packet) => Verdict = () => 'pass';
  readonly held: Packet[] = [];
  /** All that was ever sent here, for replays. */
  readonly recorded: Packet[] = [];
  readonly #network: Network;

  constructor(network: Network) {
    this.#network = network;
  }

  /** From now on everything waits until it is released. */
  hold(): this {
    this.script = () => 'hold';
    return this;
  }

  /** From now on everything passes; what was held goes first, at once and in order. */
  flow(): void {
    this.script = () => 'pass';
    while (this.held.length > 0) this.release();
  }

  /** Delivers the held packet at `index` (0 is the oldest) this instant, and lets everything that follows from it happen. */
  release(index = 0): Packet {
    const packet = this.#take(index);
    this.#network.deliver(packet);
    return packet;
  }

  /** Loses the held packet at `index`. */
  drop(index = 0): Packet {
    const packet = this.#take(index);
    this.#network.note(packet, 'dropped');
    return packet;
  }

  /** Releases the oldest held message of this kind; fails where none is held. */
  pass(exchange: string, kind: 'request' | 'response'): Packet {
    return this.release(this.#find(exchange, kind));
  }

  /** Loses the oldest held message of this kind. */
  lose(exchange: string, kind: 'request' | 'response'): Packet {
    return this.drop(this.#find(exchange, kind));
  }

  /** What is held at the moment, in words: `CREATE_CHILD_SA request`. */
  get waiting(): readonly string[] {
    return this.held.map(packet => {
      const label = labelOf(packet);
      return label === undefined
        ? packet.content.kind
        : `${label.exchange} ${label.response ? 'response' : 'request'}`;
    });
  }

  #find(exchange: string, kind: 'request' | 'response'): number {
    const at = this.waiting.indexOf(`${exchange} ${kind}`);
    if (at < 0)
      throw new Error(
        `no ${exchange} ${kind} is held, but: ${this.waiting.join(', ')}\n  ${this.#network.ladder.slice(-30).join('\n  ')}`,
      );
    return at;
  }

  /** Delivers once more what was sent as number `number` (counted from 1). */
  replay(number: number): void {
    const packet = this.recorded[number - 1];
    if (packet === undefined) throw new Error(`nothing was sent as number ${number}`);
    this.#network.deliver(packet);
  }

  #take(index: number): Packet {
    const [packet] = this.held.splice(index, 1);
    if (packet === undefined) throw new Error(`no packet is held at ${index}`);
    return packet;
  }
}

export type Receiver = (content: Packet['content'], path: Path) => void;

const IP_UDP_V4 = 28;
const IP_UDP_V6 = 48;

/** Hosts by address, a direction for each ordered pair of hosts, and NATs between them. */
export class Network {
  /** Runs what is due at this instant; the simulation sets it. */
  settle: () => void = () => undefined;
  /** Packets on their way. */
  inFlight = 0;
  readonly ladder: string[] = [];
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #hosts = new Map<string, { readonly name: string; readonly receive: Receiver }>();
  readonly #nats: Nat[] = [];
  readonly #directions = new Map<string, Direction>();

  constructor(schedule: Schedule, random: Random) {
    this.#schedule = schedule;
    this.#random = random;
  }

  /** `name` owns `address` until it is detached. */
  attach(name: string, address: IpAddress, receive: Receiver): void {
    this.#hosts.set(formatIp(address), { name, receive });
  }

  detach(address: IpAddress): void {
    this.#hosts.delete(formatIp(address));
  }

  addNat(nat: Nat): void {
    this.#nats.push(nat);
  }

  /** The direction between two hosts, by name. */
  direction(from: string, to: string): Direction {
    const key = `${from} → ${to}`;
    let direction = this.#directions.get(key);
    if (direction === undefined) {
      direction = new Direction(this);
      this.#directions.set(key, direction);
    }
    return direction;
  }

  /** Sends along `path`, as seen by the sender. What no host owns vanishes. */
  send(content: Packet['content'], path: Path): void {
    const sender = this.#hosts.get(formatIp(path.local.address));
    if (sender === undefined) return;
    const now = this.#schedule.now;
    const nat = this.#nats.find(nat => nat.holds(path.local.address) && !nat.holds(path.remote.address));
    const from = nat === undefined ? path.local : nat.outward(path.local, path.remote, now);
    const receiver = this.#ownerOf(path.remote, from);
    if (receiver === undefined) {
      this.ladder.push(`${now} ${sender.name} → nobody at ${formatEndpoint(path.remote)}`);
      return;
    }
    const direction = this.direction(sender.name, receiver);
    const packet: Packet = {
      number: direction.recorded.length + 1,
      from,
      to: path.remote,
      ...(path.tcp === true ? { tcp: true } : {}),
      content,
    };
    direction.recorded.push(packet);
    this.#carry(direction, packet);
  }

  /** Hands `packet` to whoever owns its destination by now, at this instant. */
  deliver(packet: Packet): void {
    this.#arrive(packet);
    this.settle();
  }

  note(packet: Packet, what: string): void {
    this.ladder.push(
      `${this.#schedule.now} ${formatEndpoint(packet.from)} → ${formatEndpoint(packet.to)} ${what}: ${describePacket(packet)}`,
    );
  }

  #carry(direction: Direction, sent: Packet): void {
    const verdict = direction.script(sent);
    if (verdict === 'drop' || verdict === 'hold') {
      if (verdict === 'hold') direction.held.push(sent);
      this.note(sent, verdict === 'hold' ? 'held' : 'dropped');
      return;
    }
    const packet: Packet =
      verdict === 'pass' ? sent : { ...sent, content: { kind: 'ike', datagram: verdict } };
    const { weather } = direction;
    if (sizeOf(packet) > weather.mtu || (weather.loss > 0 && this.#random.chance(weather.loss))) {
      this.note(packet, 'lost');
      return;
    }
    const copies = weather.duplicate > 0 && this.#random.chance(weather.duplicate) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      const delay = weather.delay + (weather.jitter > 0 ? this.#random.below(weather.jitter + 1) : 0);
      this.inFlight++;
      this.#schedule.at(this.#schedule.now + delay, () => {
        this.inFlight--;
        this.#arrive(packet);
      });
    }
  }

  #arrive(packet: Packet): void {
    const nat = this.#nats.find(nat => nat.owns(packet.to.address));
    const to = nat === undefined ? packet.to : nat.inward(packet.to, packet.from, this.#schedule.now);
    const host = to === undefined ? undefined : this.#hosts.get(formatIp(to.address));
    if (to === undefined || host === undefined) {
      this.note(packet, 'lost, nobody is there');
      return;
    }
    this.note(packet, `at ${host.name}`);
    const content: Packet['content'] =
      packet.content.kind === 'ike'
        ? { kind: 'ike', datagram: packet.content.datagram.slice() }
        : packet.content;
    host.receive(content, {
      local: to,
      remote: packet.from,
      ...(packet.tcp === true ? { tcp: true } : {}),
    });
  }

  #ownerOf(to: Endpoint, from: Endpoint): string | undefined {
    const nat = this.#nats.find(nat => nat.owns(to.address));
    const inside = nat === undefined ? to : nat.peek(to, from);
    return inside === undefined ? undefined : this.#hosts.get(formatIp(inside.address))?.name;
  }
}

interface Mapping {
  readonly inside: Endpoint;
  readonly port: number;
  readonly peers: Set<string>;
  used: number;
}

/** Rewrites the source of what leaves and lets in only answers from where something was sent to. */
export class Nat {
  readonly outside: IpAddress;
  /** Idle mappings are forgotten after this long. */
  idle: Duration = Number.POSITIVE_INFINITY;
  readonly #inside: ReadonlySet<string>;
  #mappings: Mapping[] = [];
  #port = 20000;

  constructor(outside: IpAddress, inside: readonly IpAddress[]) {
    this.outside = outside;
    this.#inside = new Set(inside.map(formatIp));
  }

  holds(address: IpAddress): boolean {
    return this.#inside.has(formatIp(address));
  }

  owns(address: IpAddress): boolean {
    return formatIp(address) === formatIp(this.outside);
  }

  /** Forgets every mapping, as after a restart: the next packet out gets a new port. */
  rebind(): void {
    this.#mappings = [];
  }

  outward(from: Endpoint, to: Endpoint, now: number): Endpoint {
    this.#mappings = this.#mappings.filter(mapping => now - mapping.used <= this.idle);
    const key = formatEndpoint(from);
    let mapping = this.#mappings.find(({ inside }) => formatEndpoint(inside) === key);
    if (mapping === undefined) {
      mapping = { inside: from, port: this.#port++, peers: new Set(), used: now };
      this.#mappings.push(mapping);
    }
    mapping.used = now;
    mapping.peers.add(formatEndpoint(to));
    return { address: this.outside, port: mapping.port };
  }

  inward(to: Endpoint, from: Endpoint, now: number): Endpoint | undefined {
    this.#mappings = this.#mappings.filter(mapping => now - mapping.used <= this.idle);
    return this.peek(to, from);
  }

  peek(to: Endpoint, from: Endpoint): Endpoint | undefined {
    const mapping = this.#mappings.find(({ port }) => port === to.port);
    return mapping?.peers.has(formatEndpoint(from)) === true ? mapping.inside : undefined;
  }
}

/** Of the IP packet, as far as it matters: ESP is never too large here. */
function sizeOf(packet: Packet): number {
  if (packet.content.kind !== 'ike') return 0;
  return packet.content.datagram.length + (isV4(packet.to.address) ? IP_UDP_V4 : IP_UDP_V6);
}

export function formatEndpoint(endpoint: Endpoint): string {
  const address = formatIp(endpoint.address);
  return isV4(endpoint.address) ? `${address}:${endpoint.port}` : `[${address}]:${endpoint.port}`;
}
