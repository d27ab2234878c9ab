import type { ChildSa } from '../ike/child.ts';
import { announceDown } from '../ike/child-events.ts';
import { Children } from '../ike/children.ts';
import { crossed, isFor } from '../ike/crossing.ts';
import { ikeDown, negotiationFailed } from '../ike/events.ts';
import type { IkeSaStatus } from '../ike/output.ts';
import { samePath } from '../ike/path.ts';
import type { Host, Session } from '../ike/session.ts';
import type { VerifiedPeer } from '../ike/verified-peer.ts';
import { releaseVirtualIps, type VirtualIps } from '../ike/virtual-ips.ts';
import type { Duration, Instant } from '../lib/time.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import type { Identity } from '../policy/identity.ts';
import type { BackendEvent, Path } from '../policy/sa.ts';
import type { Header } from '../wire/header.ts';
import type { V1Payload } from '../wire/v1/payload.ts';
import { Admission } from './admission.ts';
import { belongsTo } from './cookies.ts';
import { elapsed } from './elapsed.ts';
import { DELETED, STOPPED } from './endings.ts';
import { Exchanges } from './exchanges.ts';
import type { Flow, Message } from './flow.ts';
import { deleteChild, sayFarewell } from './flows/delete.ts';
import { childExpired } from './flows/expiry.ts';
import { type Informed, informedEarly } from './flows/informational.ts';
import { createChild } from './flows/quick-initiator.ts';
import { rekeyChild } from './flows/rekey-child.ts';
import { serve } from './flows/serve.ts';
import { Fragments } from './fragments.ts';
import type { IsakmpKeys } from './isakmp-keys.ts';
import {
  type Beginning,
  type EmergingSa,
  type IsakmpSa,
  noFacts,
  type PeerFacts,
  type Role,
  type Task,
} from './isakmp-sa.ts';
import { Lifetime } from './lifetime.ts';
import { Liveness } from './liveness.ts';
import type { PrivateGroup } from './private-group.ts';
import { Setbacks } from './setbacks.ts';
import { STATES, type Stage } from './states.ts';
import { statusOf } from './status.ts';
import { confirmed } from './succession.ts';
import { isSame } from './tasks.ts';
import type { Progress, Transacting } from './transacting.ts';
import { Work } from './work.ts';

/** One ISAKMP SA: what is agreed, what is to be done, and when. Its messages are in `Exchanges`. */
export class Ikev1Session implements Session, EmergingSa, Informed, Transacting {
  readonly id: number;
  readonly version = 1;
  readonly host: Host;
  readonly role: Role;
  readonly peer: PeerFacts = noFacts();
  readonly begunAt: Instant;
  readonly initiatorSpi: bigint;
  responderSpi: bigint;
  connection: Connection;
  path: Path;
  stage: Stage = 'PHASE_1';
  heardAt: Instant = 0;
  privateGroup: PrivateGroup | undefined;
  readonly liveness: Liveness;
  readonly #exchanges: Exchanges;
  readonly #fragments: Fragments;
  readonly #children: Children;
  readonly #work: Work;
  readonly #lifetime: Lifetime;
  readonly #admission: Admission;
  readonly setbacks: Setbacks;
  /** The SA that has taken the children over. */
  heir: Ikev1Session | undefined;
  /** To be deleted as soon as nothing is under way. */
  #leaving = false;
  gone = false;

