import { warning } from '../ike/events.ts';
import type { Instant } from '../lib/time.ts';
import type { Failure } from '../policy/failure.ts';
import type { Exchanges } from './exchanges.ts';
import { notify, Refused } from './flow.ts';
import { sayFarewell } from './flows/delete.ts';
import type { IsakmpSa } from './isakmp-sa.ts';
import type { Liveness } from './liveness.ts';
import { Obstacle } from './obstacle.ts';

/** The ISAKMP SA on which something goes wrong. */
interface Troubled extends IsakmpSa {
  readonly establishedAt: Instant | undefined;
  readonly gone: boolean;
  readonly liveness: Liveness;
}

/** What comes to nothing on an ISAKMP SA, and what follows from that: for a negotiation alone, or for the whole. */
export class Setbacks {
  readonly #sa: Troubled;
  readonly #exchanges: Exchanges;
  readonly #obstacle = new Obstacle();

  constructor(sa: Troubled, exchanges: Exchanges) {
    this.#sa = sa;
    this.#exchanges = exchanges;
  }

  /** Why phase 1 most likely does not go on. */
  get obstacle(): Failure | undefined {
    return this.#obstacle.failure;
  }

  /** Somebody says why phase 1 will come to nothing. */
  suspect(failure: Failure): void {
    const sa = this.#sa;
    if (this.#obstacle.note(failure))
      sa.host.event(warning(sa, `${failure.summary}; nobody vouches for that yet`));
    if (sa.role === 'initiator') this.#exchanges.hurry();
  }

  /** A negotiation of ours goes unanswered for good, and nothing else came meanwhile; false where that is the SA's end. */
  unanswered(failure: Failure): boolean {
    const sa = this.#sa;
    if (sa.establishedAt === undefined) return true;
    if (!sa.peer.deadPeerDetection) this.silent(failure);
    else sa.liveness.hinted();
    return !sa.gone;
  }

  /** The peer has had its time. */
  silent(failure: Failure): void {
    if (this.#sa.establishedAt === undefined) this.broken(failure);
    else this.#sa.close({ ...failure, code: 'peer/dead' });
  }

  /** A negotiation came to nothing; `refusal` is what the peer is told. */
  failed(failure: Failure, refusal: unknown, child?: string): void {
    const sa = this.#sa;
    if (sa.gone) return;
    const refused = refusal instanceof Refused ? refusal : undefined;
    if (refused !== undefined) sa.inform([notify(refused.notifyType, undefined, refused.about)]);
    if (sa.establishedAt === undefined)
      this.broken(sa.stage === 'PHASE_1' ? this.#obstacle.explain(failure) : failure);
    else sa.tellFailed(failure, child ?? refused?.child);
  }

  /** Phase 1 came to nothing, or what comes before the SA is established. */
  broken(failure: Failure): void {
    const sa = this.#sa;
    if (sa.establishedAt === undefined) sa.tellFailed(failure);
    // A responder that has said its last word takes the SA for established, and may not heed a refusal.
    const isTheirs = sa.role === 'initiator' && this.#exchanges.secured;
    if (sa.stage !== 'PHASE_1' || isTheirs) sayFarewell(sa);
    sa.close(failure);
  }
}
