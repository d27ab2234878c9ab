import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { mustRun, until } from '../../interop/lab.ts';
import { withoutOwnKernel } from '../availability.ts';
import { type Conn, Libreswan } from '../libreswan.ts';
import { without } from '../unpacked.ts';
import { TcpLab } from './tcp-lab.ts';

/** cygnet's group goes for the keys of later Child SAs too, as libreswan has it. */
const CONNECTION = { proposals: 'aes256-sha256-ecp256' };
const CHILD = { esp_proposals: 'aes256gcm16-ecp256' };

const CONN: Conn = {
  ...{ left: '10.9.0.2', leftid: '@bob.lab', leftsubnet: '10.2.0.0/16', leftupdown: '%disabled' },
  ...{ right: '10.9.0.1', rightid: '@alice.lab', rightsubnet: '10.1.0.0/16', auto: 'ignore' },
  ...{ ikev2: 'insist', authby: 'secret', ike: 'aes256-sha2_256-dh19', esp: 'aes_gcm256-null' },
  ...{ 'enable-tcp': 'yes', 'tcp-remoteport': '4500' },
};

describe('ESP over TCP in the kernel, cygnet and libreswan', {
  skip: withoutOwnKernel || without('libreswan'),
}, () => {
  for (const role of ['initiator', 'responder'] as const) {
    for (const backend of ['kernel', 'userspace'] as const) {
      test(`cygnet as ${role}, its ESP by ${backend}: up, rekeyed by either side, and down`, async () => {
        await using there = await TcpLab.open([backend, undefined], {
          connection: CONNECTION,
          child: () => CHILD,
        });
        const { lab, namespaces } = there;
        const route = ['route', 'add', '10.1.0.0/16', 'via', '10.9.0.1', 'src', '10.2.0.1'];
        await mustRun('ip', ['-n', namespaces.bob, ...route]);
        const libreswan = new Libreswan(lab, namespaces.bob, 'libreswan');
        await libreswan.start(
          { site: CONN },
          { secrets: ': PSK "by TCP"\n', setup: { 'listen-tcp': 'yes' } },
        );
        const alice = there.steering('alice');
        try {
          await libreswan.add('site');
          if (role === 'initiator') await alice.initiate('net');
          else await libreswan.initiate('site');
          assert.match(await there.states('bob'), /encap type espintcp/);
          await there.passes(10, 1300);
          const first = await alice.spis('net');
          await alice.rekey('net');
          const second = await alice.renewed('net', first);
          await there.passes();
          await libreswan.whack('--name', 'site', '--rekey-ipsec');
          await alice.renewed('net', second);
          // It takes the SA that it replaced out of its kernel before it says so: what is under way by it is lost.
          await until(
            'the replaced SA is gone',
            async () => (await there.states('bob')).split('proto esp').length === 3,
          );
          await there.passes();
          await alice.rekeyIke('site');
          await there.passes();
          if (role === 'initiator') assert.ok(await alice.terminate('site'));
          else await libreswan.whack('--name', 'site', '--terminate');
          await until('cygnet has nothing left', () => alice.isEmpty());
          await until('nor has libreswan', async () => (await there.states('bob')) === '');
        } catch (error) {
          throw new Error(
            `${(error as Error).message}\n${libreswan.log.split('added IKEv2 connection').at(-1)}\n${there.daemons.alice.log}`,
          );
        }
      });
    }
  }
});
