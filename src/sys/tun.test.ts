import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMainThread } from 'node:worker_threads';
import { inNetwork, insideNetwork, withoutNamespaces } from '../../test/namespace.ts';
import { ip } from '../lib/ip.ts';
import { socketAddress } from './socket-address.ts';
import { type SystemCalls, systemCalls } from './system-calls.ts';

const calls = systemCalls() as SystemCalls;

insideNetwork(scenario);
if (isMainThread) {
  test('packets of the network stack are read from a TUN interface, and written ones arrive', {
    skip: withoutNamespaces,
  }, async () => {
    assert.deepEqual(await inNetwork(import.meta.filename), {
      down: [0, false],
      nothing: 0,
      read: { version: 4, protocol: 17, payload: [9, 9, 9, 9, 9] },
      refused: false,
      echoed: [9, 9, 9, 9, 9],
      cut: 20,
      name: true,
      outside: 'RangeError',
    });
  });
}

function scenario(): unknown {
  const tun = calls.openTun('cygt%d');
  const routing = calls.routing();
  const packet = new Uint8Array(2048);
  const down = [tun.read(packet, 0), tun.write(packet, 0, 20)];
  routing.setLink(tun.index, { up: true });
  routing.addAddress(tun.index, ip('10.1.1.1'), 24);
  routing.addRoute({ destination: ip('10.1.1.0'), prefix: 24, index: tun.index });
  const socket = calls.openUdp({ address: ip('10.1.1.1'), port: 7000 });
  const batch = calls.batch({ slots: 1, slotSize: 64 });
  const send = (): void => {
    batch.slot(0).fill(9, 0, 5);
    batch.set(0, 0, 5, socketAddress({ address: ip('10.1.1.2'), port: 7000 }));
    socket.send(batch, 0, 1);
  };
  const ipv4 = (): number => {
    // The interface also says hello by IPv6.
    for (;;) {
      const length = tun.read(packet, 8);
      if (length === 0 || packet[8] === 0x45) return length;
    }
  };
  const nothing = ipv4();
  send();
  const length = ipv4();
  const read = {
    version: (packet[8] as number) >> 4,
    protocol: packet[8 + 9],
    payload: [...packet.subarray(8 + 28, 8 + length)],
  };
  // Back again: both addresses exchanged leaves the checksum right.
  packet.copyWithin(100, 8 + 12, 8 + 16);
  packet.copyWithin(8 + 12, 8 + 16, 8 + 20);
  packet.copyWithin(8 + 16, 100, 104);
  tun.write(packet, 8, length);
  const echoed = socket.receive(batch) === 1 ? [...batch.slot(0).subarray(0, batch.length(0))] : [];
  const refused = tun.write(new Uint8Array(100), 0, 20);
  send();
  const cut = tun.read(packet.subarray(0, 20), 0);
  let outside = '';
  try {
    tun.write(packet, 2040, 20);
  } catch (error) {
    outside = (error as Error).name;
  }
  const name = calls.adoptTun(tun.fd).name === tun.name && tun.name.startsWith('cygt');
  tun.close();
  socket.close();
  routing.close();
  return { down, nothing, read, refused, echoed, cut, name, outside };
}
