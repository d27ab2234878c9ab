import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { isMainThread } from 'node:worker_threads';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import type { IpsecBackend } from '../../src/ipsec/backend.ts';
import { CONFORMANCE, sampleSa } from '../../src/ipsec/conformance.ts';
import { UserspaceBackend } from '../../src/ipsec/userspace/backend.ts';
import { openTunBackend, type TunBackend } from '../../src/ipsec/userspace/tun-backend.ts';
import { formatIp, ip } from '../../src/lib/ip.ts';
import { Failed, type Failure } from '../../src/policy/failure.ts';
import type { BackendEvent, ChildSaParameters, Path } from '../../src/policy/sa.ts';
import type { TrafficSelector } from '../../src/policy/traffic-selector.ts';
import { socketAddress } from '../../src/sys/socket-address.ts';
import { type SystemCalls, systemCalls } from '../../src/sys/system-calls.ts';
import type { UdpSocket } from '../../src/sys/udp-socket.ts';
import { ipv4Packet, udpDatagram } from '../ip-packets.ts';
import { inNetwork, insideNetwork, withoutNamespaces } from '../namespace.ts';

/*
 * A host with a TUN device and the data plane's thread, and its peer in the same process, over the loopback interface
 * of an empty network namespace. What the host's own programs send to 10.2.0.0/16 comes out at the peer, and back.
 */

const HERE = ip('127.0.0.1');
const THERE = ip('127.0.0.2');
const INNER = ip('10.1.0.1');
const BEYOND = ip('10.2.0.1');
const TABLE = 220;
const provider = nodeProvider();
const now = (): number => performance.timeOrigin + performance.now();

interface World {
  readonly calls: SystemCalls;
  readonly backend: TunBackend;
  readonly events: BackendEvent[];
  readonly peer: UserspaceBackend;
  readonly peerEvents: BackendEvent[];
  /** Inner packets that came out at the peer. */
  readonly received: Uint8Array[];
  /** From the host's side. */
  readonly path: Path;
  install(id: number, overrides?: Partial<ChildSaParameters>): Promise<void>;
  /** Back to the beginning. */
  reset(): Promise<void>;
}

/** Puts the world up, lets `body` look at it and takes it down again. */
async function within(body: (world: World) => Promise<void>): Promise<void> {
  const calls = systemCalls() as SystemCalls;
  const routing = calls.routing();
  routing.setLink(routing.link('lo')?.index ?? 1, { up: true });
  const outside = calls.openUdp({ address: HERE, port: 0, trafficClass: true });
  const peerSocket = createSocket('udp4').bind(0, formatIp(THERE));
  await once(peerSocket, 'listening');
  const path: Path = {
    local: outside.local,
    remote: { address: THERE, port: peerSocket.address().port },
  };
  const backend = open(calls, [outside]);
  routing.addAddress(backend.interface.index, INNER, 32);
  const events: BackendEvent[] = [];
  backend.onEvent(event => events.push(event));

  const peer = new UserspaceBackend({
    provider,
    datagrams: {
      send: (datagram, { remote }) => peerSocket.send(datagram, remote.port, formatIp(remote.address)),
    },
    now,
  });
  const received: Uint8Array[] = [];
  const peerEvents: BackendEvent[] = [];
  peer.onEvent(event => peerEvents.push(event));
  peer.port.onPacket(packet => received.push(packet));
  peerSocket.on('message', (datagram, { address, port }) =>
    peer.receiveEsp(Uint8Array.from(datagram), {
      local: path.remote,
      remote: { address: ip(address), port },
    }),
  );
  const install = async (id: number, overrides: Partial<ChildSaParameters> = {}): Promise<void> => {
    const sa = sampleSa({ id, spiIn: 0xc1000000 + id, spiOut: 0xc2000000 + id, path, ...overrides });
    await backend.install(sa, { outbound: true });
    await peer.install(
      {
        ...sa,
        spiIn: sa.spiOut,
        spiOut: sa.spiIn,
        keysIn: sa.keysOut,
        keysOut: sa.keysIn,
        path: { local: path.remote, remote: path.local },
        localTs: sa.remoteTs,
        remoteTs: sa.localTs,
      },
      { outbound: true },
    );
  };
  const reset = async (): Promise<void> => {
    for (const side of [backend, peer]) await removeAll(side);
    for (const list of [events, peerEvents, received]) list.length = 0;
    assert.deepEqual(routing.routes(TABLE), [], 'no route is left behind');
  };
  try {
    await body({ calls, backend, events, peer, peerEvents, received, path, install, reset });
  } finally {
    await backend.close();
    outside.close();
    peerSocket.close();
  }
  assert.equal(routing.link(backend.interface.name), undefined, 'no interface is left behind');
  routing.close();
}

