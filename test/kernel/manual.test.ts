import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Cygnet } from '../interop/cygnet.ts';
import { Lab, mustRun, stop } from '../interop/lab.ts';
import { KEYS, manualSection, SPIS } from '../interop/manual-keys.ts';
import { withoutKernelIpsec } from './availability.ts';
import { echoes } from './echoes.ts';

const options = { skip: withoutKernelIpsec, timeout: 120_000 };

test(
  'the kernel has of a manual SA just what `ip xfrm` makes of the same keys, and carries its packets',
  options,
  async () => {
    const lab = new Lab();
    try {
      const [a, b] = [await lab.namespace('a'), await lab.namespace('b')];
      await lab.wire(a, '10.9.0.1/24', b, '10.9.0.2/24');
      await mustRun('ip', ['-n', a, 'addr', 'add', '10.1.0.1/32', 'dev', 'lo']);
      await mustRun('ip', ['-n', b, 'addr', 'add', '10.2.0.1/32', 'dev', 'lo']);
      const alice = new Cygnet(lab, a, 'alice');
      await alice.start({}, { backend: 'kernel' });
      const folder = join(alice.directory, 'swanctl');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, 'swanctl.conf'), manualSection('alice', 'reqid = 7'), { mode: 0o600 });
      const applied = await alice.cli('apply', folder);
      assert.equal(applied.code, 0, applied.stderr);

      // Bob is no daemon but `ip`, by the same keys.
      for (const [source, destination, spi, keys] of [
        ['10.9.0.1', '10.9.0.2', SPIS.bob, KEYS.alice],
        ['10.9.0.2', '10.9.0.1', SPIS.alice, KEYS.bob],
      ] as const) {
        const crypto = [
          'auth-trunc',
          'hmac(sha256)',
          `0x${keys.integrity}`,
          '128',
          'enc',
          'cbc(aes)',
          `0x${keys.encryption}`,
        ];
        const id = [
          'src',
          source,
          'dst',
          destination,
          'proto',
          'esp',
          'spi',
          spi,
          'reqid',
          '7',
          'mode',
          'tunnel',
        ];
        await mustRun('ip', [
          '-n',
          b,
          'xfrm',
          'state',
          'add',
          ...id,
          'replay-window',
          '0',
          'flag',
          'af-unspec',
          ...crypto,
        ]);
      }
      for (const [direction, source, destination, from, to] of [
        ['out', '10.2.0.0/16', '10.1.0.0/16', '10.9.0.2', '10.9.0.1'],
        ['in', '10.1.0.0/16', '10.2.0.0/16', '10.9.0.1', '10.9.0.2'],
      ] as const) {
        const template = ['tmpl', 'src', from, 'dst', to, 'proto', 'esp', 'reqid', '7', 'mode', 'tunnel'];
        await mustRun('ip', [
          '-n',
          b,
          'xfrm',
          'policy',
          'add',
          'src',
          source,
          'dst',
          destination,
          'dir',
          direction,
          ...template,
        ]);
      }
      await mustRun('ip', ['-n', b, 'route', 'add', '10.1.0.0/16', 'via', '10.9.0.1', 'src', '10.2.0.1']);

      assert.deepEqual(await states(a), await states(b));
      const ping = () => lab.run(a, [...echoes(3), '-I', '10.1.0.1', '10.2.0.1']);
      assert.match((await ping()).stdout, /3 received/);
      const status = await alice.cli('status', '--long');
      assert.match(status.stdout, /3 packets in, 3 out/);

      await stop(alice.process);
      assert.equal(await mustRun('ip', ['-n', a, 'xfrm', 'state']), '');
      assert.equal((await mustRun('ip', ['-n', a, 'xfrm', 'policy', 'list', 'nosock'])).trim(), '');
    } finally {
      await lab.close();
    }
  },
);

/** The states of a namespace, keys and all, without what counts packets. */
async function states(namespace: string): Promise<readonly string[]> {
  const text = await mustRun('ip', ['-n', namespace, 'xfrm', 'state']);
  return text
    .split(/\n(?=\S)/)
    .map(block =>
      block
        .replace(/\s+anti-replay context:.*/g, '')
        .replace(/\s+/g, ' ')
        .trim(),
    )
    .sort();
}
