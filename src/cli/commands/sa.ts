import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { Failed, listOf, manualListShape, succeeded } from '../../control/index.ts';
import { EXIT_OK, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { renderManual } from '../status-table.ts';
import { type Terminal, toJson } from '../terminal.ts';

export function saCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  const sa = program.command('sa').description('SAs whose keys are given by hand, with no negotiation');
  sa.command('add')
    .argument('<name>', 'a name for it')
    .argument(
      '[setting...]',
      'key=value with the keys of a section `manual.<name>`, such as spi_in=0xc1000001',
    )
    .option(
      '--key-file <file>',
      'read further settings from a file, one `key = value` a line; - is standard input',
    )
    .description('put an SA with given keys in, until the daemon ends or a directory is applied')
    .action(async (name: string, settings: string[], _options: object, command: Command) =>
      exit(await add(terminal, name, settings, command.optsWithGlobals())),
    );
  sa.command('del')
    .argument('<name>', 'its name')
    .description('take out an SA that was added so')
    .action(async (name: string, _options: object, command: Command) =>
      exit(await remove(terminal, name, command.optsWithGlobals())),
    );
  sa.command('list')
    .description('the SAs with given keys that there are; their keys are not shown')
    .action(async (_options: object, command: Command) =>
      exit(await list(terminal, command.optsWithGlobals())),
    );
}

type AddOptions = LinkOptions & { readonly keyFile?: string };

function add(
  terminal: Terminal,
  name: string,
  settings: readonly string[],
  options: AddOptions,
): Promise<number> {
  return withDaemon(terminal, options, async client => {
    const given = settings.map(text => setting(text, 'a setting'));
    if (given.some(([key, value]) => /_key_/.test(key) && /^0[xs]/i.test(value))) {
      terminal.error(
        'warning: keys on the command line are seen by every user of this machine, and stay in the history of the shell; use --key-file',
      );
    }
    const section = { ...Object.fromEntries(given), ...fileSettings(options.keyFile) };
    const answer = succeeded(await client.request('cygnet-sa-add', { [name]: section }));
    const warnings = listOf(answer, 'warnings');
    if (options.json === true) terminal.out(toJson({ ok: true, warnings }));
    else {
      for (const warning of warnings) terminal.error(`warning: ${warning}`);
      terminal.out(`manual SA ${name} is in`);
    }
    return EXIT_OK;
  });
}

/** Lines of `key = value`; empty ones and those that begin with # say nothing. */
function fileSettings(file: string | undefined): Readonly<Record<string, string>> {
  if (file === undefined) return {};
  let text: string;
  try {
    text = readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (error) {
    throw new Failed({
      code: 'config/unreadable',
      summary: `cannot read ${file}: ${(error as Error).message}`,
    });
  }
  const lines = text.split('\n').map((line, i) => ({ line: line.trim(), number: i + 1 }));
  return Object.fromEntries(
    lines
      .filter(({ line }) => line !== '' && !line.startsWith('#'))
      .map(({ line, number }) => setting(line, `line ${number} of ${file}`)),
  );
}

/** The text itself may be a key, so it is not shown. */
function setting(text: string, where: string): readonly [key: string, value: string] {
  const match = /^([a-z_]+)\s*=\s*"?([^"]*?)"?$/.exec(text);
  if (match === null) {
    throw new Failed({
      code: 'config/invalid-value',
      summary: `${where} is not of the form key=value`,
      remedy: 'write it as spi_in=0xc1000001',
    });
  }
  return [match[1] as string, match[2] as string];
}

function remove(terminal: Terminal, name: string, options: LinkOptions): Promise<number> {
  return withDaemon(terminal, options, async client => {
    succeeded(await client.request('cygnet-sa-del', { name }));
    terminal.out(options.json === true ? toJson({ ok: true }) : `manual SA ${name} is out`);
    return EXIT_OK;
  });
}

function list(terminal: Terminal, options: LinkOptions): Promise<number> {
  return withDaemon(terminal, options, async client => {
    const found = manualListShape.decode(succeeded(await client.request('cygnet-sa-list')), 'list');
    if (options.json === true) terminal.out(toJson(found));
    else
      terminal.out(found.sas.length === 0 ? 'there are no manual SAs' : renderManual(found.sas, found.now));
    return EXIT_OK;
  });
}
