import type { Command } from 'commander';
import type { Terminal } from '../terminal.ts';
import { plan } from './plan.ts';

export function applyCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('apply')
    .argument('<dir>', 'swanctl directory')
    .description('make a directory the configuration: just what plan says, and nothing else')
    .action(async (directory: string, _options: object, command: Command) =>
      exit(await plan(terminal, 'cygnet-apply', directory, command.optsWithGlobals())),
    );
}
