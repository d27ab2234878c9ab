import { DEFAULT_CONTROL, ViciClient } from '../control/index.ts';
import { Failed, type Failure } from '../policy/failure.ts';
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

/** `NAME` or `NAME/CHILD` as the control protocol names them. */
export function parseTarget(target: string): { ike: string; child?: string } {
  const slash = target.indexOf('/');
  return slash < 0 ? { ike: target } : { ike: target.slice(0, slash), child: target.slice(slash + 1) };
}
