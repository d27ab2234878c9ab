import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { test } from 'node:test';
import { formatIp, ip } from '../lib/ip.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';
import { systemCalls } from '../sys/system-calls.ts';
import { openNodeTransport } from './node-transport.ts';
import { openSysTransport } from './sys-transport.ts';
import type { TransportOptions, UdpTransport } from './transport.ts';

const FREE = { port: 0, natPort: 0 };
const IKE = Uint8Array.from({ length: 40 }, (_, i) => i + 1);
const noCalls = systemCalls() === undefined ? 'no native calls on this platform' : false;

const kinds: readonly [string, (options?: TransportOptions) => Promise<UdpTransport>, string | false][] = [
  ['node', openNodeTransport, false],
  ['sys', openSysTransport, noCalls],
];

for (const [name, open, skip] of kinds) {
  test(`${name}: IKE without the marker on the plain port, with it on the NAT port`, { skip }, async () => {
    await using a = await closing(open({ ...FREE, addresses: [ip('127.0.0.1')] }));
    const peer = createSocket('udp4').bind(0, '127.0.0.1');
    await once(peer, 'listening');
    const remote = { address: ip('127.0.0.1'), port: peer.address().port };
    const from = async (port: number): Promise<[Uint8Array, number]> => {
      const message = once(peer, 'message');
      a.it.send(IKE, { local: { address: ip('127.0.0.1'), port }, remote });
      const [octets, { port: source }] = await message;
      return [Uint8Array.from(octets), source];
    };
    try {
      assert.deepEqual(await from(a.it.port), [IKE, a.it.port]);
      assert.deepEqual(await from(a.it.natPort), [Uint8Array.of(0, 0, 0, 0, ...IKE), a.it.natPort]);
    } finally {
      peer.close();
    }
  });

  for (const address of ['127.0.0.1', '::1']) {
    test(`${name}: two transports bound to all addresses talk over ${address}`, { skip }, async () => {
      await using a = await closing(open(FREE));
      await using b = await closing(open(FREE));
      const local = ip(address);
      for (const port of ['port', 'natPort'] as const) {
        const path = {
          local: { address: local, port: a.it[port] },
          remote: { address: local, port: b.it[port] },
        };
        a.it.send(IKE, path);
        assert.deepEqual(await b.ike(), [IKE, { local: path.remote, remote: path.local }]);
        b.it.send(IKE.subarray(8), { local: path.remote, remote: path.local });
        assert.deepEqual(await a.ike(), [IKE.subarray(8), path]);
      }
    });
  }

  test(`${name}: on the NAT port ESP goes its own way, keepalives and scraps go nowhere`, {
    skip,
  }, async () => {
    await using a = await closing(open({ ...FREE, addresses: [ip('127.0.0.1')] }));
    await using b = await closing(open({ ...FREE, addresses: [ip('127.0.0.1')] }));
    const address = ip('127.0.0.1');
    const path = { local: { address, port: a.it.natPort }, remote: { address, port: b.it.natPort } };
    const esp = Uint8Array.of(0, 0, 1, 0, 9, 9, 9, 9);
    a.it.sendKeepalive(path);
    for (const scrap of [[], [0], [0, 0, 0], [0xff, 0xff]]) a.it.sendEsp(Uint8Array.from(scrap), path);
    a.it.sendEsp(esp, path);
    a.it.send(IKE, path);
    assert.deepEqual(await b.esp(), [esp, { local: path.remote, remote: path.local }]);
    assert.deepEqual(await b.ike(), [IKE, { local: path.remote, remote: path.local }]);
    assert.deepEqual(b.waiting(), [0, 0]);
  });

  test(`${name}: what begins with zeros on the plain port is left as it is`, { skip }, async () => {
    await using a = await closing(open({ ...FREE, addresses: [ip('127.0.0.1')] }));
    await using b = await closing(open({ ...FREE, addresses: [ip('127.0.0.1')] }));
    const address = ip('127.0.0.1');
    a.it.send(new Uint8Array(28), {
      local: { address, port: a.it.port },
      remote: { address, port: b.it.port },
    });
    assert.deepEqual((await b.ike())[0], new Uint8Array(28));
  });

  test(`${name}: a message larger than any packet arrives whole`, { skip }, async () => {
    await using a = await closing(open({ ...FREE, addresses: [ip('127.0.0.1')] }));
    await using b = await closing(open({ ...FREE, addresses: [ip('127.0.0.1')] }));
    const address = ip('127.0.0.1');
    const large = new Uint8Array(60_000).fill(7);
    a.it.send(large, { local: { address, port: a.it.natPort }, remote: { address, port: b.it.natPort } });
    assert.deepEqual((await b.ike())[0], large);
  });

  test(`${name}: both families get the same port numbers`, { skip }, async () => {
    await using a = await closing(open(FREE));
    const ports = a.it.listening.map(({ address, port, nat }) => `${formatIp(address)} ${port} ${nat}`);
    const { port, natPort } = a.it;
    const expected = [
      `0.0.0.0 ${port} false`,
      `:: ${port} false`,
      `0.0.0.0 ${natPort} true`,
      `:: ${natPort} true`,
    ];
    assert.deepEqual(ports, expected);
    assert.notEqual(port, natPort);
  });

  test(`${name}: a port in use is told with the way out, and nothing stays open`, { skip }, async () => {
    await using a = await closing(open({ ...FREE, addresses: [ip('127.0.0.1')] }));
    const other = { port: 0, natPort: a.it.natPort, addresses: [ip('127.0.0.1')] };
    const failure = await failureOf(open(other));
    assert.equal(failure.code, 'local/port-in-use');
    assert.equal(failure.summary, `UDP port ${a.it.natPort} on 127.0.0.1 is held by another program`);
    assert.match(failure.remedy ?? '', /--nat-port$/);
    const plain = await failureOf(open({ port: a.it.port, natPort: 0, addresses: [ip('127.0.0.1')] }));
    assert.match(plain.remedy ?? '', /--port$/);
  });

  test(`${name}: an address of another host is refused by name`, { skip }, async () => {
    const failure = await failureOf(open({ ...FREE, addresses: [ip('127.0.0.1'), ip('192.0.2.77')] }));
    assert.equal(failure.code, 'local/address');
    assert.match(failure.summary, /^192\.0\.2\.77 is not an address of this host/);
  });

  test(`${name}: what cannot be sent is reported and does not throw`, { skip }, async () => {
    await using a = await closing(open({ ...FREE, addresses: [ip('127.0.0.1')] }));
    const local = { address: ip('127.0.0.1'), port: a.it.port };
    const reported = async (octets: Uint8Array, remote: string, from = local): Promise<string> => {
      const { promise, resolve } = Promise.withResolvers<Failure>();
      a.it.onError(resolve);
      a.it.send(octets, { local: from, remote: { address: ip(remote), port: 500 } });
      const { code, summary } = await promise;
      assert.equal(code, 'local/address');
      return summary;
    };
    assert.match(await reported(new Uint8Array(70_000), '127.0.0.1'), /127\.0\.0\.1 port 500/);
    assert.match(await reported(IKE, '::1', { ...local, address: ip('::1') }), /no socket of its family/);
  });
}

