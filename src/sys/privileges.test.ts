import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { withoutNamespaces } from '../../test/namespace.ts';
import { ip } from '../lib/ip.ts';
import { CAP_NET_ADMIN, CAP_NET_BIND_SERVICE } from './privileges.ts';
import { type SystemCalls, systemCalls } from './system-calls.ts';

/** Another process, since this one must stay who it is. */
if (process.env['CYGNET_LESSER_USER'] !== undefined) process.stdout.write(JSON.stringify(scenario()));
else {
  test('the superuser is given up for good, and what was kept still works', {
    skip: withoutNamespaces,
  }, () => {
    const child = execFileSync(process.execPath, [import.meta.filename], {
      env: { ...process.env, CYGNET_LESSER_USER: 'yes' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.deepEqual(JSON.parse(child), {
      user: [65534, 65534],
      capabilities: { netAdmin: true, netRaw: false, netBindService: true },
      opened: [true, 501],
      again: 'EPERM',
      children: (2 ** CAP_NET_ADMIN + 2 ** CAP_NET_BIND_SERVICE).toString(16).padStart(16, '0'),
    });
  });
}

function scenario(): unknown {
  const calls = systemCalls() as SystemCalls;
  calls.newNetwork();
  calls.becomeLesserUser({ uid: 65534, gid: 65534, keep: [CAP_NET_ADMIN, CAP_NET_BIND_SERVICE] });
  const tun = calls.openTun();
  const socket = calls.openUdp({ address: ip('0.0.0.0'), port: 501 });
  let again = '';
  try {
    process.setuid?.(0);
  } catch (error) {
    again = (error as { code: string }).code;
  }
  return {
    user: [process.getuid?.(), process.getgid?.()],
    capabilities: calls.capabilities(),
    opened: [tun.name.startsWith('cyg'), socket.local.port],
    again,
    children: /CapEff:\s*(\S+)/.exec(execFileSync('cat', ['/proc/self/status'], { encoding: 'utf8' }))?.[1],
  };
}