async function removeAll(backend: IpsecBackend): Promise<void> {
  for (let id = 1; id <= 9; id++) await backend.remove(id);
}

function open(
  calls: SystemCalls,
  sockets: readonly UdpSocket[],
  onFatal: (failure: Failure) => void = ({ summary }) => assert.fail(summary),
): TunBackend {
  return openTunBackend({
    calls,
    sockets,
    random: length => provider.random(length),
    now,
    interface: 'cygt%d',
    onFatal,
  });
}

/** Waits for what other threads and the kernel do, but not for ever. */
async function until(what: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + 30_000;
  while (!(await what())) {
    if (performance.now() > end) assert.fail(`waited in vain for ${what}`);
    await new Promise(resolve => setImmediate(resolve));
  }
}

/** A program on the host: a UDP socket on the inner address. */
async function program(): Promise<{
  readonly port: number;
  readonly heard: Uint8Array[];
  send(octets: Uint8Array, port: number): void;
  close(): void;
}> {
  const socket = createSocket('udp4').bind(0, formatIp(INNER));
  await once(socket, 'listening');
  const heard: Uint8Array[] = [];
  socket.on('message', octets => heard.push(Uint8Array.from(octets)));
  return {
    port: socket.address().port,
    heard,
    send: (octets, port) => socket.send(octets, port, formatIp(BEYOND)),
    close: () => socket.close(),
  };
}

