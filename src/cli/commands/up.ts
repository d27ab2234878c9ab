import { type Command, InvalidArgumentError } from 'commander';
import {
  type Failure,
  failureOf,
  type Message,
  numberOf,
  textOf,
  type ViciClient,
} from '../../control/index.ts';
import { EXIT_FAILED, EXIT_OK, findTarget, type LinkOptions, withDaemon } from '../daemon-link.ts';
import { renderFailure, type Terminal, toJson } from '../terminal.ts';

export function upCommand(program: Command, terminal: Terminal, exit: (code: number) => void): void {
  program
    .command('up')
    .argument('<name>', 'connection with all its children, or connection/child')
    .description('bring a connection or one of its children up, and say why when it does not come')
    .option('--timeout <seconds>', 'give up waiting after this long; 0 waits as long as it takes', seconds, 0)
    .action(async (name: string, _options: object, command: Command) =>
      exit(await up(terminal, name, command.optsWithGlobals())),
    );
}

/** What became of one child, or of an IKE SA without children. */
interface Outcome {
  readonly connection: string;
  readonly child?: string;
  readonly ike?: number;
  readonly failure?: Failure;
}

/** Streams what happens; answers the exit code. */
function up(
  terminal: Terminal,
  name: string,
  options: LinkOptions & { readonly timeout?: number },
): Promise<number> {
  return withDaemon(terminal, options, async client => {
    const { target, children } = await findTarget(client, name);
    const outcomes: Outcome[] = [];
    const show = (line: Message): void => {
      if (options.json !== true)
        terminal.error(`[${textOf(line, 'group') ?? ''}] ${textOf(line, 'msg') ?? ''}`);
    };
    for (const child of children.length === 0 ? [undefined] : children) {
      const outcome = await initiate(client, target.ike, child, options.timeout ?? 0, show);
      outcomes.push(outcome);
      if (options.json !== true) tell(terminal, outcome);
    }
    const ok = outcomes.every(({ failure }) => failure === undefined);
    if (options.json === true) terminal.out(toJson({ ok, outcomes }));
    return ok ? EXIT_OK : EXIT_FAILED;
  });
}

async function initiate(
  client: ViciClient,
  connection: string,
  child: string | undefined,
  timeout: number,
  show: (line: Message) => void,
): Promise<Outcome> {
  const named = { connection, ...(child === undefined ? {} : { child }) };
  const request = {
    ike: connection,
    ...(child === undefined ? {} : { child }),
    timeout: String(Math.round(timeout * 1000)),
  };
  const answer = await client.stream('initiate', 'control-log', request, show);
  const refused = failureOf(answer);
  // Who asks for it to be up has what was asked for.
  const failure = refused?.code === 'local/duplicate' ? undefined : refused;
  const ike = numberOf(answer, 'ike-id');
  return { ...named, ...(ike === undefined ? {} : { ike }), ...(failure === undefined ? {} : { failure }) };
}

function tell(terminal: Terminal, { connection, child, failure }: Outcome): void {
  const subject = child === undefined ? connection : `${connection}/${child}`;
  if (failure === undefined) terminal.out(`${subject} is up`);
  else terminal.error(renderFailure(failure, subject));
}

function seconds(text: string): number {
  if (!/^\d{1,6}(\.\d{1,3})?$/.test(text)) throw new InvalidArgumentError('a time is a number of seconds.');
  return Number(text);
}
