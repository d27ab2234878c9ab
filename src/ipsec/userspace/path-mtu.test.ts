import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4Packet, ipv6Packet } from '../../../test/ip-packets.ts';
import { nodeProvider } from '../../crypto/node/provider.ts';
import { ip } from '../../lib/ip.ts';
import type { ChildSaParameters, Path } from '../../policy/sa.ts';
import type { TrafficSelector } from '../../policy/traffic-selector.ts';
import { SystemFailure } from '../../sys/failure.ts';
import { SAMPLE_PATH, sampleSa } from '../conformance.ts';
import { DataPlane, HEADROOM } from './data-plane.ts';
import { DeviceMtu } from './device-mtu.ts';
import { type PathMtu, pathMtu } from './path-mtu.ts';

const DF = 0x4000;
/** What AES-GCM leaves of 1500 octets in UDP over IPv4, and over IPv6. */
const [OF_V4, OF_V6] = [1438, 1418];
const V6_PATH: Path = {
  local: { address: ip('2001:db8::1'), port: 4500 },
  remote: { address: ip('2001:db8::2'), port: 4500 },
};
const EVERYTHING: readonly TrafficSelector[] = ['0.0.0.0', '::'].map(start => ({
  start: ip(start),
  end: new Uint8Array(ip(start).length).fill(255),
  protocol: 0,
  startPort: 0,
  endPort: 65535,
}));

function scene(of: Partial<ChildSaParameters> = {}) {
  const world = {
    now: 1_000_000,
    mtu: { path: 1500, link: 1500 } as PathMtu | undefined,
    asked: 0,
    answers: [] as Uint8Array[],
  };
  const plane = new DataPlane<Path>({
    provider: nodeProvider(),
    now: () => world.now,
    routeOf: path => path,
    modes: ['tunnel'],
    onEvent: () => {},
    pathMtu: () => {
      world.asked++;
      return world.mtu;
    },
    onAnswer: packet => world.answers.push(packet),
  });
  const largest = plane.install(sampleSa({ localTs: EVERYTHING, remoteTs: EVERYTHING, ...of }), true);
  /** What becomes of it: the length of its ESP packet and whether that stays whole, or why it does not go. */
  const send = (packet: Uint8Array): readonly [number, boolean] | string => {
    const buffer = new Uint8Array(HEADROOM + packet.length + plane.tailroom);
    buffer.set(packet, HEADROOM);
    const result = plane.protect(buffer, HEADROOM, packet.length);
    return typeof result === 'string' ? result : [result.length, result.whole];
  };
  return { world, plane, send, largest };
}

const v4 = (length: number, fragment = DF): Uint8Array =>
  ipv4Packet({ protocol: 6, payload: new Uint8Array(length - 20), fragment });
const v6 = (length: number): Uint8Array =>
  ipv6Packet({ nextHeader: 6, payload: new Uint8Array(length - 40) });

test('what fits goes whole, what does not is told to its sender, who may let it be fragmented', () => {
  const { world, send, largest } = scene();
  assert.equal(largest, OF_V4);
  assert.deepEqual(send(v4(OF_V4)), [1472, true]);
  assert.deepEqual(send(v6(OF_V4)), [1472, true]);
  assert.equal(send(v4(OF_V4 + 1)), 'too-big');
  assert.equal(send(v6(OF_V4 + 1)), 'too-big');
  const [first, second] = world.answers.map(packet => new DataView(packet.buffer)) as [DataView, DataView];
  assert.equal(first.getUint16(26), OF_V4);
  assert.equal(second.getUint32(44), OF_V4);
  assert.deepEqual(send(v4(OF_V4 + 1, 0)), [1476, false]);
  assert.deepEqual(send(v4(100, 0)), [136, false]);
});