const SCENARIOS: Readonly<Record<string, (world: World) => Promise<void>>> = {
  'packets of the host go through the TUN device, the thread and ESP to the peer, and back': async ({
    backend,
    peer,
    received,
    events,
    peerEvents,
    install,
  }) => {
    await install(1);
    const host = await program();
    try {
      host.send(Uint8Array.of(1, 2, 3), 9999);
      await until(() => received.length > 0);
      const [packet] = received as [Uint8Array];
      assert.deepEqual([...packet.subarray(12, 20)], [...INNER, ...BEYOND]);
      assert.deepEqual([...packet.subarray(28)], [1, 2, 3]);
      assert.deepEqual(peerEvents, [{ kind: 'inbound', id: 1 }]);
      const answer = udpDatagram(BEYOND, INNER, [9999, host.port], Uint8Array.of(4, 5));
      peer.port.send(
        ipv4Packet({ source: '10.2.0.1', destination: '10.1.0.1', protocol: 17, payload: answer }),
      );
      await until(() => host.heard.length > 0);
      assert.deepEqual(host.heard, [Uint8Array.of(4, 5)]);
      await until(() => events.length > 0);
      assert.deepEqual(events, [{ kind: 'inbound', id: 1 }]);
      const usage = await backend.usage(1);
      assert.deepEqual(
        [usage?.packetsIn, usage?.bytesIn, usage?.packetsOut, usage?.bytesOut],
        [1n, 30n, 1n, 31n],
      );
      assert.ok(Math.abs((usage?.usedIn ?? 0) - now()) < 60_000, 'on the main thread’s clock');
    } finally {
      host.close();
    }
  },

  'a virtual IP is on the device while it is assigned, and what the host sends is from there': async ({
    calls,
    backend,
    received,
    path,
    install,
  }) => {
    const routing = calls.routing();
    const vip = ip('10.3.0.1');
    const onDevice = (): readonly string[] =>
      routing
        .addresses()
        .filter(({ index, scope }) => index === backend.interface.index && scope === 'global')
        .map(({ address, prefix }) => `${formatIp(address)}/${prefix}`);
    try {
      await backend.assignAddress(vip, path);
      await backend.assignAddress(ip('2001:db8:3::1'), path);
      assert.deepEqual(onDevice(), ['10.1.0.1/32', '10.3.0.1/32', '2001:db8:3::1/128']);
      await backend.unassignAddress(ip('2001:db8:3::1'));
      await install(1, { localTs: [{ ...sampleSa().localTs[0], start: vip, end: vip } as TrafficSelector] });
      const socket = createSocket('udp4');
      socket.send(Uint8Array.of(1), 9999, formatIp(BEYOND));
      await until(() => received.length > 0);
      socket.close();
      assert.deepEqual([...(received[0] as Uint8Array).subarray(12, 16)], [...vip]);
      await backend.remove(1);
      await backend.unassignAddress(vip);
      // Somebody else's address stays.
      await backend.assignAddress(INNER, path);
      await backend.unassignAddress(INNER);
      assert.deepEqual(onDevice(), ['10.1.0.1/32']);
    } finally {
      routing.close();
    }
  },

  'routes and virtual IPs are back after the device was down': async ({
    calls,
    backend,
    received,
    path,
    install,
  }) => {
    const routing = calls.routing();
    const vip = ip('2001:db8:3::1');
    const { index } = backend.interface;
    const has = (address: Uint8Array): boolean =>
      routing.addresses().some(known => formatIp(known.address) === formatIp(address));
    const host = await program();
    try {
      await backend.assignAddress(vip, path);
      await install(1);
      assert.equal(routing.routes(TABLE).length, 1);
      routing.setLink(index, { up: false });
      assert.deepEqual(routing.routes(TABLE), []);
      assert.ok(!has(vip));
      routing.setLink(index, { up: true });
      backend.networkChanged();
      assert.equal(routing.routes(TABLE).length, 1);
      assert.ok(has(vip));
      host.send(Uint8Array.of(1), 9999);
      await until(() => received.length > 0);
    } finally {
      await backend.unassignAddress(vip);
      routing.close();
      host.close();
    }
  },

  'the device takes what the path carries, and who sends more is told what does': async ({
    calls,
    backend,
    received,
    install,
  }) => {
    const routing = calls.routing();
    const loopback = routing.link('lo')?.index ?? 1;
    const mtu = (): number => routing.link(backend.interface.name)?.mtu ?? 0;
    const host = await program();
    try {
      assert.equal(mtu(), 1400);
      routing.setLink(loopback, { mtu: 1500 });
      await install(1);
      assert.equal(mtu(), 1438);
      host.send(new Uint8Array(1410).fill(1), 9999);
      await until(() => received.length === 1);
      // A router on the way became narrower, as the kernel sees it: one packet goes in fragments, then its sender knows.
      routing.setLink(loopback, { mtu: 1300 });
      host.send(new Uint8Array(1410).fill(2), 9999);
      await until(() => received.length === 2);
      assert.equal((received[1] as Uint8Array).length, 1438);
      host.send(new Uint8Array(1410).fill(3), 9999);
      await until(async () => ((await backend.drops()).get('too-big') ?? 0) > 0);
      await until(() => routing.lookup(BEYOND)?.mtu === 1238);
      // In fragments of its own from here on.
      host.send(new Uint8Array(1410).fill(4), 9999);
      await until(() => received.length === 4);
      assert.deepEqual(
        received.slice(2).map(packet => packet.length),
        [1236, 222],
      );
      backend.networkChanged();
      await until(() => mtu() === 1280);
      await backend.remove(1);
      assert.equal(mtu(), 1400);
    } finally {
      routing.setLink(loopback, { mtu: 65_536 });
      routing.close();
      host.close();
    }
  },

  'many packets, of all sizes, each arrive once and whole': async ({ received, install }) => {
    await install(1);
    const host = await program();
    try {
      // In batches below what any socket buffer holds.
      for (let sent = 0; sent < 400; ) {
        for (const end = sent + 40; sent < end; sent++) {
          const octets = new Uint8Array(4 + ((sent * 37) % 1369)).fill(sent & 0xff);
          new DataView(octets.buffer).setUint32(0, sent);
          host.send(octets, 9999);
        }
        await until(() => received.length === sent);
      }
      const numbers = received.map(packet => new DataView(packet.buffer, packet.byteOffset).getUint32(28));
      assert.deepEqual(
        numbers.toSorted((a, b) => a - b),
        [...numbers.keys()],
      );
      for (const [i, packet] of received.entries())
        assert.ok(packet.subarray(32).every(octet => octet === ((numbers[i] as number) & 0xff)));
    } finally {
      host.close();
    }
  },

  'a rekey loses nothing and leaves one set of routes': async ({
    calls,
    backend,
    peer,
    received,
    install,
  }) => {
    await install(1);
    const host = await program();
    const routing = calls.routing();
    try {
      const exchange = async (octet: number): Promise<void> => {
        const before = received.length;
        host.send(Uint8Array.of(octet), 9999);
        await until(() => received.length > before);
      };
      await exchange(1);
      await install(2, { replaces: 1 });
      await exchange(2);
      await backend.deactivateOutbound(1);
      await exchange(3);
      assert.equal(routing.routes(TABLE).length, 1);
      await backend.remove(1);
      await peer.remove(1);
      assert.equal(routing.routes(TABLE).length, 1);
      await exchange(4);
      assert.deepEqual((await backend.usage(2))?.packetsOut, 3n);
      await backend.remove(2);
      assert.deepEqual(routing.routes(TABLE), []);
    } finally {
      routing.close();
      host.close();
    }
  },

  'a peer that moved is told of, and followed when that is said': async ({
    backend,
    peer,
    received,
    events,
    path,
    install,
  }) => {
    await install(1);
    const host = await program();
    const elsewhere = createSocket('udp4').bind(0, '127.0.0.3');
    await once(elsewhere, 'listening');
    const moved: Path = { ...path, remote: { address: ip('127.0.0.3'), port: elsewhere.address().port } };
    try {
      // What the peer sends is carried off and leaves from another address.
      const carried: Uint8Array[] = [];
      elsewhere.on('message', octets => carried.push(Uint8Array.from(octets)));
      await peer.updatePath(1, { local: path.remote, remote: moved.remote }, true);
      peer.port.send(ipv4Packet({ source: '10.2.0.1', destination: '10.1.0.1', protocol: 17, payload: [] }));
      await until(() => carried.length > 0);
      elsewhere.send(carried[0] as Uint8Array, path.local.port, formatIp(HERE));
      await until(() => events.length > 1);
      assert.deepEqual(events, [
        { kind: 'inbound', id: 1 },
        { kind: 'mapping', id: 1, path: moved },
      ]);
      await backend.updatePath(1, moved, true);
      host.send(Uint8Array.of(7), 9999);
      await until(() => carried.length > 1);
      assert.equal(received.length, 0);
    } finally {
      elsewhere.close();
      host.close();
    }
  },

  'congestion marks are copied outwards and carried inwards': async ({
    calls,
    backend,
    peer,
    path,
    install,
  }) => {
    await install(1);
    const relay = calls.openUdp({ address: ip('127.0.0.3'), port: 0, trafficClass: true });
    const host = calls.openUdp({ address: INNER, port: 0, trafficClass: true });
    const batch = calls.batch({ slots: 1, slotSize: 2048 });
    const [ECT_0, CE] = [0x02, 0x03];
    try {
      await backend.updatePath(1, { ...path, remote: relay.local }, true);
      batch.set(0, 0, 100, socketAddress({ address: BEYOND, port: 9999 }), undefined, ECT_0);
      host.send(batch, 0, 1);
      await until(() => relay.receive(batch) === 1);
      assert.equal(batch.trafficClass(0), ECT_0);

      await peer.updatePath(1, { local: path.remote, remote: relay.local }, true);
      const inner = udpDatagram(BEYOND, INNER, [9999, host.local.port], Uint8Array.of(1));
      const [source, destination] = ['10.2.0.1', '10.1.0.1'];
      peer.port.send(ipv4Packet({ source, destination, protocol: 17, payload: inner, tos: ECT_0 }));
      await until(() => relay.receive(batch) === 1);
      batch.set(0, 0, batch.length(0), socketAddress(path.local), undefined, CE);
      relay.send(batch, 0, 1);
      await until(() => host.receive(batch) === 1);
      assert.equal(batch.trafficClass(0), CE);
    } finally {
      relay.close();
      host.close();
    }
  },

  'a trap catches what the host sends, and traffic that may pass in clear never comes': async ({
    calls,
    backend,
    events,
    received,
    install,
  }) => {
    const { localTs, remoteTs, path, protocol, mode } = sampleSa();
    const [local, remote] = [path.local.address, path.remote.address];
    const policy = { localTs, remoteTs, protocol, mode, reqid: 1, local, remote };
    const host = await program();
    const routing = calls.routing();
    try {
      await backend.addPolicy({ ...policy, id: 1, kind: 'trap' });
      host.send(Uint8Array.of(1), 9999);
      await until(() => events.length > 0);
      assert.deepEqual(events, [
        { kind: 'acquire', reqid: 1, source: INNER, destination: BEYOND, protocol: 17 },
      ]);
      await install(1);
      host.send(Uint8Array.of(2), 9999);
      await until(() => received.length > 0);
      const pass = [{ ...(remoteTs[0] as (typeof remoteTs)[number]), start: BEYOND, end: BEYOND }];
      await backend.addPolicy({ ...policy, id: 2, kind: 'pass', remoteTs: pass });
      assert.equal(routing.lookup(BEYOND), undefined, 'here the next table leads nowhere');
      await assert.rejects(backend.addPolicy({ ...policy, id: 2, kind: 'drop' }), Failed);
      for (const id of [1, 2]) await backend.removePolicy(id);
      assert.equal(routing.lookup(BEYOND)?.index, backend.interface.index, 'the SA’s route stays');
    } finally {
      for (const id of [1, 2]) await backend.removePolicy(id);
      routing.close();
      host.close();
    }
  },

  'a limit of packets ends the SA': async ({ backend, received, events, install }) => {
    const lifetimes = { ...sampleSa().lifetimes, rekeyPackets: 1n, lifePackets: 2n };
    await install(1, { lifetimes });
    const host = await program();
    try {
      for (const octet of [1, 2, 3]) host.send(Uint8Array.of(octet), 9999);
      await until(async () => ((await backend.drops()).get('expired') ?? 0) > 0);
      assert.deepEqual(
        events.map(event => event.kind === 'expire' && [event.id, event.hard]),
        [
          [1, false],
          [1, true],
        ],
      );
      await until(() => received.length === 2);
    } finally {
      host.close();
    }
  },

  'the peer’s own address inside its selectors goes around the TUN device, or is refused': async ({
    calls,
    backend,
    received,
    path,
    install,
  }) => {
    const everything = [
      { start: ip('0.0.0.0'), end: ip('255.255.255.255'), protocol: 0, startPort: 0, endPort: 65535 },
    ];
    await install(1, { remoteTs: everything });
    const routing = calls.routing();
    const host = await program();
    try {
      assert.deepEqual(
        routing.routes(TABLE).map(({ destination, prefix, kind }) => [formatIp(destination), prefix, kind]),
        [
          ['0.0.0.0', 0, 'unicast'],
          ['127.0.0.2', 32, 'throw'],
        ],
      );
      host.send(Uint8Array.of(1), 9999);
      await until(() => received.length > 0);
      await backend.updatePath(1, { ...path, remote: { address: ip('192.0.2.9'), port: 4500 } }, true);
      assert.deepEqual(
        routing.routes(TABLE).map(({ destination }) => formatIp(destination)),
        ['0.0.0.0', '192.0.2.9'],
      );
      const own = [{ ...(everything[0] as (typeof everything)[number]), start: THERE, end: THERE }];
      await assert.rejects(install(2, { remoteTs: own }), Failed);
      assert.equal(await backend.usage(2), undefined, 'nothing is left of it');
      assert.equal(routing.routes(TABLE).length, 2);
    } finally {
      routing.close();
      host.close();
    }
  },
};

