import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Capture } from './capture.ts';
import { Scene } from './scene.ts';
import { set } from './swanctl.ts';

/** tshark, fed with the keys that `cygnet save-keys` had written, must read a whole life of an IKEv1 SA. */

const IKEV1 = set('connections.lab.version', '1');

for (const [ike, esp] of [
  ['aes128-sha256-modp2048', 'aes128-sha256'],
  ['aes256-sha384-ecp384', 'aes256gcm16'],
] as const) {
  test(`${ike}: main mode, quick modes, deletes`, async () => {
    await using there = await Scene.open({ ike, esp, alice: IKEV1, bob: IKEV1 });
    const keys = there.lab.path('keys');
    const told = await there.cygnet.cli('save-keys', keys);
    assert.match(told.stdout, /whoever reads them reads the traffic/);
    const capture = await Capture.begin(there.lab, there.bob);
    await there.up('initiator');
    await there.pingBothWays();
    await there.rekey('cygnet', 'child');
    await there.pingBothWays();
    await there.down('cygnet');
    await capture.end();

    const details = await capture.read(keys, '-Y', 'isakmp', '-V');
    assert.doesNotMatch(details, /Malformed Packet/);
    for (const inside of ['Quick Mode', 'Identification', 'Nonce', 'Delete', 'Key Exchange', 'Hash'])
      assert.match(details, new RegExp(inside), `${inside} was not seen`);
    const encrypted = details.match(/Encrypted Data \(/g) ?? [];
    assert.ok(encrypted.length >= 10, `only ${encrypted.length} encrypted messages`);
    assert.equal(
      details.match(/Encrypted Data \(\d+ bytes\)\n +Payload: (Hash|Identification)/g)?.length,
      encrypted.length,
      'not every message was decrypted',
    );
    const packets = await capture.read(keys, '-Y', 'esp && icmp', '-T', 'fields', '-e', 'icmp.type');
    assert.ok(packets.trim().split('\n').length >= 8, 'tshark decrypts the pings inside ESP');
  });
}
