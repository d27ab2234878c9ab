import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ViciClient } from '../../src/control/index.ts';
import type { CertificateSet } from './certificates.ts';
import { type Lab, type Run, run, until } from './lab.ts';
import { type Section, writeSwanctl } from './swanctl.ts';

const MAIN = resolve(import.meta.dirname, '../../src/cli/main.ts');

/** cygnet in charon's place: started with a strongswan.conf and a socket alone, and steered by the unmodified swanctl. */
export class DropIn {
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
    options: { readonly args?: readonly string[]; readonly settings?: string } = {},
  ): Promise<void> {
    mkdirSync(this.directory, { recursive: true });
    const settings = join(this.directory, 'strongswan.conf');
    writeFileSync(settings, `charon {\n ${options.settings ?? ''}\n}\n`);
    this.#process = this.#lab.start(this.#namespace, `${this.#label}.log`, [
      process.execPath,
      MAIN,
      'daemon',
      '--settings',
      settings,
      '--vici',
      this.uri,
      ...(options.args ?? []),
    ]);
    const { process: child } = this;
    await until('the daemon is ready', () => {
      if (child.exitCode !== null) throw new Error(`the daemon ended with ${child.exitCode}: ${this.log}`);
      return this.log.includes('"ready"');
    });
  }

  /** Writes the swanctl directory that `swanctl` reads. */
  configure(configuration: Section, certificates?: CertificateSet, who: 'alice' | 'bob' = 'alice'): void {
    writeSwanctl(join(this.directory, 'swanctl'), configuration, certificates, who);
  }

  swanctl(...args: string[]): Promise<Run> {
    return run('swanctl', [...args, '--uri', this.uri], { env: this.environment, timeout: 60_000 });
  }

  /** A swanctl that goes on until it is told to end; answers what it printed. */
  follow(...args: string[]): { readonly printed: () => string; stop(): Promise<string> } {
    const log = `${this.#label}-${args[0]?.replace(/^-+/, '')}.out`;
    const child = this.#lab.start(
      this.#namespace,
      log,
      ['stdbuf', '-oL', 'swanctl', ...args, '--uri', this.uri],
      this.environment,
    );
    return {
      printed: () => this.#lab.read(log),
      stop: async () => {
        const gone = once(child, 'exit');
        // False where it has gone already.
        if (child.kill('SIGINT')) await gone;
        return this.#lab.read(log);
      },
    };
  }

  cli(...args: string[]): Promise<Run> {
    return run(process.execPath, [MAIN, ...args, '--control', this.uri], { timeout: 60_000 });
  }

  client(): Promise<ViciClient> {
    return ViciClient.connect(this.uri);
  }

  get environment(): Record<string, string> {
    return {
      STRONGSWAN_CONF: join(this.directory, 'strongswan.conf'),
      SWANCTL_DIR: join(this.directory, 'swanctl'),
    };
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

  get uri(): string {
    return `unix://${join(this.directory, 'charon.vici')}`;
  }
}
