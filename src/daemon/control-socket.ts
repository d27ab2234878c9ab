import { ViciServer, type ViciServerOptions } from '../control/index.ts';
import { Alerts } from './commands/alerts.ts';
import { EVENTS, logMessage, publish } from './commands/events.ts';
import { type CommandSubjects, commandTable } from './commands/table.ts';

/** The socket that a daemon is driven by. */
export interface ControlSocket {
  readonly server: ViciServer;
  readonly alerts: Alerts;
}

/** Answers commands at `where`, and tells clients that listen what happens. Rejects with Failed. */
export async function openControl(
  where: string,
  subjects: CommandSubjects,
  options: Omit<ViciServerOptions, 'commands' | 'events'> = {},
): Promise<ControlSocket> {
  const { gateway, feed } = subjects;
  const server = await ViciServer.listen(where, {
    ...options,
    commands: commandTable(subjects),
    events: EVENTS,
  });
  gateway.on(event => publish(server, event));
  const alerts = new Alerts(
    gateway,
    message => server.emit('alert', message),
    () => server.hasListeners('alert'),
  );
  feed.on(
    line => {
      if (line.level <= 1) server.emit('log', logMessage(line));
    },
    () => server.hasListeners('log'),
  );
  return { server, alerts };
}
