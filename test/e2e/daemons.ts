import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { run } from '../../src/cli/program.ts';
import type { Terminal } from '../../src/cli/terminal.ts';

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts');

/** Root that runs this keeps its files and loses its capabilities; others have none. */
const WITHOUT_CAPABILITIES =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-all', '--inh-caps=-all'] : [];

let serial = 0;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** `cygnet ARGS`, in this process: what a shell would see, without waiting for a program to start. */
export async function cygnet(...args: string[]): Promise<Ended> {
  const said = { stdout: '', stderr: '' };
  const terminal: Terminal = {
    out: text => {
      said.stdout += `${text}\n`;
    },
    error: text => {
      said.stderr += `${text}\n`;
    },
  };
  const code = await run(args, terminal, '0.0.0');
  return { code, ...said };
}

/** Ports of the daemons of a test, whose addresses are nobody else's. */
export const PORTS = { port: 5500, nat: 5501 } as const;

/** Daemons of one test on loopback, without privilege; all are ended and all files removed at the end of its scope. */
export class Daemons implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'cygnet-e2e-'));
  readonly #net = `127.${1 + (process.pid & 0x7f)}.${(process.pid >> 7) & 0xff}`;
  readonly #number = serial++;
  readonly #children: ChildProcess[] = [];

  /** Writes a swanctl directory and answers its path. */
  configure(name: string, text: string): string {
    const directory = join(this.directory, name);
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, 'swanctl.conf'), text, { mode: 0o600 });
    return directory;
  }

  control(name: string): string {
    return join(this.directory, `${name}.sock`);
  }

  /** An address of the loopback interface that no other test has. */
  address(who: 'a' | 'b'): string {
    return `${this.#net}.${2 * this.#number + (who === 'a' ? 1 : 2)}`;
  }

  /** Where `who` listens, as arguments of the daemon. */
  listening(who: 'a' | 'b'): readonly string[] {
    return ['--listen', this.address(who), '--port', `${PORTS.port}`, '--nat-port', `${PORTS.nat}`];
  }

  /** Starts `cygnet daemon`; resolves once it says that it is ready, or with how it ended before. */
  start(
    name: string,
    args: readonly string[],
    options: { readonly unprivileged?: boolean } = {},
  ): Promise<{ child: ChildProcess; ended?: Ended }> {
    const [command, ...rest] = [
      ...(options.unprivileged === true ? WITHOUT_CAPABILITIES : []),
      ...[process.execPath, MAIN, 'daemon', '--control', this.control(name), ...args],
    ];
    const child = spawn(command as string, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
    this.#children.push(child);
    let stdout = '';
    let stderr = '';
    return new Promise(resolve => {
      child.stdout.on('data', chunk => {
        stdout += String(chunk);
        if (/"msg":"ready"/.test(stdout)) resolve({ child });
      });
      child.stderr.on('data', chunk => {
        stderr += String(chunk);
      });
      child.once('close', code => resolve({ child, ended: { code, stdout, stderr } }));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = new Promise(resolve => child.once('exit', resolve));
      child.kill('SIGKILL');
      await gone;
    }
    rmSync(this.directory, { recursive: true, force: true });
  }
}
