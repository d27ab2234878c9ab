import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { certificates } from '../interop/certificates.ts';
import { Cygnet } from '../interop/cygnet.ts';
import { Lab, mustRun, until } from '../interop/lab.ts';
import type { Section } from '../interop/swanctl.ts';
import { withoutKernelIpsec } from './availability.ts';
import { echoes } from './echoes.ts';
import { settles } from './lab-case.ts';
import { type Conn, Libreswan } from './libreswan.ts';
import { Steering } from './steering.ts';
import { without } from './unpacked.ts';
import { kernelView, NOTHING } from './view.ts';

/*
 * cygnet at 10.9.0.1 for 10.1.0.1, libreswan at 10.9.0.2 for 10.2.0.1, both with the IPsec of the kernel.
 */

interface Case {
  readonly cygnet: Section;
  readonly libreswan: Conn;
  /** As `cygnet` names them. */
  readonly local?: Section;
  readonly remote?: Section;
  readonly child?: Section;
  /** libreswan has addresses to give, so that only cygnet begins. */
  readonly client?: true;
}

const PASSWORD = '4iChxLT3';
const GROUP_14 = { ike: 'aes256-sha2_256-dh14', esp: 'aes256-sha2_256' };

const SHORT = { salifetime: '13s', rekeymargin: '8s', rekeyfuzz: '0%' };

/** Addresses that libreswan gives, and asks for no more than that they are asked for. */
const POOL = {
  ...{ rightaddresspool: '10.77.0.10-10.77.0.20', leftmodecfgserver: 'yes', rightmodecfgclient: 'yes' },
  rightsubnet: '',
};

const CASES: Readonly<Record<string, Case>> = {
  psk2: {
    cygnet: { version: '2', proposals: 'aes256-sha256-ecp256' },
    libreswan: { ikev2: 'insist', authby: 'secret', ike: 'aes256-sha2_256-dh19', esp: 'aes_gcm256-null' },
  },
  rsa2: {
    cygnet: { version: '2', proposals: 'aes256gcm16-prfsha512-x25519' },
    local: { auth: 'pubkey', certs: 'alice.crt', id: 'C=CH, O=Lab, CN=alice' },
    remote: { auth: 'pubkey', cacerts: 'ca.crt', id: 'C=CH, O=Lab, CN=bob' },
    libreswan: {
      ...{ ikev2: 'insist', authby: 'rsasig', ike: 'aes_gcm256-sha2_512-dh31', esp: 'aes_gcm256-null' },
      ...{ leftcert: 'bob', leftsendcert: 'always', leftid: '%fromcert' },
      ...{ rightca: '%same', rightrsasigkey: '%cert', rightid: '%fromcert' },
    },
  },
  // It cannot be told to rekey an SA of IKEv1, but does so when time is up.
  main1: {
    cygnet: { version: '1', proposals: 'aes256-sha256-modp2048' },
    libreswan: {
      ikev2: 'no',
      authby: 'secret',
      ...GROUP_14,
      leftid: '10.9.0.2',
      rightid: '10.9.0.1',
      ...SHORT,
    },
    local: { auth: 'psk' },
    remote: { auth: 'psk' },
  },
  pool2: {
    cygnet: { version: '2', proposals: 'aes256-sha256-ecp256', vips: '0.0.0.0' },
    child: { local_ts: 'dynamic' },
    client: true,
    libreswan: {
      ...{ ikev2: 'insist', authby: 'secret', ike: 'aes256-sha2_256-dh19', esp: 'aes_gcm256-null' },
      ...POOL,
    },
  },
  // With any other subnet its answer is padded inside of the payload.
  xauth1: {
    cygnet: { version: '1', proposals: 'aes256-sha256-modp2048', vips: '0.0.0.0' },
    local: { auth: 'psk' },
    remote: { auth: 'psk' },
    child: { local_ts: 'dynamic', remote_ts: '0.0.0.0/0' },
    client: true,
    libreswan: {
      ...{ ikev2: 'no', authby: 'secret', ...GROUP_14, leftid: '10.9.0.2', rightid: '10.9.0.1', ...POOL },
      ...{ leftxauthserver: 'yes', rightxauthclient: 'yes', xauthby: 'file', modecfgpull: 'yes' },
      leftsubnet: '0.0.0.0/0',
    },
  },
  aggressive1: {
    cygnet: { version: '1', aggressive: 'yes', proposals: 'aes256-sha256-modp2048' },
    libreswan: { ikev2: 'no', aggressive: 'yes', authby: 'secret', ...GROUP_14 },
  },
};

function ours(): Section {
  const connections = Object.entries(CASES).map(([name, { cygnet, local, remote, child: own }]) => {
    // What libreswan wants for keys of later Child SAs: the group of the IKE SA.
    const group = name === 'rsa2' ? 'x25519' : 'ecp256';
    const esp = name.endsWith('2') ? `aes256gcm16-${group}` : 'aes256-sha256-modp2048';
    const net = { local_ts: '10.1.0.1/32', remote_ts: '10.2.0.1/32', esp_proposals: esp };
    const child = { ...net, ...own };
    const connection = {
      ...{ local_addrs: '10.9.0.1', remote_addrs: '10.9.0.2', ...cygnet },
      local: local ?? { auth: 'psk', id: `${name}.alice.lab` },
      ...(name === 'xauth1' && { 'local-xauth': { auth: 'xauth', xauth_id: 'carol' } }),
      remote: remote ?? { auth: 'psk', id: `${name}.bob.lab` },
      children: { [name]: child },
    };
    return [name, connection] as const;
  });
  return {
    connections: Object.fromEntries(connections),
    secrets: {
      'ike-1': { secret: '"correct horse battery"' },
      'xauth-1': { id: 'carol', secret: PASSWORD },
    },
  };
}

