import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { stop, until } from './lab.ts';
import { Scene } from './scene.ts';
import { both, set } from './swanctl.ts';

describe('strongswan.conf', () => {
  test('dns1 and attr reach a charon that asks for a virtual IP', async () => {
    await using there = await Scene.open({
      cygnetSettings: 'dns1 = 10.1.0.53\n plugins { attr { dns = 10.1.0.54 } }',
      alice: both(
        set('connections.lab.pools', 'rw'),
        set('pools.rw.addrs', '10.77.0.0/24'),
        set('connections.lab.children.net.remote_ts', 'dynamic'),
      ),
      bob: both(
        set('connections.lab.vips', '0.0.0.0'),
        set('connections.lab.children.net.local_ts', 'dynamic'),
      ),
    });
    await there.up('responder');
    assert.match(there.charon.log, /installing DNS server 10\.1\.0\.53/);
    assert.match(there.charon.log, /installing DNS server 10\.1\.0\.54/);
    const { stdout } = await there.cygnet.swanctl('--list-sas', '--raw');
    assert.match(stdout, /remote-vips=\[10\.77\.0\.\d+\]/);
  });

  test('initiator_only: no peer begins, we do', async () => {
    await using there = await Scene.open({
      cygnetSettings: 'initiator_only = yes',
      bobSettings: 'retransmit_tries = 1',
    });
    const refused = await there.charon.swanctl('--initiate', '--child', 'net', '--timeout', '6');
    assert.notEqual(refused.code, 0);
    await there.charon.swanctl('--terminate', '--ike', 'lab', '--force', '--timeout', '1');
    await there.up('initiator');
    await there.pingBothWays();
  });

  test('start-scripts and stop-scripts are run, and told of', async () => {
    await using there = await Scene.open({
      cygnetSettings:
        'start-scripts { a = echo one two\n b = exit 3 }\n stop-scripts { c = swanctl --stats --uri unix:///nonexistent }',
    });
    await until('both have run', () => there.cygnet.log.includes("script 'exit 3' ended with 3"));
    assert.match(there.cygnet.log, /script: one two/);
    assert.equal(await stop(there.cygnet.process), 0);
    assert.match(there.cygnet.log, /script 'swanctl --stats --uri unix:\/\/\/nonexistent' ended with \d+/);
  });
});
