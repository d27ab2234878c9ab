import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemCalls } from '../../src/sys/system-calls.ts';
import { withoutKernelIpsec } from './availability.ts';
import { TcpLab } from './own/tcp-lab.ts';

test('a kernel that carries no ESP over TCP: told when it is loaded, and refused on either side, twice', {
  skip: withoutKernelIpsec || (systemCalls()?.canCarryEspInTcp() === true && 'this one does'),
}, async () => {
  await using there = await TcpLab.open(['userspace', 'kernel']);
  const { alice, bob } = there.daemons;
  assert.match(bob.log, /site cannot come up: the xfrm back end carries no ESP over TCP here/);
  for (let turn = 0; turn < 2; turn++) {
    const own = await bob.cli('up', 'site/net');
    assert.equal(own.code, 1);
    assert.match(own.stderr, /site: the IPsec back end carries no ESP over TCP/);
    assert.match(own.stderr, /use a kernel that has INET_ESPINTCP, or the back end in user space/);
    const other = await alice.cli('up', 'site/net');
    assert.equal(other.code, 1);
    assert.match(other.stderr, /no TCP connection to 10\.9\.0\.2 port 4500: ECONNREFUSED/);
  }
  assert.equal(await there.states('bob'), '');
});
