import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

/** What a command printed and how it ended. */
export interface Run {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

let serial = 0;

/** User-mode Linux (`npm run kernel`) starts programs several times slower. */
const PATIENCE = process.env['CYGNET_KERNEL'] === 'uml' ? 6 : 1;

/**
 * Network namespaces, wires between them and processes inside, all made here and all removed by `close`.
 * Nothing outside the lab's own names and process ids is ever touched.
 */
export class Lab {
  readonly directory = mkdtempSync(join(tmpdir(), 'cygnet-lab-'));
  readonly #prefix = `cyg${process.pid % 100000}x${serial++}`;
  readonly #namespaces: string[] = [];
  readonly #processes: ChildProcess[] = [];

  /** Makes a namespace with loopback up, and answers its name. */
  async namespace(label: string): Promise<string> {
    const name = `${this.#prefix}${label}`;
    await mustRun('ip', ['netns', 'add', name]);
    this.#namespaces.push(name);
    await mustRun('ip', ['-n', name, 'link', 'set', 'lo', 'up']);
    // A link-local address comes seconds after its interface: a change of the network, which daemons act on.
    await this.run(name, ['sysctl', '-qw', 'net.ipv6.conf.default.addr_gen_mode=1']);
    return name;
  }

  /** Two hosts on one wire, 10.9.0.1 and 10.9.0.2, with 10.1.0.1 inside of the one and 10.2.0.1 of the other. */
  async hosts(a: string, b: string): Promise<readonly [left: string, right: string]> {
    const [left, right] = [await this.namespace(a), await this.namespace(b)];
    await this.wire(left, '10.9.0.1/24', right, '10.9.0.2/24');
    await mustRun('ip', ['-n', left, 'addr', 'add', '10.1.0.1/32', 'dev', 'lo']);
    await mustRun('ip', ['-n', right, 'addr', 'add', '10.2.0.1/32', 'dev', 'lo']);
    return [left, right];
  }

  /** A wire between two namespaces, one address (with prefix length) at each end. */
  async wire(a: string, aAddress: string, b: string, bAddress: string): Promise<void> {
    const serialName = `w${serial++}`;
    await mustRun('ip', [
      'link',
      'add',
      `${serialName}a`,
      'netns',
      a,
      'type',
      'veth',
      'peer',
      'name',
      `${serialName}b`,
      'netns',
      b,
    ]);
    for (const [namespace, device, address] of [
      [a, `${serialName}a`, aAddress],
      [b, `${serialName}b`, bAddress],
    ] as const) {
      await mustRun('ip', [
        '-n',
        namespace,
        'addr',
        'add',
        address,
        'dev',
        device,
        ...(address.includes(':') ? ['nodad'] : []),
      ]);
      await mustRun('ip', ['-n', namespace, 'link', 'set', device, 'up']);
    }
  }

  /** Runs a command inside `namespace` to its end. */
  run(
    namespace: string,
    command: readonly string[],
    options: { timeout?: number; env?: Record<string, string> } = {},
  ): Promise<Run> {
    return run('ip', ['netns', 'exec', namespace, ...command], options);
  }

  /**
   * Starts a long-lived program inside `namespace`. It writes to `log` in the lab's directory itself: what it has said
   * before it does something else can be read as soon as that is seen.
   */
  start(
    namespace: string,
    log: string,
    command: readonly string[],
    env: Record<string, string> = {},
  ): ChildProcess {
    const file = openSync(this.path(log), 'a');
    try {
      const child = spawn('ip', ['netns', 'exec', namespace, ...command], {
        env: { ...process.env, ...env },
        stdio: ['ignore', file, file],
      });
      this.#processes.push(child);
      return child;
    } finally {
      closeSync(file);
    }
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  read(name: string): string {
    try {
      return readFileSync(this.path(name), 'utf8');
    } catch {
      return '';
    }
  }

  async close(): Promise<void> {
    for (const child of this.#processes) await stop(child);
    for (const namespace of this.#namespaces) await run('ip', ['netns', 'del', namespace]);
    if (process.env['CYGNET_KEEP_LAB'] === undefined)
      rmSync(this.directory, { recursive: true, force: true });
  }
}

/** Ends a process: TERM, then KILL when it has not gone within `patience` milliseconds. */
export async function stop(child: ChildProcess, patience = 20_000): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
  const gone = new Promise<number | null>(resolve => child.once('exit', code => resolve(code)));
  child.kill('SIGTERM');
  const code = await Promise.race([gone, pause(patience, 'late' as const, { ref: false })]);
  if (code !== 'late') return code;
  child.kill('SIGKILL');
  await gone;
  return null;
}

/**
 * Asks `probe` every few milliseconds until it answers something true; fails after `patience` milliseconds, which are for
 * a machine that has much else to do, and less than what a daemon gives a half-open SA.
 */
export async function until<T>(
  what: string,
  probe: () => T | Promise<T>,
  patience = 25_000,
): Promise<Exclude<T, false | null | undefined>> {
  const start = performance.now();
  for (;;) {
    const value = await probe();
    if (value) return value as Exclude<T, false | null | undefined>;
    if (performance.now() - start > patience * PATIENCE)
      throw new Error(`waited ${patience * PATIENCE} ms in vain: ${what}`);
    await pause(25);
  }
}

/** Whether somebody listens at the socket `path`, which is there before. */
export function listens(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export function run(
  file: string,
  args: readonly string[],
  options: { timeout?: number; env?: Record<string, string>; cwd?: string } = {},
): Promise<Run> {
  return new Promise(resolve => {
    execFile(
      file,
      args,
      {
        timeout: PATIENCE * (options.timeout ?? 60_000),
        env: { ...process.env, ...options.env },
        maxBuffer: 1 << 24,
        ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
        resolve({ code, stdout, stderr });
      },
    );
  });
}

/** As `run`, for commands that have to succeed. */
export async function mustRun(
  file: string,
  args: readonly string[],
  options: Parameters<typeof run>[2] = {},
): Promise<string> {
  const { code, stdout, stderr } = await run(file, args, options);
  if (code !== 0) throw new Error(`${file} ${args.join(' ')} ended with ${code}: ${stderr || stdout}`);
  return stdout;
}
