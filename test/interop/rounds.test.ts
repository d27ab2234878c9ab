import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CertificateSet, certificates } from './certificates.ts';
import { Lab, until } from './lab.ts';
import { type PeerOptions, Scene } from './scene.ts';
import type { Section } from './swanctl.ts';

/*
 * Several rounds of authentication with charon (RFC 4739): certificates and shared keys, one side or both, and what
 * each says when a round fails.
 */

const keys = new Lab();
let set: CertificateSet;
before(async () => {
  set = await certificates(keys.path('ecdsa'), 'ecdsa');
});
after(() => keys.close());

type Who = 'alice' | 'bob';
/** A round as it proves `id`: by a certificate where that is the name of one. */
const round = (id: string, side: 'local' | 'remote'): Section =>
  id.endsWith('.lab')
    ? {
        auth: 'pubkey',
        id,
        ...(side === 'local' ? { certs: `${id.slice(0, -4)}.crt` } : { cacerts: 'ca.crt' }),
      }
    : { auth: 'psk', id };

/** The sections of one end. */
function rounds(configuration: Section, own: readonly string[], others: readonly string[]): Section {
  const connection = (configuration['connections'] as Section)['lab'] as Section;
  const { local: _l, remote: _r, ...rest } = connection;
  const sections = Object.fromEntries([
    ...own.map((id, i) => [`local-${i + 1}`, { ...round(id, 'local'), round: String(i + 1) }]),
    ...others.map((id, i) => [`remote-${i + 1}`, { ...round(id, 'remote'), round: String(i + 1) }]),
  ]) as Section;
  return { ...configuration, connections: { lab: { ...rest, ...sections } } };
}

interface Ends {
  readonly alice: readonly string[];
  readonly bob: readonly string[];
  /** What the other asks of them, where it is not the same. */
  readonly aliceAsked?: readonly string[];
  readonly bobAsked?: readonly string[];
  /** Of bob's. */
  readonly secret?: string;
  readonly options?: Partial<PeerOptions>;
}

function open({ alice, bob, aliceAsked = alice, bobAsked = bob, secret = 'same', options = {} }: Ends) {
  const owners = [...new Set([...alice, ...bob, ...aliceAsked, ...bobAsked])].filter(
    id => !id.endsWith('.lab'),
  );
  const secrets = (text: string): Section => ({
    'ike-1': {
      ...Object.fromEntries(owners.map((id, i) => [`id-${i + 1}`, id])),
      secret: `"${text}"`,
    },
  });
  const asks: Record<Who, readonly [readonly string[], readonly string[]]> = {
    alice: [alice, bobAsked],
    bob: [bob, aliceAsked],
  };
  return Scene.open({
    certificates: set,
    ...options,
    alice: given => ({
      ...rounds(given, ...asks.alice),
      ...(owners.length > 0 && { secrets: secrets('same') }),
    }),
    bob: given => ({ ...rounds(given, ...asks.bob), ...(owners.length > 0 && { secrets: secrets(secret) }) }),
  });
}

const SHAPES: readonly (readonly [string, Ends])[] = [
  ['a certificate and then a key, of the one side', { alice: ['alice.lab', 'user'], bob: ['bob.lab'] }],
  // charon takes two rounds that are configured alike for one.
  [
    'a key and then a certificate, and the other way round',
    { alice: ['user', 'alice.lab'], bob: ['bob.lab', 'gateway'] },
  ],
  ['one round against two', { alice: ['alice.lab'], bob: ['bob.lab', 'gateway'] }],
  ['three rounds against one', { alice: ['alice.lab', 'user', 'other'], bob: ['bob.lab'] }],
];

for (const role of ['initiator', 'responder'] as const) {
  describe(`cygnet as ${role}`, () => {
    for (const [what, { alice, bob }] of SHAPES) {
      // charon as initiator, of another charon too: "insufficient authentication rounds" after the first of two.
      if (role === 'responder' && alice[0] === 'user') continue;
      // Whoever begins goes through the rounds of alice.
      const ends = role === 'initiator' ? { alice, bob } : { alice: swap(bob), bob: swap(alice) };
      test(`${what}: up, the same in list-sas, rekeyed, down`, async () => {
        await using there = await open(ends);
        await there.up(role);
        await there.pingBothWays();
        const ids = async (end: typeof there.cygnet | typeof there.charon) =>
          /local +'(.*?)'.*\n +remote +'(.*?)'/.exec((await end.swanctl('--list-sas')).stdout)?.slice(1);
        assert.deepEqual(await ids(there.cygnet), [...((await ids(there.charon)) ?? [])].reverse());
        await there.renew('cygnet', 'ike');
        await there.pingBothWays();
        await there.down(role === 'initiator' ? 'cygnet' : 'charon');
      });
    }
  });
}

