import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ipv4Packet, ipv6Packet, udpDatagram, upperLayerChecksum } from '../../../test/ip-packets.ts';
import { toyPacketCipher } from '../../../test/toy-packet-cipher.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import { trafficClassOf } from '../../esp/ecn.ts';
import { ip } from '../../lib/ip.ts';
import { wipeKeys } from '../../policy/direction-keys.ts';
import { Failed } from '../../policy/failure.ts';
import type {
  BackendEvent,
  ChildLifetimes,
  ChildSaParameters,
  Path,
  StandingPolicy,
} from '../../policy/sa.ts';
import { backendConformance, SAMPLE_PATH, sampleSa } from '../conformance.ts';
import { UserspaceBackend } from './backend.ts';
import type { Refusal } from './data-plane.ts';

/** Enough of a provider for a data plane. */
function toyProvider(): CryptoProvider {
  let drawn = 0xc000_0000;
  return {
    name: 'toy',
    random: () => new Uint8Array(new Uint32Array([Math.imul(++drawn, 0x9e3779b1)]).buffer),
    packetCipher: spec => (spec.integrity === 99 ? undefined : toyPacketCipher()),
  } as Partial<CryptoProvider> as CryptoProvider;
}

interface Side {
  readonly backend: UserspaceBackend;
  readonly events: BackendEvent[];
  readonly received: Uint8Array[];
  /** What left and was not delivered yet. */
  readonly wire: { readonly datagram: Uint8Array; readonly path: Path; readonly trafficClass: number }[];
}

function side(now: () => number = () => 1000): Side {
  const wire: Side['wire'] = [];
  const datagrams = {
    send: (datagram: Uint8Array, path: Path, trafficClass: number) => {
      wire.push({ datagram, path, trafficClass });
    },
  };
  const backend = new UserspaceBackend({ provider: toyProvider(), datagrams, now });
  const events: BackendEvent[] = [];
  const received: Uint8Array[] = [];
  backend.onEvent(event => events.push(event));
  backend.port.onPacket(packet => received.push(packet));
  return { backend, events, received, wire };
}

const turned = (path: Path): Path => ({ local: path.remote, remote: path.local });

/** The same SA as the peer has it. */
function mirror(sa: ChildSaParameters): ChildSaParameters {
  return {
    ...sa,
    spiIn: sa.spiOut,
    spiOut: sa.spiIn,
    keysIn: sa.keysOut,
    keysOut: sa.keysIn,
    path: turned(sa.path),
    localTs: sa.remoteTs,
    remoteTs: sa.localTs,
  };
}

async function tunnel(
  overrides: Partial<ChildSaParameters> = {},
): Promise<{ readonly a: Side; readonly b: Side; readonly sa: ChildSaParameters }> {
  const [a, b] = [side(), side()];
  const sa = sampleSa(overrides);
  await a.backend.install(sa, { outbound: true });
  await b.backend.install(mirror(sa), { outbound: true });
  // What they need of the keys they have.
  wipeKeys(sa);
  return { a, b, sa };
}

/** Delivers all that `from` sent, as the network does it. */
function deliver(from: Side, to: Side, change: { readonly path?: Path; readonly ecn?: number } = {}): void {
  for (const { datagram, path } of from.wire.splice(0))
    to.backend.receiveEsp(datagram, change.path ?? turned(path), change.ecn ?? 0);
}

const drops = (of: Side): Partial<Record<Refusal, number>> => Object.fromEntries(of.backend.drops);
const ping = (octet = 1): Uint8Array =>
  ipv4Packet({ protocol: 17, payload: [0, 1, 0, 2, 0, 9, 0, 0, octet] });

backendConformance('userspace', () => side());

