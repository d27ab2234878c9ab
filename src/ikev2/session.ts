import { ExchangeType } from '../iana/ikev2.ts';
import { activateOutbound, type ChildSa } from '../ike/child.ts';
import { announceDown } from '../ike/child-events.ts';
import { Children } from '../ike/children.ts';
import { ikeDown, negotiationFailed } from '../ike/events.ts';
import type { IkeSaStatus } from '../ike/output.ts';
import { samePath } from '../ike/path.ts';
import type { Host, Session } from '../ike/session.ts';
import type { VerifiedPeer } from '../ike/verified-peer.ts';
import { NO_VIRTUAL_IPS, releaseVirtualIps } from '../ike/virtual-ips.ts';
import { type Duration, type Instant, MINUTE } from '../lib/time.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { Identity } from '../policy/identity.ts';
import type { BackendEvent, Path } from '../policy/sa.ts';
import { type Header, HeaderFlag } from '../wire/header.ts';
import { Channel } from './channel.ts';
import { Collisions } from './collisions.ts';
import { bequeathed, carriedElsewhere, carriesOutbound, tellYounger } from './elder.ts';
import { EXPIRED, STOPPED, UNFINISHED, USED_UP } from './endings.ts';
import { Exchanges } from './exchanges.ts';
import type { Flow, Message, Reply } from './flow.ts';
import { afterChildren, createChild, serveCreateChildSa } from './flows/create-child.ts';
import { deleteChild, deleteIke } from './flows/delete.ts';
import { childExpired } from './flows/expiry.ts';
import { liveness, serveInformational } from './flows/informational.ts';
import { rekeyChild } from './flows/rekey-child.ts';
import { rekeyIke } from './flows/rekey-ike.ts';
import type { Beginning, EmergingSa, IkeKeys, IkeSa, IkeState, Role, Succession, Task } from './ike-sa.ts';
import { Lifetime, type TimerName } from './lifetime.ts';
import { Mobility } from './mobility.ts';
import { type PeerFacts, unknownPeer } from './peer-facts.ts';
import { present } from './present.ts';
import { Protection } from './protection.ts';
import { statusOf } from './status.ts';
import { isAboutChildren, isSame, Tasks } from './tasks.ts';

