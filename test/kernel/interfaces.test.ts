import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stop, until } from '../interop/lab.ts';
import { withoutKernelIpsec } from './availability.ts';
import { GCM, KernelScene, NET } from './lab-case.ts';
import { packetsBySpi } from './view.ts';

/** Of alice's side alone: to charon it is a tunnel like any other. */
const VTI = { vti: 'vti0', mark_in: '5', mark_out: '6', interface_routes: 'yes' };
/** Interfaces of a kind that this kernel does not have. */
const XFRM = { xfrm_interface: 'ipsec0', if_id_in: '42', if_id_out: '42' };

test('a VTI comes with its connection and goes with the daemon, and packets go by it', {
  skip: withoutKernelIpsec,
}, async () => {
  const cases = { vti: { ...NET, settings: GCM, own: VTI }, lacking: { ...NET, settings: GCM, own: XFRM } };
  await using there = await KernelScene.open(cases);
  const { scene } = there;
  const shown = await there.ip('-d', 'link', 'show', 'vti0');
  assert.match(shown, /[<,]UP[,>]/);
  assert.match(shown, /vti remote 10\.9\.0\.2 local 10\.9\.0\.1 .*ikey 0\.0\.0\.5 okey 0\.0\.0\.6/);
  await until('what cannot be made is told', () =>
    /making the interface ipsec0 failed: this kernel has no interfaces of the kind xfrm/.test(
      scene.cygnet.log,
    ),
  );

  await there.cygnet.initiate('vti');
  assert.match(
    await there.ip('route', 'show', 'table', '220'),
    /^10\.2\.0\.0\/16 dev vti0 .*src 10\.1\.0\.1/,
  );
  assert.match(await there.pings(NET.ping, 2), / 0% packet loss/);
  assert.match(
    await there.ip('-s', 'link', 'show', 'vti0'),
    /RX:[^\n]*\n\s+\d+\s+2 [\s\S]*TX:[^\n]*\n\s+\d+\s+2 /,
  );
  assert.deepEqual([...(await packetsBySpi(scene.alice)).values()], [2, 2]);
  await there.terminate('vti');

  // Addresses and routes that somebody put there outlive the daemon, killed or not, as long as another comes.
  await there.ip('addr', 'add', '172.16.0.1/32', 'dev', 'vti0');
  scene.cygnet.process.kill('SIGKILL');
  await until('it is dead', () => scene.cygnet.process.signalCode !== null);
  await scene.startCygnet('again');
  assert.match(await there.ip('addr', 'show', 'vti0'), /172\.16\.0\.1/);
  assert.equal(await stop(scene.cygnet.process), 0);
  assert.doesNotMatch(await there.ip('link'), /\bvti0/);
});
