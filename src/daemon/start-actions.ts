import { isDeepStrictEqual } from 'node:util';
import type { IkeEvent } from '../ike/output.ts';
import { afterLoss } from '../policy/after-loss.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Failure } from '../policy/failure.ts';
import { namesPeer } from './choose-path.ts';
import { failureOf } from './failure-of.ts';
import type { Gateway } from './gateway.ts';
import type { StandingPolicies } from './standing-policies.ts';

type ChildDown = Extract<IkeEvent, { kind: 'child-up' | 'child-down' }>;

/**
 * What follows when connections come, change and go: `start_action` of their children is done, and undone again, and
 * traps that `close_action` and `dpd_action` ask for are put in when their SAs go. It also remembers which children are wanted up, by their configuration or by a person.
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
    gateway.on(event => {
      if (event.kind === 'child-down') this.#trapAfter(event);
    });
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

  /**
   * `close_action` and `dpd_action` with `trap`: the policy stands before those of the SA go, so that nothing leaves in
   * clear in between. What is to be begun anew at once is the engine's affair.
   */
  #trapAfter({ ike, child: { id, name }, failure }: ChildDown): void {
    const connection = this.#gateway.connections.find(known => known.name === ike.connection);
    const child = connection?.children.find(known => known.name === name);
    if (connection === undefined || child === undefined || !afterLoss(child, failure).trap) return;
    if (this.#policies.has(connection.name, name)) return;
    this.#gateway.beforeRemoval(id, () =>
      this.#policies
        // Nobody could be called for a trap whose peer is not named: that is what fails then.
        .install(connection, child, namesPeer(connection) ? ike.path : undefined)
        .catch(error => this.#onFailure(`${connection.name}/${name}`, failureOf(error))),
    );
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
