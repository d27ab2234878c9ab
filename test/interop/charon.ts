import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateSet } from './certificates.ts';
import { type Lab, listens, type Run, run, until } from './lab.ts';
import { type Section, writeSwanctl } from './swanctl.ts';

const CHARON = '/usr/lib/ipsec/charon';
const CRYPTO =
  'random nonce openssl aes sha1 sha2 md5 hmac kdf gcm ctr ccm chapoly curve25519 xcbc cmac fips-prf gmp mgf1 pem pkcs1 pkcs8 pubkey x509 revocation constraints';

/** A strongSwan daemon in a namespace, its ESP in user space over TUN or in the kernel, driven by the unmodified swanctl. */
export class Charon {
  readonly #lab: Lab;
  readonly #namespace: string;
  readonly #label: string;
  #process: ChildProcess | undefined;

  constructor(lab: Lab, namespace: string, label: string) {
    this.#lab = lab;
    this.#namespace = namespace;
    this.#label = label;
  }

  /** Starts charon and loads `configuration`; `settings` is added to charon's section of strongswan.conf. */
  async start(
    configuration: Section,
    options: {
      certificates?: CertificateSet;
      who?: 'alice' | 'bob';
      settings?: string;
      plugins?: string;
      backend?: 'userspace' | 'kernel';
    } = {},
  ): Promise<void> {
    const { directory } = this;
    const kernel = options.backend === 'kernel' ? 'kernel-netlink' : 'kernel-libipsec kernel-netlink';
    mkdirSync(join(directory, 'run'), { recursive: true });
    writeSwanctl(join(directory, 'swanctl'), configuration, options.certificates, options.who);
    writeFileSync(
      join(directory, 'strongswan.conf'),
      `charon {
  load = ${CRYPTO} ${options.plugins ?? ''} ${kernel} socket-default xauth-generic vici updown attr resolve counters
  threads = 16
  retransmit_timeout = 1.0
  retransmit_tries = 3
  start-scripts { }
  ${options.settings ?? ''}
  plugins {
    vici { socket = ${this.uri} }
    resolve { file = ${join(directory, 'resolv.conf')} }
  }
  filelog { log { path = ${join(directory, 'charon.log')}
    flush_line = yes
    default = 1
    ike = 2
    cfg = 2
    enc = 1
    knl = ${options.backend === 'kernel' ? 2 : 1} } }
}
`,
    );
    // The path of charon's pid file is compiled in, so it gets a /run of its own.
    const command = `mount --bind ${join(directory, 'run')} /run && exec ${CHARON}`;
    this.#process = this.#lab.start(
      this.#namespace,
      `${this.#label}.out`,
      ['unshare', '-m', '--propagation', 'private', 'sh', '-c', command],
      {
        STRONGSWAN_CONF: join(directory, 'strongswan.conf'),
      },
    );
    await until('charon listens at its control socket', () => listens(join(directory, 'vici.sock')));
    const load = await this.swanctl('--load-all', '--noprompt');
    if (load.code !== 0)
      throw new Error(`charon did not take its configuration: ${load.stdout}${load.stderr}`);
  }

  swanctl(...args: string[]): Promise<Run> {
    return run('swanctl', [...args, '--uri', this.uri], {
      env: {
        STRONGSWAN_CONF: join(this.directory, 'strongswan.conf'),
        SWANCTL_DIR: join(this.directory, 'swanctl'),
      },
      timeout: 60_000,
    });
  }

  get process(): ChildProcess {
    if (this.#process === undefined) throw new Error('charon was not started');
    return this.#process;
  }

  get log(): string {
    return this.#lab.read(join(this.#label, 'charon.log'));
  }

  get directory(): string {
    return this.#lab.path(this.#label);
  }

  get uri(): string {
    return `unix://${join(this.directory, 'vici.sock')}`;
  }
}
