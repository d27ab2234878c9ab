import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type CertificateSet, certificates } from './certificates.ts';
import { Cygnet } from './cygnet.ts';
import { Lab, mustRun, until } from './lab.ts';
import type { Section } from './swanctl.ts';
import { Vpnc } from './vpnc.ts';

/* vpnc as a client of ours: Cisco's way of IKEv1, with an ESP of its own. */

const GROUP_PASSWORD = 'groupsecret';
const ALLOWED = 'i_dont_care_about_security_and_use_aggressive_mode_psk = yes';

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
        settings: ALLOWED,
        ...(mode === 'hybrid' ? { certificates: rsa, who: 'bob' } : {}),
      });
      return scene;
    } catch (error) {
      await scene[Symbol.asyncDispose]();
      throw error;
    }
  }

  vpnc(mode: Mode, settings: readonly string[] = [], password = '4iChxLT3'): Vpnc {
    return new Vpnc(this.lab, this.client, '10.9.0.2', [
      'IPSec ID labgroup',
      `IPSec secret ${GROUP_PASSWORD}`,
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
      return /INTERNAL_IP4_ADDRESS=10\.77\.0\.1/.test(vpnc.told);
    }).catch((error: unknown) => {
      throw new Error(`${error}\n${vpnc.log}\n--- cygnet\n${this.cygnet.log}`);
    });
    for (const [from, source, to] of [
      [this.client, '10.77.0.1', '10.2.0.1'],
      [this.server, '10.2.0.1', '10.77.0.1'],
    ] as const) {
      const { code, stdout } = await this.lab.run(from, [
        'ping',
        '-c',
        '3',
        '-i',
        '0.1',
        '-W',
        '2',
        '-I',
        source,
        to,
      ]);
      assert.equal(code, 0, `${source} → ${to}: ${stdout}\n${vpnc.log}\n--- cygnet\n${this.cygnet.log}`);
    }
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
      assert.match(vpnc.told, /INTERNAL_IP4_DNS=10\.2\.0\.53 10\.2\.0\.54/);
      const { stdout } = await there.cygnet.swanctl('--list-sas');
      assert.match(stdout, /carol/);
      await vpnc.stop();
      await until('no SA is left', async () => (await there.cygnet.status()).sas.length === 0);
    });
