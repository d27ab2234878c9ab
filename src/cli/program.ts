import { Command, CommanderError } from 'commander';
import type { Failure } from '../control/index.ts';
import { applyCommand } from './commands/apply.ts';
import { checkCommand } from './commands/check.ts';
import { convertCommand } from './commands/convert.ts';
import { daemonCommand } from './commands/daemon.ts';
import { decodeCommand } from './commands/decode.ts';
import { downCommand } from './commands/down.ts';
import { explainCommand } from './commands/explain.ts';
import { logCommand } from './commands/log.ts';
import { metricsCommand } from './commands/metrics.ts';
import { planCommand } from './commands/plan.ts';
import { rekeyCommand } from './commands/rekey.ts';
import { saCommand } from './commands/sa.ts';
import { saveKeysCommand } from './commands/save-keys.ts';
import { schemaCommand } from './commands/schema.ts';
import { statusCommand } from './commands/status.ts';
import { upCommand } from './commands/up.ts';
import { versionCommand } from './commands/version.ts';
import { EXIT_OK, EXIT_USAGE, failureIn, tellFailure } from './daemon-link.ts';
import type { Terminal } from './terminal.ts';

const COMMANDS = [
  daemonCommand,
  upCommand,
  downCommand,
  rekeyCommand,
  statusCommand,
  explainCommand,
  logCommand,
  metricsCommand,
  checkCommand,
  convertCommand,
  schemaCommand,
  planCommand,
  applyCommand,
  saCommand,
  saveKeysCommand,
  decodeCommand,
];

const EXIT_CODES =
  '\nExit codes: 0 done, 1 failed (what was printed says why), 2 wrong usage. Start with: cygnet check DIR';

/** All commands, as commander holds them. `exit` is told the exit code of the one that ran. */
export function cygnetProgram(terminal: Terminal, version: string, exit: (code: number) => void): Command {
  const program = new Command('cygnet')
    .description('Internet Key Exchange: negotiate and hold IPsec tunnels')
    .version(version, '-V, --version')
    .option(
      '--control <socket>',
      'the daemon’s control socket (default: $CYGNET_CONTROL or /run/cygnet.vici)',
    )
    .option('--json', 'answer as JSON')
    .showSuggestionAfterError()
    .showHelpAfterError('(see: cygnet --help)')
    .addHelpText('after', EXIT_CODES)
    .configureOutput({
      writeOut: text => terminal.out(text.trimEnd()),
      writeErr: text => terminal.error(text.trimEnd()),
    })
    .exitOverride();
  for (const add of COMMANDS) add(program, terminal, exit);
  versionCommand(program, terminal, exit, version);
  return program;
}

/** Runs one command line, without the program's name, and answers its exit code: 0 done, 1 failed, 2 wrong usage. */
export async function run(args: readonly string[], terminal: Terminal, version: string): Promise<number> {
  let code = EXIT_OK;
  const json = args.includes('--json');
  const program = cygnetProgram(terminal, version, answer => {
    code = answer;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT_OK;
    if (!(error instanceof CommanderError)) return tellFailure(terminal, failureIn(error), { json });
    if (json) {
      const failure: Failure = {
        code: 'local/usage',
        summary: error.message.replace(/^error: /, ''),
        remedy: 'see: cygnet --help',
      };
      tellFailure(terminal, failure, { json });
    }
    return EXIT_USAGE;
  }
}
