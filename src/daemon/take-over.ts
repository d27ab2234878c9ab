import type { Connection } from '../policy/connection.ts';
import type { Gateway } from './gateway.ts';
import type { Base, LiveConfiguration } from './live-configuration.ts';
import { manualPlan } from './manual-plan.ts';
import type { ManualSas } from './manual-sas.ts';
import { planOf, type Step } from './plan.ts';
import type { StartActions } from './start-actions.ts';

export interface TakeOverSubjects {
  readonly gateway: Gateway;
  readonly live: LiveConfiguration;
  readonly actions: StartActions;
  readonly manual: ManualSas;
}

/**
 * Puts `base` in force: what a directory says now, or (`whole`) what it says in the place of all that clients loaded too.
 * SAs are touched as the plan says and no further; answers the plan.
 */
export function takeOver(
  { gateway, live, actions, manual }: TakeOverSubjects,
  base: Base,
  whole: boolean,
): readonly Step[] {
  const before = live.connections;
  const after = whole ? base.connections : overlaid(base, live);
  const steps = planOf(before, after, gateway.status());
  const manualBefore = live.manual;
  if (whole) live.replaceAll(base);
  else live.replaceBase(base);
  const old = new Map(before.map(connection => [connection.name, connection]));
  const now = new Map(after.map(connection => [connection.name, connection]));
  const anew = new Set<number>();
  for (const step of steps) {
    const [known, next] = [old.get(step.connection), now.get(step.connection)];
    const children = ({ children }: Connection) =>
      step.child === undefined ? children : children.filter(({ name }) => name === step.child);
    // Traps follow their child whatever happens to its SAs; a `change` of the connection alone moves none.
    const ofChildren = step.child !== undefined || step.action !== 'change';
    if (known !== undefined && ofChildren) actions.uninstall(known, children(known));
    if (step.action === 'drop') {
      for (const id of step.sas)
        gateway.down(step.child === undefined ? { ike: id } : { childId: id }).catch(ignore);
      actions.want(step.connection, step.child, false);
    } else if (step.action === 'rekey') {
      for (const id of step.sas) anew.add(id);
    }
    if (next === undefined || !ofChildren) continue;
    if (step.action === 'add' || isNewlyStarted(step)) actions.run(next, children(next));
    else actions.installTraps(next, children(next));
  }
  for (const ike of anew) gateway.reauthenticate({ ike });
  void manual.take(live.manual);
  return [...steps, ...manualPlan(manualBefore, live.manual)];
}

/** The plan of `takeOver`, with nothing done. */
export function planFor({ gateway, live }: TakeOverSubjects, base: Base, whole: boolean): readonly Step[] {
  return [
    ...planOf(live.connections, whole ? base.connections : overlaid(base, live), gateway.status()),
    ...manualPlan(live.manual, whole ? base.manual : live.manualOver(base)),
  ];
}

/** What a directory says under what clients loaded. */
function overlaid({ connections }: Base, live: LiveConfiguration): readonly Connection[] {
  const loaded = live.loadedConnections.flatMap(name => live.connection(name) ?? []);
  const names = new Set(live.loadedConnections);
  return [...connections.filter(({ name }) => !names.has(name)), ...loaded];
}

function isNewlyStarted(step: Step): boolean {
  return step.action === 'change' && step.child !== undefined && step.keys.includes('start_action');
}

function ignore(): void {}
