import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { certificates } from './certificates.ts';
import { Charon } from './charon.ts';
import { DropIn } from './drop-in.ts';
import { Lab, until } from './lab.ts';
import type { Section } from './swanctl.ts';
import { shape } from './swanctl-shape.ts';

/*
 * SAs of many kinds, in cygnet and in a charon with the same connections, each with a charon of its own as peer: what
 * swanctl shows of them is the same. alice is what is compared, bob is the peer.
 */

interface Case {
  /** Of the connection, on both sides. */
  readonly connection: Section;
  readonly child?: Section;
  readonly alice?: Section;
  readonly bob?: Section;
  /** Of the child, where the sides differ in more than their selectors. */
  readonly aliceChild?: Section;
  readonly bobChild?: Section;
  /** Who begins. */
  readonly from: 'alice' | 'bob';
}

const IKE = 'aes256-sha256-ecp256';
const V2 = { version: '2', proposals: IKE };

const CASES: Readonly<Record<string, Case>> = {
  psk: { connection: V2, from: 'alice' },
  asked: { connection: V2, from: 'bob' },
  aead: {
    connection: { version: '2', proposals: 'aes256gcm16-prfsha384-modp2048' },
    child: { esp_proposals: 'aes128-sha256' },
    from: 'alice',
  },
  again: { connection: { ...V2, reauth_time: '1h', rekey_time: '0' }, from: 'alice' },
  forever: {
    connection: { ...V2, rekey_time: '0' },
    child: { rekey_time: '0', life_time: '0' },
    from: 'alice',
  },
  client: {
    connection: V2,
    alice: { vips: '0.0.0.0' },
    bob: { pools: 'p1' },
    aliceChild: { local_ts: 'dynamic' },
    bobChild: { remote_ts: 'dynamic' },
    from: 'alice',
  },
  server: {
    connection: V2,
    alice: { pools: 'p1' },
    bob: { vips: '0.0.0.0' },
    aliceChild: { remote_ts: 'dynamic' },
    bobChild: { local_ts: 'dynamic' },
    from: 'bob',
  },
  main1: { connection: { version: '1', proposals: 'aes128-sha1-modp2048' }, child: quickly(), from: 'alice' },
  asked1: { connection: { version: '1', proposals: 'aes128-sha1-modp2048' }, child: quickly(), from: 'bob' },
  user1: {
    connection: { version: '1', proposals: 'aes128-sha1-modp2048' },
    child: quickly(),
    alice: { 'remote-user': { auth: 'xauth' } },
    bob: { 'local-user': { auth: 'xauth', xauth_id: 'carol' } },
    from: 'bob',
  },
  asking1: {
    connection: { version: '1', proposals: 'aes128-sha1-modp2048' },
    child: quickly(),
    alice: { 'local-user': { auth: 'xauth', xauth_id: 'carol' } },
    bob: { 'remote-user': { auth: 'xauth' } },
    from: 'alice',
  },
  subject: {
    connection: V2,
    alice: { local: { auth: 'pubkey', certs: 'alice.crt' }, remote: { auth: 'pubkey', id: 'bob.lab' } },
    bob: { local: { auth: 'pubkey', certs: 'bob.crt', id: 'bob.lab' }, remote: { auth: 'pubkey' } },
    from: 'alice',
  },
  nobody: {
    connection: V2,
    alice: { local: { auth: 'psk' }, remote: { auth: 'psk' } },
    bob: { local: { auth: 'psk' }, remote: { auth: 'psk' } },
    from: 'alice',
  },
};

/** Quick mode of the older algorithms. */
function quickly(): Section {
  return { esp_proposals: 'aes128-sha1-modp2048' };
}

function configuration(who: 'alice' | 'bob'): Section {
  const peer = who === 'alice' ? 'bob' : 'alice';
  const [net, other] = who === 'alice' ? ['10.1.0.1/32', '10.2.0.1/32'] : ['10.2.0.1/32', '10.1.0.1/32'];
  const [local_addrs, remote_addrs] = who === 'alice' ? ['10.9.0.1', '10.9.0.2'] : ['10.9.0.2', '10.9.0.1'];
  const connections = Object.entries(CASES).map(([name, one]) => {
    const child = {
      ...{ local_ts: net, remote_ts: other, esp_proposals: 'aes256gcm16-ecp256' },
      ...one.child,
      ...(who === 'alice' ? one.aliceChild : one.bobChild),
    };
    const connection = {
      ...{ local_addrs, remote_addrs },
      ...one.connection,
      local: { auth: 'psk', id: `${name}.${who}.lab` },
      remote: { auth: 'psk', id: `${name}.${peer}.lab` },
      // Further rounds of authentication come after the first.
      ...one[who],
      children: { [`net-${name}`]: child },
    };
    return [name, connection] as const;
  });
  return {
    connections: Object.fromEntries(connections),
    secrets: { 'ike-1': { secret: 'labsecret' }, 'xauth-1': { id: 'carol', secret: 'Ar3etTnp' } },
    pools: { p1: { addrs: who === 'alice' ? '10.77.0.0/28' : '10.78.0.0/28', dns: '10.2.0.53' } },
  };
}