describe('packets', () => {
  test('go through in both directions', async () => {
    const { a, b } = await tunnel();
    assert.equal(a.backend.port.send(ping()), true);
    deliver(a, b);
    assert.deepEqual(b.received, [ping()]);
    const back = ipv4Packet({
      source: '10.2.0.1',
      destination: '10.1.0.1',
      protocol: 1,
      payload: [0, 0, 0, 0],
    });
    assert.equal(b.backend.port.send(back), true);
    deliver(b, a);
    assert.deepEqual(a.received, [back]);
    assert.deepEqual(await a.backend.usage(1), {
      bytesIn: 24n,
      packetsIn: 1n,
      bytesOut: 29n,
      packetsOut: 1n,
      usedIn: 1000,
      usedOut: 1000,
    });
  });

  test('the caller keeps the packet it sends', async () => {
    const { a } = await tunnel();
    const packet = ping();
    a.backend.port.send(packet);
    assert.deepEqual(packet, ping());
  });

  test('IPv6 through the same kind of SA', async () => {
    const any = { protocol: 0, startPort: 0, endPort: 65535 };
    const everything = [{ start: ip('::'), end: ip('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff'), ...any }];
    const { a, b } = await tunnel({ localTs: everything, remoteTs: everything });
    const packet = ipv6Packet({ nextHeader: 17, payload: [0, 1, 0, 2, 0, 8, 0, 0] });
    a.backend.port.send(packet);
    deliver(a, b);
    assert.deepEqual(b.received, [packet]);
  });

  test('without an SA, or that are none, go nowhere', async () => {
    const { a } = await tunnel();
    assert.equal(
      a.backend.port.send(ipv4Packet({ destination: '10.3.0.1', protocol: 17, payload: [] })),
      false,
    );
    assert.equal(a.backend.port.send(Uint8Array.of(1, 2, 3)), false);
    assert.equal(a.wire.length, 0);
    assert.deepEqual(drops(a), { 'no-sa': 1, 'no-packet': 1 });
  });

  test('padded against traffic analysis arrive without the padding, all of one length', async () => {
    const { a, b } = await tunnel({ tfcPadding: 500 });
    for (const octet of [1, 2]) a.backend.port.send(ping(octet));
    a.backend.port.send(ipv4Packet({ protocol: 17, payload: new Uint8Array(400) }));
    assert.equal(new Set(a.wire.map(({ datagram }) => datagram.length)).size, 1);
    deliver(a, b);
    assert.deepEqual(b.received.slice(0, 2), [ping(1), ping(2)]);
  });

  test('of any length up to the largest pass', async () => {
    const { a, b } = await tunnel();
    const packet = ipv4Packet({ protocol: 17, payload: new Uint8Array(65535 - 20) });
    assert.equal(a.backend.port.send(packet), true);
    deliver(a, b);
    assert.deepEqual(b.received, [packet]);
  });
});

