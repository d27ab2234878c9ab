import type { Session } from '../ike/session.ts';
import type { VerifiedPeer } from '../ike/verified-peer.ts';
import type { Instant } from '../lib/time.ts';
import type { Identity } from '../policy/identity.ts';
import { xauthRole } from './auth/xauth-role.ts';
import { NEVER_ASKED } from './flows/xauth-client.ts';
import { authenticateUser } from './flows/xauth-server.ts';
import type { IsakmpKeys } from './isakmp-keys.ts';
import type { PeerFacts, Task } from './isakmp-sa.ts';
import { type Lifetime, USERS_TIME } from './lifetime.ts';
import type { Liveness } from './liveness.ts';
import type { Stage } from './states.ts';
import type { Agreed } from './status.ts';
import { noProgress, type Transacting, type XauthProgress } from './transacting.ts';

/** The SA that the peer is let into. */
interface Admitting extends Transacting, Session {
  readonly role: Transacting['role'];
  readonly peer: PeerFacts;
  stage: Stage;
  heardAt: Instant;
  readonly liveness: Liveness;
}

/** The way from the peer's proof to the established SA: it is who it says; then a user must be, before anything else. */
export class Admission {
  readonly xauth: XauthProgress = noProgress();
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
    const { host, connection } = this.#sa;
    this.#agreed = { keys, localId, remoteId: identity, at: undefined };
    if (host.settings.saveKeys) host.event({ kind: 'ike-keys', keys: keys.record() });
    this.#sa.heardAt = host.now;
    const part = xauthRole(connection);
    if (awaitsUser === true && part !== 'server') throw new Error('nobody proves who the peer is');
    if (part === undefined) {
      this.complete();
      return;
    }
    this.#sa.stage = 'TRANSACTIONS';
    this.#lifetime.begin(USERS_TIME);
    if (part === 'server') this.#run(authenticateUser(this.#sa));
    else this.xauth.obstacle = NEVER_ASKED;
  }

  /** Nothing is left to be proved: the SA is established. `user` is who proved itself to us. */
  complete(user?: Identity): void {
    const sa = this.#sa;
    const { host } = sa;
    const { keys, localId, remoteId } = this.proven;
    this.#agreed = { keys, localId, remoteId, at: host.now };
    this.xauth.user = user;
    sa.stage = 'ESTABLISHED';
    sa.liveness.heard();
    this.#lifetime.established(sa, keys);
    host.established(sa, { local: localId, remote: user ?? remoteId }, sa.peer.initialContact);
    host.event({ kind: 'ike-up', ike: sa.status() });
  }
}
