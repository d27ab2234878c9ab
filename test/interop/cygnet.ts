import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { CertificateSet } from './certificates.ts';
import { type Lab, type Run, run, until } from './lab.ts';
import { type Section, writeSwanctl } from './swanctl.ts';

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts');

/** The daemon under test in a namespace, driven by its own command line. */
export class Cygnet {
  readonly #lab: Lab;
  readonly #namespace: string;
  readonly #label: string;
  #process: ChildProcess | undefined;

  constructor(lab: Lab, namespace: string, label: string) {
    this.#lab = lab;
    this.#namespace = namespace;
    this.#label = label;
  }

  async start(
    configuration: Section,
    options: {
      certificates?: CertificateSet;
      who?: 'alice' | 'bob';
      args?: readonly string[];
      settings?: string;
      backend?: 'userspace' | 'kernel';
      /** What starts the daemon, if not we; told the folder of what it reads and writes. */
      through?: (directory: string) => readonly string[];
    } = {},
  ): Promise<void> {
    mkdirSync(this.directory, { recursive: true });
    writeSwanctl(join(this.directory, 'swanctl'), configuration, options.certificates, options.who);
    const settings = join(this.directory, 'strongswan.conf');
    writeFileSync(settings, `charon {\n ${options.settings ?? ''}\n}\n`);
    this.#process = this.#lab.start(this.#namespace, `${this.#label}.log`, [
      ...(options.through?.(this.directory) ?? []),
      process.execPath,
      MAIN,
      'daemon',
      '--config',
      join(this.directory, 'swanctl'),
      '--control',
      this.socket,
      '--settings',
      settings,
      '--backend',
      options.backend ?? 'userspace',
      ...(options.args ?? []),
    ]);
    const { process: child } = this;
    await until('the daemon answers', async () => {
      if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}: ${this.log}`);
      return /"msg":"ready"/.test(this.log);
    });
  }

  /** The unmodified swanctl, on our socket. */
  swanctl(...args: string[]): Promise<Run> {
    return run('swanctl', [...args, '--uri', this.uri], { timeout: 60_000 });
  }

  /** `cygnet ARGS --control …`. */
  cli(...args: string[]): Promise<Run> {
    return run(process.execPath, [MAIN, ...args, '--control', this.socket], { timeout: 60_000 });
  }

  async status(): Promise<StatusJson> {
    const { stdout, stderr, code } = await this.cli('status', '--json');
    if (code !== 0) throw new Error(`status failed: ${stderr}`);
    const { connections } = JSON.parse(stdout) as { connections: { ikeSas: IkeSaJson[] }[] };
    return { sas: connections.flatMap(connection => connection.ikeSas) };
  }

  get process(): ChildProcess {
    if (this.#process === undefined) throw new Error('the daemon was not started');
    return this.#process;
  }

  get log(): string {
    return this.#lab.read(`${this.#label}.log`);
  }

  get directory(): string {
    return this.#lab.path(this.#label);
  }

  get socket(): string {
    return join(this.directory, 'control.sock');
  }

  get uri(): string {
    return `unix://${this.socket}`;
  }
}

/** What the tests read of `cygnet status --json`, all connections together. */
export interface StatusJson {
  readonly sas: readonly IkeSaJson[];
}

interface IkeSaJson {
  readonly id: number;
  readonly initiatorSpi: string;
  readonly state: string;
  readonly proposal?: string;
  readonly children: readonly {
    readonly id: number;
    readonly name: string;
    readonly state: string;
    readonly spiIn: string;
  }[];
}
