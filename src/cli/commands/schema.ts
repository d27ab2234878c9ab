import type { Command } from 'commander';
import { configurationSchema } from '../../daemon/configuration-forms.ts';
import { EXIT_OK } from '../daemon-link.ts';
import { type Terminal, toJson } from '../terminal.ts';

export function schemaCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('schema')
    .description('print the JSON Schema of a configuration in YAML, for editors')
    .action(() => {
      terminal.out(toJson(configurationSchema()));
      exit(EXIT_OK);
    });
}
