import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CertificateSet, certificates } from './certificates.ts';
import { Lab, until } from './lab.ts';
import { type PeerOptions, Scene } from './scene.ts';
import { both, type Section, set } from './swanctl.ts';

const ROLES = ['initiator', 'responder'] as const;
const SIDES = ['cygnet', 'charon'] as const;

const IKEV1 = set('connections.lab.version', '1');

interface Options extends Partial<PeerOptions> {
  /** For both sides. */
  readonly change?: (configuration: Section) => Section;
}

function scene({ change = same, alice = same, bob = same, ...options }: Options = {}): Promise<Scene> {
  return Scene.open({
    ike: 'aes128-sha256-modp2048',
    esp: 'aes128-sha256',
    ...options,
    alice: both(IKEV1, change, alice),
    bob: both(IKEV1, change, bob),
  });
}

function same(configuration: Section): Section {
  return configuration;
}

const keys = new Lab();
const sets = new Map<string, CertificateSet>();
before(async () => {
  for (const kind of ['rsa', 'ecdsa'] as const) sets.set(kind, await certificates(keys.path(kind), kind));
});
after(() => keys.close());

for (const role of ROLES) {
  for (const kind of ['rsa', 'ecdsa'] as const) {
    test(`main mode with signatures, ${kind}, cygnet as ${role}`, async () => {
      const issued = sets.get(kind);
      assert.ok(issued);
      await using there = await scene({ certificates: issued });
      await there.up(role);
      await there.pingBothWays();
      await there.down(role === 'initiator' ? 'cygnet' : 'charon');
    });
  }

  test(`aggressive mode, cygnet as ${role}`, async () => {
    const allowed = 'i_dont_care_about_security_and_use_aggressive_mode_psk = yes';
    await using there = await scene({
      change: set('connections.lab.aggressive', 'yes'),
      cygnetSettings: allowed,
      bobSettings: allowed,
    });
    await there.up(role);
    assert.match(there.charon.log, /AGGRESSIVE/);
    await there.pingBothWays();
    await there.down(role === 'initiator' ? 'cygnet' : 'charon');
  });

  describe(`main mode, cygnet as ${role}`, () => {
    for (const [ike, esp] of [
      ['aes128-sha256-modp2048', 'aes128-sha256'],
      ['aes256-sha512-ecp384', 'aes256gcm16'],
      ['aes128-sha256-modp2048', 'aes128-sha256-modp2048'],
      ['aes256-sha384-ecp256', 'aes256gcm16-ecp256'],
    ] as const) {
      test(`${ike}, ${esp}: up, ping both ways, down`, async () => {
        await using there = await scene({ ike, esp });
        await there.up(role);
        await there.pingBothWays();
        const { sas } = await there.cygnet.status();
        assert.equal(sas.length, 1);
        assert.equal(sas[0]?.proposal, ike);
        assert.match((await there.charon.swanctl('--list-sas')).stdout, /ESTABLISHED, IKEv1/);
        const { stdout } = await there.cygnet.swanctl('--list-sas');
        assert.match(stdout, /lab: #\d+, ESTABLISHED, IKEv1, [0-9a-f]{16}_i\*? [0-9a-f]{16}_r/);
        assert.match(stdout, /net: #\d+, reqid \d+, INSTALLED, TUNNEL/);
        await there.down(role === 'initiator' ? 'cygnet' : 'charon');
      });
    }

    test('a second child on the same ISAKMP SA', async () => {
      await using there = await scene({ secondChild: true });
      await there.up(role);
      await there.up(role, 'net2');
      const { sas } = await there.cygnet.status();
      assert.equal(sas.length, 1);
      assert.equal(sas[0]?.children.length, 2);
      await there.ping('alice', '10.1.0.1', '10.2.0.1');
      await there.ping('alice', '10.1.0.2', '10.2.0.2');
    });

    for (const starter of SIDES) {
      test(`rekeying of the child by ${starter} loses no packet`, async () => {
        await using there = await scene({ esp: 'aes128-sha256-modp2048' });
        await there.up(role);
        const before = (await there.cygnet.status()).sas[0]?.children[0]?.spiIn;
        const ping = there.floodPing();
        await ping.answers(30);
        await there.rekey(starter, 'child');
        await until('there is another child', async () => {
          const [sa, ...others] = (await there.cygnet.status()).sas;
          return others.length === 0 && sa?.children.some(({ spiIn }) => spiIn !== before);
        });
        await ping.answers(30);
        const { lost } = await ping.stop();
        assert.deepEqual(lost, [], 'packets were lost');
        await there.pingBothWays();
      });

      test(`delete by ${starter}`, async () => {
        await using there = await scene();
        await there.up(role);
        await there.down(starter);
        await there.up(role);
        await there.pingBothWays();
      });
    }

    test('behind a masquerading NAT', async () => {
      await using there = await scene({ nat: role === 'initiator' ? 'alice' : 'bob' });
      await there.up(role);
      await there.pingBothWays();
    });

    test('messages in fragments', async () => {
      const small = 'fragment_size = 400';
      await using there = await scene({
        ike: 'aes128-sha256-modp4096',
        change: set('connections.lab.fragmentation', 'force'),
        cygnetSettings: small,
        bobSettings: small,
      });
      await there.up(role);
      await there.pingBothWays();
      assert.match(there.charon.log, /received fragment #\d+/);
      assert.match(there.charon.log, /splitting IKE message/);
    });
  });
}

describe('dead peer detection', () => {
  const watching = both(
    set('connections.lab.dpd_delay', '1s'),
    set('connections.lab.dpd_timeout', '3s'),
    set('connections.lab.children.net.dpd_action', 'clear'),
  );

  test('both ask, both answer, and the SA stands', async () => {
    await using there = await scene({ change: both(watching, set('connections.lab.dpd_timeout', '6s')) });
    await there.up('initiator');
    await until('questions and answers both ways', () =>
      [
        /generating INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD\) \]/,
        /parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD_ACK\) \]/,
        /parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD\) \]/,
        /generating INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD_ACK\) \]/,
      ].every(line => line.test(there.charon.log)),
    );
    const heard = () =>
      (there.charon.log.match(/parsed INFORMATIONAL_V1 request \d+ \[ HASH N\(DPD_ACK\) \]/g) ?? []).length;
    const before = heard();
    await until('it goes on so for longer than one has for an answer', () => heard() >= before + 7);
    assert.equal((await there.cygnet.status()).sas.length, 1);
    await there.pingBothWays();
  });

  test('cygnet gives up a charon that is silent', async () => {
    await using there = await scene({ change: watching });
    await there.up('initiator');
    await there.lab.run(there.bob, ['ip', 'link', 'set', await wireOf(there), 'down']);
    await until('the SA is gone', async () => (await there.cygnet.status()).sas.length === 0);
  });

  test('charon gives up a cygnet that is silent', async () => {
    await using there = await scene({ change: watching });
    await there.up('responder');
    there.cygnet.process.kill('SIGKILL');
    await until(
      'the SA is gone',
      async () => (await there.charon.swanctl('--list-sas')).stdout.trim() === '',
    );
  });
});