/** One IKE SA of version 2: what is agreed, what is to be done, and when. Its messages are in `Exchanges` and `Channel`. */
export class Ikev2Session implements Session, EmergingSa {
  readonly id: number;
  readonly version = 2;
  readonly host: Host;
  readonly role: Role;
  readonly peer: PeerFacts = unknownPeer();
  readonly #channel = new Channel(this);
  readonly exchanges = new Exchanges(this, this.#channel);
  connection: Connection;
  path: Path;
  state: IkeState = 'CONNECTING';
  initiatorSpi: bigint;
  responderSpi: bigint;
  #keys: IkeKeys | undefined;
  #localId: Identity | undefined;
  #remoteId: Identity | undefined;
  establishedAt: Instant | undefined;
  virtualIps = NO_VIRTUAL_IPS;
  readonly begunAt: Instant;
  readonly #children: Children;
  readonly #tasks = new Tasks();
  running: Task | undefined;
  readonly collisions = new Collisions<IkeSa>();
  readonly #lifetime: Lifetime;
  readonly mobility: Mobility;
  /** Established, and no other SA has taken its children over: it is the one that events speak of. */
  #inCharge = false;
  #announced = false;
  #heedHintsFrom: Instant = 0;
  #awaited = 0;
  #gone = false;

  constructor({ host, id, connection, path, role, initiatorSpi, responderSpi }: Beginning) {
    this.host = host;
    this.id = id ?? host.newId();
    this.begunAt = host.now;
    this.connection = connection;
    this.path = path;
    this.role = role;
    this.initiatorSpi = initiatorSpi;
    this.responderSpi = responderSpi;
    this.#lifetime = new Lifetime(host);
    this.#children = new Children(host, this);
    this.mobility = new Mobility(this);
  }

  // ── what the engine does with it ──

  get spi(): bigint {
    return this.role === 'initiator' ? this.initiatorSpi : this.responderSpi;
  }

  get deadline(): Instant | undefined {
    const tasks = this.#mayBegin ? this.#tasks.deadline : undefined;
    let soonest: Instant | undefined;
    for (const at of [this.#lifetime.deadline, this.exchanges.deadline, tasks, this.#children.deadline])
      if (at !== undefined && (soonest === undefined || at < soonest)) soonest = at;
    return soonest;
  }

  receive(datagram: Uint8Array, header: Header, path: Path): void {
    const fromInitiator = (header.flags & HeaderFlag.INITIATOR) !== 0;
    // Our own message, sent back to us, has the wrong role.
    if (fromInitiator === (this.role === 'initiator')) return;
    const theirs = fromInitiator ? header.initiatorSpi : header.responderSpi;
    const expected = this.role === 'initiator' ? this.responderSpi : this.initiatorSpi;
    if (theirs !== expected && header.exchangeType !== ExchangeType.IKE_SA_INIT) return;
    this.exchanges.receive(datagram, header, path);
    if (this.#channel.pending > 0) this.#lifetime.gather();
    this.settle();
  }

  repeat(path: Path): void {
    this.exchanges.repeat(path);
  }

  renewed(path: Path, instead: Path): void {
    if (!samePath(path, this.path)) return;
    this.mobility.renewed(instead);
    if (!this.exchanges.resend() && this.establishedAt !== undefined) this.start(liveness());
    this.settle();
  }

  networkChanged(): void {
    this.mobility.networkChanged();
    this.settle();
  }

  /** Runs the flow that makes this SA on the responder's side; it has `life` to come to an end. */
  begin(making: Flow<Reply>, request: Message, path: Path, life: Duration): void {
    this.#lifetime.begin(life);
    this.exchanges.accept(making, request, path);
    this.settle();
  }

  tick(): void {
    this.exchanges.tick();
    for (let due = this.#lifetime.take(); due !== undefined; due = this.#lifetime.take())
      if (!this.#gone) this.#elapsed(due);
    this.#children.tick((child, hard) => childExpired(this, child, hard));
    this.settle();
  }

  initiateChild(config: ChildConfig): void {
    const task = createChild(config);
    if (!this.has(other => isSame(other, task))) this.start(task);
    this.settle();
  }

  rekeyIke(): void {
    this.start(rekeyIke());
    this.settle();
  }

  rekeyChild(id: number): void {
    const child = this.#children.find(id);
    if (child !== undefined) this.start(rekeyChild(child));
    this.settle();
  }

  terminateChild(id: number): void {
    const child = this.#children.find(id);
    if (child !== undefined) this.start(deleteChild(child));
    this.settle();
  }

  terminateLater(delay: Duration, reason: Failure): void {
    this.start(deleteIke(reason), delay);
  }

  terminate(reason?: Failure): void {
    if (this.state === 'CONNECTING') this.broken(reason ?? STOPPED);
    else if (this.state !== 'DELETING') {
      this.state = 'DELETING';
      this.withdraw(() => true);
      this.start(deleteIke(reason));
    }
    this.settle();
  }

  whenChildrenMade(action: () => void): void {
    this.start(afterChildren(++this.#awaited, action));
  }

  carries(reqid: number): boolean {
    return !this.#gone && carriesOutbound(this, reqid);
  }

  elderGone(): void {
    this.#children.takeOver(child => !carriedElsewhere(this, child));
  }

  inherit(child: Pick<ChildSa, 'id' | 'reqid'>): boolean {
    return this.carries(child.reqid) && this.#children.inherit(child);
  }

  backendEvent(event: Exclude<BackendEvent, { kind: 'acquire' }>): void {
    const child = this.#children.find(event.id);
    if (child === undefined) return;
    if (event.kind === 'expire') childExpired(this, child, event.hard);
    else if (event.kind === 'inbound') activateOutbound(this.host, child);
    else this.mobility.follow(event.path);
    this.settle();
  }

  /** Every way in ends here: the next task begins if it can, and the engine learns when to come back. */
  settle(): void {
    if (this.state === 'ESTABLISHED' && this.exchanges.supply !== 'fresh') this.#renew();
    while (!this.#gone && this.#mayBegin) {
      const task = this.#tasks.take(this.host.now);
      if (task === undefined) break;
      this.running = task;
      this.exchanges.run(task.run(this), outcome => {
        this.running = undefined;
        if (outcome.kind === 'failed') this.#failed(task, outcome.failure);
      });
    }
    this.host.reschedule(this);
  }

  status(): IkeSaStatus {
    return statusOf(this, {
      phase: this.exchanges.phase,
      localId: this.#localId,
      remoteId: this.#remoteId,
      proposal: this.#keys?.proposal,
      rekeyAt: this.#lifetime.rekeyAt,
      reauthAt: this.#lifetime.reauthAt,
      expiresAt: this.#lifetime.expiresAt,
      queued: this.#tasks.list,
    });
  }

  // ── what flows see: IkeSa and EmergingSa ──

  get keys(): IkeKeys {
    return present(this.#keys, 'keys');
  }

  get localId(): Identity {
    return present(this.#localId, 'our identity');
  }

  get remoteId(): Identity {
    return present(this.#remoteId, "the peer's identity");
  }

  get children(): readonly ChildSa[] {
    return this.#children.list;
  }

  beginAnew(path: Path): void {
    this.host.freeSpi(this.spi);
    this.initiatorSpi = this.host.reserveSpi();
    this.path = path;
    this.host.add(this);
  }

  agree(peerSpi: bigint, keys: IkeKeys): void {
    if (this.role === 'initiator') this.responderSpi = peerSpi;
    else this.initiatorSpi = peerSpi;
    this.#keys = keys;
    this.#channel.protect(new Protection(keys.outgoing, keys.incoming, this.host.settings.maxPacket));
  }

  establish(localId: Identity, peer: VerifiedPeer): void {
    this.#localId = localId;
    this.#remoteId = peer.identity;
    this.#live();
    this.#inCharge = true;
    this.mobility.established();
    this.host.established(this, { local: localId, remote: peer.identity }, this.peer.initialContact);
  }

  announce(): void {
    if (this.#announced) return;
    this.#announced = true;
    this.host.event({ kind: 'ike-up', ike: this.status() });
  }

  start(task: Task, delay: Duration = 0): void {
    this.#tasks.add(task, this.host.now + delay);
    // Whoever starts it may be another SA's flow: the engine must come back to this one.
    this.host.reschedule(this);
  }

  withdraw(which: (task: Task) => boolean): void {
    this.#tasks.remove(which);
    if (this.running === undefined || !which(this.running)) return;
    this.running = undefined;
    this.exchanges.dropTask();
  }

  has(which: (task: Task) => boolean): boolean {
    return (this.running !== undefined && which(this.running)) || this.#tasks.list.some(which);
  }

  addChild(child: ChildSa): void {
    this.#children.add(child);
  }

  releaseChild(child: ChildSa): void {
    this.#children.release(child);
  }

  removeChild(child: ChildSa, delay: Duration = 0): void {
    this.#children.remove(child, delay);
    tellYounger(this, this.#localId, this.#remoteId);
  }

  moveChildren(): void {
    const { natLocal, encapsulate } = this.peer;
    this.#lifetime.behindNat(natLocal && this.path.tcp !== true);
    this.#children.move(this.path, encapsulate);
  }

  resend(anew: boolean): void {
    this.exchanges.resend(anew);
    this.host.reschedule(this);
  }

  succeed({ id, role, initiatorSpi, responderSpi, keys }: Succession): IkeSa {
    const { host, connection, path } = this;
    const successor = new Ikev2Session({
      ...{ host, connection, path, role, initiatorSpi, responderSpi },
      ...(id === undefined ? {} : { id }),
    });
    successor.agree(role === 'initiator' ? responderSpi : initiatorSpi, keys);
    successor.#localId = this.#localId;
    successor.#remoteId = this.#remoteId;
    Object.assign(successor.peer, this.peer);
    successor.#live(this.#lifetime);
    host.add(successor);
    return successor;
  }

  handOver(to: IkeSa): void {
    const successor = to as Ikev2Session;
    const old = this.status();
    this.#children.moveTo(successor.#children);
    successor.virtualIps = this.virtualIps;
    this.virtualIps = NO_VIRTUAL_IPS;
    for (const task of this.#tasks.remove(isAboutChildren)) successor.start(task);
    successor.#inCharge = true;
    successor.#announced = true;
    this.#inCharge = false;
    if (successor.mobility.count === 0) {
      successor.path = this.path;
      Object.assign(successor.peer, this.peer);
    } else successor.moveChildren();
    successor.mobility.takeOver(this.mobility);
    this.state = 'REKEYED';
    this.#lifetime.replaced();
    this.host.succeeded(this, successor);
    this.host.event({ kind: 'ike-rekey', old, new: successor.status() });
    successor.settle();
  }

  reauthenticate(): void {
    this.host.reauthenticate(this);
  }

  close(failure?: Failure): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#inCharge) this.announce();
    const queued = this.#tasks.remove(() => true);
    this.running = undefined;
    this.exchanges.close();
    this.mobility.close();
    const configs = this.children.map(({ config }) => config);
    if (this.#inCharge) this.host.event(ikeDown(this.status(), failure));
    for (const child of this.children) announceDown(this, child, failure);
    tellYounger(this, this.#localId, this.#remoteId);
    this.#children.clear(child => bequeathed(this, this.#localId, this.#remoteId, child));
    releaseVirtualIps(this, this.virtualIps);
    for (const task of queued) {
      task.failed?.(failure ?? STOPPED);
      if (task.kind === 'create-child') this.tellFailed(failure ?? STOPPED, task.child);
    }
    this.#keys?.skD.wipe();
    this.host.freeSpi(this.spi);
    this.host.remove(this, configs, failure);
  }

  // ── what Exchanges and Channel ask: Owner ──

  get fragments(): boolean {
    const { fragmentation } = this.connection;
    return this.peer.fragmentation && (fragmentation === 'yes' || fragmentation === 'force');
  }

  serve(request: Message, path: Path): Flow<Reply> {
    return request.header.exchangeType === ExchangeType.CREATE_CHILD_SA
      ? serveCreateChildSa(this, request)
      : serveInformational(this, request, path);
  }

  heard(path: Path): void {
    if (this.establishedAt === undefined) {
      // With its first protected message the initiator moves to the port of ESP in UDP (RFC 7296 §2.23).
      if (this.role === 'responder') this.path = path;
      return;
    }
    this.#lifetime.watch(this.connection.dpdDelay);
    this.mobility.heard(path);
  }

  answered(path: Path): void {
    this.heard(path);
    this.mobility.answered(path);
  }

  waysOut(sent: number): readonly Path[] {
    return this.mobility.waysOut(sent);
  }

  hinted(): void {
    // RFC 7296 §2.4: never a reason to give the SA up, but one to ask the peer, now and then.
    if (this.establishedAt === undefined || this.host.now < this.#heedHintsFrom) return;
    this.#heedHintsFrom = this.host.now + MINUTE;
    if (this.running === undefined) this.start(liveness());
  }

  silent(failure: Failure): void {
    this.close({ ...failure, code: 'peer/dead' });
  }

  broken(failure: Failure): void {
    if (this.establishedAt === undefined) this.tellFailed(failure);
    this.close(failure);
  }

  // ── inside ──

  /** Established: by its peer's proof, or as successor of an SA that is. */
  #live(predecessor?: Lifetime): void {
    this.state = 'ESTABLISHED';
    this.establishedAt = this.host.now;
    this.#lifetime.established(this, predecessor);
  }

  /** Whether a task may begin: before the peer has proved itself, only the flow that waits for the proof goes on. */
  get #mayBegin(): boolean {
    return this.exchanges.free && (this.state !== 'CONNECTING' || this.role === 'initiator');
  }

  /** Message IDs run out: never in practice, and never beyond their end. */
  #renew(): void {
    if (this.exchanges.supply === 'spent') this.close(USED_UP);
    else if (!this.has(({ kind }) => kind === 'rekey-ike')) this.start(rekeyIke());
  }

  #elapsed(timer: TimerName): void {
    const { host } = this;
    switch (timer) {
      case 'half-open':
        this.broken(UNFINISHED);
        return;
      case 'fragments':
        this.#channel.discardFragments();
        return;
      case 'keepalive':
        if (this.#lifetime.remind(this.path)) this.start(liveness());
        return;
      case 'liveness':
        this.#lifetime.watch(this.connection.dpdDelay);
        if (this.running === undefined && !this.mobility.stale) this.start(liveness());
        return;
      case 'rekey':
        this.start(rekeyIke());
        return;
      case 'reauth':
        host.reauthenticate(this);
        return;
      case 'expire':
        this.terminate(EXPIRED);
    }
  }

  #failed(task: Task, failure: Failure): void {
    if (this.#gone) return;
    task.failed?.(failure);
    if (task.kind === 'establish') this.broken(failure);
    else this.tellFailed(failure, task.child);
  }

  tellFailed(failure: Failure, child?: string): void {
    this.host.event(negotiationFailed(this, failure, child));
  }
}
