import { type MessagePort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { withOpenssl } from '../../crypto/node/openssl.ts';
import { nodeProvider } from '../../crypto/node/provider.ts';
import type { Instant } from '../../lib/time.ts';
import { Failed } from '../../policy/failure.ts';
import { systemCalls } from '../../sys/system-calls.ts';
import {
  type Answer,
  fromPortable,
  type Message,
  type Numbered,
  type Request,
  type StreamPacket,
  type ThreadSetup,
} from './control.ts';
import { DataPlane } from './data-plane.ts';
import { PacketLoop } from './packet-loop.ts';
import { pathMtu } from './path-mtu.ts';
import { type Route, routeOver } from './socket-route.ts';

/** Not more often are all paths looked at because a datagram was too long for one. */
const REMEASURE_EVERY_MS = 100;

/** The data plane's thread: sleeps until packets come or the main thread rings, and ends when it says `stop`. */
const { setup, port } = workerData as { readonly setup: ThreadSetup; readonly port: MessagePort };
run(setup, port);

function run({ tun, sockets, wakeup, clock, mark }: ThreadSetup, port: MessagePort): void {
  const calls = systemCalls();
  if (calls === undefined) throw new Error('there are no system calls in this thread');
  const adopted = sockets.map(fd => calls.adoptUdp(fd));
  const bound = adopted.map(({ local }) => local.address);
  const readClock = clockOf(clock);
  let now = readClock();
  const tell = (message: Message): void => port.postMessage(message);
  const device = calls.adoptTun(tun);
  const routing = calls.routing();
  const plane = new DataPlane<Route>({
    provider: withOpenssl(nodeProvider()),
    now: () => now,
    routeOf: path => routeOver(bound, path),
    modes: ['tunnel'],
    onEvent: event => tell({ kind: 'event', event }),
    pathMtu: path => pathMtu(routing, path, mark),
    onAnswer: packet => device.write(packet, 0, packet.length),
  });
  let remeasuredAt = 0;
  const loop = new PacketLoop({
    calls,
    tun: device,
    sockets: adopted,
    wakeup: calls.adoptWakeup(wakeup),
    plane,
    onTurn: () => {
      now = readClock();
    },
    onTooLong: () => {
      if (Math.abs(now - remeasuredAt) < REMEASURE_EVERY_MS) return;
      remeasuredAt = now;
      plane.remeasure();
    },
    onStreamPacket: (octets, path) => {
      const packet = octets.slice();
      port.postMessage({ kind: 'packet', packet: { packet, path } } satisfies Message, [packet.buffer]);
    },
    onWakeup: () => {
      // The event loop never turns here, so messages are taken by hand.
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
        const message = next.message as Numbered | StreamPacket;
        if ('packet' in message) {
          loop.received(message.packet, message.path);
          continue;
        }
        const { number, request } = message;
        tell({ kind: 'answer', number, answer: perform(request) });
        if (request.kind === 'stop') return false;
      }
      return true;
    },
  });

  const perform = (request: Request): Answer => {
    try {
      return performed(request);
    } catch (error) {
      const failure =
        error instanceof Failed
          ? error.failure
          : ({ code: 'local/internal', summary: `the data plane failed: ${String(error)}` } as const);
      return { kind: 'failed', failure };
    }
  };
  const performed = (request: Request): Answer => {
    switch (request.kind) {
      case 'install':
        return largest(request.sa.id, install(request.sa, request.outbound));
      case 'activate-outbound':
        plane.activateOutbound(request.id);
        break;
      case 'deactivate-outbound':
        plane.deactivateOutbound(request.id);
        break;
      case 'remove':
        plane.remove(request.id);
        break;
      case 'update-path':
        return largest(request.id, plane.updatePath(request.id, request.path, request.udpEncapsulation));
      case 'remeasure':
        return { kind: 'largest', largest: plane.remeasure() };
      case 'add-policy':
        plane.addPolicy(request.policy);
        break;
      case 'remove-policy':
        plane.removePolicy(request.id);
        break;
      case 'usage':
        return { kind: 'usage', usage: plane.usage(request.id) };
      case 'drops':
        return { kind: 'drops', drops: new Map([...plane.drops, ['unsendable', loop.unsendable]]) };
      case 'stop':
        plane.clear();
        break;
    }
    return { kind: 'done' };
  };
  const install = (
    sent: Extract<Request, { kind: 'install' }>['sa'],
    outbound: boolean,
  ): number | undefined => {
    const sa = fromPortable(sent);
    try {
      const octets = plane.install(sa, outbound);
      loop.installed(sa.spiIn);
      return octets;
    } finally {
      // The ciphers hold the keys now.
      for (const { encryption, integrity } of [sa.keysIn, sa.keysOut]) {
        encryption.wipe();
        integrity.wipe();
      }
    }
  };

  loop.run();
  routing.close();
  port.close();
}

function largest(id: number, octets: number | undefined): Answer {
  return { kind: 'largest', largest: new Map([[id, octets]]) };
}

/** The main thread's clock here: what has passed since both were read, on the clock that all threads share. */
function clockOf({ instant, hrtime }: ThreadSetup['clock']): () => Instant {
  const offset = instant + Number(process.hrtime.bigint() - hrtime) / 1e6 - performance.now();
  return () => Math.round(offset + performance.now());
}
