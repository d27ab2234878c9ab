import type { Command, Option } from 'commander';
import { cygnetProgram } from './program.ts';

const INTRODUCTION = `# The command line

This page is drawn from the commands in \`src/cli/commands\`; to change it, change one and run \`CYGNET_UPDATE_DOCS=1 npm test\`.

All commands but \`daemon\`, \`check\`, \`convert\`, \`schema\` and \`decode\` speak to a running daemon over its control socket, which is VICI, the protocol
of strongSwan: swanctl works as well. Results go to standard output, everything else to standard error. The exit code is 0
when everything went as wished, 1 when it did not (what was printed says why), and 2 when the command line itself is wrong.

\`--json\` makes every answer one JSON document on standard output, failures too: \`{ "ok": false, "failure": { "code": …,
"summary": …, "ours": […], "theirs": […], "nearest": …, "remedy": … } }\`. Codes are stable; octet counters are text, since they outgrow
JSON's numbers. \`log --json\` prints one document for each line, \`daemon\` always logs so.
`;

/** docs/reference/cli.md */
export function cliReference(): string {
  const silent = { out: () => undefined, error: () => undefined };
  const program = cygnetProgram(silent, '0', () => undefined);
  const all = program.commands.flatMap(command =>
    command.commands.length === 0 ? command : command.commands,
  );
  const commands = all.map(command => section(command));
  return `${INTRODUCTION}\n## Options of every command\n\n${options(program.options)}${commands.join('')}`;
}

function section(command: Command): string {
  const args = command.registeredArguments.map(argument => {
    const name = `${argument.name()}${argument.variadic ? '…' : ''}`;
    return argument.required ? ` <${name}>` : ` [${name}]`;
  });
  const group = command.parent?.parent == null ? '' : `${command.parent.name()} `;
  const described = command.registeredArguments.filter(({ description }) => description !== '');
  const about = described.map(argument => `\`${argument.name()}\`: ${argument.description}.\n`).join('\n');
  const list = command.options.length === 0 ? '' : `\n${options(command.options)}`;
  return `\n## \`cygnet ${group}${command.name()}${args.join('')}\`\n\n${sentence(command.description())}\n${about === '' ? '' : `\n${about}`}${list}`;
}

function options(list: readonly Option[]): string {
  const rows = list.map(option => {
    const standard =
      option.defaultValue === undefined || String(option.defaultValue) === ''
        ? ''
        : ` (${String(option.defaultValue)} unless given)`;
    const choices = option.argChoices === undefined ? '' : `: ${option.argChoices.join(', ')}`;
    return `| \`${option.flags}\` | ${option.description}${choices}${standard} |\n`;
  });
  return `| option | |\n|---|---|\n${rows.join('')}`;
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
