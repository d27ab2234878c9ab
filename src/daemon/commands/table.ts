import { explanationShape, statusShape } from '../../control/status.ts';
import { textOf } from '../../control/vici/message.ts';
import type { Command } from '../../control/vici/server-client.ts';
import { Failed } from '../../policy/failure.ts';
import type { History } from '../history.ts';
import { type DaemonFacts, daemonStatus, explain } from '../status-view.ts';
import { type ControllingSubjects, controllingCommands, unknownConnection } from './controlling.ts';
import { type InformationSubjects, informationCommands } from './information.ts';
import { type ListingSubjects, listingCommands } from './listing.ts';
import { type LoadingSubjects, loadingCommands } from './loading.ts';
import { type ManualSubjects, manualCommands, manualViews } from './manual.ts';
import { type ObservingSubjects, observingCommands } from './observing.ts';
import { type PlanningSubjects, planningCommands } from './planning.ts';
import { type PoolSubjects, poolCommands } from './pools.ts';

export interface CommandSubjects
  extends ControllingSubjects,
    InformationSubjects,
    ListingSubjects,
    LoadingSubjects,
    ManualSubjects,
    ObservingSubjects,
    PlanningSubjects,
    PoolSubjects {
  readonly history: History;
  readonly facts: DaemonFacts;
}

/** Every command that the control socket answers. The `cygnet-…` ones are ours, the others charon's. */
export function commandTable(subjects: CommandSubjects): Readonly<Record<string, Command>> {
  const { gateway, live, history, facts } = subjects;
  return {
    ...informationCommands(subjects),
    ...controllingCommands(subjects),
    ...listingCommands(subjects),
    ...loadingCommands(subjects),
    ...planningCommands(subjects),
    ...poolCommands(subjects),
    ...manualCommands(subjects),
    ...observingCommands(subjects),
    'cygnet-status': async () => {
      const manual = await manualViews(live, subjects.manual);
      const status = await daemonStatus(gateway, history, facts);
      return statusShape.encode(manual.length === 0 ? status : { ...status, manual });
    },
    'cygnet-explain': async message => {
      const name = textOf(message, 'connection') ?? textOf(message, 'ike') ?? '';
      const connection = gateway.connections.find(connection => connection.name === name);
      if (connection === undefined) throw new Failed(unknownConnection(gateway, name));
      return explanationShape.encode(await explain(gateway, history, connection));
    },
  };
}
