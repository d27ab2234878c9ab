import type { Command } from 'commander';
import { succeeded, textOf } from '../../control/index.ts';
import {
  EXIT_OK,
  failureIn,
  type LinkOptions,
  parseTarget,
  tellFailure,
  withDaemon,
} from '../daemon-link.ts';
import { type Terminal, toJson } from '../terminal.ts';

export function upCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('up')
    .argument('<name>', 'connection, or connection/child')
    .description('bring a connection or one of its children up, and say why when it does not come')
    .option('--timeout <seconds>', 'give up waiting after this long', '30')
    .action(async (name: string, _options: object, command: Command) =>
      exit(await up(terminal, name, command.optsWithGlobals())),
    );
}

/** Streams what happens; answers the exit code. */
export function up(
  terminal: Terminal,
  name: string,
  options: LinkOptions & { readonly timeout?: string },
): Promise<number> {
  return withDaemon(terminal, options, async client => {
    const arguments_ = {
      ...parseTarget(name),
      timeout: String(Math.round(Number(options.timeout ?? 30) * 1000)),
    };
    const answer = await client.stream('initiate', 'control-log', arguments_, line => {
      if (options.json !== true)
        terminal.error(`[${textOf(line, 'group') ?? ''}] ${textOf(line, 'msg') ?? ''}`);
    });
    try {
      succeeded(answer);
    } catch (error) {
      return tellFailure(terminal, failureIn(error), options, name);
    }
    terminal.out(
      options.json === true
        ? toJson({
            ok: true,
            ike: Number(textOf(answer, 'ike-id')),
            child: Number(textOf(answer, 'child-id') ?? 0),
          })
        : `${name} is up`,
    );
    return EXIT_OK;
  });
}
