import type { Command } from 'commander';
import { numberOf, succeeded } from '../../control/index.ts';
import { EXIT_OK, findTarget, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { type Terminal, toJson } from '../terminal.ts';

export function rekeyCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('rekey')
    .argument('<name>', 'connection for its IKE SA, connection/child for a Child SA')
    .description('replace the keys of an SA now')
    .action(async (name: string, _options: object, command: Command) =>
      exit(await rekey(terminal, name, command.optsWithGlobals())),
    );
}

function rekey(terminal: Terminal, name: string, options: LinkOptions): Promise<number> {
  return withDaemon(terminal, options, async client => {
    const { target } = await findTarget(client, name);
    const answer = succeeded(await client.request('rekey', target));
    const matches = numberOf(answer, 'matches') ?? 0;
    terminal.out(options.json === true ? toJson({ ok: true, matches }) : `${name}: rekeying ${matches}`);
    return EXIT_OK;
  });
}
