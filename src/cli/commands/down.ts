import type { Command } from 'commander';
import { succeeded, textOf } from '../../control/index.ts';
import { EXIT_OK, type LinkOptions, parseTarget, withDaemon } from '../daemon-link.ts';
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

export function down(terminal: Terminal, name: string, options: LinkOptions): Promise<number> {
  return withDaemon(terminal, options, async client => {
    const answer = succeeded(await client.request('terminate', parseTarget(name)));
    const terminated = Number(textOf(answer, 'terminated') ?? 0);
    terminal.out(
      options.json === true ? toJson({ ok: true, terminated }) : `${name} is down (${terminated} deleted)`,
    );
    return EXIT_OK;
  });
}
