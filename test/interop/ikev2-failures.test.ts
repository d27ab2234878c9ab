import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CertificateSet, certificates } from './certificates.ts';
import { Lab } from './lab.ts';
import { Scene } from './scene.ts';
import { both, type Section, set } from './swanctl.ts';

/** Every failure that must explain itself, seen by cygnet as initiator and as responder against charon. */
interface Case {
  readonly name: string;
  /** What charon's side has that does not fit. */
  readonly bob: (configuration: Section) => Section;
  readonly alice?: (configuration: Section) => Section;
  readonly certificates?: 'own' | 'foreign';
  /** Of cygnet's strongswan.conf: how soon it gives up, where nobody answers or vouches for the answer. */
  readonly settings?: string;
  /** Code, and what its record must say, for each role. */
  readonly initiator: Expectation;
  readonly responder: Expectation;
}

interface Expectation {
  readonly code: string;
  readonly says: readonly RegExp[];
}

const keys = new Lab();
let own: CertificateSet;
let foreign: CertificateSet;
before(async () => {
  own = await certificates(keys.path('own'), 'ecdsa');
  foreign = await certificates(keys.path('foreign'), 'ecdsa');
});
after(() => keys.close());

const CASES: readonly Case[] = [
  {
    name: 'no IKE proposal in common',
    settings: 'retransmit_timeout = 1.0\n retransmit_tries = 2',
    bob: set('connections.lab.proposals', 'aes256-sha512-modp4096'),
    initiator: { code: 'peer/no-proposal-chosen', says: [/aes128gcm16-prfsha256-x25519/] },
    responder: {
      code: 'peer/no-proposal-chosen',
      says: [/aes128gcm16-prfsha256-x25519/, /aes256-sha512/, /modp4096/],
    },
  },
  {
    name: 'no child proposal in common',
    bob: set('connections.lab.children.net.esp_proposals', 'aes256-sha512'),
    initiator: { code: 'peer/no-proposal-chosen', says: [/aes128gcm16/] },
    responder: { code: 'peer/no-proposal-chosen', says: [/aes128gcm16/, /aes256-sha512/] },
  },
  {
    name: 'no traffic selectors in common',
    bob: both(
      set('connections.lab.children.net.local_ts', '10.77.0.0/24'),
      set('connections.lab.children.net.remote_ts', '10.78.0.0/24'),
    ),
    initiator: { code: 'peer/ts-unacceptable', says: [/10\.2\.0\.1\/32/] },
    responder: { code: 'peer/ts-unacceptable', says: [/10\.78\.0\.0\/24/, /10\.1\.0\.1\/32/] },
  },
  {
    name: 'different pre-shared keys',
    bob: set('secrets.ike-1.secret', '"something else entirely"'),
    initiator: { code: 'auth/refused-by-peer', says: [/alice\.lab/] },
    responder: { code: 'auth/wrong-key', says: [/bob\.lab/] },
  },
  {
    name: 'another identity than expected',
    bob: both(set('connections.lab.local.id', 'mallory.lab'), set('secrets.ike-1.id-2', 'mallory.lab')),
    alice: set('secrets.ike-1.id-3', 'mallory.lab'),
    initiator: { code: 'auth/refused-by-peer', says: [/bob\.lab/] },
    responder: { code: 'auth/wrong-identity', says: [/mallory\.lab/, /bob\.lab/] },
  },
  {
    name: 'no key for the peer',
    bob: configuration => configuration,
    alice: both(set('secrets.ike-1.id-1', 'carol.lab'), set('secrets.ike-1.id-2', 'dave.lab')),
    initiator: { code: 'auth/no-key', says: [/alice\.lab/, /bob\.lab/] },
    responder: { code: 'auth/no-key', says: [/alice\.lab|bob\.lab/] },
  },
  {
    name: 'a chain that leads elsewhere',
    bob: configuration => configuration,
    certificates: 'foreign',
    initiator: { code: 'auth/refused-by-peer', says: [/alice\.lab/] },
    responder: { code: 'auth/untrusted-chain', says: [/Lab CA/] },
  },
  {
    name: 'silence',
    bob: configuration => configuration,
    alice: set('connections.lab.remote_addrs', '10.9.0.77'),
    settings: 'retransmit_timeout = 0.2\n retransmit_tries = 2',
    initiator: { code: 'peer/silent', says: [/10\.9\.0\.77/] },
    responder: { code: '', says: [] },
  },
];

describe('failures explain themselves', () => {
  for (const one of CASES) {
    for (const role of ['initiator', 'responder'] as const) {
      const expected = one[role];
      if (expected.code === '') continue;
      test(`${one.name}, cygnet as ${role}`, async () => {
        await using there = await Scene.open({
          ...(one.certificates === undefined ? {} : { certificates: own, bobCertificates: foreign }),
          ...(one.alice === undefined ? {} : { alice: one.alice }),
          bob: one.bob,
          ...(one.settings === undefined ? {} : { cygnetSettings: one.settings }),
        });
        // Twice in a row: the second refusal must not find anything left over by the first.
        for (let round = 0; round < 2; round++) {
          const failure =
            role === 'initiator' ? await there.refusedUp() : await there.refusedByCygnet(round + 1);
          assert.equal(failure.code, expected.code, JSON.stringify(failure));
          const text = JSON.stringify(failure);
          for (const pattern of expected.says) assert.match(text, pattern);
          assert.ok(failure.remedy !== undefined && failure.remedy.length > 0, `no remedy: ${text}`);
        }
        const { stdout } = await there.cygnet.cli('explain', 'lab');
        assert.match(stdout, new RegExp(expected.code));
        assert.match(stdout, /to mend/);
      });
    }
  }
});
