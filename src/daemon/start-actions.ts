import { isDeepStrictEqual } from 'node:util';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import { failureOf } from './failure-of.ts';
import type { Gateway } from './gateway.ts';
import type { StandingPolicies } from './standing-policies.ts';

/**
 * What follows when connections come, change and go: `start_action` of their children is done, and undone again. It
 * also remembers which children are wanted up, by their configuration or by a person.
 */
export class StartActions {
  readonly #gateway: Gateway;
  readonly #policies: StandingPolicies;
  readonly #onFailure: (what: string, failure: Failure) => void;
  readonly #wanted = new Set<string>();

  /** `onFailure` hears of what did not come about, negotiations aside: these are events of the gateway. */
  constructor(
    gateway: Gateway,
    policies: StandingPolicies,
    onFailure: (what: string, failure: Failure) => void,
  ) {
    this.#gateway = gateway;
    this.#policies = policies;
    this.#onFailure = onFailure;
  }

  /**
   * One of the two may be absent: a connection that comes, or one that goes. Where the connection itself is the same,
   * only children that differ are touched; SAs that nobody asked to be started stay as they are, as with charon.
   */
  replace(before: Connection | undefined, after: Connection | undefined): void {
    const isSame = before !== undefined && after !== undefined && isSameHead(before, after);
    const differing = (
      these: Connection | undefined,
      those: Connection | undefined,
    ): readonly ChildConfig[] =>
      (these?.children ?? []).filter(
        child => !isSame || !those?.children.some(other => isDeepStrictEqual(other, child)),
      );
    if (before !== undefined) this.#undo(before, differing(before, after));
    if (after !== undefined) this.run(after, differing(after, before));
  }

  /** Does what `children` ask for. */
  run(connection: Connection, children: readonly ChildConfig[] = connection.children): void {
    this.installTraps(connection, children);
    for (const child of children) {
      if (!child.startAction.includes('start') || isShunt(child)) continue;
      this.#wanted.add(`${connection.name}/${child.name}`);
      // What it comes to is an event.
      this.#gateway.up(connection.name, child.name).catch(ignore);
    }
  }

  /** Puts in the traps and shunts that `children` ask for. */
  installTraps(connection: Connection, children: readonly ChildConfig[]): void {
    for (const child of children) {
      if (!child.startAction.includes('trap') && !(isShunt(child) && child.startAction !== 'none')) continue;
      this.#policies
        .install(connection, child)
        .catch(error => this.#onFailure(`${connection.name}/${child.name}`, failureOf(error)));
    }
  }

  /** Takes out the traps and shunts of `children`. */
  uninstall(connection: Connection, children: readonly ChildConfig[] = connection.children): void {
    for (const child of children) {
      this.#policies
        .uninstall(child.name, connection.name)
        .catch(error => this.#onFailure(`${connection.name}/${child.name}`, failureOf(error)));
    }
  }

  isWanted(connection: string, child: string): boolean {
    return this.#wanted.has(`${connection}/${child}`);
  }

  /** A person wants it up, or does not any more; without `child` it is about all that are. */
  want(connection: string, child: string | undefined, wanted: boolean): void {
    if (child !== undefined && wanted) this.#wanted.add(`${connection}/${child}`);
    else if (child !== undefined) this.#wanted.delete(`${connection}/${child}`);
    else if (!wanted)
      for (const name of [...this.#wanted]) if (name.startsWith(`${connection}/`)) this.#wanted.delete(name);
  }

  /** Ends the SAs that `start` began, and an IKE SA that has nothing else. */
  #undo(connection: Connection, children: readonly ChildConfig[]): void {
    this.uninstall(connection, children);
    const started = new Set<string>();
    for (const child of children) {
      this.#wanted.delete(`${connection.name}/${child.name}`);
      if (child.startAction.includes('start')) started.add(child.name);
    }
    if (started.size === 0) return;
    for (const ike of this.#gateway.status()) {
      if (ike.connection !== connection.name) continue;
      const [gone, stay] = [
        ike.children.filter(({ name }) => started.has(name)),
        ike.children.filter(({ name }) => !started.has(name)),
      ];
      const targets =
        stay.length === 0
          ? [{ ike: ike.id }]
          : gone.map(({ id }) => ({ connection: connection.name, ike: ike.id, childId: id }));
      for (const target of targets) this.#gateway.down(target).catch(ignore);
    }
  }
}

function isShunt({ mode }: ChildConfig): boolean {
  return mode === 'pass' || mode === 'drop';
}

/** Whether two connections differ in nothing but their children. */
function isSameHead(a: Connection, b: Connection): boolean {
  return isDeepStrictEqual({ ...a, children: [] }, { ...b, children: [] });
}

function ignore(): void {}
