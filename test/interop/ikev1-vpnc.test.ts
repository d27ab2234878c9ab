import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type CertificateSet, certificates } from './certificates.ts';
import { Cygnet } from './cygnet.ts';
import { Lab, mustRun, until } from './lab.ts';
import type { Section } from './swanctl.ts';
import { Vpnc } from './vpnc.ts';

/* vpnc as a client of ours: Cisco's way of IKEv1, with an ESP of its own. */

const GROUP_PASSWORD = 'groupsecret';
const SETTINGS = `i_dont_care_about_security_and_use_aggressive_mode_psk = yes
  retransmit_timeout = 1.0
  retransmit_tries = 2`;

const keys = new Lab();
let rsa: CertificateSet;
before(async () => {
  rsa = await certificates(keys.path('rsa'), 'rsa');
});
after(() => keys.close());

type Mode = 'psk' | 'hybrid';

function gateway(mode: Mode): Section {
  const rounds: Section =
    mode === 'psk'
      ? {
          local: { auth: 'psk', id: '10.9.0.2' },
          'remote-1': { auth: 'psk', id: 'keyid:labgroup' },
          'remote-2': { auth: 'xauth' },
        }
      : {
          local: { auth: 'pubkey', certs: 'bob.crt', id: '"C=CH, O=Lab, CN=bob"' },
          remote: { auth: 'xauth', id: 'keyid:labgroup' },
        };
  return {
    connections: {
      ra: {
        version: '1',
        aggressive: 'yes',
        local_addrs: '10.9.0.2',
        proposals: 'aes256-sha1-modp2048',
        pools: 'staff',
        send_cert: 'always',
        ...rounds,
        children: { net: { local_ts: '10.2.0.0/24', esp_proposals: 'aes256-sha1, aes256-sha1-modp2048' } },
      },
    },
    pools: {
      staff: {
        addrs: '10.77.0.0/24',
        netmask: '255.255.255.0',
        dns: '10.2.0.53, 10.2.0.54',
        nbns: '10.2.0.137',
        split_include: '10.2.0.0/24',
        split_exclude: '192.168.7.0/24',
        '28672': 'Welcome',
        '28674': 'example.org',
        '28675': 'corp.example.org',
        '28673': '1',
        '28679': '0',
      },
    },
    secrets: {
      'ike-1': { 'id-1': 'keyid:labgroup', 'id-2': '10.9.0.2', secret: `"${GROUP_PASSWORD}"` },
      'xauth-1': { id: 'carol', secret: '"4iChxLT3"' },
    },
  };
}

class Scene implements AsyncDisposable {
  readonly lab = new Lab();
  client = '';
  server = '';
  cygnet!: Cygnet;