test('over IPv6 the outer header is longer; copy_df = no lets everything be fragmented', () => {
  assert.equal(scene({ path: V6_PATH }).largest, OF_V6);
  const { send } = scene({ kernel: { copyDf: false } });
  assert.deepEqual(send(v4(OF_V4)), [1472, false]);
  assert.deepEqual(send(v4(2000)), [2036, false]);
  assert.deepEqual(send(v6(2000)), [2036, false]);
});

test('everybody may send 1280 octets of IPv6 and 576 of IPv4, however narrow the path', () => {
  const { world, plane, send } = scene();
  world.mtu = { path: 552, link: 1500 };
  assert.deepEqual([...plane.remeasure()], [[1, OF_V4]], 'the device is as wide as before');
  assert.deepEqual(send(v6(1280)), [1316, false]);
  assert.deepEqual(send(v4(576)), [612, false]);
  assert.equal(send(v6(1281)), 'too-big');
  assert.equal(send(v4(577)), 'too-big');
  assert.deepEqual(send(v4(490)), [524, true]);
});

test('a path that was narrow is looked at again, but not for every packet', () => {
  const { world, send } = scene();
  world.mtu = { path: 1400, link: 1500 };
  world.now += 10_001;
  for (let i = 0; i < 5; i++) assert.equal(send(v4(1450)), 'too-big');
  assert.equal(world.asked, 2);
  world.mtu = { path: 1500, link: 1500 };
  assert.equal(send(v4(1400)), 'too-big');
  world.now += 10_001;
  assert.deepEqual(send(v4(1400)), [1436, true]);
});

test('padding against traffic analysis ends where the path does', () => {
  const { world, plane, send } = scene({ tfcPadding: 9000 });
  assert.deepEqual(send(v4(100)), [1472, true]);
  world.mtu = { path: 1000, link: 1000 };
  plane.remeasure();
  assert.deepEqual(send(v4(100)), [972, true]);
});

test('where nothing is known of the path, and over TCP, whatever comes goes', () => {
  const unknown = scene({ path: { ...SAMPLE_PATH, tcp: true } });
  assert.equal(unknown.largest, undefined);
  assert.deepEqual(unknown.send(v4(5000)), [5036, true]);
  const { world, plane, send } = scene();
  world.mtu = undefined;
  assert.deepEqual([...plane.remeasure()], [[1, undefined]]);
  assert.deepEqual(send(v4(OF_V4)), [1472, true]);
});

test('the kernel says what a path carries: of its device, and less where routers complained', () => {
  const ways = (mtu?: number, index = 2) => ({
    lookup: () => ({ source: ip('192.0.2.1'), index, table: 254, local: false, ...(mtu && { mtu }) }),
    links: () => [
      { index: 1, mtu: 65536 },
      { index: 2, mtu: 1500 },
    ],
  });
  assert.deepEqual(pathMtu(ways(), SAMPLE_PATH, undefined), { link: 1500, path: 1500 });
  assert.deepEqual(pathMtu(ways(1280), SAMPLE_PATH, 7), { link: 1500, path: 1280 });
  assert.equal(pathMtu(ways(1280, 9), SAMPLE_PATH, 7), undefined);
  assert.equal(pathMtu({ ...ways(), lookup: () => undefined }, SAMPLE_PATH, 7), undefined);
  const deaf = () => {
    throw new SystemFailure(110, 'netlink');
  };
  assert.equal(pathMtu({ ...ways(), links: deaf }, SAMPLE_PATH, 7), undefined);
});

test('the device takes what its widest SA can send', () => {
  const set: number[] = [];
  const device = new DeviceMtu(1400, mtu => set.push(mtu));
  device.learn(new Map([[1, 1438]]));
  device.learn(new Map([[2, 1400]]));
  device.learn(new Map([[3, 65_000]]));
  device.forget(3);
  device.forget(3);
  device.forget(1);
  device.learn(new Map([[2, 900]]));
  device.learn(new Map([[2, undefined]]));
  assert.deepEqual(set, [1438, 9216, 1438, 1400, 1280, 1400]);
});
