import type { Command } from 'commander';
import { Failed, statusShape } from '../../control/index.ts';
import { EXIT_OK, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { renderStatus } from '../status-table.ts';
import { type Terminal, toJson } from '../terminal.ts';

interface StatusOptions extends LinkOptions {
  readonly long?: boolean;
}

export function statusCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('status')
    .argument('[name]', 'this connection or manual SA alone')
    .description('what is configured, what is up, and what failed last')
    .option('-l, --long', 'algorithms, SPIs and packet counts too')
    .action(async (name: string | undefined, _options: object, command: Command) =>
      exit(await status(terminal, name, command.optsWithGlobals())),
    );
}

function status(terminal: Terminal, name: string | undefined, options: StatusOptions): Promise<number> {
  return withDaemon(terminal, options, async client => {
    const whole = statusShape.decode(await client.request('cygnet-status'), 'status');
    const connections = whole.connections.filter(
      connection => name === undefined || connection.name === name,
    );
    const manual = whole.manual?.filter(sa => name === undefined || sa.name === name) ?? [];
    if (name !== undefined && connections.length + manual.length === 0) {
      const known = [...whole.connections, ...(whole.manual ?? [])].map(one => one.name);
      throw new Failed({
        code: 'config/unknown-name',
        summary: `there is no connection "${name}"`,
        remedy: known.length === 0 ? 'no connection is configured' : `configured are: ${known.join(', ')}`,
      });
    }
    const view = { ...whole, connections, ...(manual.length === 0 ? {} : { manual }) };
    terminal.out(options.json === true ? toJson(view) : renderStatus(view, options.long === true));
    return EXIT_OK;
  });
}