  static async open(mode: Mode): Promise<Scene> {
    const scene = new Scene();
    try {
      const { lab } = scene;
      scene.client = await lab.namespace('c');
      scene.server = await lab.namespace('s');
      await lab.wire(scene.client, '10.9.0.1/24', scene.server, '10.9.0.2/24');
      await mustRun('ip', ['-n', scene.server, 'addr', 'add', '10.2.0.1/32', 'dev', 'lo']);
      scene.cygnet = new Cygnet(lab, scene.server, 'cygnet');
      await scene.cygnet.start(gateway(mode), {
        settings: SETTINGS,
        ...(mode === 'hybrid' ? { certificates: rsa, who: 'bob' } : {}),
      });
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  vpnc(mode: Mode, settings: readonly string[] = [], password = '4iChxLT3', group = GROUP_PASSWORD): Vpnc {
    return new Vpnc(this.lab, this.client, '10.9.0.2', [
      'IPSec ID labgroup',
      `IPSec secret ${group}`,
      `IKE Authmode ${mode}`,
      ...(mode === 'hybrid' ? [`CA-File ${rsa.file('ca.crt')}`] : []),
      'Xauth username carol',
      `Xauth password ${password}`,
      ...settings,
    ]);
  }

  /** Once vpnc has its address: packets go by it both ways. */
  async assertUp(vpnc: Vpnc): Promise<void> {
    await until('vpnc has its address', () => {
      assert.equal(vpnc.exitCode, null, `vpnc ended:\n${vpnc.log}\n--- cygnet\n${this.cygnet.log}`);
      return this.#ping(this.client, '10.77.0.1', '10.2.0.1', 1);
    }).catch((error: unknown) => {
      throw new Error(`${error}\n${vpnc.log}\n--- cygnet\n${this.cygnet.log}`);
    });
    assert.ok(await this.#ping(this.client, '10.77.0.1', '10.2.0.1', 3), this.cygnet.log);
    assert.ok(await this.#ping(this.server, '10.2.0.1', '10.77.0.1', 3), this.cygnet.log);
  }

  async #ping(from: string, source: string, to: string, count: number): Promise<boolean> {
    const ping = ['ping', '-c', `${count}`, '-i', '0.1', '-W', '5', '-I', source, to];
    return (await this.lab.run(from, ping)).code === 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.lab.close();
  }
}

for (const mode of ['psk', 'hybrid'] as const)
  for (const [what, settings] of [
    ['as it comes', []],
    ['ESP in UDP in any case', ['NAT Traversal Mode force-natt']],
    ['perfect forward secrecy', ['Perfect Forward Secrecy dh14']],
  ] as const)
    test(`vpnc, ${mode}, ${what}: address, names, ping both ways, down`, async () => {
      await using there = await Scene.open(mode);
      const vpnc = there.vpnc(mode, settings);
      await there.assertUp(vpnc);
      for (const line of [
        'INTERNAL_IP4_DNS=10.2.0.53 10.2.0.54',
        'INTERNAL_IP4_NBNS=10.2.0.137',
        'INTERNAL_IP4_NETMASK=255.255.255.0',
        'CISCO_BANNER=Welcome',
        'CISCO_DEF_DOMAIN=example.org',
        'CISCO_SPLIT_INC_0_ADDR=10.2.0.0',
        'CISCO_SPLIT_INC_0_MASKLEN=24',
      ])
        assert.ok(vpnc.told.split('\n').includes(line), `${line} in\n${vpnc.told}`);
      const { stdout } = await there.cygnet.swanctl('--list-sas');
      assert.match(stdout, /XAuth: 'carol'/);
      await vpnc.stop();
      await until('no SA is left', async () => (await there.cygnet.status()).sas.length === 0);
    });

for (const mode of ['psk', 'hybrid'] as const)
  test(`vpnc, ${mode}, with another password: it is told so, twice in a row, and the right one is taken afterwards`, async () => {
    await using there = await Scene.open(mode);
    for (let time = 1; time <= 2; time++) {
      const vpnc = there.vpnc(mode, [], 'wrong');
      await until('vpnc has ended', () => vpnc.exitCode !== null);
      assert.notEqual(vpnc.exitCode, 0);
      await until('no SA is left', async () => (await there.cygnet.status()).sas.length === 0);
      const { stdout } = await there.cygnet.cli('explain', 'ra', '--json');
      const { attempts } = JSON.parse(stdout) as { attempts: { failure?: { code: string } }[] };
      assert.equal(attempts.filter(({ failure }) => failure?.code === 'auth/wrong-key').length, time, stdout);
    }
    await there.assertUp(there.vpnc(mode));
  });

test('vpnc with another group password: it goes, and there is no SA', async () => {
  await using there = await Scene.open('psk');
  const vpnc = there.vpnc('psk', [], '4iChxLT3', 'other');
  await until('vpnc has ended', () => vpnc.exitCode !== null);
  assert.notEqual(vpnc.exitCode, 0);
  const { sas } = await there.cygnet.status();
  assert.ok(sas.every(({ state }) => state === 'CONNECTING'));
});