describe('what comes in', () => {
  test('twice is taken once', async () => {
    const { a, b } = await tunnel();
    a.backend.port.send(ping());
    a.wire.push({
      ...(a.wire[0] as Side['wire'][number]),
      datagram: (a.wire[0] as Side['wire'][number]).datagram.slice(),
    });
    deliver(a, b);
    assert.equal(b.received.length, 1);
    assert.deepEqual(drops(b), { replay: 1 });
  });

  test('forged, of an unknown SPI, or too short is dropped and counted', async () => {
    const { a, b } = await tunnel();
    a.backend.port.send(ping());
    const { datagram, path } = a.wire[0] as Side['wire'][number];
    const forged = datagram.slice();
    forged[20] = (forged[20] as number) ^ 1;
    b.backend.receiveEsp(forged, turned(path));
    const stray = datagram.slice();
    stray[3] = (stray[3] as number) ^ 1;
    b.backend.receiveEsp(stray, turned(path));
    for (const length of [0, 1, 7, 8, 20]) b.backend.receiveEsp(datagram.slice(0, length), turned(path));
    assert.deepEqual(drops(b), { integrity: 1, 'unknown-spi': 1, malformed: 5 });
    assert.deepEqual(b.events, []);
    assert.deepEqual(b.received, []);
  });

  test('a moment before its SA is installed is kept, a few packets for half a second', async () => {
    let time = 1000;
    const [a, b] = [side(), side(() => time)];
    const sa = sampleSa();
    await a.backend.install(sa, { outbound: true });
    for (let octet = 0; octet < 40; octet++) a.backend.port.send(ping(octet));
    deliver(a, b);
    assert.deepEqual(drops(b), { 'unknown-spi': 40 });
    time += 100;
    await b.backend.install(mirror(sa), { outbound: false });
    assert.deepEqual(
      b.received,
      Array.from({ length: 32 }, (_, octet) => ping(octet)),
    );
    assert.deepEqual(drops(b), { 'unknown-spi': 8 });
    assert.deepEqual(b.events, [{ kind: 'inbound', id: 1 }]);
    await b.backend.remove(1);
    a.backend.port.send(ping());
    deliver(a, b);
    time += 500;
    await b.backend.install(mirror(sa), { outbound: false });
    assert.equal(b.received.length, 32, 'too late');
  });

  test('with an inner packet that the SA does not admit is dropped (RFC 4301 §5.2)', async () => {
    const [a, b] = [side(), side()];
    const sa = sampleSa();
    const anywhere = [
      {
        ...(sa.remoteTs[0] as (typeof sa.remoteTs)[number]),
        start: ip('0.0.0.0'),
        end: ip('255.255.255.255'),
      },
    ];
    await a.backend.install({ ...sa, localTs: anywhere, remoteTs: anywhere }, { outbound: true });
    await b.backend.install(mirror(sa), { outbound: true });
    for (const [source, destination] of [
      ['10.1.0.1', '10.2.0.1'],
      ['10.9.0.1', '10.2.0.1'],
      ['10.1.0.1', '10.9.0.1'],
    ] as const)
      a.backend.port.send(ipv4Packet({ source, destination, protocol: 17, payload: [] }));
    deliver(a, b);
    assert.equal(b.received.length, 1);
    assert.deepEqual(drops(b), { selectors: 2 });
  });

  test('a dummy packet, a protocol other than IP, and an inner header that contradicts it are dropped', async () => {
    const b = side();
    await b.backend.install(mirror(sampleSa()), { outbound: true });
    const cipher = toyPacketCipher();
    const inject = (sequence: number, payload: Uint8Array, nextHeader: number): void => {
      const packet = new Uint8Array(16 + payload.length + 2 + 16);
      packet.set([0xc2, 0, 0, 1, 0, 0, 0, sequence]);
      packet.set(payload, 16);
      packet[packet.length - 17] = nextHeader;
      cipher.seal(packet, 8);
      b.backend.receiveEsp(packet, SAMPLE_PATH);
    };
    inject(1, Uint8Array.of(9, 9, 9, 9), 59);
    inject(2, ping(), 6);
    inject(3, ping(), 144);
    inject(4, ping(), 41);
    inject(5, ipv6Packet({ nextHeader: 17, payload: [] }), 4);
    inject(6, ping().slice(0, 25), 4);
    inject(7, new Uint8Array(0), 4);
    assert.deepEqual(drops(b), { dummy: 1, 'next-header': 2, 'inner-header': 4 });
    inject(8, ping(), 4);
    assert.deepEqual(b.received, [ping()]);
  });

  test('carries the congestion mark inwards (RFC 6040)', async () => {
    const { a, b } = await tunnel();
    a.backend.port.send(ipv4Packet({ protocol: 17, payload: [], tos: 0xba }));
    assert.equal(a.wire[0]?.trafficClass, 0xba, 'copied to the outer header');
    deliver(a, b, { ecn: 3 });
    assert.equal(trafficClassOf(b.received[0] as Uint8Array, 0), 0xbb);
    a.backend.port.send(ipv4Packet({ protocol: 17, payload: [], tos: 0xb8 }));
    deliver(a, b, { ecn: 3 });
    assert.deepEqual([b.received.length, drops(b)], [1, { congestion: 1 }]);
  });
});

