/**
 * A Linux kernel with IPsec for a test, whatever the host's kernel has: user-mode Linux (Debian's `user-mode-linux`)
 * on the host's own files. `npm run kernel [FILE…]` boots it, runs the test files of this folder (or those named) in
 * it and ends with their result. Such a kernel has one processor, so that two of them share the files. What is in `own/`
 * needs more than Debian's has, and runs in one that is built for it (own-kernel.sh). Nothing of it needs a privilege.
 */
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { bringPeers } from './unpacked.ts';

const root = resolve(import.meta.dirname, '../..');

/** What ESP, AH, UDP encapsulation and the algorithms are made of; the generators are needed by the IVs of GCM. */
const MODULES = [
  'sha512_generic rng jitterentropy_rng drbg ghash-generic gf128mul cmac crypto_null authenc authencesn',
  'echainiv seqiv gcm ccm ctr cbc hmac sha256_generic sha1_generic md5 des_generic xcbc chacha_generic',
  'poly1305_generic chacha20poly1305 camellia_generic deflate xfrm_algo xfrm_user esp4 esp6 ah4 ah6 ipcomp ipcomp6',
  'veth af_key tunnel4 xfrm4_tunnel xfrm6_tunnel ip_vti tun sch_ingress cls_matchall act_nat',
  'ip_tables nf_conntrack nf_nat iptable_nat iptable_mangle xt_nat xt_MASQUERADE xt_tcpudp',
].join(' ');

/** For all files of a kernel that has little of its machine: they take a quarter of it where it has all. */
const LIMIT_MS = 3_600_000;
/** What own-kernel.sh ends with where it cannot even begin. */
const NOTHING_TO_BUILD = 3;
const isCi = process.env['CI'] !== undefined;

/** What begins with a dash is an option of `node --test`, such as `--test-name-pattern=AH`. */
const options = process.argv.slice(2).filter(argument => argument.startsWith('-'));
const named = process.argv.slice(2).filter(argument => !argument.startsWith('-'));
const files = (named.length > 0 ? named : globSync('test/kernel/{,own/}*.test.ts', { cwd: root })).map(file =>
  resolve(root, file),
);
const isOwn = (file: string): boolean => file.startsWith(join(import.meta.dirname, 'own/'));
const failed = [
  await run(
    () => debianKernel(),
    files.filter(file => !isOwn(file)),
  ),
  await run(() => ownKernel(), files.filter(isOwn)),
];
process.exitCode = failed.includes(true) ? 1 : 0;

interface Kernel {
  readonly program: string;
  readonly isBuilt: boolean;
}

function debianKernel(): Kernel | undefined {
  if (existsSync('/usr/bin/linux.uml')) return { program: 'linux.uml', isBuilt: false };
  console.error('there is no linux.uml: install the package user-mode-linux');
  return undefined;
}