test('sys: an answer leaves from the address that was asked, though bound to all', {
  skip: noCalls,
}, async () => {
  await using a = await closing(openSysTransport({ ...FREE, addresses: [ip('127.0.0.5')] }));
  await using b = await closing(openSysTransport(FREE));
  const path = {
    local: { address: ip('127.0.0.5'), port: a.it.port },
    remote: { address: ip('127.0.0.77'), port: b.it.port },
  };
  a.it.send(IKE, path);
  const [, back] = await b.ike();
  assert.deepEqual(back, { local: path.remote, remote: path.local });
  b.it.send(IKE, back);
  assert.deepEqual(await a.ike(), [IKE, path]);
});

test('sys: ESP reaches the shard of its SPI, IKE and keepalives the event loop', {
  skip: noCalls,
}, async () => {
  for (const address of ['127.0.0.1', '::1']) {
    await using a = await closing(openSysTransport({ ...FREE, addresses: [ip(address)] }));
    await using b = await closing(openSysTransport({ ...FREE, addresses: [ip(address)], espShards: 2 }));
    const path = {
      local: { address: ip(address), port: a.it.natPort },
      remote: { address: ip(address), port: b.it.natPort },
    };
    assert.equal(b.it.espSockets.length, 2);
    for (const spi of [256, 257, 259, 0xfffffffe]) {
      const packet = new Uint8Array(12);
      new DataView(packet.buffer).setUint32(0, spi);
      a.it.sendEsp(packet, path);
    }
    a.it.sendKeepalive(path);
    a.it.send(IKE, path);
    assert.deepEqual(await b.ike(), [IKE, { local: path.remote, remote: path.local }]);
    const batch = systemCalls()?.batch({ slots: 8, slotSize: 64 });
    assert.ok(batch);
    const spis = b.it.espSockets.map(([socket]) =>
      Array.from({ length: socket?.receive(batch) ?? 0 }, (_, i) =>
        new DataView(batch.slot(i).slice().buffer).getUint32(0),
      ),
    );
    assert.deepEqual(spis, [
      [256, 0xfffffffe],
      [257, 259],
    ]);
  }
});

test('sys: a shared port is not shared with others', { skip: noCalls }, async () => {
  const options = { addresses: [ip('127.0.0.1')], port: 0, espShards: 1 };
  await using a = await closing(openSysTransport({ ...options, natPort: 0 }));
  const failure = await failureOf(openSysTransport({ ...options, natPort: a.it.natPort }));
  assert.equal(failure.code, 'local/port-in-use');
});

type Heard = [octets: Uint8Array, path: Path];

/** A transport whose datagrams are waited for, and that is closed at the end of the block. */
async function closing(opened: Promise<UdpTransport>) {
  const it = await opened;
  const ike = new Inbox();
  const esp = new Inbox();
  it.onDatagram((octets, path) => ike.put([octets, path]));
  it.onEsp((octets, path) => esp.put([octets, path]));
  return {
    it,
    ike: () => ike.take(),
    esp: () => esp.take(),
    waiting: () => [ike.size, esp.size],
    [Symbol.asyncDispose]: () => it.close(),
  };
}

class Inbox {
  readonly #arrived: Heard[] = [];
  #wanted: ((heard: Heard) => void) | undefined;

  get size(): number {
    return this.#arrived.length;
  }

  put(heard: Heard): void {
    this.#arrived.push(heard);
    this.#serve();
  }

  take(): Promise<Heard> {
    const { promise, resolve } = Promise.withResolvers<Heard>();
    this.#wanted = resolve;
    this.#serve();
    return promise;
  }

  #serve(): void {
    if (this.#wanted === undefined) return;
    const heard = this.#arrived.shift();
    if (heard === undefined) return;
    this.#wanted(heard);
    this.#wanted = undefined;
  }
}

async function failureOf(attempt: Promise<UdpTransport>): Promise<Failure> {
  const error = await attempt.then(
    transport => transport.close().then(() => undefined),
    error => error,
  );
  assert.ok(error instanceof Failed);
  return error.failure;
}
