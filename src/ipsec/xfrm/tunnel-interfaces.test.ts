import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../../lib/ip.ts';
import type { TunnelInterface } from '../../policy/tunnel-interface.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { Link, TunnelLink } from '../../sys/routing/link.ts';
import { ALIAS, type LinkTable, TunnelInterfaces } from './tunnel-interfaces.ts';

const EPERM = 1;
const ENOTSUP = 95;

/** A host with an Ethernet card, and what the test puts there besides. */
function host(...there: readonly Partial<Link>[]) {
  let last = 1;
  const link = (fields: Partial<Link>): Link => ({
    index: ++last,
    name: 'eth0',
    kind: undefined,
    alias: undefined,
    tunnel: undefined,
    up: true,
    loopback: false,
    mtu: 1500,
    ...fields,
  });
  const links = [link({}), ...there.map(link)];
  const refusals: { add?: number; set?: number; delete?: number } = {};
  const refuse = (errno: number | undefined): void => {
    if (errno !== undefined) throw new SystemFailure(errno, 'netlink');
  };
  const find = (index: number): number => links.findIndex(link => link.index === index);
  const table: LinkTable = {
    links: () => links,
    addTunnelLink: (name, tunnel) => {
      refuse(refusals.add);
      links.push(link({ name, tunnel, kind: tunnel.kind, up: false }));
    },
    setLink: (index, change) => {
      refuse(refusals.set);
      Object.assign(links[find(index)] as Link, change);
    },
    deleteLink: index => {
      refuse(refusals.delete);
      links.splice(find(index), 1);
    },
  };
  const shown = (): readonly string[] =>
    links
      .slice(1)
      .map(({ name, alias, up }) => `${name}${alias === ALIAS ? '' : ' of another'}${up ? '' : ' down'}`);
  return { table, refusals, shown, links };
}

const XFRM: TunnelInterface = { kind: 'xfrm', name: 'ipsec0', id: 42 };
const VTI: TunnelInterface = {
  kind: 'vti',
  name: 'vti0',
  keyIn: 5,
  keyOut: 6,
  local: ip('192.0.2.1'),
  remote: ip('0.0.0.0'),
};
const AS_XFRM: TunnelLink = { kind: 'xfrm', id: 42 };

test('interfaces are made up and ours, stay while they are wanted, change with what is wanted, and go', () => {
  const { table, shown, links } = host();
  const interfaces = new TunnelInterfaces(table, true);
  assert.deepEqual(interfaces.set([XFRM, VTI]), []);
  assert.deepEqual(shown(), ['ipsec0', 'vti0']);
  assert.deepEqual(links.at(-1)?.tunnel, {
    kind: 'vti',
    keyIn: 5,
    keyOut: 6,
    local: VTI.local,
    remote: VTI.remote,
  });
  const index = interfaces.indexOf('ipsec0');
  assert.deepEqual(interfaces.set([VTI, XFRM]), []);
  assert.equal(interfaces.made, 2);
  assert.equal(interfaces.indexOf('ipsec0'), index);
  assert.deepEqual(interfaces.set([{ ...XFRM, id: 43 }]), []);
  assert.deepEqual(shown(), ['ipsec0']);
  assert.notEqual(interfaces.indexOf('ipsec0'), index);
  assert.deepEqual(interfaces.close(), []);
  assert.deepEqual(shown(), []);
});

test("another's interface is used where it fits, and neither changed nor taken away", () => {
  const { table, shown } = host({ name: 'ipsec0', kind: 'xfrm', tunnel: AS_XFRM });
  const interfaces = new TunnelInterfaces(table, true);
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(interfaces.set([XFRM]), []);
    const [failure, ...others] = interfaces.set([{ ...XFRM, id: 43 }, VTI]);
    assert.equal(failure?.code, 'kernel/install');
    assert.match(failure?.summary ?? '', /ipsec0 .* with other numbers or addresses/);
    assert.deepEqual(others, []);
    assert.deepEqual(shown(), ['ipsec0 of another', 'vti0']);
  }
  assert.match(interfaces.set([{ ...XFRM, name: 'eth0' }])[0]?.summary ?? '', /eth0 .* of another kind/);
  interfaces.close();
  assert.deepEqual(shown(), ['ipsec0 of another']);
});

test('what a killed daemon left is taken over where it is wanted, otherwise removed; not that of a living one', () => {
  const left = [
    { name: 'ipsec0', kind: 'xfrm', alias: ALIAS, tunnel: AS_XFRM },
    { name: 'ipsec1', kind: 'xfrm', alias: ALIAS, tunnel: { kind: 'xfrm', id: 1 } },
  ] as const;
  const alone = host(...left);
  const index = alone.links[1]?.index;
  const interfaces = new TunnelInterfaces(alone.table, true);
  assert.deepEqual(interfaces.set([XFRM]), []);
  assert.deepEqual(alone.shown(), ['ipsec0']);
  assert.equal(interfaces.indexOf('ipsec0'), index);
  interfaces.close();
  assert.deepEqual(alone.shown(), []);
  const second = host(...left);
  const others = new TunnelInterfaces(second.table, false);
  others.set([XFRM]);
  others.close();
  assert.deepEqual(second.shown(), ['ipsec0', 'ipsec1']);
});

test('what the kernel refuses is told, and nothing half-made stays, twice', () => {
  const { table, shown, refusals } = host();
  const interfaces = new TunnelInterfaces(table, true);
  for (let time = 0; time < 2; time++) {
    refusals.add = ENOTSUP;
    const [lacking] = interfaces.set([XFRM]);
    assert.equal(lacking?.code, 'local/unsupported');
    assert.match(lacking?.remedy ?? '', /xfrm_interface/);
    refusals.add = EPERM;
    assert.equal(interfaces.set([XFRM])[0]?.code, 'local/no-privilege');
    delete refusals.add;
    refusals.set = EPERM;
    assert.equal(interfaces.set([XFRM])[0]?.code, 'local/no-privilege');
    delete refusals.set;
    assert.deepEqual(shown(), []);
  }
  assert.deepEqual(interfaces.set([XFRM]), []);
});

test('one name for two different interfaces: the first holds', () => {
  const { table, links } = host();
  const interfaces = new TunnelInterfaces(table, true);
  const [failure] = interfaces.set([XFRM, { ...XFRM, id: 43 }]);
  assert.equal(failure?.code, 'config/invalid-value');
  assert.deepEqual(links.at(-1)?.tunnel, AS_XFRM);
});