function swap(names: readonly string[]): readonly string[] {
  return names.map(name => (name === 'alice.lab' ? 'bob.lab' : name === 'bob.lab' ? 'alice.lab' : name));
}

describe('rounds that fail', () => {
  for (const [what, ends, code, summary] of [
    [
      'the key of the second',
      { alice: ['alice.lab', 'user'], bob: ['bob.lab'], secret: 'other' },
      'auth/refused-by-peer',
      /^round 2 of 2/,
    ],
    [
      'charon asks for one more',
      { alice: ['alice.lab'], aliceAsked: ['alice.lab', 'user'], bob: ['bob.lab'] },
      'auth/refused-by-peer',
      /did not accept/,
    ],
    [
      'charon asks for one less',
      { alice: ['alice.lab', 'user'], aliceAsked: ['alice.lab'], bob: ['bob.lab'] },
      'auth/refused-by-peer',
      /^round 2 of 2/,
    ],
    [
      'we ask for one more',
      { alice: ['alice.lab'], bob: ['bob.lab'], bobAsked: ['bob.lab', 'user'] },
      'auth/rounds',
      /proved itself in 1 of 2 rounds/,
    ],
    [
      'we ask for one less',
      { alice: ['alice.lab'], bob: ['bob.lab', 'gateway'], bobAsked: ['bob.lab'] },
      'auth/rounds',
      /would prove itself a second time/,
    ],
    [
      'charon has multiple_authentication = no, and we ask for two',
      {
        alice: ['alice.lab'],
        bob: ['bob.lab', 'gateway'],
        options: { bobSettings: 'multiple_authentication = no' },
      },
      'auth/rounds',
      /does not speak RFC 4739/,
    ],
  ] as const satisfies readonly (readonly [string, Ends, string, RegExp])[])
    test(`as initiator: ${what}, twice`, async () => {
      await using there = await open(ends);
      for (let time = 0; time < 2; time++) {
        const failure = await there.refusedUp();
        assert.equal(failure.code, code);
        assert.match(failure.summary, summary);
      }
      assert.deepEqual((await there.cygnet.status()).sas, []);
      // Between two rounds charon answers that we give up, and forgets the half-open SA later.
      await until(
        'charon has taken note',
        async () => !/ESTABLISHED/.test((await there.charon.swanctl('--list-sas')).stdout),
      );
    });

  for (const [what, ends, code, summary] of [
    [
      'the key of the second',
      { alice: ['alice.lab'], bob: ['bob.lab', 'user'], secret: 'other' },
      'auth/wrong-key',
      /^round 2 of 2: user holds another secret/,
    ],
    [
      'charon has one less',
      { alice: ['alice.lab'], bob: ['bob.lab'], bobAsked: ['bob.lab', 'user'] },
      'auth/rounds',
      /proved itself in 1 of 2/,
    ],
    [
      'charon has one more',
      { alice: ['alice.lab'], bob: ['bob.lab', 'user'], bobAsked: ['bob.lab'] },
      'auth/rounds',
      /would prove itself a second time/,
    ],
    [
      'charon takes somebody else for us',
      { alice: ['alice.lab', 'x'], aliceAsked: ['alice.lab', 'y'], bob: ['bob.lab', 'user'] },
      'auth/wrong-identity',
      /wants y to answer, and we are x/,
    ],
    [
      'we have multiple_authentication = no',
      {
        alice: ['alice.lab'],
        bob: ['bob.lab', 'user'],
        options: { cygnetSettings: 'multiple_authentication = no' },
      },
      'auth/rounds',
      /proved itself in 1 of 2/,
    ],
  ] as const satisfies readonly (readonly [string, Ends, string, RegExp])[])
    test(`as responder: ${what}, twice`, async () => {
      await using there = await open(ends);
      for (let nth = 1; nth <= 2; nth++) {
        const failure = await there.refusedByCygnet(nth);
        assert.equal(failure.code, code);
        assert.match(failure.summary, summary);
      }
      assert.deepEqual((await there.cygnet.status()).sas, []);
    });
});
