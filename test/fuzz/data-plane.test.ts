import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { ESP_HEADER_LENGTH } from '../../src/esp/header.ts';
import { IpPacket } from '../../src/esp/ip-packet.ts';
import { sampleSa } from '../../src/ipsec/conformance.ts';
import { DataPlane, HEADROOM } from '../../src/ipsec/userspace/data-plane.ts';
import { ip, ipToBigInt } from '../../src/lib/ip.ts';
import type { ChildSaParameters, Path } from '../../src/policy/sa.ts';
import type { TrafficSelector } from '../../src/policy/traffic-selector.ts';
import { ipv4Packet, ipv6Packet } from '../ip-packets.ts';
import { Random } from '../sim/random.ts';
import { FUZZ_SEED, fuzzRuns, mutate } from './mutate.ts';

/*
 * Packets of every kind through the data plane of user space, in both directions: from programs of the host, from
 * strangers, and from a peer with the right keys that seals what it must not. Nothing throws, nothing is read or written
 * outside of the packet, and what comes out of an SA is what its selectors allow.
 */

const provider = nodeProvider();

const SELECTORS: readonly TrafficSelector[] = [
  { start: ip('10.1.0.0'), end: ip('10.2.255.255'), protocol: 0, startPort: 0, endPort: 65535 },
  { start: ip('2001:db8::'), end: ip('2001:db8:2::ff'), protocol: 17, startPort: 1, endPort: 1023 },
  { start: ip('2001:db8:1::'), end: ip('2001:db8:2::ff'), protocol: 6, startPort: 65535, endPort: 0 },
];

function plane(mode: 'tunnel' | 'transport', of: Partial<ChildSaParameters>, answers: Uint8Array[] = []) {
  const made = new DataPlane<Path>({
    provider,
    now: () => 1_000_000,
    routeOf: path => path,
    modes: ['tunnel', 'transport'],
    onEvent: () => undefined,
    pathMtu: () => ({ path: 600, link: 1500 }),
    onAnswer: packet => answers.push(packet),
  });
  made.install(sampleSa({ mode, localTs: SELECTORS, remoteTs: SELECTORS, replayWindow: 0, ...of }), true);
  return made;
}

/** The peer's half of `sampleSa`, as a cipher: what it seals comes in. */
function peerCipher() {
  const { algorithms, keysIn } = sampleSa();
  const cipher = provider.packetCipher({
    ...algorithms,
    encryptionKey: keysIn.encryption,
    integrityKey: keysIn.integrity,
  });
  assert.ok(cipher !== undefined);
  let sequence = 0;
  /** Whatever stands for payload, padding, pad length and next header, under the right key. */
  return (text: Uint8Array): Uint8Array => {
    const packet = new Uint8Array(ESP_HEADER_LENGTH + cipher.ivLength + text.length + cipher.icvLength);
    const view = new DataView(packet.buffer);
    view.setUint32(0, sampleSa().spiIn);
    view.setUint32(4, ++sequence);
    packet.set(text, ESP_HEADER_LENGTH + cipher.ivLength);
    cipher.seal(packet, ESP_HEADER_LENGTH);
    return packet;
  };
}

const EXTENSIONS = [0, 43, 44, 60, 51, 50, 59, 135, 139, 255];

/** A packet that is nearly right, and then perhaps wounded. */
function innerPacket(random: Random): Uint8Array {
  const payload = random.octets(random.below(random.chance(0.1) ? 1500 : 80));
  const nearby = random.chance(0.8);
  let packet: Uint8Array;
  if (random.chance(0.5)) {
    packet = ipv4Packet({
      ...(nearby ? {} : { source: '203.0.113.1' }),
      protocol: [1, 6, 17, 4, 41, 50, 132][random.below(7)] as number,
      options: 4 * random.below(11),
      fragment: [0, 0x4000, 0x2000, 1, random.below(0x10000)][random.below(5)] as number,
      payload,
    });
  } else {
    const headers = random.below(12);
    let chain: number[] = [];
    let next = [6, 17, 58, 59][random.below(4)] as number;
    for (let i = 0; i < headers; i++) {
      const type = EXTENSIONS[random.below(EXTENSIONS.length)] as number;
      const units = type === 44 ? 0 : random.below(random.chance(0.9) ? 2 : 256);
      const body = random.octets(6);
      chain = [next, units, ...body, ...new Array<number>(8 * Math.min(units, 4)).fill(1), ...chain];
      next = type;
    }
    packet = ipv6Packet({
      ...(nearby ? {} : { destination: '2001:db8:ffff::1' }),
      nextHeader: next,
      payload: [...chain, ...payload],
    });
  }
  return random.chance(0.5) ? mutate(packet, random) : packet;
}