describe('a rekey', () => {
  test('loses no packet, whatever the order: the new SA receives before it sends, the old one after', async () => {
    const { a, b, sa } = await tunnel();
    const young = { ...sa, id: 2, spiIn: 0xc1000002, spiOut: 0xc2000002, replaces: 1 };
    a.backend.port.send(ping(1));
    await b.backend.install(mirror(young), { outbound: false });
    await a.backend.install(young, { outbound: true });
    a.backend.port.send(ping(2));
    await b.backend.activateOutbound(2);
    await a.backend.deactivateOutbound(1);
    a.backend.port.send(ping(3));
    assert.deepEqual(
      a.wire.map(({ datagram }) => datagram[3]),
      [1, 2, 2],
      'the newest SA sends',
    );
    a.wire.reverse();
    deliver(a, b);
    assert.deepEqual(
      b.received.map(packet => packet.at(-1)),
      [3, 2, 1],
    );
    await a.backend.remove(1);
    await b.backend.remove(1);
    a.backend.port.send(ping(4));
    deliver(a, b);
    assert.equal(b.received.length, 4);
  });

  test('until it is activated the old SA sends', async () => {
    const { a, sa } = await tunnel();
    await a.backend.install({ ...sa, id: 2, spiIn: 0xc1000002, spiOut: 0xc2000002 }, { outbound: false });
    a.backend.port.send(ping());
    assert.equal(a.wire[0]?.datagram[3], 1);
    await a.backend.activateOutbound(2);
    a.backend.port.send(ping());
    assert.equal(a.wire[1]?.datagram[3], 2);
  });

  test('one that is inactive sends nothing and still receives', async () => {
    const { a, b } = await tunnel();
    await a.backend.deactivateOutbound(1);
    assert.equal(a.backend.port.send(ping()), false);
    b.backend.port.send(
      ipv4Packet({ source: '10.2.0.1', destination: '10.1.0.1', protocol: 17, payload: [] }),
    );
    deliver(b, a);
    assert.equal(a.received.length, 1);
  });
});

