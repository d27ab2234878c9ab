import { readdirSync, readFileSync } from 'node:fs';
import { withOpenssl } from '../src/crypto/node/openssl.ts';
import { nodeProvider } from '../src/crypto/node/provider.ts';
import { NextHeader } from '../src/esp/header.ts';
import { OutboundEsp } from '../src/esp/outbound.ts';
import { sampleSa } from '../src/ipsec/conformance.ts';
import { openTunBackend } from '../src/ipsec/userspace/tun-backend.ts';
import { ip } from '../src/lib/ip.ts';
import { socketAddress } from '../src/sys/socket-address.ts';
import { type SystemCalls, systemCalls } from '../src/sys/system-calls.ts';
import { ipv4Packet, udpDatagram } from '../test/ip-packets.ts';
import { inNetwork, insideNetwork, withoutNamespaces } from '../test/namespace.ts';
import type { Row } from './row.ts';

const HERE = ip('127.0.0.1');
const THERE = ip('127.0.0.2');
const INNER = ip('10.1.0.1');
const BEYOND = ip('10.2.0.1');
const IP_AND_UDP = 28;
const BATCH = 32;
const BUDGET = 1000;
const LENGTHS = [64, 1300];
const TARGET = 9;

/** µs of CPU that the data plane's thread spends on a packet, system calls and the kernel's part of them included. */
interface Measured {
  readonly length: number;
  readonly sealed: number;
  readonly opened: number;
}

/** The thread between a TUN device and UDP over the loopback interface; where that cannot be set up, why. */
export async function overTun(): Promise<readonly Row[]> {
  if (withoutNamespaces !== false)
    return [{ name: 'TUN to UDP and back', value: 0, unit: 'µs', skipped: withoutNamespaces }];
  const measured = (await inNetwork(import.meta.filename)) as readonly Measured[];
  return measured.flatMap(({ length, sealed, opened }) => [
    row(`TUN to UDP, ${length} octets`, sealed, length),
    row(`UDP to TUN, ${length} octets`, opened, length),
  ]);
}

function row(name: string, value: number, length: number): Row {
  const target = length === 1300 ? { target: `≤ ${TARGET} µs`, met: value <= TARGET } : {};
  return { name, value, unit: 'µs', ...target };
}

async function scenario(): Promise<readonly Measured[]> {
  const calls = systemCalls() as SystemCalls;
  const provider = withOpenssl(nodeProvider());
  const routing = calls.routing();
  routing.setLink(routing.link('lo')?.index ?? 1, { up: true });
  const outside = calls.openUdp({ address: HERE, port: 0, receiveBuffer: 4 << 20 });
  // Nobody reads here: what the peer and the program get is thrown away by the kernel.
  const peer = calls.openUdp({ address: THERE, port: 0, receiveBuffer: 4096 });
  const before = threads();
  const backend = openTunBackend({
    calls,
    sockets: [outside],
    random: length => provider.random(length),
    now: () => performance.timeOrigin + performance.now(),
    interface: 'cygb%d',
  });
  routing.addAddress(backend.interface.index, INNER, 32);
  const program = calls.openUdp({ address: INNER, port: 0, receiveBuffer: 4096 });
  const sa = sampleSa({ path: { local: outside.local, remote: peer.local } });
  await backend.install(sa, { outbound: true });
  const own = threads().filter(thread => !before.includes(thread));

  const cipher = provider.packetCipher({
    ...sa.algorithms,
    encryptionKey: sa.keysIn.encryption,
    integrityKey: sa.keysIn.integrity,
  });
  if (cipher === undefined) throw new Error('the cipher is missing');
  const sealing = new OutboundEsp({ spi: sa.spiIn, cipher, esn: false });
  const batch = calls.batch({ slots: BATCH, slotSize: 2048 });
  const measured: Measured[] = [];
  for (const length of LENGTHS) {
    const data = new Uint8Array(length - IP_AND_UDP).fill(7);
    const out = await costOf(own, async () => {
      const to = socketAddress({ address: BEYOND, port: 9999 });
      for (let i = 0; i < BATCH; i++) {
        batch.slot(i).set(data);
        batch.set(i, 0, data.length, to);
      }
      await flood(() => program.send(batch, 0, BATCH));
      return Number((await backend.usage(sa.id))?.packetsOut);
    });
    const inner = ipv4Packet({
      source: '10.2.0.1',
      destination: '10.1.0.1',
      protocol: 17,
      payload: udpDatagram(BEYOND, INNER, [9999, program.local.port], data),
    });
    const into = await costOf(own, async () => {
      const to = socketAddress(outside.local);
      await flood(() => {
        for (let i = 0; i < BATCH; i++) {
          const slot = batch.slot(i);
          slot.set(inner, sealing.headerLength);
          batch.set(i, 0, sealing.seal(slot, 0, inner.length, NextHeader.IPV4), to);
        }
        peer.send(batch, 0, BATCH);
      });
      return Number((await backend.usage(sa.id))?.packetsIn);
    });
    measured.push({ length, sealed: out, opened: into });
  }
  await backend.close();
  for (const socket of [program, peer, outside]) socket.close();
  routing.close();
  return measured;
}

/** Sends bursts for a while, with a breath between them so that queues seldom run over. */
async function flood(burst: () => void): Promise<void> {
  for (const end = performance.now() + BUDGET; performance.now() < end; ) {
    burst();
    await new Promise(resolve => setImmediate(resolve));
  }
}

/** CPU of these threads for each packet more that `run` counts at its end, after a first time to warm up. */
async function costOf(threads: readonly string[], run: () => Promise<number>): Promise<number> {
  const warm = await run();
  const before = cpuTime(threads);
  const packets = (await run()) - warm;
  return (cpuTime(threads) - before) / packets;
}

function threads(): string[] {
  return readdirSync('/proc/self/task');
}

/** µs on a CPU. */
function cpuTime(threads: readonly string[]): number {
  let nanoseconds = 0;
  for (const thread of threads)
    nanoseconds += Number(readFileSync(`/proc/self/task/${thread}/schedstat`, 'utf8').split(' ')[0]);
  return nanoseconds / 1000;
}

insideNetwork(scenario);
