import { samePath } from '../ike/path.ts';
import { equal } from '../lib/bytes.ts';
import { formatIp, isUnspecified } from '../lib/ip.ts';
import { mayMoveTo } from '../policy/address-match.ts';
import type { Path } from '../policy/sa.ts';
import { furtherAddresses } from './extensions/mobike.ts';
import { liveness } from './flows/informational.ts';
import { mobike } from './flows/mobike.ts';
import type { IkeSa } from './ike-sa.ts';
import type { Moves, Turn } from './moves.ts';

/** An IKE SA as its mobility sees it. */
export interface Mobile extends IkeSa {
  path: Path;
  /** Children go on along the path of the IKE SA. */
  moveChildren(): void;
  /** What is unanswered is sent again at once; with `anew` as if it had not been sent before. */
  resend(anew: boolean): void;
  settle(): void;
}

/** More ways than these are not tried for one peer. */
const MOST_CANDIDATES = 8;
/** A request is sent along other ways too when it was sent so often in vain. */
const VAIN = 3;

/**
 * Where the two ends of an IKE SA are, and what follows when one moves (RFC 4555). The end that began the first of the
 * IKE SAs that replaced each other leads: it alone decides along which path the children go. Without MOBIKE an SA follows
 * a peer behind a NAT, and no more.
 */
export class Mobility implements Moves {
  readonly #sa: Mobile;
  #leads: boolean;
  #due: Omit<Turn, 'moves'> = NOTHING;
  /** What is being said. */
  #said: Omit<Turn, 'moves'> = NOTHING;
  #count = 0;
  /** The peer's address is new, and nobody knows yet whether it receives there. */
  #isUnverified = false;
  /** The network changed before there was an IKE SA. */
  #isMissed = false;
  /** No way to the peer is known. */
  #stale = false;
  /** Other ways that requests are sent along, until one of all is answered. */
  #candidates: readonly Path[] = [];
  #isTrying = false;
  /** Paths that the peer did not accept since the network changed last. */
  #refused: readonly Path[] = [];
  #withdraw: () => void = () => undefined;
  /** The IKE SA that this one has replaced, as long as it may be there. */
  #predecessor: Mobility | undefined;
  #isOver = false;

  constructor(sa: Mobile) {
    this.#sa = sa;
    this.#leads = sa.role === 'initiator';
  }

  get leads(): boolean {
    return this.#leads;
  }

  get count(): number {
    return this.#count;
  }

  get stale(): boolean {
    return this.#stale;
  }

