import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { kernelSelectors, reversed, writeSelector } from '../../../src/ipsec/xfrm/selector.ts';
import { type IpAddress, ip } from '../../../src/lib/ip.ts';
import type { Failed } from '../../../src/policy/failure.ts';
import { NetlinkWriter } from '../../../src/sys/netlink/writer.ts';
import { AF_INET } from '../../../src/sys/socket-address.ts';
import { withoutOwnKernel } from '../availability.ts';
import { type KeylessSa, wire } from '../host.ts';
import { pair, pathOf } from '../sa-pair.ts';

const MIGRATE = 33;
const DIRECTIONS = ['in', 'out', 'fwd'] as const;

/** struct xfrm_userpolicy_id and struct xfrm_user_migrate, as a daemon for mobile IPv6 sends them. */
function migration(
  sa: KeylessSa,
  direction: (typeof DIRECTIONS)[number],
  to: { readonly local: IpAddress; readonly remote: IpAddress },
): Uint8Array {
  const [selector] = kernelSelectors(sa.localTs, sa.remoteTs);
  assert.ok(selector);
  const outward = direction === 'out';
  const writer = new NetlinkWriter();
  writeSelector(writer, outward ? selector : reversed(selector));
  writer.u32(0).u8(DIRECTIONS.indexOf(direction)).zeros(3);
  const address = (one: IpAddress): void => void writer.bytes(one).zeros(16 - one.length);
  const { local, remote } = sa.path;
  writer.u16(80).u16(17);
  for (const [here, there] of [
    [local.address, remote.address],
    [to.local, to.remote],
  ] as const)
    for (const end of outward ? [there, here] : [here, there]) address(end);
  writer.u8(50).u8(1).zeros(2).u32(sa.reqid).u16(AF_INET).u16(AF_INET);
  return writer.finish();
}

test('SAs that another program moves are told of, and found, counted and removed where they are', {
  skip: withoutOwnKernel,
}, async () => {
  await using there = await wire();
  const { a, b } = there;
  const [sa, mirrored] = pair(1);
  await a.do('install', sa, true);
  await b.do('install', mirrored, true);
  await b.do('echo', '10.2.0.1');
  assert.equal(await a.do('ping', '10.2.0.1', 3), 3);

  there.ip(0, 'addr add 192.0.2.11/24 dev veth0');
  const [here, peer] = [ip('192.0.2.11'), ip('192.0.2.2')];
  for (const direction of DIRECTIONS) {
    await a.do('request', MIGRATE, migration(sa, direction, { local: here, remote: peer }));
    await b.do('request', MIGRATE, migration(mirrored, direction, { local: peer, remote: here }));
  }
  const told = /^another program moved the SA "sa1": it goes from 192\.0\.2\.11 to 192\.0\.2\.2 now, /;
  const warnings = await a.do('warnings', 1);
  assert.equal(warnings.length, 1, 'once for all directions');
  assert.match(warnings[0] ?? '', told);
  assert.equal((await b.do('warnings', 1)).length, 1);

  assert.equal(await a.do('ping', '10.2.0.1', 4), 4);
  for (const host of [a, b]) {
    const usage = await host.do('usage', 1);
    assert.deepEqual([usage?.packetsIn, usage?.packetsOut], [7n, 7n], 'counters go along');
  }
  // They move on, as MOBIKE has it.
  there.ip(0, 'addr add 192.0.2.21/24 dev veth0');
  await a.do('move', 1, pathOf('192.0.2.21', '192.0.2.2'), false);
  await b.do('move', 1, pathOf('192.0.2.2', '192.0.2.21'), false);
  assert.equal(await a.do('ping', '10.2.0.1', 2), 2);
  assert.equal((await a.do('usage', 1))?.packetsOut, 9n);
  assert.match(shown('state'), /192\.0\.2\.21/);
  await a.do('remove', 1);
  assert.equal(shown('state'), '');
  assert.equal(shown('policy'), '');
});

test('what another program moves back and forth, or of others, does no harm', {
  skip: withoutOwnKernel,
}, async () => {
  await using there = await wire();
  const { a } = there;
  const [sa] = pair(1);
  await a.do('install', sa, true);
  const other = { ...sa, reqid: 77 };
  const to = { local: ip('192.0.2.11'), remote: ip('192.0.2.2') };
  await assert.rejects(a.do('request', MIGRATE, migration(other, 'out', to)), /E[A-Z]+/);
  await assert.rejects(
    a.do('request', MIGRATE, migration({ ...sa, remoteTs: sa.localTs }, 'out', to)),
    /E[A-Z]+/,
  );
  for (let turn = 0; turn < 2; turn++) {
    for (const direction of DIRECTIONS) await a.do('request', MIGRATE, migration(sa, direction, to));
    const moved = { ...sa, path: pathOf('192.0.2.11', '192.0.2.2') };
    const back = { local: sa.path.local.address, remote: sa.path.remote.address };
    for (const direction of DIRECTIONS) await a.do('request', MIGRATE, migration(moved, direction, back));
  }
  assert.equal((await a.do('warnings', 4)).length, 4);
  await a.do('remove', 1);
  assert.equal(shown('state') + shown('policy'), '');
});

test('AH that would have to go through a NAT is refused before the kernel does, twice', {
  skip: withoutOwnKernel,
}, async () => {
  await using there = await wire();
  const [sa] = pair(1, { protocol: 'ah', udpEncapsulation: true });
  for (let turn = 0; turn < 2; turn++)
    await assert.rejects(there.a.do('install', sa, true), (failure: Failed['failure']) => {
      assert.equal(failure.code, 'local/unsupported');
      assert.match(failure.summary, /^sa1: AH goes neither through a NAT nor over TCP$/);
      return true;
    });
  assert.equal(shown('state') + shown('policy'), '');
});

/** What a's kernel has. */
function shown(what: 'state' | 'policy'): string {
  const nosock = what === 'policy' ? ['list', 'nosock'] : [];
  return execFileSync('ip', ['-n', 'cyg-sys-a', 'xfrm', what, ...nosock], { encoding: 'utf8' });
}
