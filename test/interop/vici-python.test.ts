import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Charon } from './charon.ts';
import { DropIn } from './drop-in.ts';
import { Lab, mustRun } from './lab.ts';
import type { Section } from './swanctl.ts';

/*
 * Scripts and exporters in Python speak the protocol by a library of their own. vici_session.py does as they do; what it
 * finds in cygnet is what it finds in charon.
 */

const SCRIPT = join(import.meta.dirname, 'vici_session.py');

const lab = new Lab();
let cygnet: DropIn;
let reference: Charon;

function configuration(who: 'alice' | 'bob'): Section {
  const [own, other] = who === 'alice' ? [1, 2] : [2, 1];
  const peer = who === 'alice' ? 'bob' : 'alice';
  const child = {
    local_ts: `10.${own}.0.1/32`,
    remote_ts: `10.${other}.0.1/32`,
    esp_proposals: 'aes256gcm16',
  };
  return {
    connections: {
      lab: {
        version: '2',
        local_addrs: `10.9.0.${own}`,
        remote_addrs: `10.9.0.${other}`,
        proposals: 'aes256-sha256-ecp256',
        local: { auth: 'psk', id: `${who}.lab` },
        remote: { auth: 'psk', id: `${peer}.lab` },
        children: { net: child },
      },
    },
    secrets: { 'ike-1': { 'id-1': 'alice.lab', 'id-2': 'bob.lab', secret: 'labsecret' } },
    pools: { p1: { addrs: '10.78.0.0/24' } },
  };
}

before(async () => {
  const [left, right] = await lab.hosts('a', 'b');
  const [otherLeft, otherRight] = await lab.hosts('c', 'd');
  cygnet = new DropIn(lab, left, 'cygnet');
  reference = new Charon(lab, otherLeft, 'reference');
  cygnet.configure(configuration('alice'));
  await Promise.all([
    cygnet.start(),
    reference.start(configuration('alice')),
    new Charon(lab, right, 'peer').start(configuration('bob')),
    new Charon(lab, otherRight, 'otherpeer').start(configuration('bob')),
  ]);
  assert.equal((await cygnet.swanctl('--load-all', '--noprompt')).code, 0);
});
after(() => lab.close());

test('a session in Python finds in cygnet what it finds in charon', async () => {
  const [ours, theirs] = await Promise.all([session(cygnet), session(reference)]);
  const { broken, 'unknown child': child, ...found } = ours;
  const { broken: _, 'unknown child': theirChild, ...expected } = theirs;
  assert.deepEqual(found, expected);
  // charon leaves some of these connections open, and reads on.
  assert.deepEqual(Object.values(broken ?? {}), [true, true, true, true]);
  assert.match(String(child), /nosuch/);
  assert.match(String(theirChild), /nosuch/);
});

async function session({ uri }: { readonly uri: string }): Promise<Readonly<Record<string, object>>> {
  const path = uri.replace(/^unix:\/\//, '');
  return JSON.parse(await mustRun('python3', [SCRIPT, path, 'lab', 'net'], { timeout: 120_000 }));
}