function ownKernel(): Kernel | undefined {
  const { status, stdout } = spawnSync(join(import.meta.dirname, 'own-kernel.sh'), {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status === 0) return { program: stdout.trim(), isBuilt: true };
  if (status !== NOTHING_TO_BUILD) throw new Error('the kernel for the tests of own/ cannot be built');
  console.error('the tests of own/ are left out');
  return undefined;
}

/** Whether something failed. */
async function run(find: () => Kernel | undefined, tests: readonly string[]): Promise<boolean> {
  if (tests.length === 0) return false;
  const kernel = find();
  if (kernel === undefined) return isCi;
  try {
    bringPeers();
  } catch (error) {
    console.error(`a peer could not be brought: ${(error as Error).message}`);
    if (isCi) return true;
  }
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-kernel-'));
  try {
    const init = join(folder, 'init.sh');
    const kernels = Math.min(2, tests.length, availableParallelism());
    writeFileSync(init, script(kernel, folder, tests, kernels === 1));
    chmodSync(init, 0o755);
    const environment = shim(folder);
    if (environment === undefined) return true;
    const consoles = await Promise.all(
      Array.from({ length: kernels }, () => boot(kernel, init, environment)),
    );
    if (!existsSync(join(folder, '0'))) console.error(consoles.map(text => text.slice(-4000)).join('\n'));
    const failed = tests.filter((test, i) => !passed(test, join(folder, `${i}`)));
    for (const test of failed) console.error(`failed: ${test}`);
    return failed.length > 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What became of a file; what it printed before its kernel ended is printed here. */
function passed(test: string, place: string): boolean {
  if (existsSync(join(place, 'result'))) return readFileSync(join(place, 'result'), 'utf8').trim() === '0';
  const printed = existsSync(join(place, 'out')) ? readFileSync(join(place, 'out'), 'utf8') : 'nothing';
  console.error(`${test} did not come to its end; it printed\n${printed}`);
  return false;
}

/**
 * Runs as the first process inside. The host's files are its files: only `folder` is written to. A test file belongs
 * to the kernel that makes its folder first.
 */
function script({ isBuilt }: Kernel, folder: string, tests: readonly string[], alone: boolean): string {
  const reporter = '--test --test-isolation=none --test-reporter=spec';
  const quoted = options.map(option => `'${option}'`).join(' ');
  // Two that print at the same time print a file's lines together, when it has ended.
  const [into, after] = alone ? ['| tee', ':'] : ['>', 'cat $place/out'];
  // The tests know from it whether something may be missing.
  const ci = isCi ? 'CI=true ' : '';
  const color = process.stdout.isTTY ? '' : 'NO_COLOR=1 ';
  return `#!/bin/bash
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t tmpfs run /run; mount -t tmpfs tmp /mnt
mount -t debugfs debug /sys/kernel/debug 2>/dev/null
mkdir -p /run/lib /run/netns; ln -s /usr/lib/uml/modules /run/lib/modules
for module in ${MODULES}; do modprobe -d /run $module 2>/dev/null; done
ip link set lo up
cd ${root}
number=0
for file in ${tests.join(' ')}; do
  place=${folder}/$number
  number=$((number + 1))
  mkdir $place 2>/dev/null || continue
  ${color}${ci}${isBuilt ? 'CYGNET_OWN_KERNEL=yes ' : ''}CYGNET_KERNEL=uml TMPDIR=/mnt ${process.execPath} ${reporter} ${quoted} $file 2>&1 ${into} $place/out
  code=\${PIPESTATUS[0]}
  ${after}
  echo $code > $place/result
done
sync
echo o > /proc/sysrq-trigger
sleep 5
`;
}

/** What linux.uml has to be started with on this processor: see xstate.c, which takes a C compiler; undefined without one. */
function shim(folder: string): Readonly<Record<string, string>> | undefined {
  if (!readFileSync('/proc/cpuinfo', 'utf8').includes(' amx_tile')) return {};
  const library = join(folder, 'xstate.so');
  try {
    execFileSync('cc', ['-shared', '-fPIC', '-O2', '-o', library, join(import.meta.dirname, 'xstate.c')]);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    console.error('user-mode Linux needs a C compiler to start on this processor: install the package gcc');
    return undefined;
  }
  return { LD_PRELOAD: library };
}

/** Boots and waits for the power-off; what the tests print goes through, and comes back with all the rest. */
async function boot(
  kernel: Kernel,
  init: string,
  environment: Readonly<Record<string, string>>,
): Promise<string> {
  const machine = spawn(
    kernel.program,
    [
      'mem=768M',
      'root=/dev/root',
      'rootfstype=hostfs',
      'rootflags=/',
      'rw',
      `init=${init}`,
      'con=null',
      'con0=null,fd:2',
      'con1=fd:0,fd:1',
      'ssl=null',
      'quiet',
    ],
    { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...environment } },
  );
  const timer = setTimeout(() => machine.kill('SIGKILL'), LIMIT_MS);
  let text = '';
  for (const stream of [machine.stdout, machine.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      process.stdout.write(chunk);
    });
  }
  await once(machine, 'close');
  clearTimeout(timer);
  return text;
}