/** Whether one of the selectors has the addresses of the packet: by its octets alone. */
function isAllowed(packet: Uint8Array): boolean {
  const [at, length] = (packet[0] as number) >> 4 === 4 ? [12, 4] : [8, 16];
  const has = (address: Uint8Array): boolean =>
    SELECTORS.some(
      ({ start, end }) =>
        start.length === length &&
        ipToBigInt(address) >= ipToBigInt(start) &&
        ipToBigInt(address) <= ipToBigInt(end),
    );
  return has(packet.subarray(at, at + length)) && has(packet.subarray(at + length, at + 2 * length));
}

function lengthOf(packet: Uint8Array): number {
  const view = new DataView(packet.buffer, packet.byteOffset);
  return (packet[0] as number) >> 4 === 4 ? view.getUint16(2) : 40 + view.getUint16(4);
}

for (const mode of ['tunnel', 'transport'] as const) {
  test(`${mode} mode, what programs of the host send (seed ${FUZZ_SEED})`, () => {
    const random = new Random(FUZZ_SEED);
    const answers: Uint8Array[] = [];
    const ours = plane(mode, {}, answers);
    const { spiIn, spiOut, keysIn, keysOut, path } = sampleSa();
    const turned = { local: path.remote, remote: path.local };
    const theirs = plane(mode, {
      spiIn: spiOut,
      spiOut: spiIn,
      keysIn: keysOut,
      keysOut: keysIn,
      path: turned,
    });
    let sealed = 0;
    for (let run = fuzzRuns(1000); run > 0; run--) {
      const packet = innerPacket(random);
      // What lies before and behind is somebody else's.
      const room = HEADROOM + packet.length + ours.tailroom;
      const buffer = new Uint8Array(room + 32).fill(0xaa);
      buffer.set(packet, 16 + HEADROOM);
      const result = ours.protect(buffer.subarray(16, 16 + room), HEADROOM, packet.length);
      assert.ok([...buffer.subarray(0, 16), ...buffer.subarray(16 + room)].every(octet => octet === 0xaa));
      if (typeof result === 'string') continue;
      sealed++;
      const esp = buffer.slice(16 + result.start, 16 + result.start + result.length);
      const opened = theirs.unprotect(esp, { ecn: 0, cameBy: () => true, path: () => path });
      if (mode === 'transport') continue;
      assert.ok(typeof opened === 'object', `${opened}`);
      const inner = opened.packet.subarray(opened.offset, opened.offset + opened.length);
      assert.deepEqual(inner, packet.subarray(0, opened.length));
    }
    assert.ok(sealed > 0);
    const fields = new IpPacket();
    for (const answer of answers) {
      assert.ok(fields.read(answer, 0, answer.length) && fields.length === answer.length);
      assert.ok(answer.length <= 1280);
    }
  });

  test(`${mode} mode, what a peer seals that must not (seed ${FUZZ_SEED})`, () => {
    const random = new Random(FUZZ_SEED + 1);
    const ours = plane(mode, {});
    const seal = peerCipher();
    const path = sampleSa().path;
    let opened = 0;
    for (let run = fuzzRuns(1000); run > 0; run--) {
      const inner = random.chance(0.1) ? random.octets(random.below(60)) : innerPacket(random);
      const padding = random.below(random.chance(0.8) ? 4 : 256);
      const said = random.chance(0.9) ? padding : random.below(256);
      const next = [4, 41, 6, 17, 1, 58, 59, 44, random.below(256)][random.below(9)] as number;
      const honest = (inner[0] ?? 0) >> 4 === 4 ? 4 : 41;
      const text = Uint8Array.from([
        ...inner,
        ...Array.from({ length: padding }, (_, i) => (i + 1) & 0xff),
        ...(random.chance(0.95) ? [said, random.chance(0.6) ? honest : next] : []),
      ]);
      const esp = seal(text.subarray(0, text.length & ~3));
      const wounded = random.chance(0.1) ? mutate(esp, random) : esp;
      const result = ours.unprotect(wounded, { ecn: random.below(4), cameBy: () => true, path: () => path });
      if (typeof result === 'string') continue;
      opened++;
      const { packet, offset, length } = result;
      assert.ok(offset >= 0 && offset + length <= packet.length);
      const out = packet.subarray(offset, offset + length);
      assert.equal(lengthOf(out), length);
      if (mode === 'tunnel') assert.ok(isAllowed(out));
    }
    assert.ok(mode === 'transport' || opened > 0);
  });
}
