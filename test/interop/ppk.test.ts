import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { certificates } from './certificates.ts';
import { Lab } from './lab.ts';
import { type PeerOptions, Scene } from './scene.ts';
import { both, type Section, set } from './swanctl.ts';

/* Post-quantum pre-shared keys (RFC 8784) with charon, which side ever begins, and what each says when they differ. */

interface End {
  readonly id?: string;
  readonly required?: boolean;
  /** Of the secret `lab@ppk`; null: it is not there. */
  readonly secret?: string | null;
}

const ID = 'lab@ppk';
const SECRET = '0x5f8e2d1c00112233445566778899aabbccddeeff00112233445566778899aabb';
const OTHER = '0x00000000000000000000000000000000000000000000000000000000000000aa';

function end({ id, required = false, secret = SECRET }: End): (configuration: Section) => Section {
  return both(
    ...(id === undefined ? [] : [set('connections.lab.ppk_id', id)]),
    ...(required ? [set('connections.lab.ppk_required', 'yes')] : []),
    ...(secret === null ? [set('secrets.ppk-1.id', 'another'), set('secrets.ppk-1.secret', OTHER)] : []),
    ...(secret === null ? [] : [set('secrets.ppk-1.id', ID), set('secrets.ppk-1.secret', secret)]),
  );
}

function open(alice: End, bob: End, options: Partial<PeerOptions> = {}): Promise<Scene> {
  return Scene.open({ ...options, alice: end(alice), bob: end(bob) });
}

/** Whether each of the two says that a PPK is in the keys. */
async function used(there: Scene): Promise<readonly boolean[]> {
  const outputs = await Promise.all(
    [there.cygnet, there.charon].map(daemon => daemon.swanctl('--list-sas', '--raw')),
  );
  return outputs.map(({ stdout }) => stdout.includes('ppk=yes'));
}

const NAMED: End = { id: ID, required: true };
const REQUIRED: End = { required: true };
const keys = new Lab();
after(() => keys.close());

function childless(begins: boolean): readonly ((configuration: Section) => Section)[] {
  return begins ? [set('connections.lab.childless', 'force')] : [];
}

for (const role of ['initiator', 'responder'] as const) {
  /** Who begins names the PPK. */
  const ends = (begins: End, answers: End): readonly [End, End] =>
    role === 'initiator' ? [begins, answers] : [answers, begins];

  describe(`cygnet as ${role}`, () => {
    for (const [what, begins, answers, isUsed] of [
      ['required by both', { id: ID, required: true }, { required: true }, true],
      ['required by nobody', { id: ID }, {}, true],
      ['by a pattern of the responder', { id: ID }, { id: '*@ppk', required: true }, true],
      ['not there, and required by nobody', { id: ID }, { secret: null }, false],
      // charon as responder fails there, required or not.
      ...(role === 'responder'
        ? ([['not taken by our connection', { id: ID }, { id: 'another' }, false]] as const)
        : []),
    ] as const satisfies readonly (readonly [string, End, End, boolean])[])
      test(`${what}: up, ping, rekeyed by both, the same in list-sas`, async () => {
        await using there = await open(...ends(begins, answers));
        await there.up(role);
        await there.pingBothWays();
        assert.deepEqual(await used(there), [isUsed, isUsed]);
        for (const starter of ['cygnet', 'charon'] as const) await there.renew(starter, 'ike');
        await there.renew('cygnet', 'child');
        await there.pingBothWays();
        assert.deepEqual(await used(there), [isUsed, isUsed]);
        await there.down(role === 'initiator' ? 'cygnet' : 'charon');
      });

    test('before there is a child, and with certificates', async () => {
      const directory = await certificates(keys.path(role), 'ecdsa');
      await using there = await Scene.open({
        certificates: directory,
        alice: both(...childless(role === 'initiator'), end(ends(NAMED, REQUIRED)[0])),
        bob: both(...childless(role === 'responder'), end(ends(NAMED, REQUIRED)[1])),
      });
      await there.up(role);
      await there.pingBothWays();
      assert.deepEqual(await used(there), [true, true]);
    });
  });
}

for (const role of ['initiator', 'responder'] as const)
  test(`cygnet as ${role}: with two rounds of authentication of who begins`, async () => {
    const second = (side: 'local' | 'remote'): ((configuration: Section) => Section) =>
      both(
        set(`connections.lab.${side}-2.auth`, 'psk'),
        set(`connections.lab.${side}-2.id`, 'user'),
        set(`connections.lab.${side}-2.round`, '2'),
        set('secrets.ike-1.id-3', 'user'),
      );
    const [begins, answers] = [both(end(NAMED), second('local')), both(end(REQUIRED), second('remote'))];
    await using there = await Scene.open(
      role === 'initiator' ? { alice: begins, bob: answers } : { alice: answers, bob: begins },
    );
    await there.up(role);
    await there.pingBothWays();
    assert.deepEqual(await used(there), [true, true]);
  });

describe('PPKs that differ', () => {
  for (const [what, alice, bob, code] of [
    ['another secret', { id: ID }, { secret: OTHER }, 'auth/refused-by-peer'],
    ['not there, and we require it', { id: ID, required: true }, { secret: null }, 'auth/refused-by-peer'],
    [
      'not there, and charon requires it',
      { id: ID },
      { secret: null, required: true },
      'auth/refused-by-peer',
    ],
    ['we name none, and charon requires one', {}, { required: true }, 'auth/refused-by-peer'],
    ['named, and not at hand', { id: 'nowhere', required: true }, {}, 'auth/no-key'],
  ] as const satisfies readonly (readonly [string, End, End, string])[])
    test(`as initiator: ${what}, twice`, async () => {
      await using there = await open(alice, bob);
      for (let time = 0; time < 2; time++) assert.equal((await there.refusedUp()).code, code);
    });

  for (const [what, alice, bob, summary] of [
    ['another secret', { secret: OTHER }, { id: ID }, /the PPK lab@ppk is another at the peer/],
    [
      'another secret, and charon requires it',
      { secret: OTHER },
      { id: ID, required: true },
      /another secret than ike-1, or the PPK lab@ppk/,
    ],
    [
      'not there, and charon requires it',
      { secret: null },
      { id: ID, required: true },
      /there is no PPK lab@ppk/,
    ],
    ['not there, and we require it', { secret: null, required: true }, { id: ID }, /there is no PPK lab@ppk/],
    ['charon names none, and we require one', { required: true }, {}, /the peer uses no PPK/],
  ] as const satisfies readonly (readonly [string, End, End, RegExp])[])
    test(`as responder: ${what}, twice`, async () => {
      await using there = await open(alice, bob);
      for (let nth = 1; nth <= 2; nth++) assert.match((await there.refusedByCygnet(nth)).summary, summary);
    });
});

test('both print the connection alike', async () => {
  await using there = await open({ id: ID, required: true }, { id: ID, required: true });
  for (const daemon of [there.cygnet, there.charon])
    assert.match((await daemon.swanctl('--list-conns')).stdout, /^ {2}ppk: +lab@ppk, required$/m);
});
