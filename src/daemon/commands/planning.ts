import { type PlanStep, planShape } from '../../control/plan.ts';
import { type Message, textOf } from '../../control/vici/message.ts';
import type { Command } from '../../control/vici/server-client.ts';
import { Failed } from '../../policy/failure.ts';
import type { Base } from '../live-configuration.ts';
import { credentialsDiffer, type Step } from '../plan.ts';
import { planFor, type TakeOverSubjects, takeOver } from '../take-over.ts';
import { configured } from './loading.ts';

export interface PlanningSubjects extends TakeOverSubjects {
  /** Reads a swanctl directory. Throws ConfigurationFailure. */
  readonly read: (directory: string) => Base;
}

/** `cygnet-plan` and `cygnet-apply`: what it would mean to make a directory the whole configuration, and doing it. */
export function planningCommands(subjects: PlanningSubjects): Readonly<Record<string, Command>> {
  const baseOf = (message: Message): Base => {
    const directory = textOf(message, 'directory');
    if (directory === undefined || !directory.startsWith('/'))
      throw new Failed({ code: 'config/missing', summary: 'the request lacks the path of a "directory"' });
    return configured(() => subjects.read(directory));
  };
  return {
    'cygnet-plan': async message => {
      const base = baseOf(message);
      const secrets = credentialsDiffer(subjects.live, base);
      return planShape.encode({ steps: planFor(subjects, base, true).map(view), secrets });
    },
    'cygnet-apply': async message => {
      const base = baseOf(message);
      const secrets = credentialsDiffer(subjects.live, base);
      const steps = takeOver(subjects, base, true).map(view);
      await subjects.manual.settled();
      return planShape.encode({ steps, secrets });
    },
  };
}

function view({ action, connection, child, manual, keys, sas }: Step): PlanStep {
  const whose = {
    ...(child === undefined ? {} : { child }),
    ...(manual === undefined ? {} : { manual }),
  };
  return { action, connection, ...whose, keys, sas: sas.map(String) };
}
