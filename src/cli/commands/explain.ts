import type { Command } from 'commander';
import {
  type Explanation,
  explanationShape,
  failureOf,
  type ManualSaView,
  manualListShape,
  succeeded,
  type ViciClient,
} from '../../control/index.ts';
import { EXIT_OK, findTarget, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { renderManual } from '../status-table.ts';
import { duration, renderFailure, type Terminal, toJson } from '../terminal.ts';

export function explainCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('explain')
    .argument('<name>', 'connection, connection/child, or manual SA')
    .description('why a connection is down: what is configured, and the last attempts in both roles')
    .action(async (name: string, _options: object, command: Command) =>
      exit(await explain(terminal, name, command.optsWithGlobals())),
    );
}

function explain(terminal: Terminal, name: string, options: LinkOptions): Promise<number> {
  return withDaemon(terminal, options, async client => {
    // Of a child, its connection is what was tried.
    const { target } = await findTarget(client, name);
    const answer = await client.request('cygnet-explain', { connection: target.ike });
    const manual =
      failureOf(answer)?.code === 'config/unknown-name' ? await manualSa(client, name) : undefined;
    if (manual !== undefined) {
      terminal.out(options.json === true ? toJson(manual) : renderManualSa(manual.sa, manual.now));
      return EXIT_OK;
    }
    const view = explanationShape.decode(succeeded(answer), 'explanation');
    terminal.out(options.json === true ? toJson(view) : renderExplanation(view));
    return EXIT_OK;
  });
}

async function manualSa(
  client: ViciClient,
  name: string,
): Promise<{ readonly now: number; readonly sa: ManualSaView } | undefined> {
  const { now, sas } = manualListShape.decode(succeeded(await client.request('cygnet-sa-list')), 'list');
  const sa = sas.find(one => one.name === name);
  return sa && { now, sa };
}

function renderManualSa(sa: ManualSaView, now: number): string {
  const state = { INSTALLED: 'up', EXPIRED: 'over', FAILED: 'down' }[sa.state];
  const origin = sa.configured ? 'the configured directory says so' : 'a client added it';
  const lines = [`${sa.name} is ${state}: an SA with given keys, ${origin}`, renderManual([sa], now)];
  if (sa.failure !== undefined) lines.push(renderFailure(sa.failure));
  else if (sa.packetsIn === 0n)
    lines.push('nothing came in by it: where packets went out, compare keys and SPIs with those of the peer');
  return lines.join('\n');
}

function renderExplanation({ connection, now, facts, attempts }: Explanation): string {
  const up = connection.ikeSas.filter(ike => ike.state === 'ESTABLISHED').length;
  const lines = [`${connection.name} is ${up > 0 ? 'up' : 'down'}`, '  configured'];
  const width = Math.max(...facts.map(({ topic }) => topic.length)) + 2;
  for (const { topic, values } of facts) {
    values.forEach((value, i) => {
      lines.push(`    ${(i === 0 ? topic : '').padEnd(width)}${value}`);
    });
  }
  lines.push(attempts.length === 0 ? '  nothing was tried yet: cygnet up brings it up' : '  last attempts');
  for (const attempt of attempts) {
    const head = `    ${duration(now - attempt.at)} ago as ${attempt.role}${attempt.child === undefined ? '' : ` (${attempt.child})`}${attempt.remote === '' ? '' : ` with ${attempt.remote}`}: ${attempt.outcome}`;
    lines.push(head);
    if (attempt.failure !== undefined)
      lines.push(
        ...renderFailure(attempt.failure)
          .split('\n')
          .map(line => `      ${line}`),
      );
  }
  return lines.join('\n');
}
