import type { ChildProcess } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateSet } from '../interop/certificates.ts';
import { type Lab, mustRun, type Run, stop, until } from '../interop/lab.ts';
import { unpacked } from './unpacked.ts';

const PROGRAMS = join(unpacked('openiked'), 'usr/sbin');
/** Whom its processes become once they have started; there is none where the package is not installed. */
const USER = '_iked';

/** OpenIKED's daemon in a namespace; it has the one policy that it was started with. */
export class OpenIked {
  readonly #lab: Lab;
  readonly #namespace: string;
  readonly #label: string;
  #process: ChildProcess | undefined;

  constructor(lab: Lab, namespace: string, label: string) {
    this.#lab = lab;
    this.#namespace = namespace;
    this.#label = label;
  }

  /** Starts it with `configuration` as iked.conf has it, and the key and certificate of bob. */
  async start(configuration: string, set?: CertificateSet): Promise<void> {
    const keys = ['ca', 'certs', 'crls', 'private', 'pubkeys/fqdn', 'pubkeys/ipv4'];
    for (const folder of ['run', 'empty', ...keys.map(name => `etc/iked/${name}`)])
      mkdirSync(this.#path(folder), { recursive: true });
    chmodSync(this.#path('etc/iked/private'), 0o700);
    if (set === undefined) {
      const key = ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
      await mustRun('openssl', [...key, '-out', this.#path('etc/iked/private/local.key')]);
    } else {
      copyFileSync(set.file('ca.crt'), this.#path('etc/iked/ca/ca.crt'));
      copyFileSync(set.file('bob.crt'), this.#path('etc/iked/certs/bob.crt'));
      copyFileSync(set.file('bob.key'), this.#path('etc/iked/private/local.key'));
    }
    chmodSync(this.#path('etc/iked/private/local.key'), 0o600);
    const local = [
      '-in',
      this.#path('etc/iked/private/local.key'),
      '-pubout',
      '-out',
      this.#path('etc/iked/local.pub'),
    ];
    await mustRun('openssl', ['pkey', ...local]);
    writeFileSync(this.#path('iked.conf'), `set passive\n${configuration}`, { mode: 0o600 });
    this.#accounts();
    // The places of its files are compiled in.
    const mounts = ['etc', 'run'].map(name => `mount --bind ${this.#path(name)} /${name}`);
    this.#process = this.#lab.start(this.#namespace, `${this.#label}.log`, [
      ...['unshare', '-m', '--propagation', 'private', 'sh', '-c'],
      `${mounts.join(' && ')} && exec ${join(PROGRAMS, 'iked')} -dvv -f ${this.#path('iked.conf')}`,
    ]);
    const { process: child } = this;
    // Until it has loaded all it answers already, and forgets what it began when it has; it tells of a mode that changes alone.
    const becomes = (mode: string): Promise<boolean> =>
      until(`iked is ${mode}`, () => {
        if (child.exitCode !== null) throw new Error(`iked ended with ${child.exitCode}: ${this.log}`);
        return this.log.includes(`-> ${mode}`);
      });
    await becomes('passive');
    await this.control('active');
    await becomes('active');
  }

  control(...args: string[]): Promise<Run> {
    const socket = ['-s', this.#path('run/iked.sock')];
    return this.#lab.run(this.#namespace, [join(PROGRAMS, 'ikectl'), ...socket, ...args]);
  }

  /** And what it leaves in the kernel. */
  async stop(): Promise<void> {
    await stop(this.process);
    for (const what of ['state', 'policy'])
      await mustRun('ip', ['-n', this.#namespace, 'xfrm', what, 'flush']);
  }

  get process(): ChildProcess {
    if (this.#process === undefined) throw new Error('iked was not started');
    return this.#process;
  }

  get log(): string {
    return this.#lab.read(`${this.#label}.log`);
  }

  #path(name: string): string {
    return this.#lab.path(join(this.#label, name));
  }

  #accounts(): void {
    const own = {
      passwd: `${USER}:x:64999:64999::${this.#path('empty')}:/bin/false`,
      group: `${USER}:x:64999:`,
    };
    for (const [file, line] of Object.entries(own)) {
      const others = readFileSync(`/etc/${file}`, 'utf8').replace(new RegExp(`^${USER}:.*\\n`, 'm'), '');
      writeFileSync(this.#path(`etc/${file}`), `${others}${line}\n`);
    }
  }
}
