import type { Command } from 'commander';
import { type Explanation, explanationShape, succeeded } from '../../control/index.ts';
import { EXIT_OK, findTarget, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { duration, renderFailure, type Terminal, toJson } from '../terminal.ts';

export function explainCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('explain')
    .argument('<name>', 'connection, or connection/child')
    .description('why a connection is down: what is configured, and the last attempts in both roles')
    .action(async (name: string, _options: object, command: Command) =>
      exit(await explain(terminal, name, command.optsWithGlobals())),
    );
}

function explain(terminal: Terminal, name: string, options: LinkOptions): Promise<number> {
  return withDaemon(terminal, options, async client => {
    // Of a child, its connection is what was tried.
    const { target } = await findTarget(client, name);
    const view = explanationShape.decode(
      succeeded(await client.request('cygnet-explain', { connection: target.ike })),
      'explanation',
    );
    terminal.out(options.json === true ? toJson(view) : renderExplanation(view));
    return EXIT_OK;
  });
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
