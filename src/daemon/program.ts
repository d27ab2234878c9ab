import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

/** How much of a program is put up with. */
export interface ProgramLimits {
  /** Milliseconds until it is told to end; a little later it is ended. */
  readonly patience: number;
  /** Lines of its output that are passed on, and characters of each. */
  readonly lines: number;
  readonly lineLength: number;
}

/** Where shells look for programs: nothing of our own environment reaches them. */
export const SCRIPT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** From being told to end to being ended, and from its end to that of its output. */
const GRACE = 1000;

/**
 * Runs a program to its end with nothing but `environment`, no input, and its output line by line to `onLine`. It and
 * all that it started are ended when they take too long. Resolves with what went wrong, if anything did; never rejects.
 */
export function runProgram(
  file: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>>,
  onLine: (text: string) => void,
  limits: ProgramLimits,
): Promise<string | undefined> {
  return new Promise(resolve => {
    const child = spawn(file, args, {
      env: environment,
      cwd: '/',
      // A process group of its own, so that all of it can be ended.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let left = limits.lines;
    const pass = (line: string): void => {
      if (--left >= 0) onLine(line);
      else if (left === -1) onLine('(what else it prints is not logged)');
    };
    for (const stream of [child.stdout, child.stderr]) eachLine(stream, limits.lineLength, pass);
    let late = false;
    const timers = [
      setTimeout(() => {
        late = true;
        signal(child, 'SIGTERM');
      }, limits.patience),
      setTimeout(() => signal(child, 'SIGKILL'), limits.patience + GRACE),
    ];
    const end = (failure: string | undefined): void => {
      for (const timer of timers) clearTimeout(timer);
      resolve(failure);
    };
    const outcome = (code: number | null, killedBy: string | null): string | undefined => {
      if (late) return `was ended since it took more than ${limits.patience / 1000} s`;
      if (killedBy !== null) return `was ended by ${killedBy}`;
      return code === 0 ? undefined : `ended with ${code}`;
    };
    child.once('error', error => end(`could not be run: ${error.message}`));
    child.once('exit', (code, killedBy) => {
      // What it left running in the background may hold its output open for ever.
      timers.push(
        setTimeout(() => {
          child.stdout.destroy();
          child.stderr.destroy();
        }, GRACE),
      );
      child.once('close', () => end(outcome(code, killedBy)));
    });
  });
}

/** Lines without their end, cut after `longest` characters; memory is bounded whatever comes. */
function eachLine(stream: Readable, longest: number, onLine: (line: string) => void): void {
  let begun = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = text.split('\n');
    lines[0] = begun + (lines[0] ?? '');
    begun = (lines.pop() ?? '').slice(0, longest);
    for (const line of lines) onLine(line.slice(0, longest));
  });
  stream.once('end', () => {
    if (begun !== '') onLine(begun);
  });
}

function signal({ pid }: ChildProcess, name: 'SIGTERM' | 'SIGKILL'): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch {
    // It has gone meanwhile.
  }
}
