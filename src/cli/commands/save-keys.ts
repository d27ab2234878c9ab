import { resolve } from 'node:path';
import type { Command } from 'commander';
import { Failed, succeeded } from '../../control/index.ts';
import { EXIT_OK, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { type Terminal, toJson } from '../terminal.ts';

interface SaveKeysOptions extends LinkOptions {
  readonly off?: boolean;
}

export function saveKeysCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('save-keys')
    .argument('[dir]', 'directory of the daemon’s machine to write to')
    .option('--off', 'write no more')
    .description(
      'have the daemon write the keys of SAs made from now on, for decryption with Wireshark: for a lab, never in production',
    )
    .action(async (directory: string | undefined, _options: object, command: Command) =>
      exit(await saveKeys(terminal, directory, command.optsWithGlobals())),
    );
}

function saveKeys(
  terminal: Terminal,
  directory: string | undefined,
  options: SaveKeysOptions,
): Promise<number> {
  return withDaemon(terminal, options, async client => {
    if ((directory === undefined) !== (options.off === true)) {
      throw new Failed({
        code: 'local/usage',
        summary: 'save-keys takes a directory, or --off',
        remedy: 'see: cygnet save-keys --help',
      });
    }
    const where = directory === undefined ? {} : { directory: resolve(directory) };
    succeeded(await client.request('cygnet-save-keys', where));
    if (options.json === true) terminal.out(toJson({ ok: true, ...where }));
    else
      terminal.out(
        directory === undefined
          ? 'keys are no longer saved; what was written stays'
          : `keys of SAs made from now on are saved in ${where.directory}: whoever reads them reads the traffic`,
      );
    return EXIT_OK;
  });
}
