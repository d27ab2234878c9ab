import type { Session } from '../ike/session.ts';
import type { VerifiedPeer } from '../ike/verified-peer.ts';
import { NO_VIRTUAL_IPS, type VirtualIps, wantedAddresses } from '../ike/virtual-ips.ts';
import type { Instant } from '../lib/time.ts';
import type { Failure } from '../policy/failure.ts';
import type { Identity } from '../policy/identity.ts';
import { xauthRole } from './auth/xauth-role.ts';
import { NEVER_CONFIGURED, requestAddresses } from './flows/mode-config-client.ts';
import { pushAddresses } from './flows/mode-config-server.ts';
import { proposeGroup } from './flows/new-group.ts';
import { NEVER_ASKED } from './flows/xauth-client.ts';
import { authenticateUser } from './flows/xauth-server.ts';
import type { IsakmpKeys } from './isakmp-keys.ts';
import type { Task } from './isakmp-sa.ts';
import { type Lifetime, USERS_TIME } from './lifetime.ts';
import type { Liveness } from './liveness.ts';
import type { Stage } from './states.ts';
import type { Agreed } from './status.ts';
import { noProgress, type Progress, type Transacting } from './transacting.ts';

/** The SA that the peer is let into. */
interface Admitting extends Transacting, Session {
  readonly role: Transacting['role'];
  stage: Stage;
  heardAt: Instant;
  readonly liveness: Liveness;
}

/**
 * The way from the peer's proof to the established SA: it is who it says; then a user must be, where the connection asks
 * for one; then virtual IPs go where they belong. Nothing else may happen before.
 */
export class Admission {
  readonly progress: Progress = noProgress();
  virtualIps: VirtualIps = NO_VIRTUAL_IPS;
  readonly #sa: Admitting;
  readonly #lifetime: Lifetime;
  readonly #run: (task: Task) => void;
  #agreed: Agreed | undefined;

  constructor(sa: Admitting, lifetime: Lifetime, run: (task: Task) => void) {
    this.#sa = sa;
    this.#lifetime = lifetime;
    this.#run = run;
  }

  /** Undefined until the peer has proved itself. */
  get agreed(): Agreed | undefined {
    return this.#agreed;
  }

  get proven(): Agreed {
    if (this.#agreed === undefined) throw new Error('an ISAKMP SA whose peer has not proved itself');
    return this.#agreed;
  }

  /** Phase 1 is done. */
  proved(localId: Identity, { identity, awaitsUser }: VerifiedPeer, keys: IsakmpKeys): void {
    const sa = this.#sa;
    const { host } = sa;
    this.#agreed = { keys, localId, remoteId: identity, user: undefined, at: undefined };
    if (host.settings.saveKeys) host.event({ kind: 'ike-keys', keys: keys.record() });
    sa.heardAt = host.now;
    const part = xauthRole(sa.connection);
    if (awaitsUser === true && part !== 'server') throw new Error('nobody proves who the peer is');
    if (part === 'server') this.#begin('AWAITING_USER', 'user', authenticateUser(sa));
    else if (part === 'client') this.#await('user', NEVER_ASKED);
    else this.#configure();
  }

  /** There is no doubt left who the peer is. `user` is who proved itself to us. */
  authenticated(user?: Identity): void {
    this.#agreed = { ...this.proven, user };
    this.progress.user = user;
    this.#configure();
  }

  /** Nothing is left to do: the SA is established. */
  complete(): void {
    const sa = this.#sa;
    const { host } = sa;
    const { keys, localId, remoteId, user } = this.proven;
    this.#agreed = { ...this.proven, at: host.now };
    this.progress.awaits = undefined;
    this.progress.obstacle = undefined;
    sa.stage = 'ESTABLISHED';
    sa.liveness.heard();
    this.#lifetime.established(sa, keys);
    host.established(sa, { local: localId, remote: user ?? remoteId }, sa.peer.initialContact);
    host.event({ kind: 'ike-up', ike: sa.status() });
    const group = proposeGroup(sa);
    if (group !== undefined) sa.start(group);
  }

  /** We want virtual IPs, or give the peer some without being asked; who is asked for them (pull) is done already. */
  #configure(): void {
    const sa = this.#sa;
    const { connection, host } = sa;
    const isClient = wantedAddresses(host, connection).length > 0;
    if (isClient && connection.pull)
      this.#begin('TRANSACTIONS', 'addresses', requestAddresses(sa), NEVER_CONFIGURED);
    else if (isClient) this.#await('addresses', NEVER_CONFIGURED);
    else if (connection.pools.length > 0 && !connection.pull)
      this.#begin('TRANSACTIONS', undefined, pushAddresses(sa));
    else this.complete();
  }

  #begin(stage: Stage, awaits: Progress['awaits'], task: Task, obstacle?: Failure): void {
    this.#wait(stage, awaits, obstacle);
    this.#run(task);
  }

  /** The turn is the peer's. */
  #await(awaits: Progress['awaits'], obstacle: Failure): void {
    this.#wait('TRANSACTIONS', awaits, obstacle);
  }

  #wait(stage: Stage, awaits: Progress['awaits'], obstacle: Failure | undefined): void {
    this.#sa.stage = stage;
    this.progress.awaits = awaits;
    this.progress.obstacle = obstacle;
    this.#lifetime.begin(USERS_TIME);
  }
}
