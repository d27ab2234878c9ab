import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { textOf, ViciClient } from '../../src/control/index.ts';
import { type CertificateSet, certificates } from './certificates.ts';
import { Lab, mustRun, until } from './lab.ts';
import { type PeerOptions, Scene } from './scene.ts';
import { both, type Section, set } from './swanctl.ts';

/* What the field does with IKEv1, against charon: certificates in aggressive mode, long chains, peers that come back, SAs made anew under traffic, identities and owners of every kind. */

const ROLES = ['initiator', 'responder'] as const;
const SIDES = ['cygnet', 'charon'] as const;
type Change = (configuration: Section) => Section;

interface Options extends Partial<PeerOptions> {
  /** For both sides. */
  readonly change?: Change;
}

const same: Change = configuration => configuration;

function scene({ change = same, alice = same, bob = same, ...options }: Options = {}): Promise<Scene> {
  const version = set('connections.lab.version', '1');
  return Scene.open({
    ike: 'aes128-sha256-modp2048',
    esp: 'aes128-sha256',
    ...options,
    alice: both(version, change, alice),
    bob: both(version, change, bob),
  });
}

const keys = new Lab();
let rsa: CertificateSet;
let chain: CertificateSet;
before(async () => {
  rsa = await certificates(keys.path('rsa'), 'rsa');
  chain = await certificates(keys.path('chain'), 'rsa', 2);
});
after(() => keys.close());

const AGGRESSIVE = set('connections.lab.aggressive', 'yes');