  constructor({ host, connection, path, role, initiatorSpi, responderSpi }: Beginning) {
    this.host = host;
    this.id = host.newId();
    this.begunAt = host.now;
    this.connection = connection;
    this.path = path;
    this.role = role;
    this.initiatorSpi = initiatorSpi;
    this.responderSpi = responderSpi;
    this.liveness = new Liveness(this);
    this.#exchanges = new Exchanges(this);
    this.#fragments = new Fragments(host);
    this.#lifetime = new Lifetime(host);
    this.#children = new Children(host, this);
    this.setbacks = new Setbacks(this, this.#exchanges);
    this.#work = new Work(this, this.#exchanges);
    this.#admission = new Admission(this, this.#lifetime, task => this.#work.run(task));
  }

  // ── what the engine does with it ──

  get spi(): bigint {
    return this.role === 'initiator' ? this.initiatorSpi : this.responderSpi;
  }

  get establishedAt(): Instant | undefined {
    return this.#admission.agreed?.at;
  }

  get state(): IkeSaStatus['state'] {
    return STATES[this.stage];
  }

  get deadline(): Instant | undefined {
    const { liveness } = this;
    const all = [this.#lifetime, this.#exchanges, this.#fragments, liveness, this.#children, this.#work];
    const soonest = Math.min(...all.map(({ deadline }) => deadline ?? Number.POSITIVE_INFINITY));
    return Number.isFinite(soonest) ? soonest : undefined;
  }

  receive(datagram: Uint8Array, header: Header, path: Path): void {
    if (!belongsTo(this, header)) return;
    const whole = this.#fragments.join(datagram, header, this.connection);
    if (whole !== undefined && belongsTo(this, whole.header))
      this.#exchanges.receive(whole.datagram, whole.header, path);
    this.settle();
  }

  repeat(path: Path): void {
    this.#exchanges.repeat(path);
  }

  /** Runs the flow that makes this SA on the responder's side; it has `life` to come to an end. */
  begin(making: Flow<void>, first: Message, datagram: Uint8Array, life: Duration): void {
    this.#lifetime.begin(life);
    this.#exchanges.accept(making, first, datagram);
    this.settle();
  }

  tick(): void {
    this.#exchanges.tick();
    this.liveness.tick();
    this.#fragments.tick();
    for (let due = this.#lifetime.take(); due !== undefined; due = this.#lifetime.take())
      if (!this.gone) elapsed(this, this.#lifetime, due);
    this.#children.tick((child, hard) => childExpired(this, child, hard));
    this.settle();
  }

  initiateChild(config: ChildConfig): void {
    for (const task of createChild(config)) if (!this.has(other => isSame(other, task))) this.start(task);
    this.settle();
  }

  rekeyIke(): void {
    this.host.reauthenticate(this);
  }

  rekeyChild(id: number): void {
    const child = this.#children.find(id);
    if (child !== undefined) this.start(rekeyChild(child));
    this.settle();
  }

  terminateChild(id: number): void {
    const child = this.#children.find(id);
    if (child !== undefined) deleteChild(this, child);
    this.settle();
  }

  terminate(reason?: Failure): void {
    if (this.establishedAt === undefined) {
      this.setbacks.broken(reason ?? STOPPED);
      return;
    }
    // What has begun on an SA that was replaced still comes to its end.
    this.#leaving = this.heir !== undefined && this.#exchanges.busy && !this.#leaving;
    if (this.#leaving) return;
    if (this.stage !== 'ENDED') sayFarewell(this);
    this.close(reason);
  }

  backendEvent(event: Exclude<BackendEvent, { kind: 'acquire' }>): void {
    const child = this.#children.find(event.id);
    if (child === undefined) return;
    if (event.kind === 'expire') childExpired(this, child, event.hard);
    else if (event.kind === 'mapping') this.#follow(event.path);
    else {
      this.liveness.heard();
      confirmed(this, child);
      this.#exchanges.traffic(child.id);
    }
    this.settle();
  }

  adopt(other: Session): void {
    if (!(other instanceof Ikev1Session) || other === this) return;
    if (
      other.heir !== undefined ||
      this.heir !== undefined ||
      !isFor(other.status(), this.connection, this.path)
    )
      return;
    const { now } = this.host;
    if (crossed(this, other, other.establishedAt ?? now, now) === this) this.#leaveTo(other);
    else other.#leaveTo(this);
  }

  /** Every way in ends here: what waits begins if it can, and the engine learns when to come back. */
  settle(): void {
    if (this.gone) return;
    if (this.stage !== 'PHASE_1' && this.stage !== 'AWAITING_USER') this.#exchanges.release();
    if (this.#leaving && !this.#exchanges.busy) this.terminate();
    if (this.stage === 'ENDED' && this.children.length === 0) this.close(DELETED);
    if (this.gone) return;
    this.#work.goOn();
    this.host.reschedule(this);
  }

  status(): IkeSaStatus {
    const { phase } = this.#exchanges;
    const { reauthAt, expiresAt } = this.#lifetime;
    return statusOf(this, {
      ...{ phase, agreed: this.#admission.agreed, reauthAt, expiresAt, tasks: this.#work },
    });
  }

  // ── what flows see: IsakmpSa and EmergingSa ──

  get keys(): IsakmpKeys {
    return this.#admission.proven.keys;
  }

  get localId(): Identity {
    return this.#admission.proven.localId;
  }

  get remoteId(): Identity {
    return this.#admission.proven.remoteId;
  }

  get children(): readonly ChildSa[] {
    return this.#children.list;
  }

  get current(): IsakmpSa {
    return this.heir?.current ?? this;
  }

  siblings(): readonly IsakmpSa[] {
    const between = this.host.between(this.localId, this.progress.user ?? this.remoteId);
    return between
      .filter((other): other is Ikev1Session => other instanceof Ikev1Session && other !== this)
      .toArray();
  }

  agree(candidates: readonly IsakmpKeys[]): void {
    this.#exchanges.protect(candidates);
  }

  get progress(): Progress {
    return this.#admission.progress;
  }

  get virtualIps(): VirtualIps {
    return this.#admission.virtualIps;
  }

  set virtualIps(vips: VirtualIps) {
    this.#admission.virtualIps = vips;
  }

  establish(localId: Identity, peer: VerifiedPeer, keys: IsakmpKeys): void {
    this.#admission.proved(localId, peer, keys);
  }

  authenticated(user?: Identity): void {
    this.#admission.authenticated(user);
  }

  configured(): void {
    this.#admission.complete();
  }

  start(task: Task, delay: Duration = 0): void {
    this.#work.add(task, delay);
    this.host.reschedule(this);
  }

  has(which: (task: Task) => boolean): boolean {
    return this.#work.has(which);
  }

  inform(payloads: readonly V1Payload[]): void {
    this.#exchanges.inform(payloads);
  }

  addChild(child: ChildSa): void {
    this.#children.add(child);
  }

  removeChild(child: ChildSa, delay: Duration = 0): void {
    this.#children.remove(child, delay);
  }

  inUse(child: ChildSa): void {
    this.#exchanges.traffic(child.id);
  }

  onlyContact(): void {
    // Not before it is known which user's.
    if (this.establishedAt === undefined) this.peer.initialContact = true;
    else this.host.onlyContact(this);
  }

  close(failure?: Failure): void {
    if (this.gone) return;
    this.gone = true;
    const wasUp = this.establishedAt !== undefined;
    const wanted = this.#work.end();
    this.#exchanges.close();
    this.liveness.stop();
    const configs = [
      ...this.children.map(({ config }) => config),
      ...this.connection.children.filter(({ name }) => wanted.includes(name)),
    ];
    if (wasUp) this.host.event(ikeDown(this.status(), failure));
    for (const child of this.children) announceDown(this, child, failure);
    this.#children.clear();
    // Where there never was an SA, that is all there is to tell.
    for (const child of wasUp ? wanted : []) this.tellFailed(failure ?? STOPPED, child);
    releaseVirtualIps(this, this.virtualIps);
    this.#admission.agreed?.keys.wipe();
    this.host.freeSpi(this.spi);
    this.host.remove(this, configs, failure);
  }

  tellFailed(failure: Failure, child?: string): void {
    this.host.event(negotiationFailed(this, failure, child));
  }

  // ── what Exchanges asks: Owner ──

  split(datagram: Uint8Array, path: Path): readonly Uint8Array[] {
    const { fragmentation } = this.connection;
    const allowed = fragmentation === 'force' || (fragmentation === 'yes' && this.peer.fragmentation);
    return this.#fragments.split(datagram, path, allowed);
  }

  serve(message: Message, reply: (payloads: readonly V1Payload[]) => void): Flow<void> | undefined {
    return serve(this, message, reply);
  }

  informedEarly(message: Message, authentic: boolean): void {
    informedEarly(this, message, authentic);
  }

  /** The peer refuses the negotiation of the SA of this SPI, or the only one there is. */
  refused(spi: number | undefined, failure: Failure): boolean {
    return this.#exchanges.refuse(spi, failure);
  }

  heard(path: Path, proves: boolean): void {
    if (proves) {
      this.heardAt = this.host.now;
      this.liveness.heard();
    }
    this.#follow(path);
  }

  hinted(): void {
    this.liveness.hinted();
  }

  // ── inside ──

  #leaveTo(heir: Ikev1Session): void {
    this.heir = heir;
    this.stage = 'REPLACED';
    this.#lifetime.ended(false);
    this.liveness.stop();
    this.#children.moveTo(heir.#children);
    this.#work.moveTo(heir);
    for (const session of [this, heir]) this.host.reschedule(session);
  }

  /**
   * The peer has deleted the ISAKMP SA. IPsec SAs may outlive it (RFC 2408 §4.3): they are kept until a new one has
   * taken them over, which we begin where we can.
   */
  deletedByPeer(): void {
    if (this.establishedAt === undefined) this.setbacks.broken(this.progress.obstacle ?? DELETED);
    else if (this.heir !== undefined) this.close();
    else {
      this.stage = 'ENDED';
      this.#lifetime.ended(true);
      this.liveness.stop();
    }
  }

  /** The end that is behind no NAT follows the other to the address of its last authentic packet (RFC 3947 §7). */
  #follow(path: Path): void {
    const { natLocal, natRemote } = this.peer;
    if (!natRemote || natLocal || samePath(path, this.path)) return;
    this.path = path;
    this.#children.follow(path);
  }
}
