import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { test } from 'node:test';
import { type OpenGateway, openGateway } from '../../src/index.ts';
import { ipv4Packet } from '../ip-packets.ts';

const WEST = '127.0.0.1';
const EAST = '127.0.0.2';
/** UDP is given up soon; for an answer by TCP there is time on any machine. */
const QUICK = { retransmitTimeout: 100, retransmitBase: 1, retransmitTries: 300 };

/** Takes TCP on a port of its own and hands it on to east: connections can be cut there. */
class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  accepted = 0;

  constructor(target: number) {
    this.#server = createServer(near => {
      this.accepted++;
      const far = connect(target, EAST);
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        this.#sockets.add(one);
        one.on('error', () => undefined);
        one.on('close', () => other.destroy());
        one.pipe(other);
      }
    });
  }

  async open(): Promise<number> {
    this.#server.listen(0, EAST);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
    this.#sockets.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    this.#server.close();
  }
}

function open(here: string, there: string, port: number, tcp: string): Promise<OpenGateway> {
  const [west, east] = ['10.1.0.0/16', '10.2.0.0/16'];
  const [ours, theirs] = here === WEST ? [west, east] : [east, west];
  return openGateway({
    addresses: [here],
    port: 0,
    natPort: 0,
    settings: QUICK,
    secrets: [{ owners: [], secret: 'only for this test' }],
    connections: {
      site: {
        remote_addrs: there,
        remote_port: String(port),
        proposals: 'aes128gcm16-prfsha256-x25519',
        tcp,
        local: { auth: 'psk', id: here },
        remote: { auth: 'psk', id: there },
        children: { net: { local_ts: ours, remote_ts: theirs, esp_proposals: 'aes128gcm16' } },
      },
    },
  });
}

interface Ends extends AsyncDisposable {
  readonly west: OpenGateway;
  readonly east: OpenGateway;
  readonly relay: Relay;
}

async function ends(tcp: string): Promise<Ends> {
  const east = await open(EAST, WEST, 4500, tcp);
  const relay = new Relay(east.natPort);
  const west = await open(WEST, EAST, await relay.open(), tcp);
  return {
    west,
    east,
    relay,
    async [Symbol.asyncDispose]() {
      await west.gateway.close(500);
      await east.gateway.close(500);
      await relay[Symbol.asyncDispose]();
    },
  };
}

const [WESTERN, EASTERN] = ['10.1.0.1', '10.2.0.1'];

/** Sends packets until one has gone through; the payload tells which. */
async function passes(from: OpenGateway, to: OpenGateway, source: string, target: string): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  to.packets.onPacket(() => resolve());
  const packet = ipv4Packet({ source, destination: target, protocol: 17, payload: new Uint8Array(16) });
  const timer = setInterval(() => from.packets.send(packet), 50);
  from.packets.send(packet);
  await promise;
  clearInterval(timer);
}

async function bothWays({ west, east }: Ends): Promise<void> {
  await passes(west, east, WESTERN, EASTERN);
  await passes(east, west, EASTERN, WESTERN);
}

test('IKE and ESP over TCP alone, and both are there again when the connection was cut', async () => {
  await using made = await ends('yes');
  const { west, east, relay } = made;
  const { ike } = await west.gateway.up('site', 'net');
  assert.equal(ike.path.tcp, true);
  await bothWays(made);
  for (let time = 1; time <= 2; time++) {
    const before = east.gateway.status()[0]?.path.remote.port;
    relay.cut();
    await bothWays(made);
    assert.equal(relay.accepted, 1 + time);
    assert.notEqual(east.gateway.status()[0]?.path.remote.port, before, 'east follows the connection');
  }
  assert.deepEqual(
    [west, east].map(({ gateway }) => gateway.status().map(({ id, state }) => `${id} ${state}`)),
    [['1 ESTABLISHED'], ['1 ESTABLISHED']],
  );
  assert.equal(west.gateway.rekey({ connection: 'site' }), 1);
  await bothWays(made);
});

test('TCP where UDP is not answered', async () => {
  await using made = await ends('fallback');
  const { ike } = await made.west.gateway.up('site', 'net');
  assert.equal(ike.path.tcp, true);
  await bothWays(made);
});

test('nobody listens: the failure says where and what to see to, twice', async () => {
  const idle = createServer();
  idle.listen(0, EAST);
  await once(idle, 'listening');
  const { port } = idle.address() as AddressInfo;
  idle.close();
  await once(idle, 'close');
  const west = await open(WEST, EAST, port, 'yes');
  for (let time = 0; time < 2; time++)
    await assert.rejects(
      west.gateway.up('site', 'net'),
      new RegExp(`no TCP connection to ${EAST} port ${port}`),
    );
  assert.deepEqual(west.gateway.status(), []);
  await west.gateway.close(500);
});

test('hostile streams beside a tunnel: closed or bounded, and the tunnel goes on', async () => {
  await using made = await ends('yes');
  const { west, east } = made;
  await west.gateway.up('site', 'net');
  const nuisances = [
    'GET / HTTP/1.1\r\n\r\n',
    'IKETCP\0\0',
    'IKETCP\0\u0001',
    'IKETCP\xff\xff',
    'IKET',
    'IKETCP\0\u0004ab',
    `IKETCP\0\u0024\0\0\0\0${'x'.repeat(28)}`,
    '',
  ].map(text => Buffer.from(text, 'latin1'));
  const sockets = Array.from({ length: 200 }, (_, i) => {
    const socket = connect({ port: east.natPort, host: EAST, localAddress: `127.0.1.${1 + (i % 4)}` });
    socket.on('error', () => undefined);
    socket.write(nuisances[i % nuisances.length] as Buffer);
    return socket;
  });
  const refused = sockets.filter((_, i) => i % nuisances.length < 3);
  await Promise.all(refused.map(socket => (socket.closed ? undefined : once(socket, 'close'))));
  await bothWays(made);
  assert.equal(east.gateway.status().length, 1);
  for (const socket of sockets) socket.destroy();
});
