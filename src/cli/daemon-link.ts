import {
  DEFAULT_CONTROL,
  Failed,
  type Failure,
  sectionOf,
  sectionsOf,
  ViciClient,
} from '../control/index.ts';
import { renderFailure, type Terminal, toJson } from './terminal.ts';

/** Options that every command which speaks to a daemon has. */
export interface LinkOptions {
  readonly control?: string;
  readonly json?: boolean;
}

/** Everything went as wished. */
export const EXIT_OK = 0;
/** It did not; what was printed says why. */
export const EXIT_FAILED = 1;
/** The command line itself is wrong. */
export const EXIT_USAGE = 2;

/**
 * Connects to the daemon, runs `work` and answers the exit code; whatever fails is told in one record, as text or
 * as JSON, never as a stack trace.
 */
export async function withDaemon(
  terminal: Terminal,
  options: LinkOptions,
  work: (client: ViciClient) => Promise<number>,
): Promise<number> {
  let client: ViciClient | undefined;
  try {
    client = await ViciClient.connect(options.control ?? process.env['CYGNET_CONTROL'] ?? DEFAULT_CONTROL);
    return await work(client);
  } catch (error) {
    return tellFailure(terminal, failureIn(error), options);
  } finally {
    client?.close();
  }
}

/** Prints `failure` and answers the exit code for it. */
export function tellFailure(
  terminal: Terminal,
  failure: Failure,
  options: { readonly json?: boolean },
  subject?: string,
): number {
  if (options.json === true) terminal.out(toJson({ ok: false, failure }));
  else terminal.error(renderFailure(failure, subject));
  return EXIT_FAILED;
}

export function failureIn(error: unknown): Failure {
  if (error instanceof Failed) return error.failure;
  return {
    code: 'local/internal',
    summary: error instanceof Error ? error.message : String(error),
    remedy: 'please report this',
  };
}

/** A connection, or one of its children, as the control protocol names them. */
export type Target = { readonly ike: string } | { readonly ike: string; readonly child: string };

/**
 * What `NAME` or `NAME/CHILD` means to the daemon, and which children that are. A name that is no connection but the
 * child of exactly one means that child, as swanctl's users are used to. What is not configured is passed on as it
 * is: it may still be up, and the daemon says what it does not know. Throws Failed where a name means several things.
 */
export async function findTarget(
  client: ViciClient,
  name: string,
): Promise<{ readonly target: Target; readonly children: readonly string[] }> {
  const slash = name.indexOf('/');
  if (slash >= 0) {
    const child = name.slice(slash + 1);
    return { target: { ike: name.slice(0, slash), child }, children: [child] };
  }
  const connections = new Map<string, readonly string[]>();
  await client.stream('list-conns', 'list-conn', {}, message => {
    for (const [connection, section] of sectionsOf(message)) {
      connections.set(
        connection,
        sectionsOf(sectionOf(section, 'children')).map(([child]) => child),
      );
    }
  });
  const children = connections.get(name);
  if (children !== undefined) return { target: { ike: name }, children };
  const owners = [...connections].flatMap(([connection, names]) =>
    names.includes(name) ? [connection] : [],
  );
  const [owner] = owners;
  if (owner === undefined) return { target: { ike: name }, children: [] };
  if (owners.length === 1) return { target: { ike: owner, child: name }, children: [name] };
  throw new Failed({
    code: 'config/unknown-name',
    summary: `"${name}" is a child of several connections: ${owners.join(', ')}`,
    remedy: `say which, as ${owner}/${name}`,
  });
}