describe('events', () => {
  const inbound = { kind: 'inbound', id: 1 };

  test('the first authentic packet is told, once', async () => {
    const { a, b } = await tunnel();
    for (const octet of [1, 2]) a.backend.port.send(ping(octet));
    deliver(a, b);
    assert.deepEqual(b.events, [inbound]);
    assert.deepEqual(a.events, []);
  });

  const elsewhere: Path = {
    local: SAMPLE_PATH.remote,
    remote: { address: ip('203.0.113.9'), port: 31337 },
  };

  test('a new address is told once, by authentic packets alone, and taken only when it is said so', async () => {
    const { a, b } = await tunnel();
    for (const octet of [1, 2]) a.backend.port.send(ping(octet));
    const [first] = a.wire;
    const forged = (first as Side['wire'][number]).datagram.slice();
    forged[30] = (forged[30] as number) ^ 1;
    b.backend.receiveEsp(forged, elsewhere);
    assert.deepEqual(b.events, []);
    const replay = (first as Side['wire'][number]).datagram.slice();
    deliver(a, b, { path: elsewhere });
    assert.deepEqual(b.events, [inbound, { kind: 'mapping', id: 1, path: elsewhere }]);
    const { path: third } = { path: { ...elsewhere, remote: { ...elsewhere.remote, port: 9 } } };
    b.backend.receiveEsp(replay, third);
    assert.equal(b.events.length, 2, 'a replay moves nobody');

    b.backend.port.send(
      ipv4Packet({ source: '10.2.0.1', destination: '10.1.0.1', protocol: 17, payload: [] }),
    );
    assert.deepEqual(b.wire[0]?.path, turned(SAMPLE_PATH), 'still the old path');
    await b.backend.updatePath(1, elsewhere, true);
    b.backend.port.send(
      ipv4Packet({ source: '10.2.0.1', destination: '10.1.0.1', protocol: 17, payload: [] }),
    );
    assert.deepEqual(b.wire[1]?.path, elsewhere);
    a.backend.port.send(ping(3));
    deliver(a, b, { path: elsewhere });
    assert.equal(b.events.length, 2, 'now that is where it belongs');
  });

  const limits = (over: Partial<ChildLifetimes>): Partial<ChildSaParameters> => ({
    lifetimes: { ...sampleSa().lifetimes, ...over },
  });

  test('packets run out: a warning, then the end, for sender and receiver', async () => {
    const { a, b } = await tunnel(limits({ rekeyPackets: 2n, lifePackets: 4n }));
    const sent = [1, 2, 3, 4, 5].map(octet => a.backend.port.send(ping(octet)));
    assert.deepEqual(sent, [true, true, true, true, false]);
    const expiry = (hard: boolean) => ({ kind: 'expire', id: 1, hard, now: 1000 });
    assert.deepEqual(a.events, [expiry(false), expiry(true)]);
    assert.deepEqual(drops(a), { expired: 1 });
    deliver(a, b);
    assert.deepEqual(b.events, [inbound, expiry(false), expiry(true)]);
    assert.equal(b.received.length, 4);
    b.backend.receiveEsp(Uint8Array.of(0xc2, 0, 0, 1, 0, 0, 0, 9), SAMPLE_PATH);
    assert.deepEqual(drops(b), { expired: 1 });
    assert.notEqual(await b.backend.usage(1), undefined, 'until it is removed');
  });

  test('octets run out: of the inner packets', async () => {
    const { a } = await tunnel(limits({ rekeyBytes: 58n, lifeBytes: 87n }));
    a.backend.port.send(ping());
    assert.equal(a.events.length, 0);
    a.backend.port.send(ping());
    assert.equal(a.events.length, 1);
    a.backend.port.send(ping());
    assert.deepEqual(
      a.events.map(event => event.kind === 'expire' && event.hard),
      [false, true],
    );
  });

  test('a hard limit below the soft one is told alone', async () => {
    const { a } = await tunnel(limits({ rekeyPackets: 9n, lifePackets: 1n }));
    a.backend.port.send(ping());
    assert.deepEqual(a.events, [{ kind: 'expire', id: 1, hard: true, now: 1000 }]);
  });
});

describe('a trap', () => {
  const trap: StandingPolicy = {
    id: 1,
    kind: 'trap',
    localTs: sampleSa().localTs,
    remoteTs: sampleSa().remoteTs,
    protocol: 'esp',
    mode: 'tunnel',
    reqid: 7,
    local: SAMPLE_PATH.local.address,
    remote: SAMPLE_PATH.remote.address,
  };
  const acquire = {
    kind: 'acquire',
    reqid: 7,
    source: ip('10.1.0.1'),
    destination: ip('10.2.0.1'),
    protocol: 17,
  };

  test('asks for an SA once, and again when none came for long', async () => {
    let now = 1000;
    const a = side(() => now);
    await a.backend.addPolicy(trap);
    for (const octet of [1, 2]) assert.equal(a.backend.port.send(ping(octet)), false);
    assert.deepEqual(a.events, [acquire]);
    now += 29_999;
    a.backend.port.send(ping(3));
    assert.equal(a.events.length, 1);
    now += 1;
    a.backend.port.send(ping(4));
    assert.deepEqual(a.events, [acquire, acquire]);
    assert.deepEqual(drops(a), { trapped: 4 });
  });

  test('is silent while an SA takes its packets, and asks at once when that is gone', async () => {
    const a = side();
    await a.backend.addPolicy(trap);
    a.backend.port.send(ping());
    await a.backend.install(sampleSa({ reqid: 7 }), { outbound: true });
    assert.equal(a.backend.port.send(ping()), true);
    await a.backend.remove(1);
    a.backend.port.send(ping());
    assert.deepEqual(a.events, [acquire, acquire]);
  });

  test('knows its own packets, and is gone when it is removed', async () => {
    const a = side();
    await a.backend.addPolicy(trap);
    a.backend.port.send(ipv4Packet({ destination: '10.3.0.1', protocol: 17, payload: [] }));
    await a.backend.removePolicy(1);
    a.backend.port.send(ping());
    assert.deepEqual(a.events, []);
    assert.deepEqual(drops(a), { 'no-sa': 2 });
  });

  test('tells the addresses of an IPv6 packet', async () => {
    const a = side();
    const everything = [
      { ...sampleSa().localTs[0], start: ip('::'), end: ip('ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff') },
    ] as StandingPolicy['localTs'];
    await a.backend.addPolicy({ ...trap, localTs: everything, remoteTs: everything });
    a.backend.port.send(ipv6Packet({ nextHeader: 58, payload: [128, 0, 0, 0] }));
    assert.deepEqual(a.events, [
      { ...acquire, source: ip('2001:db8:1::1'), destination: ip('2001:db8:2::1'), protocol: 58 },
    ]);
  });
});