describe('what swanctl shows of SAs is what it shows of those of charon', () => {
  const lab = new Lab();
  let cygnet: DropIn;
  let reference: Charon;
  let peer: Charon;
  let otherPeer: Charon;

  before(async () => {
    const certificateSet = await certificates(lab.path('set'), 'ecdsa');
    const files = { certificates: certificateSet } as const;
    const [left, right] = await lab.hosts('a', 'b');
    const [otherLeft, otherRight] = await lab.hosts('c', 'd');
    cygnet = new DropIn(lab, left, 'cygnet');
    reference = new Charon(lab, otherLeft, 'reference');
    [peer, otherPeer] = [new Charon(lab, right, 'peer'), new Charon(lab, otherRight, 'otherpeer')];
    cygnet.configure(configuration('alice'), certificateSet);
    await Promise.all([
      cygnet.start(),
      reference.start(configuration('alice'), { ...files, who: 'alice' }),
      peer.start(configuration('bob'), { ...files, who: 'bob' }),
      otherPeer.start(configuration('bob'), { ...files, who: 'bob' }),
    ]);
    assert.equal((await cygnet.swanctl('--load-all', '--noprompt')).code, 0);
  });
  after(() => lab.close());

  for (const form of [[], ['--raw'], ['--pretty']])
    test(`${['--list-conns', ...form].join(' ')}`, () => same(shape, '--list-conns', ...form));

  for (const [name, { from }] of Object.entries(CASES)) {
    test(`${name}: begun, listed in every form, and ended`, async () => {
      for (const [alice, bob] of [
        [cygnet, peer],
        [reference, otherPeer],
      ] as const) {
        const starter = from === 'alice' ? alice : bob;
        const { code, stdout } = await starter.swanctl('--initiate', '--child', `net-${name}`);
        assert.equal(code, 0, stdout);
      }
      try {
        // Who answers has the child when the last message has come.
        await until('both have it, and nothing else to do', async () => {
          const lists = await both('--list-sas', '--raw');
          return lists.every(list => /state=INSTALLED/.test(list) && !/tasks-(queued|active)/.test(list));
        });
        for (const args of [
          ['--list-sas'],
          ['--list-sas', '--raw'],
          ['--list-sas', '--pretty'],
          ['--list-pools', '--leases'],
          ['--list-pools', '--raw'],
          ['--list-pols'],
        ])
          await same(shape, ...args);
        await same(reply, '--terminate', '--child', `net-${name}`, '--raw');
        await same(shape, '--list-sas');
        await same(shape, '--list-pools', '--leases');
      } finally {
        const [ours, theirs] = await both('--terminate', '--ike', name, '--raw');
        assert.equal(reply(ours), reply(theirs));
      }
      await until('both are over', async () => {
        const [ours, theirs] = await both('--list-sas');
        const leases = (await both('--list-pools', '--leases')).join('');
        return `${ours}${theirs}` === '' && !/online/.test(leases);
      });
      await same(shape, '--list-pools', '--leases');
    });
  }

  async function same(part: (printed: string) => string, ...args: string[]): Promise<void> {
    const [ours, theirs] = await both(...args);
    assert.equal(part(ours), part(theirs), args.join(' '));
  }

  async function both(...args: string[]): Promise<readonly [ours: string, theirs: string]> {
    const [ours, theirs] = [await cygnet.swanctl(...args), await reference.swanctl(...args)];
    assert.equal(ours.code, theirs.code, args.join(' '));
    return [ours.stdout + ours.stderr, theirs.stdout + theirs.stderr];
  }
});

/** What comes after the log. */
function reply(printed: string): string {
  return printed.trimEnd().split('\n').at(-1) ?? '';
}
