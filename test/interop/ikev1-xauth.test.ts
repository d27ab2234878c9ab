import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Scene } from './scene.ts';
import { both, type Section, set } from './swanctl.ts';

const IKEV1 = set('connections.lab.version', '1');
const ALGORITHMS = { ike: 'aes128-sha256-modp2048', esp: 'aes128-sha256' } as const;

const SERVER = both(IKEV1, password('tango'), set('connections.lab.remote-2.auth', 'xauth'));

function client(secret: string): (configuration: Section) => Section {
  return both(
    IKEV1,
    password(secret),
    set('connections.lab.local-2.auth', 'xauth'),
    set('connections.lab.local-2.xauth_id', 'carol'),
  );
}

function password(secret: string): (configuration: Section) => Section {
  return both(set('secrets.xauth-1.id', 'carol'), set('secrets.xauth-1.secret', secret));
}

for (const role of ['initiator', 'responder'] as const) {
  describe(`XAUTH after a shared key, cygnet as ${role}`, () => {
    for (const user of ['cygnet', 'charon'] as const) {
      test(`the user is ${user}: up, ping both ways, down`, async () => {
        await using there = await Scene.open({
          ...ALGORITHMS,
          alice: user === 'cygnet' ? client('tango') : SERVER,
          bob: user === 'charon' ? client('tango') : SERVER,
        });
        await there.up(role);
        await there.pingBothWays();
        await there.down('cygnet');
      });
    }
  });
}

test('charon does not take the password: that is what is told', async () => {
  await using there = await Scene.open({ ...ALGORITHMS, alice: client('tangp'), bob: SERVER });
  assert.equal((await there.refusedUp()).code, 'auth/refused-by-peer');
});

test('charon has another password: that is what is told', async () => {
  await using there = await Scene.open({ ...ALGORITHMS, alice: SERVER, bob: client('tangp') });
  assert.equal((await there.refusedByCygnet(1)).code, 'auth/wrong-key');
});
