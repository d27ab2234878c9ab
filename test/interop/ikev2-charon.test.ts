import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CertificateKind, type CertificateSet, certificates } from './certificates.ts';
import { Lab, until } from './lab.ts';
import { type PeerOptions, Scene } from './scene.ts';
import type { Section } from './swanctl.ts';

const PROPOSALS = [
  'aes128gcm16-prfsha256-x25519',
  'aes256-sha384-ecp384',
  'chacha20poly1305-prfsha256-modp3072',
] as const;
const AUTHENTICATION: readonly ('psk' | CertificateKind)[] = ['psk', 'rsa', 'ecdsa', 'ed25519'];
const ROLES = ['initiator', 'responder'] as const;

const keys = new Lab();
const sets = new Map<CertificateKind, CertificateSet>();
before(async () => {
  for (const kind of ['rsa', 'ecdsa', 'ed25519'] as const)
    sets.set(kind, await certificates(keys.path(kind), kind));
});
after(() => keys.close());

function scene(
  options: Partial<PeerOptions> & { authentication?: 'psk' | CertificateKind } = {},
): Promise<Scene> {
  const { authentication = 'psk' } = options;
  const set = authentication === 'psk' ? undefined : sets.get(authentication);
  return Scene.open({ ...options, ...(set === undefined ? {} : { certificates: set }) });
}

for (const role of ROLES) {
  describe(`cygnet as ${role}`, () => {
    for (const authentication of AUTHENTICATION) {
      for (const proposal of PROPOSALS) {
        test(`${authentication}, ${proposal}: up, ping both ways, down`, async () => {
          await using there = await scene({
            authentication,
            ike: proposal,
            esp: proposal.replace(/-prfsha256/, ''),
          });
          await there.up(role);
          await there.pingBothWays();
          const { sas } = await there.cygnet.status();
          assert.equal(sas.length, 1);
          assert.equal(
            sas[0]?.proposal,
            proposal === 'aes256-sha384-ecp384' ? 'aes256-sha384-prfsha384-ecp384' : proposal,
          );
          await there.down(role === 'initiator' ? 'cygnet' : 'charon');
        });
      }
    }

    for (const authentication of ['rsa', 'ecdsa'] as const) {
      test(`${authentication} with a peer that does not speak RFC 7427`, async () => {
        await using there = await scene({ authentication, bobSettings: 'signature_authentication = no' });
        await there.up(role);
        await there.pingBothWays();
      });
    }

    test('a second child on the same IKE SA', async () => {
      await using there = await scene({ secondChild: true });
      await there.up(role);
      await there.up(role, 'net2');
      const sas = await until('two children', async () => {
        const status = await there.cygnet.status();
        return status.sas[0]?.children.length === 2 && status.sas;
      });
      assert.equal(sas.length, 1);
      await there.ping('alice', '10.1.0.1', '10.2.0.1');
      await there.ping('alice', '10.1.0.2', '10.2.0.2');
    });

    for (const starter of ['cygnet', 'charon'] as const) {
      for (const what of ['child', 'ike'] as const) {
        test(`${what} rekey started by ${starter} loses no packet`, async () => {
          await using there = await scene();
          await there.up(role);
          const ping = there.floodPing();
          await ping.answers(30);
          await there.renew(starter, what);
          await ping.answers(30);
          const { lost } = await ping.stop();
          assert.deepEqual(lost, [], 'packets were lost');
          await there.pingBothWays();
        });
      }
      test(`delete by ${starter}`, async () => {
        await using there = await scene();
        await there.up(role);
        await there.down(starter);
      });
    }

    test('behind a masquerading NAT', async () => {
      await using there = await scene({ nat: role === 'initiator' ? 'alice' : 'bob' });
      await there.up(role);
      await there.pingBothWays();
    });
  });
}

describe('rounds before IKE_AUTH', () => {
  const group = (proposals: string) => (configuration: Section) => ({
    ...configuration,
    connections: { lab: { ...((configuration['connections'] as Section)['lab'] as Section), proposals } },
  });

  test('a wrong guess of the group costs one round: INVALID_KE_PAYLOAD to cygnet', async () => {
    await using there = await Scene.open({
      alice: group('aes128-sha256-x25519-ecp256'),
      bob: group('aes128-sha256-ecp256'),
    });
    await there.up('initiator');
    assert.match(there.charon.log, /INVAL_KE/);
    await there.pingBothWays();
    assert.equal((await there.cygnet.status()).sas[0]?.proposal, 'aes128-sha256-prfsha256-ecp256');
  });

  test('and INVALID_KE_PAYLOAD from cygnet', async () => {
    await using there = await Scene.open({
      alice: group('aes128-sha256-ecp256'),
      bob: group('aes128-sha256-x25519-ecp256'),
    });
    await there.up('responder');
    assert.match(there.charon.log, /INVAL_KE/);
    await there.pingBothWays();
  });

  test('cygnet demands a cookie, and charon returns it', async () => {
    await using there = await Scene.open({ cygnetSettings: 'cookie_threshold = 0' });
    await there.up('responder');
    assert.match(there.charon.log, /COOKIE/);
    await there.pingBothWays();
  });
});

describe('fragmentation', () => {
  for (const role of ROLES) {
    test(`a long chain goes in fragments, cygnet as ${role}`, async () => {
      const set = await certificates(keys.path(`chain-${role}`), 'rsa', 4);
      await using there = await Scene.open({ certificates: set, mtu: 1280 });
      await there.up(role);
      await there.pingBothWays();
      assert.match(there.charon.log, /received fragment #\d+ of \d+|EF\(/);
      assert.match(there.charon.log, /splitting IKE message/);
    });
  }
});