function theirs(): Readonly<Record<string, Conn>> {
  const conns = Object.entries(CASES).map(([name, { libreswan }]) => {
    const conn = {
      ...{ left: '10.9.0.2', leftid: `@${name}.bob.lab`, leftsubnet: '10.2.0.1/32', leftupdown: '%disabled' },
      ...{ right: '10.9.0.1', rightid: `@${name}.alice.lab`, rightsubnet: '10.1.0.1/32', auto: 'ignore' },
      ...libreswan,
    };
    return [name, Object.fromEntries(Object.entries(conn).filter(([, value]) => value !== ''))] as const;
  });
  return Object.fromEntries(conns);
}

describe('in the kernel, cygnet and libreswan', { skip: withoutKernelIpsec || without('libreswan') }, () => {
  const lab = new Lab();
  let [alice, bob] = ['', ''];
  let cygnet: Steering;
  let libreswan: Libreswan;

  before(async () => {
    [alice, bob] = [await lab.namespace('a'), await lab.namespace('b')];
    await lab.wire(alice, '10.9.0.1/24', bob, '10.9.0.2/24');
    await mustRun('ip', ['-n', alice, 'addr', 'add', '10.1.0.1/32', 'dev', 'lo']);
    await mustRun('ip', ['-n', bob, 'addr', 'add', '10.2.0.1/32', 'dev', 'lo']);
    // What its updown script would do.
    await mustRun('ip', ['-n', bob, 'route', 'add', '10.1.0.1/32', 'via', '10.9.0.1', 'src', '10.2.0.1']);
    await mustRun('ip', ['-n', bob, 'route', 'add', '10.77.0.0/24', 'via', '10.9.0.1', 'src', '10.2.0.1']);
    const hash = await mustRun('openssl', ['passwd', '-6', PASSWORD]);
    const set = await certificates(lab.path('set'), 'rsa');
    const daemon = new Cygnet(lab, alice, 'cygnet');
    libreswan = new Libreswan(lab, bob, 'libreswan');
    await Promise.all([
      daemon.start(ours(), {
        backend: 'kernel',
        certificates: set,
        who: 'alice',
        settings: 'i_dont_care_about_security_and_use_aggressive_mode_psk = yes',
      }),
      libreswan.start(theirs(), {
        certificates: set,
        secrets: ': PSK "correct horse battery"\n',
        users: `carol:${hash.trim()}:xauth1\n`,
      }),
    ]);
    cygnet = new Steering(daemon);
  });
  after(() => lab.close());

  for (const role of ['initiator', 'responder'] as const) {
    for (const [name, { client }] of Object.entries(CASES)) {
      if (client && role === 'responder') continue;
      test(`${name}, cygnet as ${role}: up, rekeyed by either side, and down`, async () => {
        const [mark, ownMark] = [libreswan.log.length, lab.read('cygnet.log').length];
        await libreswan.add(name);
        try {
          if (role === 'initiator') await cygnet.initiate(name);
          else await libreswan.initiate(name);
          await pings(client);
          const first = await cygnet.spis(name);
          await cygnet.rekey(name);
          const second = await cygnet.renewed(name, first);
          await pings(client);
          if (name.endsWith('2')) await libreswan.whack('--name', name, '--rekey-ipsec');
          if (name.endsWith('2') || (name === 'main1' && role === 'responder'))
            await cygnet.renewed(name, second);
          if (name.endsWith('2')) await ikeRekeyed(name, client);
          await pings(client);
          // What it began itself it would begin again, if it were told by us that it is over.
          if (role === 'initiator') assert.ok(await cygnet.terminate(name));
          else await libreswan.whack('--name', name, '--terminate');
          await until('cygnet has nothing left', () => cygnet.isEmpty());
          await settles(async () => assert.deepEqual(await kernelView(lab, alice), NOTHING));
          await until('nor has libreswan', async () => (await kernelView(lab, bob)).states.length === 0);
        } catch (error) {
          throw new Error(
            `${(error as Error).message}\n${libreswan.log.slice(mark)}\n${lab.read('cygnet.log').slice(ownMark)}`,
          );
        } finally {
          await libreswan.remove(name);
          await cygnet.terminate(name);
        }
      });
    }
  }

  async function ikeRekeyed(name: string, client: true | undefined): Promise<void> {
    await cygnet.rekeyIke(name);
    await pings(client);
    const spi = await cygnet.ikeSpi();
    await libreswan.whack('--name', name, '--rekey-ike');
    await cygnet.ikeRenewed(spi);
  }

  /** From its own address, or from the one that it was given. */
  async function pings(client?: true): Promise<void> {
    const source = client ? [] : ['-I', '10.1.0.1'];
    const ping = [...echoes(3), ...source, '10.2.0.1'];
    assert.match((await lab.run(alice, ping)).stdout, / 0% packet loss/);
  }
});
