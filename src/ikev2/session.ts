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
import type { Duration, Instant } from '../lib/time.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { Identity } from '../policy/identity.ts';
import type { BackendEvent, Path } from '../policy/sa.ts';
import type { Header } from '../wire/header.ts';
import { Channel } from './channel.ts';
import { Charge } from './charge.ts';
import { Collisions } from './collisions.ts';
import { elapsed } from './elapsed.ts';
import { bequeathed, carriedElsewhere, carriesOutbound, tellYounger } from './elder.ts';
import { STOPPED } from './endings.ts';
import { Exchanges } from './exchanges.ts';
import type { Flow, Message, Reply } from './flow.ts';
import { afterChildren, createChild, serveCreateChildSa } from './flows/create-child.ts';
import { deleteChild, deleteIke } from './flows/delete.ts';
import { childExpired } from './flows/expiry.ts';
import { liveness, serveInformational } from './flows/informational.ts';
import { rekeyChild } from './flows/rekey-child.ts';
import { rekeyIke } from './flows/rekey-ike.ts';
import type { Beginning, EmergingSa, IkeKeys, IkeSa, IkeState, Role, Succession, Task } from './ike-sa.ts';
import { Lifetime } from './lifetime.ts';
import { Mobility } from './mobility.ts';
import { type PeerFacts, unknownPeer } from './peer-facts.ts';
import { present } from './present.ts';
import { Protection } from './protection.ts';
import { SignsOfLife } from './signs-of-life.ts';
import { belongsTo, ownSpi } from './spis.ts';
import { type Agreed, statusOf } from './status.ts';
import { isSame } from './tasks.ts';
import { Work } from './work.ts';

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
  #agreed: Agreed = {};
  establishedAt: Instant | undefined;
  virtualIps = NO_VIRTUAL_IPS;
  readonly begunAt: Instant;
  readonly #children: Children;
  readonly #work = new Work(this);
  readonly collisions = new Collisions<IkeSa>();
  readonly #lifetime: Lifetime;
  readonly mobility: Mobility;
  readonly #signs: SignsOfLife;
  readonly #charge = new Charge(this);
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
    this.#signs = new SignsOfLife(this, this.#lifetime);
  }

  // ── what the engine does with it ──

  get spi(): bigint {
    return ownSpi(this);
  }

  get deadline(): Instant | undefined {
    let soonest: Instant | undefined;
    for (const at of [
      this.#lifetime.deadline,
      this.exchanges.deadline,
      this.#work.deadline,
      this.#children.deadline,
    ])
      if (at !== undefined && (soonest === undefined || at < soonest)) soonest = at;
    return soonest;
  }

  receive(datagram: Uint8Array, header: Header, path: Path): void {
    if (!belongsTo(this, header)) return;
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
      if (!this.#gone) elapsed(this, this.#lifetime, due);
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
    this.#work.goOn();
    this.host.reschedule(this);
  }

  status(): IkeSaStatus {
    return statusOf(this, {
      phase: this.exchanges.phase,
      agreed: this.#agreed,
      lifetime: this.#lifetime,
      queued: this.#work.queued,
    });
  }

  discardFragments(): void {
    this.#channel.discardFragments();
  }

  // ── what flows see: IkeSa and EmergingSa ──

  get keys(): IkeKeys {
    return present(this.#agreed.keys, 'keys');
  }

  get localId(): Identity {
    return present(this.#agreed.localId, 'our identity');
  }

  get remoteId(): Identity {
    return present(this.#agreed.remoteId, "the peer's identity");
  }

  get children(): readonly ChildSa[] {
    return this.#children.list;
  }

  get running(): Task | undefined {
    return this.#work.running;
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
    this.#agreed = { keys };
    this.#channel.protect(new Protection(keys.outgoing, keys.incoming, this.host.settings.maxPacket));
  }

  establish(localId: Identity, peer: VerifiedPeer): void {
    this.#agreed = { ...this.#agreed, localId, remoteId: peer.identity };
    this.#live();
    this.#charge.take();
    this.mobility.established();
    this.host.established(this, { local: localId, remote: peer.identity }, this.peer.initialContact);
  }

  announce(): void {
    this.#charge.announce();
  }

  start(task: Task, delay: Duration = 0): void {
    this.#work.add(task, delay);
    // Whoever starts it may be another SA's flow: the engine must come back to this one.
    this.host.reschedule(this);
  }

  withdraw(which: (task: Task) => boolean): void {
    this.#work.withdraw(which);
  }

  has(which: (task: Task) => boolean): boolean {
    return this.#work.has(which);
  }

  addChild(child: ChildSa): void {
    this.#children.add(child);
  }

  releaseChild(child: ChildSa): void {
    this.#children.release(child);
  }

  removeChild(child: ChildSa, delay: Duration = 0): void {
    this.#children.remove(child, delay);
    tellYounger(this, this.#agreed.localId, this.#agreed.remoteId);
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
    successor.#agreed = { ...this.#agreed, keys };
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
    this.#work.moveTo(successor);
    this.#charge.passOn(successor.#charge);
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

  tellFailed(failure: Failure, child?: string): void {
    this.host.event(negotiationFailed(this, failure, child));
  }

  close(failure?: Failure): void {
    if (this.#gone) return;
    this.#gone = true;
    if (this.#charge.isHeld) this.announce();
    const undone = this.#work.end();
    this.exchanges.close();
    this.mobility.close();
    const configs = this.children.map(({ config }) => config);
    if (this.#charge.isHeld) this.host.event(ikeDown(this.status(), failure));
    for (const child of this.children) announceDown(this, child, failure);
    tellYounger(this, this.#agreed.localId, this.#agreed.remoteId);
    this.#children.clear(child => bequeathed(this, this.#agreed.localId, this.#agreed.remoteId, child));
    releaseVirtualIps(this, this.virtualIps);
    undone(failure ?? STOPPED);
    this.#agreed.keys?.skD.wipe();
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
    this.#signs.heard(path);
  }

  answered(path: Path): void {
    this.heard(path);
    this.mobility.answered(path);
  }

  waysOut(sent: number): readonly Path[] {
    return this.mobility.waysOut(sent);
  }

  hinted(): void {
    this.#signs.hinted();
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
}
