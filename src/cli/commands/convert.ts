import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { yamlFrom } from '../../daemon/configuration-forms.ts';
import { EXIT_FAILED, EXIT_OK } from '../daemon-link.ts';
import { type Terminal, toJson } from '../terminal.ts';

export function convertCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('convert')
    .argument('<path>', 'swanctl directory, or a file in place of its swanctl.conf')
    .description(
      'print a swanctl.conf as YAML, secrets and all; comments are left out, and what it includes or inherits stands in it',
    )
    .action((path: string, _options: object, command: Command) =>
      exit(convert(terminal, path, command.optsWithGlobals())),
    );
}

function convert(terminal: Terminal, path: string, options: { readonly json?: boolean }): number {
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
  try {
    const yaml = yamlFrom(isDirectory ? join(path, 'swanctl.conf') : path);
    terminal.out(options.json === true ? toJson({ ok: true, yaml }) : yaml.trimEnd());
    return EXIT_OK;
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'ConfigurationFailure') throw error;
    const errors = error.message.split('\n');
    if (options.json === true) terminal.out(toJson({ ok: false, errors }));
    else for (const line of errors) terminal.error(`error: ${line}`);
    return EXIT_FAILED;
  }
}
