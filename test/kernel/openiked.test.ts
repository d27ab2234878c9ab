import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CertificateSet, certificates } from '../interop/certificates.ts';
import { Cygnet } from '../interop/cygnet.ts';
import { Lab, mustRun, stop, until } from '../interop/lab.ts';
import type { Section } from '../interop/swanctl.ts';
import { withoutKernelIpsec } from './availability.ts';
import { echoes } from './echoes.ts';
import { OpenIked } from './openiked.ts';
import { Steering } from './steering.ts';
import { without } from './unpacked.ts';
import { kernelView, NOTHING } from './view.ts';

/*
 * cygnet at 10.9.0.1 for 10.1.0.1, OpenIKED at 10.9.0.2 for 10.2.0.1, both with the IPsec of the kernel. This build of
 * OpenIKED offers neither AEAD nor SHA-256 nor ESN for Child SAs.
 */

const SECRET = 'correct horse battery';

/** How OpenIKED proves itself and wants cygnet to; it dials by itself where it is active. */
interface Case {
  readonly auth: string;
  readonly keys?: 'rsa' | 'ecdsa';
  readonly active?: true;
  /** It gives cygnet this address. */
  readonly gives?: string;
}

const CASES: Readonly<Record<string, Case>> = {
  psk: { auth: `psk "${SECRET}"` },
  'psk-active': { auth: `psk "${SECRET}"`, active: true },
  rsa: { auth: 'rfc7427', keys: 'rsa' },
  address: { auth: `psk "${SECRET}"`, gives: '10.77.0.5' },
  ecdsa: { auth: 'rfc7427', keys: 'ecdsa', active: true },
};

function ours({ keys, gives }: Case): Section {
  const proof = keys === undefined ? { auth: 'psk' } : { auth: 'pubkey' };
  const [certs, cacerts] = keys === undefined ? [{}, {}] : [{ certs: 'alice.crt' }, { cacerts: 'ca.crt' }];
  const local_ts = gives === undefined ? '10.1.0.1/32' : 'dynamic';
  const net = { local_ts, remote_ts: '10.2.0.1/32', esp_proposals: 'aes256-sha512-ecp256' };
  const lab = {
    ...{ version: '2', local_addrs: '10.9.0.1', remote_addrs: '10.9.0.2', proposals: 'aes256-sha256-ecp256' },
    ...(gives === undefined ? {} : { vips: '0.0.0.0' }),
    local: { ...proof, ...certs, id: 'alice.lab' },
    remote: { ...proof, ...cacerts, id: 'bob.lab' },
    children: { net },
  };
  return { connections: { lab }, secrets: { 'ike-1': { secret: `"${SECRET}"` } } };
}

/** Where it is active it makes new keys after some seconds. */
function theirs({ auth, active, gives }: Case): string {
  const algorithms = 'enc aes-256 prf hmac-sha2-256 auth hmac-sha2-256 group ecp256';
  const life = active ? 'lifetime 8' : '';
  return `ikev2 "lab" ${active ? 'active' : 'passive'} esp from 10.2.0.1/32 to ${gives ?? '10.1.0.1'}/32 local 10.9.0.2 peer 10.9.0.1 \\
  ikesa ${algorithms} childsa enc aes-256 auth hmac-sha2-512 group ecp256 noesn \\
  srcid bob.lab dstid alice.lab ${life} ${auth} ${gives === undefined ? '' : `config address ${gives}`}\n`;
}

describe('in the kernel, cygnet and OpenIKED', { skip: withoutKernelIpsec || without('openiked') }, () => {
  const lab = new Lab();
  let [alice, bob] = ['', ''];
  const sets = new Map<string, CertificateSet>();

  before(async () => {
    [alice, bob] = [await lab.namespace('a'), await lab.namespace('b')];
    await lab.wire(alice, '10.9.0.1/24', bob, '10.9.0.2/24');
    await mustRun('ip', ['-n', alice, 'addr', 'add', '10.1.0.1/32', 'dev', 'lo']);
    await mustRun('ip', ['-n', bob, 'addr', 'add', '10.2.0.1/32', 'dev', 'lo']);
    await mustRun('ip', ['-n', bob, 'route', 'add', '10.1.0.1/32', 'via', '10.9.0.1', 'src', '10.2.0.1']);
    await mustRun('ip', ['-n', bob, 'route', 'add', '10.77.0.0/24', 'via', '10.9.0.1', 'src', '10.2.0.1']);
    for (const kind of ['rsa', 'ecdsa'] as const) sets.set(kind, await certificates(lab.path(kind), kind));
  });
  after(() => lab.close());

  for (const [name, one] of Object.entries(CASES)) {
    const who = one.active ? 'responder' : 'initiator';
    test(`${name}, cygnet as ${who}: up, rekeyed and down`, async () => {
      const set = sets.get(one.keys ?? '');
      const [daemon, iked] = [
        new Cygnet(lab, alice, `cygnet-${name}`),
        new OpenIked(lab, bob, `iked-${name}`),
      ];
      await daemon.start(ours(one), {
        backend: 'kernel',
        ...(set !== undefined && { certificates: set, who: 'alice' }),
      });
      const cygnet = new Steering(daemon);
      try {
        await iked.start(theirs(one), set);
        if (!one.active) await cygnet.initiate('net');
        const first = await until('the tunnel', async () => {
          const spis = await cygnet.spis('net');
          return spis.length > 0 && spis;
        });
        await pings(one);
        // Who began rekeys by the clock, and cygnet when it is told to.
        if (!one.active) await cygnet.rekey('net');
        await cygnet.renewed('net', first);
        await pings(one);
        const spi = await cygnet.ikeSpi();
        if (one.active) await iked.control('reset', 'id', 'FQDN/alice.lab');
        else assert.ok(await cygnet.terminate('lab'));
        // It may dial again at once.
        await until('the SA is gone', async () => (await cygnet.ikeSpi()) !== spi);
      } catch (error) {
        throw new Error(`${(error as Error).message}\n${daemon.log}\n${iked.log.slice(-6000)}`);
      } finally {
        await stop(daemon.process, 30_000);
        await iked.stop();
      }
      assert.deepEqual(await kernelView(lab, alice), NOTHING);
    });
  }

  async function pings({ gives = '10.1.0.1' }: Case): Promise<void> {
    const ping = [...echoes(3), '-I', gives, '10.2.0.1'];
    assert.match((await lab.run(alice, ping)).stdout, / 0% packet loss/);
  }
});
