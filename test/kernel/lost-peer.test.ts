import type { ChildProcess } from 'node:child_process';
import { after, before, describe, test } from 'node:test';
import { mustRun, until } from '../interop/lab.ts';
import { withoutKernelIpsec } from './availability.ts';
import { GCM, KernelScene, NET } from './lab-case.ts';

/** Whoever loses the other tries for ever. */
const CASES = {
  net: {
    ...NET,
    connection: { dpd_delay: '1s', keyingtries: '0' },
    settings: { ...GCM, dpd_action: 'restart' },
  },
};
const EAGER = 'retransmit_timeout = 0.4\n retransmit_base = 1';
/** It takes four seconds to notice; a cygnet that has to wait for its processor is not lost yet. */
const QUICK = `${EAGER}\n retransmit_tries = 10`;
/** Between cygnet's attempts are pauses that grow: each lasts for about as long as charon takes to start on a busy machine. */
const PATIENT = `${EAGER}\n retransmit_tries = 25`;

describe('in the kernel, a peer that is killed and started again', { skip: withoutKernelIpsec }, () => {
  let there: KernelScene;
  before(async () => {
    there = await KernelScene.open(CASES, { cygnetSettings: PATIENT, bobSettings: QUICK });
  });
  after(() => there?.[Symbol.asyncDispose]());

  test('charon is: cygnet brings the tunnel back, and both kernels have the same', async () => {
    await there.cygnet.initiate('net');
    const first = await there.cygnet.spis('net');
    const { scene } = there;
    await kill(scene.charon.process);
    await until('cygnet misses its peer', async () => (await there.cygnet.spis('net')).length === 0);
    await flush(scene.bob);
    await whileDown(scene.bob, () => scene.startCharon('charon-again'));
    await back(there, first);
  });

  test('cygnet is: charon brings the tunnel back, and both kernels have the same', async () => {
    const first = await there.cygnet.spis('net');
    const { scene } = there;
    await kill(scene.cygnet.process);
    await until('charon misses its peer', async () => (await there.charon.spis('net')).length === 0);
    await scene.startCygnet('cygnet-again');
    await back(there, first);
    await there.terminate('net');
  });
});

/** For the pauses between cygnet's attempts, which double. */
const PAUSES = 40_000;

async function back(there: KernelScene, first: readonly string[]): Promise<void> {
  try {
    await there.cygnet.renewed('net', first, PAUSES);
  } catch (error) {
    const { cygnet, charon } = there.scene;
    throw new Error(`${(error as Error).message}\n${cygnet.log}\n---\n${charon.log}`);
  }
  await until('packets pass', () => there.passes(NET.ping));
  await there.sameOnBothEnds();
}

async function kill(daemon: ChildProcess): Promise<void> {
  daemon.kill('SIGKILL');
  await until('it is dead', () => daemon.signalCode !== null);
}

/**
 * Nothing comes to a host that is down. Without that charon would hear cygnet before its connections are loaded, and refuse
 * it: who is refused does not call again.
 */
async function whileDown(namespace: string, act: () => Promise<void>): Promise<void> {
  const filter = (what: '-A' | '-D') =>
    mustRun('ip', [
      'netns',
      'exec',
      namespace,
      ...`iptables-legacy -t mangle ${what} INPUT -p udp -j DROP`.split(' '),
    ]);
  await filter('-A');
  await act();
  await filter('-D');
}

/** As a host that went down altogether: charon does not clear up behind another that was killed. */
async function flush(namespace: string): Promise<void> {
  for (const what of ['state', 'policy']) await mustRun('ip', ['-n', namespace, 'xfrm', what, 'flush']);
}
