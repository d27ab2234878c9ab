import { type Command, InvalidArgumentError, Option } from 'commander';
import type { DaemonOptions } from '../../daemon/main.ts';
import { EXIT_FAILED, failureIn, tellFailure } from '../daemon-link.ts';
import type { Terminal } from '../terminal.ts';

export function daemonCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('daemon')
    .description('run the daemon in the foreground, with its log as JSON lines on standard output')
    .option(
      '--config <dir>',
      'swanctl directory: swanctl.conf, x509/, x509ca/, private/ and so on; without it, clients load what there is',
    )
    .option('--settings <file>', 'strongswan.conf to take socket, retransmission, ports and limits from')
    .option('--vici <socket>', 'the same as --control: where swanctl finds the daemon')
    .option('--listen <address...>', 'addresses to listen on; all of them by default', [])
    .option('--port <port>', 'IKE port (default: 500)', port)
    .option('--nat-port <port>', 'port for NAT traversal and ESP in UDP (default: 4500)', port)
    .addOption(
      new Option('--backend <name>', 'what carries packets; auto is the kernel where it has IPsec')
        .choices(['auto', 'kernel', 'userspace', 'memory'])
        .default('auto'),
    )
    .option(
      '--save-keys <dir>',
      'write the keys of all SAs for decryption with Wireshark: for a lab, never in production',
    )
    .option('--user <user>', 'become this user once everything is open, with three capabilities alone')
    .option('--group <group>', "group for --user, where not the user's own")
    .option('--metrics <address:port>', 'loopback address to answer Prometheus on, such as 127.0.0.1:9100')
    .addOption(
      new Option(
        '--log-level <level>',
        'how much is logged (default: what --settings says, or info)',
      ).choices(['trace', 'debug', 'info', 'warn', 'error']),
    )
    .addOption(
      new Option('--log-format <form>', 'what happens to SAs as JSON lines, or as charon logs it').choices([
        'json',
        'charon',
      ]),
    )
    .action(async (_options: object, command: Command) => {
      const { vici, ...rest } = command.optsWithGlobals<DaemonOptions & { readonly vici?: string }>();
      const options: DaemonOptions = vici === undefined ? rest : { control: vici, ...rest };
      if (options.config === undefined && options.settings === undefined && options.control === undefined)
        command.error(
          "error: required option '--config <dir>' not specified; or --vici, for clients to load one",
        );
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
