import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { type CertificateSet, certificates } from './certificates.ts';
import { Lab } from './lab.ts';
import { type PeerOptions, Scene } from './scene.ts';
import { both, type Section, set } from './swanctl.ts';

/* Users: after a shared key, after signatures of both ends, and in place of the client's (hybrid). */

type Change = (configuration: Section) => Section;

const ALLOWED = 'i_dont_care_about_security_and_use_aggressive_mode_psk = yes';
const ROLES = ['initiator', 'responder'] as const;
const PHASES = ['psk', 'pubkey', 'hybrid'] as const;
type Phase = (typeof PHASES)[number];

const keys = new Lab();
let rsa: CertificateSet;
before(async () => {
  rsa = await certificates(keys.path('rsa'), 'rsa');
});
after(() => keys.close());

function server(phase: Phase): Change {
  const asking = phase === 'hybrid' ? alone('remote') : set('connections.lab.remote-2.auth', 'xauth');
  return both(password('tango'), asking);
}

function client(phase: Phase, secret: string): Change {
  const second = phase === 'hybrid' ? 'local' : 'local-2';
  return both(
    password(secret),
    phase === 'hybrid' ? alone('local') : set('connections.lab.local-2.auth', 'xauth'),
    set(`connections.lab.${second}.xauth_id`, 'carol'),
  );
}

/** The only round of `side` is the user, which calls itself by a group. */
function alone(side: 'local' | 'remote'): Change {
  return configuration => {
    const { lab } = configuration['connections'] as { lab: Section };
    return { ...configuration, connections: { lab: { ...lab, [side]: { auth: 'xauth', id: 'group.lab' } } } };
  };
}

function password(secret: string): Change {
  return both(set('secrets.xauth-1.id', 'carol'), set('secrets.xauth-1.secret', secret));
}

function scene(phase: Phase, { alice, bob, ...options }: Partial<PeerOptions> = {}): Promise<Scene> {
  const common = set('connections.lab.version', '1');
  return Scene.open({
    ike: 'aes128-sha256-modp2048',
    esp: 'aes128-sha256',
    cygnetSettings: ALLOWED,
    bobSettings: ALLOWED,
    ...(phase === 'psk' ? {} : { certificates: rsa }),
    ...options,
    alice: both(common, alice ?? same),
    bob: both(common, bob ?? same),
  });
}

function same(configuration: Section): Section {
  return configuration;
}

for (const phase of PHASES) {
  for (const mode of ['main', 'aggressive'] as const) {
    for (const role of ROLES) {
      describe(`XAUTH, ${phase}, ${mode} mode, cygnet as ${role}`, () => {
        for (const user of ['cygnet', 'charon'] as const) {
          // charon knows hybrid authentication with the user as initiator alone.
          if (phase === 'hybrid' && (user === 'cygnet') !== (role === 'initiator')) continue;
          test(`the user is ${user}: up, ping both ways, down`, async () => {
            const aggressive = mode === 'aggressive' ? set('connections.lab.aggressive', 'yes') : same;
            await using there = await scene(phase, {
              alice: both(aggressive, user === 'cygnet' ? client(phase, 'tango') : server(phase)),
              bob: both(aggressive, user === 'charon' ? client(phase, 'tango') : server(phase)),
            });
            await there.up(role);
            await there.pingBothWays();
            await there.down('cygnet');
          });
        }
      });
    }
  }

  test(`${phase}: charon does not take the password, twice in a row: that is what is told`, async () => {
    await using there = await scene(phase, { alice: client(phase, 'tangp'), bob: server(phase) });
    for (let time = 1; time <= 2; time++)
      assert.equal((await there.refusedUp()).code, 'auth/refused-by-peer');
  });

  test(`${phase}: charon has another password, twice in a row: that is what is told`, async () => {
    await using there = await scene(phase, { alice: server(phase), bob: client(phase, 'tangp') });
    for (let time = 1; time <= 2; time++)
      assert.equal((await there.refusedByCygnet(time)).code, 'auth/wrong-key');
  });
}

for (const [ours, theirs] of [
  ['psk', 'nobody'],
  ['nobody', 'psk'],
  ['hybrid', 'pubkey'],
  ['pubkey', 'hybrid'],
] as const) {
  const at = (phase: Phase | 'nobody', role: 'client' | 'server'): Change =>
    phase === 'nobody' ? same : role === 'client' ? client(phase, 'tango') : server(phase);
  const kind = ours === 'nobody' ? theirs : ours;

  test(`the user with cygnet: ${ours}, charon: ${theirs}; refused twice in a row, and told why`, async () => {
    await using there = await scene(kind, { alice: at(ours, 'client'), bob: at(theirs, 'server') });
    for (let time = 1; time <= 2; time++) {
      const { code, summary } = await there.refusedUp();
      assert.match(code, /^(auth\/refused-by-peer|peer\/no-proposal)$/, summary);
    }
  });

  test(`the user with charon: ${ours}, cygnet: ${theirs}; refused twice in a row, and told why`, async () => {
    await using there = await scene(kind, { alice: at(theirs, 'server'), bob: at(ours, 'client') });
    for (let time = 1; time <= 2; time++) {
      const { code, remedy } = await there.refusedByCygnet(time);
      assert.equal(code, 'auth/method');
      assert.match(remedy ?? '', /user/);
    }
  });
}
