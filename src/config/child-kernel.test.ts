import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConnection } from '../../test/config-reader.ts';
import { tunnelInterfaces } from '../policy/tunnel-interface.ts';

/** Reads the settings of a connection and those of its one child, each on a line of its own from the second and the fourth. */
const read = (child: string, connection = '') =>
  readConnection(`${connection}\nchildren { net {\n${child}\n} }`);

const kernelOf = (child: string, connection?: string) => {
  const { connection: made, failures } = read(child, connection);
  assert.deepEqual(failures, []);
  return made.children[0]?.kernel;
};

test('what a connection says of XFRM interfaces holds for children that say nothing', () => {
  assert.deepEqual(kernelOf('', 'if_id_in = 5'), { interfaceIn: 5 });
  assert.deepEqual(kernelOf('if_id_in = 6', 'if_id_in = 5'), { interfaceIn: 6 });
  assert.deepEqual(kernelOf('if_id_in = %unique', 'if_id_in = 5'), { interfaceIn: 'unique' });
  assert.deepEqual(kernelOf('', 'if_id_in = %unique\nif_id_out = %unique-dir'), {
    interfaceIn: 'unique-ike',
    interfaceOut: 'unique-ike-dir',
  });
  assert.equal(kernelOf('', 'if_id_in = 0'), undefined);
});

test('a policy without an SA cannot have numbers that only an SA has: which key, and what to do', () => {
  const unique =
    'child "net" would have a policy before it has an SA, but its marks or interfaces are %unique, which only an SA has';
  const mend = 'give marks and if_ids as numbers, or leave trap out of';
  for (const [child, connection, failure] of [
    ['start_action = trap\nmark_in = %unique', '', `f:4:1: ${unique}; ${mend} start_action`],
    ['close_action = trap|start\nif_id_out = %unique-dir', '', `f:4:1: ${unique}; ${mend} close_action`],
    ['dpd_action = trap', 'if_id_in = %unique', `f:4:1: ${unique}; ${mend} dpd_action`],
    [
      'mode = drop\nmark_out = %unique',
      '',
      `f:4:1: ${unique}; give marks and if_ids as numbers, or leave them out`,
    ],
  ])
    assert.deepEqual(read(child as string, connection).failures, [failure]);
  assert.deepEqual(read('start_action = start\nmark_in = %unique').failures, []);
  assert.deepEqual(read('start_action = trap\nmark_in = 5').failures, []);
});

test('an interface of our making has a name and numbers', () => {
  const xfrm = kernelOf('xfrm_interface = ipsec0\nif_id_in = 42\nif_id_out = 42\ninterface_routes = yes');
  assert.deepEqual(xfrm?.tunnelInterface, { kind: 'xfrm', name: 'ipsec0', routes: true });
  const vti = kernelOf('vti = vti0\nmark_in = 5\nmark_out = 6/0xff');
  assert.deepEqual(vti?.tunnelInterface, { kind: 'vti', name: 'vti0', routes: false });
});

test('cards, interfaces of policies, and forwarded traffic', () => {
  const child = 'hw_offload = packet\ninterface = eth0\npolicies_fwd_out = yes';
  assert.deepEqual(kernelOf(child), { device: 'eth0', forwardOut: true, offload: 'packet' });
  assert.equal(kernelOf('hw_offload = yes')?.offload, 'crypto');
  assert.equal(kernelOf('hw_offload = no\npolicies_fwd_out = no'), undefined);
});

test('what contradicts itself in it is refused: where, what and how to mend it', () => {
  const numbers = 'names an XFRM interface but no number of it that is the same in both directions';
  const mend = 'set if_id_in and if_id_out to one number other than 0';
  for (const [child, failure] of [
    ['xfrm_interface = ipsec0', `f:4:1: child "net" ${numbers}; ${mend}`],
    ['if_id_in = 1\nif_id_out = 2\nxfrm_interface = ipsec0', `f:6:1: child "net" ${numbers}; ${mend}`],
    ['if_id_in = %unique\nif_id_out = %unique\nxfrm_interface = x', `f:6:1: child "net" ${numbers}; ${mend}`],
    [
      'vti = vti0\nmark_in = 5',
      'f:4:1: child "net" names a VTI but not its keys; set mark_in and mark_out to numbers other than 0',
    ],
    [
      'vti = vti0\nmark_in = 5\nmark_out = 5\nmode = transport',
      'f:7:1: child "net" names a VTI, which carries tunnels alone; set mode = tunnel',
    ],
    [
      'interface_routes = yes',
      'f:4:1: child "net" has no interface to make routes through; give xfrm_interface or vti',
    ],
  ])
    assert.deepEqual(read(child as string).failures, [failure]);
  assert.match(
    read('xfrm_interface = a\nvti = b\nif_id_in = 1\nif_id_out = 1').failures.join(),
    /give either xfrm_interface or vti/,
  );
  for (const name of ['a/b', 'eth%d', 'an-interface-too-long', '..', 'a b'])
    assert.match(read(`vti = "${name}"\nmark_in = 1\nmark_out = 1`).failures.join(), /f:4:7: .*vti/, name);
});

test('the interfaces of all connections: each once, a VTI between the two addresses where those are known', () => {
  const child = 'vti = vti0\nmark_in = 5\nmark_out = 6';
  const of = (connection: string) => tunnelInterfaces([read(child, connection).connection]);
  const vti = { kind: 'vti', name: 'vti0', keyIn: 5, keyOut: 6 } as const;
  const v4 = (last: number) => Uint8Array.of(192, 0, 2, last);
  const none = new Uint8Array(4);
  assert.deepEqual(of('local_addrs = 192.0.2.1\nremote_addrs = 192.0.2.2'), [
    { ...vti, local: v4(1), remote: v4(2) },
  ]);
  assert.deepEqual(of('remote_addrs = 192.0.2.2, 192.0.2.3'), [{ ...vti, local: none, remote: none }]);
  assert.deepEqual(of('local_addrs = 192.0.2.1\nremote_addrs = gw.example'), [
    { ...vti, local: v4(1), remote: none },
  ]);
  const [six] = of('local_addrs = 192.0.2.1\nremote_addrs = 2001:db8::2');
  assert.deepEqual(six?.kind === 'vti' && [six.local.length, six.remote.length], [16, 16]);
  const xfrm = 'xfrm_interface = ipsec0\nif_id_in = 42\nif_id_out = 42';
  const twice = [read(xfrm).connection, read(xfrm).connection, read('').connection];
  assert.deepEqual(tunnelInterfaces(twice), [{ kind: 'xfrm', name: 'ipsec0', id: 42 }]);
});
