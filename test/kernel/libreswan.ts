import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateSet } from '../interop/certificates.ts';
import { type Lab, mustRun, type Run, until } from '../interop/lab.ts';
import { unpacked } from './unpacked.ts';

/** One `conn` of ipsec.conf; `left` is this side. */
export type Conn = Readonly<Record<string, string>>;

/** libreswan's daemon, pluto, in a namespace, driven by its own programs. */
export class Libreswan {
  readonly #lab: Lab;
  readonly #namespace: string;
  readonly #label: string;
  #process: ChildProcess | undefined;

  constructor(lab: Lab, namespace: string, label: string) {
    this.#lab = lab;
    this.#namespace = namespace;
    this.#label = label;
  }

  /** Starts pluto with `conns`, `secrets` in the form of ipsec.secrets, and the certificates of bob under that name. */
  async start(
    conns: Readonly<Record<string, Conn>>,
    options: {
      readonly secrets: string;
      readonly certificates?: CertificateSet;
      readonly users?: string;
      /** More of `config setup`. */
      readonly setup?: Conn;
    },
  ): Promise<void> {
    for (const folder of ['run', 'nss', 'ipsec.d']) mkdirSync(this.#path(folder), { recursive: true });
    await this.#keyStore(options.certificates);
    writeFileSync(this.#path('ipsec.secrets'), options.secrets, { mode: 0o600 });
    writeFileSync(this.#path('ipsec.d/passwd'), options.users ?? '', { mode: 0o600 });
    writeFileSync(this.#path('ipsec.conf'), this.#configuration(conns, options.setup));
    // The place of its programs is compiled in.
    const programs = join(unpacked('libreswan'), 'usr/libexec/ipsec');
    const mounts = `mount -t tmpfs none /usr/libexec && mkdir /usr/libexec/ipsec && mount --bind ${programs} /usr/libexec/ipsec`;
    const places = `--rundir ${this.#path('run')} --nssdir ${this.#path('nss')} --ipsecdir ${this.#path('ipsec.d')}`;
    const files = `--config ${this.#path('ipsec.conf')} --secretsfile ${this.#path('ipsec.secrets')} --logfile ${this.#path('pluto.log')}`;
    this.#process = this.#lab.start(this.#namespace, `${this.#label}.out`, [
      ...['unshare', '-m', '--propagation', 'private', 'sh', '-c'],
      `${mounts} && exec /usr/libexec/ipsec/pluto --nofork ${files} ${places}`,
    ]);
    const { process: child } = this;
    await until('pluto opens its control socket', () => {
      if (child.exitCode !== null) throw new Error(`pluto ended with ${child.exitCode}: ${this.log}`);
      return existsSync(this.#path('run/pluto.ctl'));
    });
    await this.whack('--listen');
  }

  /** Those that are not added are not there: of several between the same two hosts it takes the first. */
  async add(name: string): Promise<void> {
    const files = ['--config', this.#path('ipsec.conf'), '--ctlsocket', this.#path('run/pluto.ctl')];
    await mustRun(join(unpacked('libreswan'), 'usr/libexec/ipsec/addconn'), [...files, name]);
  }

  /** Ends its SAs too. */
  async remove(name: string): Promise<void> {
    await this.whack('--name', name, '--delete');
  }

  /** Until it is up, or cannot be. */
  async initiate(name: string): Promise<void> {
    const { code, stdout } = await this.whack('--name', name, '--initiate');
    if (code !== 0) throw new Error(`pluto: ${stdout}\n${this.log}`);
  }

  whack(...args: string[]): Promise<Run> {
    const program = join(unpacked('libreswan'), 'usr/libexec/ipsec/whack');
    return this.#lab.run(this.#namespace, [program, '--rundir', this.#path('run'), ...args]);
  }

  get process(): ChildProcess {
    if (this.#process === undefined) throw new Error('pluto was not started');
    return this.#process;
  }

  get log(): string {
    return this.#lab.read(join(this.#label, 'pluto.log')) || this.#lab.read(`${this.#label}.out`);
  }

  #path(name: string): string {
    return this.#lab.path(join(this.#label, name));
  }

  /** A key store of NSS with bob's key and certificate, and the authority as one to trust. */
  async #keyStore(set: CertificateSet | undefined): Promise<void> {
    const store = `sql:${this.#path('nss')}`;
    await mustRun('certutil', ['-N', '-d', store, '--empty-password']);
    if (set === undefined) return;
    const bundle = this.#path('bob.p12');
    const parts = [
      '-in',
      set.file('bob.crt'),
      '-inkey',
      set.file('bob.key'),
      '-certfile',
      set.file('ca.crt'),
    ];
    const named = ['-name', 'bob', '-passout', 'pass:', '-out', bundle];
    await mustRun('openssl', ['pkcs12', '-export', ...parts, ...named]);
    await mustRun('pk12util', ['-i', bundle, '-d', store, '-W', '', '-K', '']);
    await mustRun('certutil', ['-A', '-d', store, '-n', 'ca', '-t', 'CT,C,C', '-i', set.file('ca.crt')]);
  }

  #configuration(conns: Readonly<Record<string, Conn>>, further: Conn = {}): string {
    const section = (title: string, settings: Readonly<Record<string, string>>): string =>
      `${title}\n${Object.entries(settings)
        .map(([key, value]) => `  ${key}=${value}\n`)
        .join('')}`;
    const setup = {
      ipsecdir: this.#path('ipsec.d'),
      nssdir: this.#path('nss'),
      secretsfile: this.#path('ipsec.secrets'),
      dumpdir: this.#path('run'),
      'ikev1-policy': 'accept',
      ...further,
    };
    return [
      section('config setup', setup),
      ...Object.entries(conns).map(([name, conn]) => section(`conn ${name}`, conn)),
    ].join('');
  }
}
