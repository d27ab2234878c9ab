import type { Duration, Instant } from '../lib/time.ts';
import type { Path } from '../policy/sa.ts';
import { activateOutbound, type ChildSa, deactivateOutbound } from './child.ts';
import type { Host, Session } from './session.ts';

/** The Child SAs of one IKE SA, and those that were replaced and still receive for a while. */
export class Children {
  readonly #host: Host;
  readonly #session: Session;
  #list: readonly ChildSa[] = [];
  #leaving: readonly { readonly id: number; readonly at: Instant }[] = [];

  constructor(host: Host, session: Session) {
    this.#host = host;
    this.#session = session;
  }

  get list(): readonly ChildSa[] {
    return this.#list;
  }

  find(id: number): ChildSa | undefined {
    return this.#list.find(child => child.id === id);
  }

  add(child: ChildSa): void {
    this.#list = this.#list.concat(child);
    this.#host.childIsWith(child.id, this.#session);
  }

  /** The back end is not told. */
  release(child: ChildSa): void {
    this.#list = this.#list.filter(other => other !== child);
    this.#host.childIsWith(child.id, undefined);
  }

  /** Off the list at once, out of the back end after `delay`. */
  remove(child: ChildSa, delay: Duration): void {
    this.release(child);
    if (!isInBackEnd(child)) return;
    if (delay > 0) this.#leaving = [...this.#leaving, { id: child.id, at: this.#host.now + delay }];
    else this.#host.command({ kind: 'remove', id: child.id });
  }

  /** All that is here goes to `other`. */
  moveTo(other: Children): void {
    for (const child of this.#list) other.add(child);
    other.#leaving = [...other.#leaving, ...this.#leaving];
    this.#list = [];
    this.#leaving = [];
  }

  /** Packets go out by those that waited for the end of what they replace, where `mayNow` says so. */
  takeOver(mayNow: (child: ChildSa) => boolean): void {
    for (const child of this.#list)
      if (child.outboundAt !== undefined && mayNow(child)) activateOutbound(this.#host, child);
    this.#host.reschedule(this.#session);
  }

  /** A child of another IKE SA, which one of these has replaced, receives for a while what is still on its way. */
  inherit({ id }: Pick<ChildSa, 'id'>): true {
    const { now, settings } = this.#host;
    this.#leaving = [...this.#leaving, { id, at: now + settings.deleteRekeyedDelay }];
    this.#host.reschedule(this.#session);
    return true;
  }

  /** Everything out of the back end, but for what somebody else takes. */
  clear(isTaken: (child: ChildSa) => boolean = () => false): void {
    for (const child of this.#list) {
      if (isInBackEnd(child) && isTaken(child)) {
        deactivateOutbound(this.#host, child);
        this.release(child);
      } else this.remove(child, 0);
    }
    for (const { id } of this.#leaving) this.#host.command({ kind: 'remove', id });
    this.#leaving = [];
  }

  /** The peer is at another address, or on another connection: encapsulated ESP follows it (RFC 7296 §2.23, RFC 9329 §6.1). */
  follow(path: Path): void {
    for (const child of this.#list) {
      const { id, udpEncapsulation } = child;
      if ((udpEncapsulation || path.tcp === true) && isInBackEnd(child))
        this.#host.command({ kind: 'update-path', id, path, udpEncapsulation });
    }
  }

  /** All of them, those that leave too, go on along `path` (RFC 4555 §3.5). */
  move(path: Path, udpEncapsulation: boolean): void {
    for (const child of this.#list) {
      child.udpEncapsulation = udpEncapsulation;
      if (isInBackEnd(child))
        this.#host.command({ kind: 'update-path', id: child.id, path, udpEncapsulation });
    }
    for (const { id } of this.#leaving)
      this.#host.command({ kind: 'update-path', id, path, udpEncapsulation });
  }

  /** When `tick` is due. */
  get deadline(): Instant | undefined {
    let soonest = Number.POSITIVE_INFINITY;
    for (const { rekeyAt, expiresAt, outboundAt } of this.#list)
      soonest = Math.min(soonest, rekeyAt ?? soonest, expiresAt ?? soonest, outboundAt ?? soonest);
    for (const { at } of this.#leaving) soonest = Math.min(soonest, at);
    return soonest === Number.POSITIVE_INFINITY ? undefined : soonest;
  }

  /** Tells of each child whose time has come, once, and removes those whose time is over. */
  tick(expired: (child: ChildSa, hard: boolean) => void): void {
    const { now } = this.#host;
    for (const child of this.#list) {
      if (child.outboundAt !== undefined && child.outboundAt <= now) activateOutbound(this.#host, child);
      if (child.expiresAt !== undefined && child.expiresAt <= now) {
        child.expiresAt = undefined;
        child.rekeyAt = undefined;
        expired(child, true);
      } else if (child.rekeyAt !== undefined && child.rekeyAt <= now) {
        child.rekeyAt = undefined;
        expired(child, false);
      }
    }
    const over = this.#leaving.filter(({ at }) => at <= now);
    if (over.length === 0) return;
    this.#leaving = this.#leaving.filter(({ at }) => at > now);
    for (const { id } of over) this.#host.command({ kind: 'remove', id });
  }
}

/** Whether it was installed, so that it must be removed. */
function isInBackEnd(child: ChildSa): boolean {
  return child.installedAt !== undefined;
}
