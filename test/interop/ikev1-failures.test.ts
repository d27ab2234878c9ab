import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Scene } from './scene.ts';
import { both, type Section, set } from './swanctl.ts';

/** Failures of IKEv1 that must explain themselves, seen by cygnet as initiator and as responder against charon. */
interface Case {
  readonly name: string;
  /** What charon's side has that does not fit. */
  readonly bob: (configuration: Section) => Section;
  /** Of cygnet's strongswan.conf: how soon it gives up, where nobody answers or vouches for the answer. */
  readonly settings?: string;
  readonly initiator: Expectation;
  readonly responder: Expectation;
}

interface Expectation {
  readonly code: string;
  readonly says: readonly RegExp[];
}

const IKEV1 = set('connections.lab.version', '1');

const CASES: readonly Case[] = [
  {
    name: 'no proposal of phase 1 in common',
    settings: 'retransmit_timeout = 1.0\n retransmit_tries = 2',
    bob: set('connections.lab.proposals', 'aes128-sha256-modp1024'),
    initiator: { code: 'peer/no-proposal-chosen', says: [/aes128-sha256-modp2048/] },
    responder: {
      code: 'peer/invalid-ke',
      says: [/the peer offers modp1024; this connection allows modp2048/, /aes128-sha256-modp2048/],
    },
  },
  {
    name: 'no proposal of phase 2 in common',
    bob: set('connections.lab.children.net.esp_proposals', 'aes256-sha512'),
    initiator: { code: 'peer/no-proposal-chosen', says: [/aes128-sha256/] },
    responder: { code: 'peer/no-proposal-chosen', says: [/aes128-sha256/, /aes256-sha512/] },
  },
  {
    name: 'perfect forward secrecy at one end',
    bob: set('connections.lab.children.net.esp_proposals', 'aes128-sha256-modp2048'),
    initiator: { code: 'peer/no-proposal-chosen', says: [/aes128-sha256/] },
    responder: { code: 'peer/invalid-ke', says: [/the peer offers modp2048; this connection allows none/] },
  },
  {
    name: 'other traffic selectors',
    bob: both(
      set('connections.lab.children.net.local_ts', '10.77.0.0/24'),
      set('connections.lab.children.net.remote_ts', '10.78.0.0/24'),
    ),
    initiator: { code: 'peer/ts-unacceptable', says: [/10\.2\.0\.1\/32/] },
    responder: { code: 'peer/ts-unacceptable', says: [/10\.78\.0\.0\/24/, /10\.1\.0\.1\/32/] },
  },
  {
    name: 'different shared keys',
    bob: set('secrets.ike-1.secret', '"something else entirely"'),
    settings: 'retransmit_timeout = 0.5\n retransmit_tries = 2\n half_open_timeout = 6s',
    initiator: { code: 'peer/silent', says: [/10\.9\.0\.2/, /pre-shared key is another/] },
    responder: { code: 'auth/wrong-key', says: [/10\.9\.0\.2|bob\.lab/] },
  },
  {
    name: 'another identity than expected',
    bob: both(set('connections.lab.local.id', 'mallory.lab'), set('secrets.ike-1.id-3', 'mallory.lab')),
    initiator: { code: 'auth/wrong-identity', says: [/mallory\.lab/, /bob\.lab/] },
    responder: { code: 'config/no-connection', says: [/mallory\.lab/, /remote\.id bob\.lab/] },
  },
];

describe('failures of IKEv1 explain themselves', () => {
  for (const one of CASES) {
    for (const role of ['initiator', 'responder'] as const) {
      const expected = one[role];
      test(`${one.name}, cygnet as ${role}`, async () => {
        await using there = await Scene.open({
          ike: 'aes128-sha256-modp2048',
          esp: 'aes128-sha256',
          alice: IKEV1,
          bob: both(IKEV1, one.bob),
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
