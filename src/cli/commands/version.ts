import type { Command } from 'commander';
import { textOf } from '../../control/index.ts';
import { EXIT_OK, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { type Terminal, toJson } from '../terminal.ts';

export function versionCommand(
  program: Command,
  terminal: Terminal,
  exit: (code: number) => void,
  own: string,
): void {
  program
    .command('version')
    .description('the version of this program, and with --daemon that of the running daemon')
    .option('--daemon', 'ask the daemon too')
    .action(async (_options: object, command: Command) =>
      exit(await version(terminal, command.optsWithGlobals(), own)),
    );
}

async function version(
  terminal: Terminal,
  options: LinkOptions & { readonly daemon?: boolean },
  own: string,
): Promise<number> {
  if (options.daemon !== true) {
    terminal.out(
      options.json === true
        ? toJson({ version: own, node: process.versions.node })
        : `cygnet ${own} (node ${process.versions.node})`,
    );
    return EXIT_OK;
  }
  return withDaemon(terminal, options, async client => {
    const answer = await client.request('version');
    const daemon = `${textOf(answer, 'daemon')} ${textOf(answer, 'version')}`;
    terminal.out(
      options.json === true
        ? toJson({ version: own, node: process.versions.node, daemon })
        : `cygnet ${own}, daemon ${daemon}`,
    );
    return EXIT_OK;
  });
}
