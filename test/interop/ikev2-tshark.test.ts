import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { describe, test } from 'node:test';
import { Capture } from './capture.ts';
import { Scene } from './scene.ts';

/** tshark, fed with the keys that `--save-keys` wrote, must decrypt and verify every IKE message of a whole life. */

describe('an independent reader decrypts what cygnet says', () => {
  for (const [ike, esp] of [
    ['aes128gcm16-prfsha256-x25519', 'aes128gcm16-x25519'],
    ['aes256-sha384-ecp384', 'aes256-sha256-ecp384'],
    ['aes256ctr-sha256-modp2048', 'aes128gcm16'],
  ] as const) {
    test(`${ike}: set-up, both rekeys, delete`, async () => {
      await using there = await Scene.open({ ike, esp, saveKeys: true });
      const capture = await Capture.begin(there.lab, there.bob);
      await there.up('initiator');
      await there.ping('alice', '10.1.0.1', '10.2.0.1');
      await there.renew('cygnet', 'child');
      await there.renew('charon', 'ike');
      await there.pingBothWays();
      await there.down('cygnet');
      await capture.end();

      const keys = there.lab.path('keys');
      assert.equal(
        statSync(`${keys}/ikev2_decryption_table`).mode & 0o777,
        0o600,
        'the keys are for their owner alone',
      );
      assert.match(there.cygnet.log, /KEYS OF ALL SAs/, 'the log says so loudly');
      const read = (...args: string[]): Promise<string> => capture.read(keys, ...args);

      const messages = (
        await read(
          '-Y',
          'isakmp',
          '-T',
          'fields',
          '-E',
          'occurrence=a',
          '-e',
          'isakmp.exchangetype',
          '-e',
          'isakmp.typepayload',
        )
      )
        .trim()
        .split('\n');
      const protectedOnes = messages.map(line => line.split('\t')).filter(([exchange]) => exchange !== '34');
      assert.ok(protectedOnes.length >= 10, `only ${protectedOnes.length} protected messages`);
      const details = await read('-Y', 'isakmp.exchangetype != 34', '-V');
      const verdicts = [...details.matchAll(/Integrity Checksum Data: \S+(.*)/g)].map(
        match => match[1] ?? '',
      );
      assert.ok(
        verdicts.length >= protectedOnes.length,
        `${verdicts.length} verdicts on ${protectedOnes.length} messages`,
      );
      for (const verdict of verdicts) assert.match(verdict, /correct/, 'an ICV was not found good');
      assert.doesNotMatch(details, /\[incorrect|Malformed Packet/i);
      // Decrypted: what lies inside has names.
      for (const inside of ['Identification', 'Authentication', 'Traffic Selector', 'REKEY_SA', 'Delete'])
        assert.match(details, new RegExp(inside), `${inside} was not seen`);

      const packets = await read('-Y', 'esp && icmp', '-T', 'fields', '-e', 'icmp.type');
      assert.ok(packets.trim().split('\n').length >= 8, 'tshark decrypts the pings inside ESP');
    });
  }
});
