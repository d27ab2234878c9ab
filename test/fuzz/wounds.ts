import { MINUTE } from '../../src/lib/time.ts';
import type { Host } from '../sim/host.ts';
import type { Packet } from '../sim/packet.ts';
import type { PairOptions } from '../sim/pair.ts';
import type { Random } from '../sim/random.ts';
import type { Simulation } from '../sim/simulation.ts';
import { mutate } from './mutate.ts';

/** What is told to whoever listens is put into words along the way. */
export function told(options: PairOptions): PairOptions {
  return { ...options, settings: { ...options.settings, traceMessages: true } };
}

/** For the script of a wire: messages of IKE are wounded now and then, and most say their length all the same. */
export function wounding(random: Random): (packet: Packet) => 'pass' | Uint8Array {
  return ({ content }) => {
    if (content.kind !== 'ike' || random.chance(0.6)) return 'pass';
    const wounded = mutate(content.datagram, random);
    return random.chance(0.7) ? withLength(wounded) : wounded;
  };
}

/** Writes the true length into the header of a message (RFC 7296 §3.1), in place. */
export function withLength(datagram: Uint8Array): Uint8Array {
  if (datagram.length >= 28)
    new DataView(datagram.buffer, datagram.byteOffset).setUint32(24, datagram.length);
  return datagram;
}

/** Whatever is up goes down, each end for itself where need be, and nothing is left. */
export function end(sim: Simulation, ...hosts: readonly Pick<Host, 'terminate'>[]): void {
  for (const host of hosts) {
    host.terminate({});
    sim.run(10 * MINUTE);
  }
  sim.assertEmpty();
}