async function conformance(): Promise<readonly Outcome[]> {
  const calls = systemCalls() as SystemCalls;
  const socket = calls.openUdp({ address: ip('0.0.0.0'), port: 0 });
  const outcomes: Outcome[] = [];
  // A thread takes a while to start: one back end for all clauses but the one that closes it, which comes last.
  const backend = open(calls, [socket]);
  for (const { what, run } of CONFORMANCE.toSorted((a, b) => Number(a.closes ?? 0) - Number(b.closes ?? 0))) {
    outcomes.push(await outcomeOf(what, () => run(backend)));
    await removeAll(backend);
  }
  await backend.close();
  socket.close();
  return outcomes;
}

/** Somebody deletes the interface: the thread ends, that is told once, and every further request is refused. */
async function death(): Promise<void> {
  const calls = systemCalls() as SystemCalls;
  const socket = calls.openUdp({ address: ip('0.0.0.0'), port: 0 });
  const failures: Failure[] = [];
  const backend = open(calls, [socket], failure => failures.push(failure));
  const routing = calls.routing();
  try {
    await backend.install(sampleSa(), { outbound: true });
    routing.deleteLink(backend.interface.index);
    await until(() => failures.length > 0);
    assert.deepEqual(
      failures.map(({ code }) => code),
      ['local/internal'],
    );
    await assert.rejects(backend.install(sampleSa({ id: 2, spiIn: 0xc1000002 }), { outbound: true }), Failed);
    assert.equal(await backend.usage(1), undefined);
    await backend.remove(1);
    await backend.close();
    assert.equal(failures.length, 1);
  } finally {
    await backend.close();
    routing.close();
    socket.close();
  }
}

async function scenarios(): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  await within(async world => {
    for (const [what, run] of Object.entries(SCENARIOS)) {
      outcomes.push(await outcomeOf(what, () => run(world)));
      await world.reset();
    }
  });
  return outcomes;
}

type Outcome = readonly [what: string, complaint: string | undefined];

async function outcomeOf(what: string, run: () => Promise<void>): Promise<Outcome> {
  try {
    await run();
    return [what, undefined];
  } catch (error) {
    return [what, error instanceof Error ? (error.stack ?? error.message) : String(error)];
  }
}

const DEATH = 'the end of the thread is told and survived';

insideNetwork(async () => [...(await conformance()), ...(await scenarios()), await outcomeOf(DEATH, death)]);

if (isMainThread) {
  describe('user space with a TUN device and a thread', { skip: withoutNamespaces }, () => {
    test('keeps the contract of a back end, and carries packets', { timeout: 110_000 }, async t => {
      const outcomes = (await inNetwork(import.meta.filename)) as readonly Outcome[];
      assert.equal(outcomes.length, CONFORMANCE.length + Object.keys(SCENARIOS).length + 1);
      for (const [what, complaint] of outcomes) await t.test(what, () => assert.equal(complaint, undefined));
    });
  });
}