/** The name of bob's end of the wire. */
async function wireOf(there: Scene): Promise<string> {
  const { stdout } = await there.lab.run(there.bob, ['ip', '-o', '-4', 'addr', 'show', 'to', '10.9.0.2']);
  const name = /^\d+: (\S+)/.exec(stdout)?.[1];
  assert.ok(name, stdout);
  return name;
}

describe('ike-scan', () => {
  const AES128_SHA256_PSK_MODP2048 = '(1=7,14=128,2=4,3=1,4=14)';
  const DES_MD5_PSK_MODP768 = '(1=1,2=1,3=1,4=1)';

  async function scan(there: Scene, transform: string): Promise<string> {
    const { stdout, stderr } = await there.lab.run(there.bob, [
      'ike-scan',
      '--sport=0',
      // It ends with the first answer.
      '--timeout=2000',
      '--retry=2',
      '--multiline',
      `--trans=${transform}`,
      '10.9.0.1',
    ]);
    return stdout + stderr;
  }

  test('is answered with the transform that fits, and with a refusal where none does', async () => {
    await using there = await scene();
    const handshake = await scan(there, AES128_SHA256_PSK_MODP2048);
    assert.match(handshake, /Main Mode Handshake returned/);
    assert.match(
      handshake,
      /Enc=AES KeyLength=128 Hash=SHA2-256 (Group=14:modp2048 Auth=PSK|Auth=PSK Group=14:modp2048)/,
    );
    assert.match(handshake, /1 returned handshake; 0 returned notify/);
    const refusal = await scan(there, DES_MD5_PSK_MODP768);
    assert.match(refusal, /Notify message 14 \(NO-PROPOSAL-CHOSEN\)/);
    assert.match(refusal, /0 returned handshake; 1 returned notify/);
  });

  test('is not answered where no connection speaks IKEv1', async () => {
    await using there = await scene({ alice: set('connections.lab.version', '2') });
    assert.match(await scan(there, AES128_SHA256_PSK_MODP2048), /0 returned handshake; 0 returned notify/);
  });

  test('is answered where a connection leaves the version open', async () => {
    await using there = await scene({ alice: set('connections.lab.version', '0') });
    assert.match(await scan(there, AES128_SHA256_PSK_MODP2048), /1 returned handshake; 0 returned notify/);
  });
});
