import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Charon } from '../interop/charon.ts';
import { Cygnet } from '../interop/cygnet.ts';
import { Lab, mustRun, stop, until } from '../interop/lab.ts';
import type { Section } from '../interop/swanctl.ts';
import { withoutKernelIpsec } from './availability.ts';
import { echoes } from './echoes.ts';
import { settles } from './lab-case.ts';
import { Steering } from './steering.ts';
import { type KernelView, kernelView, NOTHING } from './view.ts';

/*
 * A gateway at 10.9.0.1, and a router at 10.9.0.2 that has two clients behind it, each on a wire of its own. Both use
 * port 4500, and the router gives them ports of its own. One client is cygnet and one charon; the gateway is first the
 * one, then the other.
 */

const PSK: Section = { 'ike-1': { secret: '"correct horse battery"' } };

function connection(own: string, peer: string, more: Section, children: Section): Section {
  return {
    version: '2',
    proposals: 'aes128gcm16-prfsha256-x25519',
    ...more,
    local: { auth: 'psk', id: `${own}.lab` },
    remote: { auth: 'psk', id: `${peer}.lab` },
    children,
  };
}

const CHILD = { esp_proposals: 'aes128gcm16', replay_window: '64' };

/** Both clients have the same address for the gateway, so that in transport mode marks alone tell their packets apart. */
function gateway(): Section {
  const road = (client: string, net: string): Section =>
    connection(
      'gateway',
      client,
      { local_addrs: '10.9.0.1', remote_addrs: '%any' },
      {
        [`net-${client}`]: { ...CHILD, local_ts: '10.1.0.0/16', remote_ts: net },
        [`host-${client}`]: {
          ...CHILD,
          mode: 'transport',
          mark_in: '%unique',
          mark_out: '%unique',
          mark_in_sa: 'no',
          set_mark_in: '%same',
        },
      },
    );
  return { connections: { c: road('c', '10.2.0.0/24'), d: road('d', '10.2.1.0/24') }, secrets: PSK };
}

function client(name: string, net: string): Section {
  const children = {
    net: { ...CHILD, local_ts: net, remote_ts: '10.1.0.0/16' },
    host: { ...CHILD, mode: 'transport' },
  };
  return {
    connections: { road: connection(name, 'gateway', { remote_addrs: '10.9.0.1' }, children) },
    secrets: PSK,
  };
}

describe('in the kernel, two peers behind one router', { skip: withoutKernelIpsec }, () => {
  const lab = new Lab();
  let inside = '';
  let [c, d] = ['', ''];
  let clients: readonly Steering[] = [];
  const seen = new Map<string, KernelView>();

  before(async () => {
    inside = await lab.namespace('g');
    const router = await lab.namespace('r');
    [c, d] = [await lab.namespace('c'), await lab.namespace('d')];
    await lab.wire(inside, '10.9.0.1/24', router, '10.9.0.2/24');
    await lab.wire(router, '192.168.8.1/24', c, '192.168.8.2/24');
    await lab.wire(router, '192.168.9.1/24', d, '192.168.9.2/24');
    await mustRun('ip', ['-n', c, 'route', 'add', 'default', 'via', '192.168.8.1']);
    await mustRun('ip', ['-n', d, 'route', 'add', 'default', 'via', '192.168.9.1']);
    for (const [namespace, address] of [
      [inside, '10.1.0.1/32'],
      [c, '10.2.0.1/32'],
      [d, '10.2.1.1/32'],
    ] as const)
      await mustRun('ip', ['-n', namespace, 'addr', 'add', address, 'dev', 'lo']);
    const as = (namespace: string, command: string) =>
      mustRun('ip', ['netns', 'exec', namespace, ...command.split(' ')]);
    await as(router, 'sysctl -qw net.ipv4.ip_forward=1');
    await as(inside, 'sysctl -qw net.ipv4.fwmark_reflect=1');
    const masquerade = '-t nat -A POSTROUTING -s 192.168.0.0/16 -p udp -j MASQUERADE --to-ports 20000-29999';
    await as(router, `iptables-legacy ${masquerade}`);
    const [cygnet, charon] = [new Cygnet(lab, c, 'cygnet-c'), new Charon(lab, d, 'charon-d')];
    await Promise.all([
      cygnet.start(client('c', '10.2.0.0/24'), { backend: 'kernel' }),
      charon.start(client('d', '10.2.1.0/24'), { backend: 'kernel' }),
    ]);
    clients = [new Steering(cygnet), new Steering(charon)];
  });
  after(() => lab.close());

  for (const [kind, make] of [
    ['cygnet', () => new Cygnet(lab, inside, 'cygnet-g')],
    ['charon', () => new Charon(lab, inside, 'charon-g')],
  ] as const) {
    test(`with ${kind} for a gateway both are reached, in tunnel and in transport mode`, async () => {
      const daemon = make();
      await daemon.start(gateway(), { backend: 'kernel' });
      const own = new Steering(daemon);
      try {
        for (const [child, remote] of [
          ['net', '10.1.0.1'],
          ['host', '10.9.0.1'],
        ] as const) {
          for (const one of clients) await one.initiate(child);
          await bothAtOnce(child, remote);
          seen.set(`${kind} ${child}`, await kernelView(lab, inside));
          const names = (await own.children()).map(({ name }) => name);
          for (const name of names) await rekeyed(own, name);
          await bothAtOnce(child, remote);
          for (const one of clients) await one.terminate('road');
          await until('nothing is left', () => own.isEmpty());
          await settles(async () => assert.deepEqual(await kernelView(lab, inside), NOTHING));
        }
      } finally {
        await stop(daemon.process);
      }
    });
  }

  test('what the gateway has in its kernel is the same', () => {
    for (const child of ['net', 'host']) {
      const [ours, theirs] = [seen.get(`cygnet ${child}`), seen.get(`charon ${child}`)];
      assert.equal(ours?.states.length, 4, child);
      assert.deepEqual(withoutMarks(ours), withoutMarks(theirs), child);
    }
  });

  async function bothAtOnce(child: string, remote: string): Promise<void> {
    const ping = echoes(4);
    const from = (source: string): string[] => (child === 'net' ? ['-I', source] : []);
    const printed = await Promise.all([
      lab.run(c, [...ping, ...from('10.2.0.1'), remote]),
      lab.run(d, [...ping, ...from('10.2.1.1'), remote]),
    ]);
    for (const { stdout } of printed) assert.match(stdout, /4 received, 0% packet loss/);
  }
});

/** What is unique is another number every time. */
function withoutMarks(view: KernelView | undefined): unknown {
  return JSON.parse(JSON.stringify(view).replace(/mark 0x[0-9a-f]+\/0xffffffff/g, 'mark M'));
}

async function rekeyed(daemon: Steering, child: string): Promise<void> {
  const first = await daemon.spis(child);
  await daemon.rekey(child);
  await daemon.renewed(child, first);
}