  /** An IKE SA that a rekey made goes on where `other` was; what `other` was about to say is said again. */
  takeOver(other: Mobility): void {
    this.#leads = other.#leads;
    this.#stale = other.#stale;
    this.#due = other.#due;
    this.#isUnverified = other.#isUnverified;
    if (other.#sa.running?.kind === 'mobike') this.#plan(this.#leads ? UPDATE : ADDRESSES);
    if (this.#isUnverified) this.#plan(VERIFY);
    if (this.#isDue) this.#sa.start(mobike());
    // What is to be said of where we are is said there too: see `#speakAgain`.
    other.#due = { ...other.#due, verify: false };
    other.#isUnverified = false;
    other.#withdraw();
    // It has a last word to say, from where we are to where the peer is.
    this.#predecessor = other;
    other.#predecessor = undefined;
  }

  close(): void {
    this.#isOver = true;
    this.#withdraw();
  }

  // ── what happens around it ──

  /** Addresses or routes of this host are others than before. */
  networkChanged(): void {
    this.#refused = [];
    this.#endTrying();
    const { state, host, path } = this.#sa;
    // Which way a responder goes the initiator says: with thousands of them nobody asks for each while its address is there.
    const mayStay = !this.#leads && host.addresses.some(address => equal(address, path.local.address));
    if (mayStay && (state === 'ESTABLISHED' || state === 'REKEYING')) {
      this.#withdraw();
      this.#stay(this.#stale);
    } else if (state !== 'CONNECTING') this.#look(this.#leads, paths => this.#choose(paths));
    else {
      this.#isMissed = true;
      if (this.#leads && !isUnspecified(this.#sa.path.remote.address))
        this.#look(false, paths => this.#chooseFirst(paths));
    }
  }

  /** The IKE SA stands: what changed while it was made is looked at now. */
  established(): void {
    if (this.#isMissed) this.networkChanged();
    this.#isMissed = false;
    // What was said of NATs was said elsewhere.
    const { peer, path } = this.#sa;
    if (this.#count > 0 && peer.mobike && path.tcp !== true) this.#plan(UPDATE);
  }

  /**
   * An authentic message came by `path`; with MOBIKE nothing follows from that alone (RFC 4555 §3.8), except that another
   * TCP connection has taken the place of the one before (RFC 9329 §10).
   */
  heard(path: Path): void {
    if (!this.#sa.peer.mobike || path.tcp === true) this.follow(path);
  }

  /**
   * The address of a peer behind a NAT may change at any time: it is where its last authentic packet came from.
   * Whoever is behind a NAT itself does not follow (RFC 7296 §2.23). Over TCP it is the connection that comes last
   * (RFC 9329 §6.1); from one transport to another leads MOBIKE alone.
   */
  follow(path: Path): void {
    const { peer, path: before } = this.#sa;
    if (samePath(path, before) || path.tcp !== before.tcp) return;
    if (path.tcp !== true && (!peer.natRemote || peer.natLocal)) return;
    this.#go(path);
    if (!this.#isUnverified) this.#sa.moveChildren();
  }

  /** Another TCP connection has taken the place of the present one. */
  renewed(path: Path): void {
    this.#go(path);
    this.#sa.moveChildren();
  }

  /** The answer to a request came by `path`. */
  answered(path: Path): void {
    const found = this.#candidates.find(candidate => samePath(candidate, path));
    // The peer heeded the first of the requests, and answered all: of where we are a new one MUST tell (RFC 4555 §3.6).
    if (this.#candidates.length > 0 && this.#sa.running?.kind === 'mobike')
      this.#due = merged(this.#due, { ...this.#said, verify: false });
    this.#endTrying();
    if (found === undefined || samePath(found, this.#sa.path)) return;
    this.#say(`the peer answers by ${formatPath(found)}, and no longer by ${formatPath(this.#sa.path)}`);
    if (this.#leads) this.moveTo(found);
    else {
      // Which of the two requests came first nobody knows: the list is told again (RFC 4555 §3.6).
      this.#goUnseen(found);
      this.#plan(ADDRESSES);
    }
  }

  /** The ways that a request goes which was sent `sent` times so far, this time counted. */
  waysOut(sent: number): readonly Path[] {
    const { path } = this.#sa;
    if (sent === VAIN && this.#predecessor !== undefined) this.#predecessor.#speakAgain();
    if (sent >= VAIN && !this.#isTrying && this.#mayTry) {
      this.#isTrying = true;
      this.#look(true, paths => {
        if (!this.#isTrying) return;
        this.#candidates = paths.filter(other => !samePath(other, this.#sa.path)).slice(0, MOST_CANDIDATES);
        for (const candidate of this.#candidates) this.#say(`checking path ${formatPath(candidate)}`);
        if (this.#candidates.length > 0) this.#sa.resend(false);
      });
    }
    return [path, ...this.#candidates];
  }

  // ── what the exchanges about it say ──

  /** Takes what is to be said next; undefined where that is nothing. */
  turn(): Turn | undefined {
    const isDue = this.#isDue;
    this.#said = isDue ? { ...this.#due, verify: this.#isUnverified } : NOTHING;
    this.#due = NOTHING;
    return isDue ? { ...this.#said, moves: this.#count } : undefined;
  }

  /** It came to nothing, and is said again. */
  again(turn: Turn): void {
    this.#due = merged(this.#due, turn);
  }

  verified(): void {
    this.#isUnverified = false;
    this.#sa.moveChildren();
  }

  /** `path` is taken, and the peer told so; children go along it at once, or once a new address of the peer's is checked. */
  moveTo(path: Path): void {
    this.#goUnseen(path);
    if (!this.#isUnverified) this.#sa.moveChildren();
    this.#plan(UPDATE);
    this.#sa.resend(true);
  }

  /** The peer did not accept the present path: another that it has not refused, where there is one. */
  refused(paths: readonly Path[]): boolean {
    this.#refused = [...this.#refused, this.#sa.path];
    const next = paths.filter(path => this.#isAllowed(path)).find(path => !this.#isRefused(path));
    if (next !== undefined) this.moveTo(next);
    return next !== undefined;
  }

  /** The path is taken; children go along it once a new address of the peer's is checked (RFC 4555 §3.7). */
  led(path: Path): void {
    this.#endTrying();
    if (!samePath(path, this.#sa.path)) this.#goUnseen(path);
    if (this.#isUnverified) this.#plan(VERIFY);
    else this.#sa.moveChildren();
    this.#sa.resend(true);
  }

  /**
   * Whoever tells its addresses from another than the present one asks to be sent to there, as charon's responder does;
   * and whoever tells them to another of ours than it was led to knows no better way. Where we are about to say another
   * way, that one counts.
   */
  told(path: Path): void {
    const { path: before, running } = this.#sa;
    if (path.tcp === true || before.tcp === true) return;
    const isMoved = !equal(path.remote.address, before.remote.address);
    // Where the configuration says that the peer may not be, nobody looks for it.
    if (isMoved && !mayMoveTo(this.#sa.connection.remoteAddresses, path.remote.address)) return;
    const isElsewhere = isMoved || !equal(path.local.address, before.local.address);
    if (!this.#leads || !isElsewhere) {
      // Something is new at the peer: what it has not answered may reach it now, and goes its new ways from the third time on.
      this.#isTrying = false;
      this.#sa.resend(true);
      return;
    }
    const isSaying = this.#due.update || (running?.kind === 'mobike' && this.#said.update);
    const mayFollow = !isSaying && this.#isAllowed(path);
    if (isMoved || mayFollow)
      this.moveTo({ local: mayFollow ? path.local : before.local, remote: path.remote });
    else this.#plan(UPDATE);
  }

  /** What a NAT does has changed: the peer is told from where we send. */
  remapped(): void {
    this.#say('detected changes in NAT mappings, initiating MOBIKE update');
    this.#plan(UPDATE);
  }

  // ── inside ──

  get #isDue(): boolean {
    return this.#due.update || this.#due.addresses || this.#due.verify;
  }

  /** A responder tries other ways for one thing alone: to tell where it is (RFC 4555 §3.6). */
  get #mayTry(): boolean {
    const { peer, state, running, path } = this.#sa;
    if (!peer.mobike || path.tcp === true || (state !== 'ESTABLISHED' && state !== 'REKEYING')) return false;
    return this.#leads || running?.kind === 'mobike';
  }

  #endTrying(): void {
    this.#isTrying = false;
    this.#candidates = [];
  }

  #plan(turn: Omit<Turn, 'moves'>): void {
    this.#due = merged(this.#due, turn);
    this.#sa.start(mobike());
  }

  /** Asks for the ways to the peer's present address, or to all of its addresses. */
  #look(toAll: boolean, then: (paths: readonly Path[]) => void): void {
    const { host, path, peer } = this.#sa;
    this.#withdraw();
    const { address } = path.remote;
    const remotes = [address, ...(toAll ? peer.addresses.filter(other => !equal(other, address)) : [])];
    this.#withdraw = host.ask({ kind: 'paths', path, remotes }, answer => {
      if (answer.kind !== 'paths') return;
      const paths = answer.paths.filter(found => samePath(found, path) || this.#isAllowed(found));
      // A responder goes to another address of the peer's only where there is no way to the present one (RFC 4555 §3.6).
      if (paths.length === 0 && !toAll && peer.addresses.length > 0) this.#look(true, then);
      else then(paths);
      this.#sa.settle();
    });
  }

  #isAllowed({ local, remote }: Path): boolean {
    const { localAddresses, remoteAddresses } = this.#sa.connection;
    return mayMoveTo(localAddresses, local.address) && mayMoveTo(remoteAddresses, remote.address);
  }

  #isRefused(path: Path): boolean {
    return this.#refused.some(refused => samePath(refused, path));
  }

  /** After a change of the network: on as before, along another path, or not at all for now. */
  #choose(paths: readonly Path[]): void {
    const { path: present, peer, state, host } = this.#sa;
    const [best] = paths;
    const wasStale = this.#stale;
    this.#stale = best === undefined;
    if (best === undefined) {
      this.#say(`no route found to reach ${formatIp(present.remote.address)}, MOBIKE update deferred`);
      return;
    }
    const isThere = paths.some(path => samePath(path, present));
    const isBest = samePath(best, present) || !(host.settings.preferBestPath && this.#leads && peer.mobike);
    if (state === 'REKEYED' || state === 'DELETING') {
      if (!isThere) this.#sa.path = best;
    } else if (isThere && isBest) this.#stay(wasStale);
    else if (peer.mobike && present.tcp !== true) this.#leave(best, isThere);
    else if (this.#leads && !this.#isConfigured(present)) {
      this.#say('reauthenticating IKE_SA due to address change');
      this.#sa.reauthenticate();
    }
  }

  /** As `#choose` before there is an IKE SA: its first messages come from where they can (RFC 4555 §3.1). */
  #chooseFirst(paths: readonly Path[]): void {
    const { path: present, state } = this.#sa;
    const [best] = paths;
    if (best === undefined || state !== 'CONNECTING' || present.tcp === true) return;
    if (paths.some(path => samePath(path, present))) return;
    this.#go(best);
    this.#sa.resend(true);
  }

  #stay(wasStale: boolean): void {
    const { peer, host, virtualIps } = this.#sa;
    this.#stale = false;
    if (peer.mobike) {
      const addresses = furtherAddresses(this.#sa, host.addresses, virtualIps.local);
      if (!isSameSet(addresses, peer.toldAddresses)) {
        this.#say('sending address list update using MOBIKE');
        this.#plan(ADDRESSES);
      }
    }
    if (wasStale || host.settings.checkCurrentPath) {
      this.#sa.resend(true);
      if (this.#sa.running === undefined) this.#sa.start(liveness());
    }
  }

  #leave(best: Path, isThere: boolean): void {
    this.#say(
      isThere
        ? 'old path is not preferred anymore'
        : 'old path is not available anymore, try to find another',
    );
    if (this.#leads) {
      this.#say('requesting address change using MOBIKE');
      this.moveTo(best);
      return;
    }
    this.#say('sending address list update using MOBIKE, implicitly requesting an address change');
    this.#goUnseen(best);
    // RFC 4555 §3.5: nothing can be sent from the old address any more.
    if (!this.#isUnverified) this.#sa.moveChildren();
    this.#plan(ADDRESSES);
    this.#sa.resend(true);
  }

  /** An address that the configuration names is kept where nothing can be told of another. */
  #isConfigured({ local }: Path): boolean {
    const own = formatIp(local.address);
    return this.#sa.connection.localAddresses.some(entry => entry === own);
  }

  /** Where the peer's address is another, it is yet to show that it receives there. */
  #goUnseen(path: Path): void {
    this.#isUnverified ||= !equal(path.remote.address, this.#sa.path.remote.address);
    this.#go(path);
  }

  #go(path: Path): void {
    const { path: from } = this.#sa;
    this.#count++;
    this.#stale = false;
    this.#endTrying();
    this.#sa.path = path;
    if (this.#predecessor !== undefined) this.#predecessor.#goAlong(path);
    this.#sa.host.event({ kind: 'ike-update', ike: this.#sa.status(), from });
  }

  /** Its successor has moved. */
  #goAlong(path: Path): void {
    if (this.#isOver) return;
    this.#count++;
    this.#sa.path = path;
    this.#sa.resend(true);
    this.#speakAgain();
  }

  /**
   * Where the peer's rekey was answered, the answer may be lost, and then the peer knows of this SA alone: it sends its
   * rekey again to where it believes us to be, and is told here where that is.
   */
  #speakAgain(): void {
    const { state, peer, path, running } = this.#sa;
    if (this.#isOver || state !== 'REKEYED' || running?.kind === 'mobike') return;
    if (peer.mobike && path.tcp !== true) this.#plan(this.#leads ? UPDATE : ADDRESSES);
    else if (running === undefined) this.#sa.start(liveness());
  }

  #say(text: string): void {
    const { host, id, connection } = this.#sa;
    host.event({ kind: 'log', level: 'info', group: 'ike', ike: id, connection: connection.name, text });
  }
}

const NOTHING: Omit<Turn, 'moves'> = { update: false, addresses: false, verify: false };
const UPDATE: Omit<Turn, 'moves'> = { update: true, addresses: true, verify: false };
const VERIFY: Omit<Turn, 'moves'> = { update: false, addresses: false, verify: true };
const ADDRESSES: Omit<Turn, 'moves'> = { update: false, addresses: true, verify: false };

function merged(a: Omit<Turn, 'moves'>, b: Omit<Turn, 'moves'>): Omit<Turn, 'moves'> {
  return {
    update: a.update || b.update,
    addresses: a.addresses || b.addresses,
    verify: a.verify || b.verify,
  };
}

function isSameSet(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return a.length === b.length && a.every(one => b.some(other => equal(one, other)));
}

function formatPath({ local, remote }: Path): string {
  return `${formatIp(local.address)}[${local.port}] - ${formatIp(remote.address)}[${remote.port}]`;
}
