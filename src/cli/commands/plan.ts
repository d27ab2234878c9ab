import { resolve } from 'node:path';
import type { Command } from 'commander';
import { type Plan, type PlanStep, planShape, succeeded } from '../../control/index.ts';
import { EXIT_OK, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { type Terminal, toJson } from '../terminal.ts';

export function planCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('plan')
    .argument('<dir>', 'swanctl directory')
    .description('print what would change if a directory became the configuration; nothing is changed')
    .action(async (directory: string, _options: object, command: Command) =>
      exit(await plan(terminal, 'cygnet-plan', directory, command.optsWithGlobals())),
    );
}

/** Asks for a plan, or to carry it out, and prints it; answers the exit code. */
export function plan(
  terminal: Terminal,
  request: 'cygnet-plan' | 'cygnet-apply',
  directory: string,
  options: LinkOptions,
): Promise<number> {
  return withDaemon(terminal, options, async client => {
    const answer = succeeded(await client.request(request, { directory: resolve(directory) }));
    const found = planShape.decode(answer, 'plan');
    terminal.out(options.json === true ? toJson(found) : renderPlan(found));
    return EXIT_OK;
  });
}

const SIGNS = { add: '+', change: '~', rekey: '↻', replace: '↻', drop: '-' } as const;

function renderPlan({ steps, secrets }: Plan): string {
  const lines = steps.map(
    step => `${SIGNS[step.action]} ${step.action.padEnd(7)} ${subject(step)}${because(step)}${effect(step)}`,
  );
  if (secrets) lines.push('~ change secrets, keys or certificates; no live SA is touched');
  return lines.length === 0 ? 'nothing changes' : lines.join('\n');
}

function subject({ connection, child, manual }: PlanStep): string {
  if (manual === true) return `manual SA ${connection}`;
  return child === undefined ? connection : `${connection}/${child}`;
}

function because({ keys }: PlanStep): string {
  return keys.length === 0 ? '' : ` (${keys.join(', ')})`;
}

function effect({ action, child, manual, sas }: PlanStep): string {
  if (action === 'add') return '';
  if (manual === true) return action === 'drop' ? ': is taken out' : ': is taken out and put in anew';
  if (sas.length === 0) return ': no live SA is touched';
  const kind = action === 'drop' && child !== undefined ? 'Child SA' : 'IKE SA';
  const named = `${kind}${sas.length === 1 ? '' : 's'} ${sas.map(id => `#${id}`).join(' ')}`;
  return action === 'drop'
    ? `: ends ${named}`
    : `: makes ${named} anew, the old ${sas.length === 1 ? 'one goes' : 'ones go'} afterwards`;
}