describe('transport mode', () => {
  const any = { protocol: 0, startPort: 0, endPort: 65535 };
  const host = (address: string) => [{ start: ip(address), end: ip(address), ...any }];
  const transport: Partial<ChildSaParameters> = {
    mode: 'transport',
    localTs: host('192.0.2.1'),
    remoteTs: host('192.0.2.2'),
  };
  const [here, there] = ['192.0.2.1', '192.0.2.2'] as const;
  const datagram = udpDatagram(ip(here), ip(there), [68, 67], Uint8Array.of(1, 2, 3));

  test('the payload travels, and the header is made anew', async () => {
    const { a, b } = await tunnel(transport);
    a.backend.port.send(ipv4Packet({ source: here, destination: there, protocol: 17, payload: datagram }));
    assert.equal(a.wire[0]?.datagram.length, 16 + datagram.length + 3 + 2 + 16);
    deliver(a, b);
    const [packet] = b.received as [Uint8Array];
    assert.deepEqual([...packet.subarray(12, 20)], [...ip(here), ...ip(there)]);
    assert.deepEqual(packet.subarray(20), datagram);
  });

  test('fragments do not travel', async () => {
    const { a } = await tunnel(transport);
    const packet = ipv4Packet({
      source: here,
      destination: there,
      protocol: 17,
      payload: datagram,
      fragment: 0x2000,
    });
    assert.equal(a.backend.port.send(packet), false);
    assert.deepEqual(drops(a), { unsuitable: 1 });
  });

  test('behind a NAT checksums fit the address seen', async () => {
    const [a, b] = [side(), side()];
    const sa = sampleSa(transport);
    const seen = { address: ip('203.0.113.5'), port: 1024 };
    await a.backend.install(sa, { outbound: true });
    const mirrored = mirror(sa);
    await b.backend.install(
      { ...mirrored, path: { ...mirrored.path, remote: seen }, remoteTs: host('203.0.113.5') },
      { outbound: true },
    );
    a.backend.port.send(ipv4Packet({ source: here, destination: there, protocol: 17, payload: datagram }));
    deliver(a, b, { path: { local: SAMPLE_PATH.remote, remote: seen } });
    const [packet] = b.received as [Uint8Array];
    assert.equal(upperLayerChecksum(seen.address, ip(there), 17, packet.subarray(20)), 0);
  });
});

test('keys of a wrong length are refused', async () => {
  const provider = {
    ...toyProvider(),
    packetCipher: () => {
      throw new RangeError('key material of a wrong length');
    },
  };
  const backend = new UserspaceBackend({ provider, datagrams: { send: () => {} }, now: () => 0 });
  await assert.rejects(backend.install(sampleSa(), { outbound: true }), (error: unknown) => {
    return error instanceof Failed && error.failure.code === 'kernel/install';
  });
});

test('an algorithm that the provider lacks is refused', async () => {
  const { backend } = side();
  const sa = sampleSa({ algorithms: { encryption: 12, keyLength: 128, integrity: 99, esn: false } });
  await assert.rejects(backend.install(sa, { outbound: true }), (error: unknown) => {
    return error instanceof Failed && error.failure.code === 'local/unsupported';
  });
});