for (const role of ROLES) {
  describe(`cygnet as ${role}`, () => {
    for (const sent of ['ifasked', 'always'] as const)
      test(`aggressive mode with RSA signatures, certificates sent ${sent}`, async () => {
        await using there = await scene({
          certificates: rsa,
          change: both(AGGRESSIVE, set('connections.lab.send_cert', sent)),
        });
        await there.up(role);
        assert.match(there.charon.log, /AGGRESSIVE/);
        await there.pingBothWays();
        await there.down(role === 'initiator' ? 'cygnet' : 'charon');
      });

    for (const [mode, change] of [
      ['main', same],
      ['aggressive', AGGRESSIVE],
    ] as const)
      test(`chains of RSA certificates in vendor fragments, ${mode} mode`, async () => {
        await using there = await scene({
          certificates: chain,
          change: both(
            change,
            set('connections.lab.send_cert', 'always'),
            set('connections.lab.fragmentation', 'yes'),
          ),
        });
        await there.up(role);
        assert.match(there.charon.log, /received fragment #\d+/);
        assert.match(there.charon.log, /splitting IKE message/);
        await there.pingBothWays();
      });
  });
}

// ── algorithms old and odd ──

for (const ike of [
  '3des-md5-modp1024',
  'camellia128-sha512-modp8192',
  'aes192-sha1-ecp256bp',
  'aes128-sha256-x25519',
])
  for (const role of ROLES)
    test(`${ike}, cygnet as ${role}`, async () => {
      await using there = await scene({ ike, esp: '3des-sha1' });
      await there.up(role);
      await there.pingBothWays();
    });

// ── peers that come back ──

const WATCHING = both(set('connections.lab.dpd_delay', '1s'), set('connections.lab.dpd_timeout', '3s'));

describe('dead peer detection begins anew', () => {
  const restart = both(
    WATCHING,
    set('connections.lab.children.net.dpd_action', 'restart'),
    // With one attempt, which is the default, the other has to be there within seconds.
    set('connections.lab.keyingtries', '0'),
  );

  test('cygnet calls a charon that was cut off until it is there again', async () => {
    await using there = await scene({
      alice: restart,
      cygnetSettings: 'retransmit_timeout = 0.5\n retransmit_tries = 2',
    });
    await there.up('initiator');
    const before = (await there.cygnet.status()).sas[0]?.id;
    await there.lab.run(there.bob, ['ip', 'link', 'set', await wireOf(there), 'down']);
    await until('it is called again', async () => (await there.cygnet.status()).sas[0]?.id !== before);
    await there.lab.run(there.bob, ['ip', 'link', 'set', await wireOf(there), 'up']);
    await until(
      'the child is there again',
      async () => (await there.cygnet.status()).sas.some(({ children }) => children.length > 0),
      30_000,
    );
    await there.pingBothWays();
  });

  test('charon calls a cygnet that was killed until it is there again', async () => {
    await using there = await scene({ bob: restart });
    await there.up('responder');
    there.cygnet.process.kill('SIGKILL');
    await until('it is called again', () =>
      /restarting CHILD_SA|initiating Main Mode IKE_SA lab\[2\]/.test(there.charon.log),
    );
    await there.startCygnet('cygnet2');
    await until(
      'the child is there again',
      async () => (await there.cygnet.status()).sas.some(({ children }) => children.length > 0),
      30_000,
    );
    await there.pingBothWays();
  });
});

/** The name of bob's end of the wire. */
async function wireOf(there: Scene): Promise<string> {
  const stdout = await mustRun('ip', [
    'netns',
    'exec',
    there.bob,
    'ip',
    '-o',
    '-4',
    'addr',
    'show',
    'to',
    '10.9.0.2',
  ]);
  const name = /^\d+: (\S+)/.exec(stdout)?.[1];
  assert.ok(name, stdout);
  return name;
}

// ── made anew ──

for (const role of ROLES)
  for (const starter of SIDES)
    for (const kind of ['psk', 'rsa'] as const)
      test(`the ISAKMP SA is made anew by ${starter}, cygnet as ${role}, ${kind}: no packet is lost`, async () => {
        await using there = await scene(kind === 'rsa' ? { certificates: rsa } : {});
        await there.up(role);
        const before = (await there.cygnet.status()).sas[0]?.id;
        const ping = there.floodPing();
        await ping.answers(30);
        if (starter === 'cygnet') await there.rekey('cygnet', 'ike');
        else {
          const { code, stdout, stderr } = await there.charon.swanctl('--rekey', '--ike', 'lab', '--reauth');
          assert.equal(code, 0, stdout + stderr);
        }
        await until('there is another one, and one alone', async () => {
          const { sas } = await there.cygnet.status();
          const [sa] = sas;
          return (
            sas.length === 1 && sa?.id !== before && sa?.state === 'ESTABLISHED' && sa.children.length > 0
          );
        });
        await ping.answers(50);
        const { lost } = await ping.stop();
        assert.deepEqual(
          lost,
          [],
          `packets were lost\n${there.cygnet.log}\n${there.charon.log.split('\n').slice(-60).join('\n')}`,
        );
        await there.pingBothWays();
        await there.untilBoth('one is left', list => list.match(/ESTABLISHED, IKEv1/g)?.length === 1);
      });

test('both make the ISAKMP SA anew at once: no packet is lost, and one is left', async () => {
  await using there = await scene();
  await there.up('initiator');
  const before = (await there.cygnet.status()).sas[0]?.id;
  const ping = there.floodPing();
  await ping.answers(30);
  const [, { code, stdout }] = await Promise.all([
    there.rekey('cygnet', 'ike'),
    there.charon.swanctl('--rekey', '--ike', 'lab', '--reauth'),
  ]);
  assert.equal(code, 0, stdout);
  const only = async (): Promise<boolean> => {
    const { sas } = await there.cygnet.status();
    const listed = (await there.charon.swanctl('--list-sas')).stdout;
    const [sa, ...others] = sas;
    const isOther = others.length === 0 && sa?.id !== before && sa?.children.length === 1;
    return isOther && [...listed.matchAll(/IKEv1/g)].length === 1;
  };
  await until('one is left at both ends', only, 45_000);
  await ping.answers(30);
  const { lost } = await ping.stop();
  assert.deepEqual(lost, [], 'packets were lost');
  await there.pingBothWays();
});

// ── who the two are ──

/** The secret belongs to these. */
function owned(...owners: readonly string[]): Change {
  return configuration => ({
    ...configuration,
    secrets: {
      'ike-1': {
        ...Object.fromEntries(owners.map((owner, i) => [`id-${i + 1}`, owner])),
        secret: '"correct horse battery"',
      },
    },
  });
}

/** Both sides go by these names, alice's first. */
function named(alice: string | undefined, bob: string | undefined): Pick<Options, 'alice' | 'bob'> {
  const of = (local: string | undefined, remote: string | undefined): Change =>
    both(id('local', local), id('remote', remote));
  return { alice: of(alice, bob), bob: of(bob, alice) };
}

function id(side: 'local' | 'remote', name: string | undefined): Change {
  if (name !== undefined) return set(`connections.lab.${side}.id`, name);
  return configuration => {
    const { lab } = configuration['connections'] as { lab: Section };
    const { id: _, ...rest } = lab[side] as Section;
    return { ...configuration, connections: { lab: { ...lab, [side]: rest } } };
  };
}

const IDENTITIES = [
  ['names', 'moon.example.org', 'sun.example.org'],
  ['mail addresses', 'carol@example.org', 'dave@example.org'],
  ['addresses', '10.9.0.1', '10.9.0.2'],
  ['addresses that nobody has', '192.0.2.1', '192.0.2.2'],
  ['IPv6 addresses', '2001:db8::1', '2001:db8::2'],
  ['distinguished names', '"C=CH, O=Lab, CN=moon"', '"C=CH, O=Lab, CN=sun"'],
  ['keys', 'keyid:moon', 'keyid:sun'],
  ['nothing but where they are', undefined, undefined],
] as const;

for (const role of ROLES) {
  describe(`main mode with a shared key, cygnet as ${role}`, () => {
    for (const [what, alice, bob] of IDENTITIES)
      test(`the two go by ${what}`, async () => {
        const owners = [alice ?? '10.9.0.1', bob ?? '10.9.0.2'];
        const { alice: atAlice = same, bob: atBob = same } = named(alice, bob);
        await using there = await scene({
          alice: both(owned(...owners), atAlice),
          bob: both(owned(...owners), atBob),
        });
        await there.up(role);
        await there.pingBothWays();
      });

    for (const [what, owners] of [
      ['nobody in particular', []],
      ['%any', ['%any']],
      ['the addresses, where the two have names', ['10.9.0.1', '10.9.0.2']],
      ['the address of the peer alone', ['10.9.0.2', '10.9.0.1']],
      ['a network', ['10.9.0.0/24']],
    ] as const)
      test(`the secret is that of ${what}`, async () => {
        await using there = await scene({
          alice: owned(...owners),
          bob: owned(...(what === 'a network' ? [] : owners)),
        });
        await there.up(role);
        await there.pingBothWays();
      });
  });
}

// ── NAT traversal as it was before RFC 3947 ──

describe('ike-scan', () => {
  for (const [name, vendor] of [
    ['draft-ietf-ipsec-nat-t-ike-02', '90cb80913ebb696e086381b5ec427b1f'],
    ['draft-ietf-ipsec-nat-t-ike-03', '7d9419a65310ca6f2c179d9215529d56'],
    ['RFC 3947', '4a131c81070358455c5728f20e95452f'],
  ] as const)
    test(`says that it knows ${name}, and is told the same`, async () => {
      await using there = await scene();
      const { stdout, stderr } = await there.lab.run(there.bob, [
        'ike-scan',
        '--sport=0',
        '--timeout=2000',
        '--retry=2',
        '--multiline',
        '--trans=(1=7,14=128,2=4,3=1,4=14)',
        `--vendor=${vendor}`,
        '10.9.0.1',
      ]);
      assert.match(stdout + stderr, /Main Mode Handshake returned/);
      assert.match(stdout, new RegExp(`VID=${vendor}`));
    });
});

// ── in charon's words ──

/** What `text` says of messages: which way, and what is in them. */
function messagesIn(text: string, verb: 'parsed' | 'generating'): readonly string[] {
  return [...text.matchAll(new RegExp(`\\[ENC\\] ${verb} (.*)$`, 'gm'))].map(one => one[1] ?? '');
}

async function untilAsked(there: Scene): Promise<void> {
  const answers = () => (there.charon.log.match(/\[ HASH N\(DPD_ACK\) \]/g) ?? []).length;
  const before = answers();
  await until('one has asked whether the other is there', () => answers() > before);
}

for (const role of ROLES)
  for (const [mode, change] of [
    ['Main', same],
    ['Aggressive', AGGRESSIVE],
  ] as const)
    test(`${mode} Mode, cygnet as ${role}: log lines and counters are those of charon`, async t => {
      await using there = await scene({
        certificates: rsa,
        change: both(change, set('connections.lab.dpd_delay', '3s')),
      });
      const lines: string[] = [];
      const client = await ViciClient.connect(there.cygnet.uri);
      t.after(() => client.close());
      await client.subscribe('log', line => lines.push(`[${textOf(line, 'group')}] ${textOf(line, 'msg')}`));
      await there.up(role);
      await untilAsked(there);
      await there.rekey(role === 'initiator' ? 'cygnet' : 'charon', 'child');
      await there.untilBoth('the new child is up', list => /net: #2, reqid \d+, INSTALLED/.test(list));
      // Neither asks again at once, while the other deletes the SA.
      await untilAsked(there);
      await there.down(role === 'initiator' ? 'cygnet' : 'charon');
      await until('all is logged', () => lines.some(line => line.includes('deleting IKE_SA')));
      const ours = lines.join('\n');
      const theirs = there.charon.log;
      for (const [one, other] of [
        [messagesIn(ours, 'generating'), messagesIn(theirs, 'parsed')],
        [messagesIn(ours, 'parsed'), messagesIn(theirs, 'generating')],
      ] as const) {
        assert.ok(one.length >= 5, ours);
        // What both log of one message is the same; what charon says of fragments and repetitions is its own.
        assert.deepEqual(
          one.filter(line => !other.includes(line)),
          [],
          theirs,
        );
      }
      const begun = (text: string): readonly string[] =>
        [...text.matchAll(/(?:is initiating|initiating) .* Mode IKE_SA.*$/gm)].map(one => one[0]);
      assert.equal(begun(ours).length, 1);
      assert.match(begun(ours)[0] ?? '', new RegExp(`${mode} Mode IKE_SA`));
      assert.match(begun(theirs)[0] ?? '', new RegExp(`${mode} Mode IKE_SA`));
      const counted = async (who: 'cygnet' | 'charon'): Promise<string> =>
        (await there[who].swanctl('--counters', '--all')).stdout;
      assert.equal(await counted('cygnet'), await counted('charon'));
    });
