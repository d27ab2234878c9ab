import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Cygnet } from './cygnet.ts';
import { Lab, mustRun, until } from './lab.ts';
import { KEYS, manualSection } from './manual-keys.ts';
import { Pinging } from './pinging.ts';

test('two hosts in user space ping each other by keys that were given to both, and stop when one is out', async () => {
  const lab = new Lab();
  try {
    const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
    await lab.wire(a, '10.9.0.1/24', b, '10.9.0.2/24');
    const hosts = { alice: a, bob: b } as const;
    const daemons: Record<string, Cygnet> = {};
    for (const who of ['alice', 'bob'] as const) {
      await mustRun('ip', [
        '-n',
        hosts[who],
        'addr',
        'add',
        `10.${who === 'alice' ? 1 : 2}.0.1/32`,
        'dev',
        'lo',
      ]);
      const daemon = new Cygnet(lab, hosts[who], who);
      await daemon.start({});
      write(daemon, manualSection(who, 'encap = yes'));
      daemons[who] = daemon;
    }
    const { alice, bob } = daemons;
    assert.ok(alice !== undefined && bob !== undefined);
    const between = ['10.1.0.1', '10.2.0.1'] as const;
    const sentWithoutLoss = async (count: number): Promise<number> => {
      const pinging = new Pinging(lab, a, between);
      await pinging.answers(count);
      const { sent, lost } = await pinging.stop();
      assert.deepEqual(lost, []);
      return sent;
    };
    const plan = await alice.cli('plan', join(alice.directory, 'swanctl'));
    assert.match(plan.stdout, /^\+ add +manual SA lab$/m);
    for (const daemon of [alice, bob]) {
      const applied = await daemon.cli('apply', join(daemon.directory, 'swanctl'));
      assert.equal(applied.code, 0, applied.stderr);
    }
    const sent = await sentWithoutLoss(5);
    const status = await until('every packet is counted, and its answer', async () => {
      const { stdout } = await alice.cli('status', '--long');
      return stdout.includes(` ${sent} packets in, ${sent} out`) && stdout;
    });
    assert.match(status, /^lab +manual/m);
    const sas = await alice.swanctl('--list-sas');
    assert.match(
      sas.stdout,
      /lab: #\d+, MANUAL[\s\S]*INSTALLED, TUNNEL-in-UDP, ESP:AES_CBC-256\/HMAC_SHA2_256_128/,
    );

    // A wrong directory leaves what runs as it is; a right one without the SA takes it out.
    write(bob, manualSection('bob', 'encap = yes').replace('esp = aes256', 'esp = aes128'));
    const wrong = await bob.cli('apply', join(bob.directory, 'swanctl'));
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /swanctl\.conf:\d+:\d+: aes128-sha256 takes 16 octets/);
    await sentWithoutLoss(3);
    write(bob, '');
    assert.equal((await bob.cli('apply', join(bob.directory, 'swanctl'))).code, 0);
    const { stdout } = await lab.run(a, ['ping', '-c', '1', '-W', '1', '-I', ...between]);
    assert.match(stdout, /0 received/);

    const said = [alice, bob].map(({ log }) => log).join('') + status + sas.stdout + wrong.stderr;
    for (const { encryption, integrity } of Object.values(KEYS)) {
      assert.ok(
        !said.includes(encryption.slice(0, 8)) && !said.includes(integrity.slice(0, 8)),
        'a key was shown',
      );
    }
  } finally {
    await lab.close();
  }
});

function write(daemon: Cygnet, text: string): void {
  mkdirSync(join(daemon.directory, 'swanctl'), { recursive: true });
  writeFileSync(join(daemon.directory, 'swanctl/swanctl.conf'), text, { mode: 0o600 });
}
