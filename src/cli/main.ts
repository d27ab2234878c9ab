#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { checkCommand } from './commands/check.ts';
import { daemonCommand } from './commands/daemon.ts';
import { decodeCommand } from './commands/decode.ts';
import { downCommand } from './commands/down.ts';
import { explainCommand } from './commands/explain.ts';
import { logCommand } from './commands/log.ts';
import { rekeyCommand } from './commands/rekey.ts';
import { statusCommand } from './commands/status.ts';
import { upCommand } from './commands/up.ts';
import { versionCommand } from './commands/version.ts';
import { EXIT_USAGE } from './daemon-link.ts';
import { TERMINAL } from './terminal.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('cygnet')
  .description('Internet Key Exchange: negotiate and hold IPsec tunnels')
  .version(version, '-V, --version')
  .option('--control <socket>', 'the daemon’s control socket (default: $CYGNET_CONTROL or /run/cygnet.vici)')
  .option('--json', 'answer as JSON')
  .showSuggestionAfterError()
  .exitOverride(error => process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE));

const exit = (code: number): void => {
  process.exitCode = code;
};
for (const add of [
  daemonCommand,
  upCommand,
  downCommand,
  rekeyCommand,
  statusCommand,
  explainCommand,
  logCommand,
  checkCommand,
  decodeCommand,
]) {
  add(program, TERMINAL, exit);
}
versionCommand(program, TERMINAL, exit, version);

await program.parseAsync();
