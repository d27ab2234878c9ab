import type { Command } from 'commander';
import { checkConfiguration } from '../../daemon/check.ts';
import { EXIT_FAILED, EXIT_OK } from '../daemon-link.ts';
import { type Terminal, toJson } from '../terminal.ts';

export function checkCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('check')
    .argument('<dir>', 'swanctl directory, or a file in place of its swanctl.conf')
    .description('read a configuration and print everything that is wrong with it; nothing is started')
    .action((directory: string, _options: object, command: Command) =>
      exit(check(terminal, directory, command.optsWithGlobals())),
    );
}

function check(terminal: Terminal, directory: string, options: { readonly json?: boolean }): number {
  const { connections, manual, errors, warnings } = checkConfiguration(directory);
  if (options.json === true)
    terminal.out(toJson({ ok: errors.length === 0, connections, manual, errors, warnings }));
  else {
    for (const { text } of errors) terminal.error(`error: ${text}`);
    for (const { text } of warnings) terminal.error(`warning: ${text}`);
    const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? '' : 's'}`;
    terminal.out(
      errors.length === 0
        ? [
            `${count(connections.length, 'connection')}, ${count(warnings.length, 'warning')}: ${connections.join(' ')}`,
            ...(manual.length === 0 ? [] : [`${count(manual.length, 'manual SA')}: ${manual.join(' ')}`]),
          ].join('\n')
        : count(errors.length, 'error'),
    );
  }
  return errors.length === 0 ? EXIT_OK : EXIT_FAILED;
}
