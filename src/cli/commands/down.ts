import type { Command } from 'commander';
import { numberOf, succeeded } from '../../control/index.ts';
import { EXIT_OK, findTarget, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { type Terminal, toJson } from '../terminal.ts';

export function downCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('down')
    .argument('<name>', 'connection, or connection/child')
    .description('delete the SAs of a connection or child; the peer is told')
    .action(async (name: string, _options: object, command: Command) =>
      exit(await down(terminal, name, command.optsWithGlobals())),
    );
}

function down(terminal: Terminal, name: string, options: LinkOptions): Promise<number> {
  return withDaemon(terminal, options, async client => {
    const { target } = await findTarget(client, name);
    const answer = succeeded(await client.request('terminate', target));
    const terminated = numberOf(answer, 'terminated') ?? 0;
    terminal.out(
      options.json === true ? toJson({ ok: true, terminated }) : `${name} is down (${terminated} deleted)`,
    );
    return EXIT_OK;
  });
}
