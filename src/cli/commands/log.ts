import type { Command } from 'commander';
import { textOf } from '../../control/index.ts';
import { EXIT_OK, type LinkOptions, withDaemon } from '../daemon-link.ts';
import type { Terminal } from '../terminal.ts';

export function logCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('log')
    .description('follow what the daemon does, until interrupted')
    .option('-f, --follow', 'as it is always done; accepted for the habit')
    .action(async (_options: object, command: Command) =>
      exit(await log(terminal, command.optsWithGlobals())),
    );
}

/** Ends when the daemon does, or when the process is interrupted. */
function log(terminal: Terminal, options: LinkOptions): Promise<number> {
  return withDaemon(terminal, options, async client => {
    await client.subscribe('log', line => {
      const connection = textOf(line, 'ikesa-name');
      const number = textOf(line, 'ikesa-uniqueid');
      const subject =
        connection === undefined ? '' : ` <${connection}${number === undefined ? '' : `|${number}`}>`;
      terminal.out(
        options.json === true
          ? JSON.stringify(line)
          : `${new Date().toISOString()} [${textOf(line, 'group') ?? ''}]${subject} ${textOf(line, 'msg') ?? ''}`,
      );
    });
    await client.closed;
    return EXIT_OK;
  });
}
