import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DaemonOptions } from '../../daemon/main.ts';
import { EXIT_FAILED, failureIn, tellFailure } from '../daemon-link.ts';
import type { Terminal } from '../terminal.ts';

export function daemonCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('daemon')
    .description('run the daemon in the foreground, with its log as JSON lines on standard output')
    .requiredOption('--config <dir>', 'swanctl directory: swanctl.conf, x509/, x509ca/, private/ and so on')
    .option('--settings <file>', 'strongswan.conf to take retransmission, ports and limits from')
    .option('--listen <address...>', 'addresses to listen on; all of them by default', [])
    .option('--port <port>', 'IKE port', port, 500)
    .option('--nat-port <port>', 'port for NAT traversal and ESP in UDP', port, 4500)
    .addOption(
      new Option('--backend <name>', 'what carries packets')
        .choices(['userspace', 'memory', 'kernel'])
        .default('userspace'),
    )
    .option(
      '--save-keys <dir>',
      'write the keys of all SAs for decryption with Wireshark: for a lab, never in production',
    )
    .addOption(
      new Option('--log-level <level>', 'how much is logged')
        .choices(['trace', 'debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .action(async (_options: object, command: Command) => {
      const options = command.optsWithGlobals<DaemonOptions>();
      try {
        // The daemon's rooms are loaded for this command alone: the others start faster without them.
        const { runDaemon } = await import('../../daemon/main.ts');
        exit(await runDaemon(options));
      } catch (error) {
        exit(
          isConfigurationFailure(error)
            ? tellLines(terminal, error.message)
            : tellFailure(terminal, failureIn(error), {}),
        );
      }
    });
}

/** Its message has one line for each thing that is wrong, with file, line and column. */
function isConfigurationFailure(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ConfigurationFailure';
}

function tellLines(terminal: Terminal, lines: string): number {
  for (const line of lines.split('\n')) terminal.error(`error: ${line}`);
  return EXIT_FAILED;
}

function port(text: string): number {
  const value = Number(text);
  if (!/^\d{1,5}$/.test(text) || value > 65_535)
    throw new InvalidArgumentError('a port is a number from 0 to 65535.');
  return value;
}
