import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Encr, Integ } from '../../iana/transforms.ts';
import { fromHex, toHex } from '../../lib/bytes.ts';
import { ip } from '../../lib/ip.ts';
import { Malformed } from '../../lib/reader.ts';
import { Secret } from '../../lib/secret.ts';
import { Failed } from '../../policy/failure.ts';
import type { ChildSaParameters, KernelOptions } from '../../policy/sa.ts';
import { readAttributes } from '../../sys/netlink/message.ts';
import { sampleSa } from '../conformance.ts';
import { Attribute } from './numbers.ts';
import {
  compressionState,
  encodeCompression,
  encodeMoved,
  encodeReplayQuery,
  encodeSpiRequest,
  encodeState,
  encodeStateId,
  inboundState,
  LARGEST_WINDOW,
  readState,
} from './state.ts';

const hex = (text: string): Uint8Array => fromHex(text.replaceAll(/\s/g, '')) as Uint8Array;
const zeros = (count: number): string => '00'.repeat(count);
const text = (name: string): string => toHex(new TextEncoder().encode(name)) + zeros(64 - name.length);
const filled = (length: number, octet: number): Secret => new Secret(new Uint8Array(length).fill(octet));

/** Compares whole, but shows the first place where two differ. */
function same(actual: Uint8Array, expected: string): void {
  assert.equal(toHex(actual), toHex(hex(expected)));
}

const LIMITS = {
  rekeyTime: 0,
  lifeTime: 0,
  rekeyBytes: 1000n,
  lifeBytes: 2000n,
  rekeyPackets: 3n,
  lifePackets: 4n,
};
const KEYS = { encryption: filled(20, 1), integrity: filled(0, 0) };

/** What iproute2 6.1 sends for `ip xfrm state add` with the same values, `seq` among them. */
test('an inbound SA in tunnel mode, in UDP, with limits', () => {
  const sa = sampleSa({ reqid: 7, replayWindow: 32, lifetimes: LIMITS, keysIn: KEYS });
  same(
    encodeState(sa, true),
    `${zeros(56)} c0000201 ${zeros(12)} c1000001 32 000000 c0000202 ${zeros(12)}
    e803000000000000 d007000000000000 0300000000000000 0400000000000000 ${zeros(32)}
    ${zeros(32)} ${zeros(12)} 01005943 07000000 0200 01 20 20 ${zeros(7)}
    6000 1200 ${text('rfc4106(gcm(aes))')} a0000000 80000000 ${'01'.repeat(20)}
    1c00 0400 0200 1194 1194 0000 ${zeros(16)}`,
  );
});

test('an SA over TCP names the ends of the connection, also after it moved', () => {
  const path = (port: number) => ({
    local: { address: ip('192.0.2.1'), port: 4500 },
    remote: { address: ip('192.0.2.2'), port },
    tcp: true as const,
  });
  const sa = sampleSa({
    reqid: 7,
    replayWindow: 32,
    udpEncapsulation: false,
    keysIn: KEYS,
    path: path(50000),
  });
  const inbound = encodeState(sa, true);
  const encapsulation = (body: Uint8Array) =>
    toHex(readAttributes(body, 224).get(Attribute.ENCAP) ?? hex(''));
  assert.equal(encapsulation(inbound), `0700c350119400000000${zeros(14)}`);
  assert.equal(encapsulation(encodeState(sa, false)), `07001194c35000000000${zeros(14)}`);
  const counters = { type: 0, flags: 0, sequence: 0, port: 0, body: new Uint8Array(48) };
  const moved = encodeMoved({ ...counters, body: inbound }, counters, path(50001), false, true);
  assert.equal(encapsulation(moved), `0700c351119400000000${zeros(14)}`);
  const outward = { ...sa, ipcomp: { cpiIn: 1, cpiOut: 2 } };
  const compression = encodeCompression(outward, true, compressionState(outward, true) ?? inboundState(sa));
  const after = encodeMoved({ ...counters, body: compression }, counters, path(50001), false, true);
  assert.equal(encapsulation(after), '', 'compression itself does not go by TCP');
});

test('an outbound SA in transport mode over IPv6, with mark and interface', () => {
  const host = (address: string) => [
    { start: ip(address), end: ip(address), protocol: 0, startPort: 0, endPort: 65535 },
  ];
  const sa = sampleSa({
    mode: 'transport',
    reqid: 9,
    replayWindow: 32,
    udpEncapsulation: false,
    algorithms: {
      encryption: Encr.ENCR_AES_CBC,
      keyLength: 128,
      integrity: Integ.AUTH_HMAC_SHA2_256_128,
      esn: false,
    },
    keysOut: { encryption: filled(16, 2), integrity: filled(32, 3) },
    localTs: host('2001:db8::1'),
    remoteTs: host('2001:db8::2'),
    path: {
      local: { address: ip('2001:db8::1'), port: 500 },
      remote: { address: ip('2001:db8::2'), port: 500 },
    },
    kernel: { markOut: { value: 5, mask: 0xff }, interfaceOut: 0x17, interfaceIn: 0x18 },
  });
  const one = '20010db8000000000000000000000001';
  const two = '20010db8000000000000000000000002';
  same(
    encodeState(sa, false),
    `${two} ${one} ${zeros(8)} 0a00 8080 ${zeros(12)} ${two} c2000001 32 000000 ${one}
    ${'ff'.repeat(32)} ${zeros(32)} ${zeros(32)} ${zeros(12)} 01005943 09000000 0a00 00 00 00 ${zeros(7)}
    5800 0200 ${text('cbc(aes)')} 80000000 ${'02'.repeat(16)}
    6c00 1400 ${text('hmac(sha256)')} 00010000 80000000 ${'03'.repeat(32)}
    0c00 1500 05000000 ff000000 0800 1f00 17000000`,
  );
});

test('BEET with extended sequence numbers has its own selector and a large window', () => {
  const sa = sampleSa({
    mode: 'beet',
    reqid: 7,
    replayWindow: 100,
    udpEncapsulation: false,
    algorithms: { encryption: Encr.ENCR_AES_GCM_16, keyLength: 128, integrity: 0, esn: true },
    keysIn: KEYS,
  });
  same(
    encodeState(sa, true),
    `0a010000 ${zeros(12)} 0a020000 ${zeros(12)} ${zeros(8)} 0200 1010 ${zeros(12)}
    c0000201 ${zeros(12)} c1000001 32 000000 c0000202 ${zeros(12)}
    ${'ff'.repeat(32)} ${zeros(32)} ${zeros(32)} ${zeros(12)} 01005943 07000000 0200 04 00 80 ${zeros(7)}
    6000 1200 ${text('rfc4106(gcm(aes))')} a0000000 80000000 ${'01'.repeat(20)}
    2c00 1700 04000000 ${zeros(16)} 64000000 ${zeros(16)}`,
  );
});

test('compression makes the tunnel, and the SA inside of it goes in transport mode', () => {
  const sa = sampleSa({
    reqid: 7,
    replayWindow: 32,
    tfcPadding: 1000,
    udpEncapsulation: false,
    lifetimes: LIMITS,
    keysOut: KEYS,
    ipcomp: { cpiIn: 0x1111, cpiOut: 0x2222 },
    kernel: { markOut: { value: 5, mask: 0xff }, interfaceIn: 0x18, setMarkOut: { value: 1, mask: 1 } },
  });
  const outward = compressionState(sa, false);
  assert.ok(outward);
  same(
    encodeCompression(sa, false, outward),
    `${zeros(56)} c0000202 ${zeros(12)} 00002222 6c 000000 c0000201 ${zeros(12)}
    ${'ff'.repeat(32)} ${zeros(32)} ${zeros(32)} ${zeros(12)} 22225943 07000000 0200 01 00 25 ${zeros(7)}
    4800 0300 ${text('deflate')} 00000000 0c00 1500 05000000 ff000000`,
  );
  const inward = compressionState(sa, true);
  assert.ok(inward);
  const body = encodeCompression(sa, true, inward);
  assert.deepEqual(readState(body).protocol, 'ipcomp');
  assert.equal(readState(body).spi, 0x1111);
  assert.deepEqual(readAttributes(body, 224).get(Attribute.IF_ID), hex('18000000'));
  // Of the SA itself neither the tunnel's flags nor padding, which Linux has for tunnels alone.
  same(
    encodeState(sa, false),
    `${zeros(56)} c0000202 ${zeros(12)} c2000001 32 000000 c0000201 ${zeros(12)}
    e803000000000000 d007000000000000 0300000000000000 0400000000000000 ${zeros(32)}
    ${zeros(32)} ${zeros(12)} 01005943 07000000 0200 00 00 00 ${zeros(7)}
    6000 1200 ${text('rfc4106(gcm(aes))')} a0000000 80000000 ${'01'.repeat(20)}
    0800 1d00 01000000 0800 1e00 01000000 0c00 1500 05000000 ff000000`,
  );
  assert.equal(compressionState(sampleSa(), true), undefined);
});

test('windows: none and small ones in the header, large ones and those of ESN in an attribute', () => {
  const windowOf = (sa: ChildSaParameters, inbound: boolean): readonly [number, number | undefined] => {
    const body = encodeState(sa, inbound);
    const large = readAttributes(body, 224).get(Attribute.REPLAY_ESN_VAL);
    return [body[215] as number, large && new DataView(large.buffer, large.byteOffset).getUint32(20, true)];
  };
  const of = (replayWindow: number, esn: boolean): ChildSaParameters =>
    sampleSa({ replayWindow, algorithms: { ...sampleSa().algorithms, esn } });
  assert.deepEqual(windowOf(of(0, false), true), [0, undefined]);
  assert.deepEqual(windowOf(of(32, false), true), [32, undefined]);
  assert.deepEqual(windowOf(of(33, false), true), [0, 33]);
  assert.deepEqual(windowOf(of(4096, false), true), [0, 4096]);
  assert.deepEqual(windowOf(of(64, false), false), [0, undefined]);
  assert.deepEqual(windowOf(of(64, true), false), [0, 1]);
  assert.deepEqual(windowOf(of(16, true), true), [0, 16]);
  assert.deepEqual(windowOf(of(0, true), true), [0, LARGEST_WINDOW]);
});

test('marks, and what the headers get of each other', () => {
  const flags = (sa: ChildSaParameters, inbound: boolean): number => encodeState(sa, inbound)[216] as number;
  const told = (kernel: KernelOptions): ChildSaParameters => sampleSa({ kernel });
  assert.deepEqual(
    [true, false].map(inbound => flags(told({}), inbound)),
    [32, 32],
  );
  const apart = told({ copyDf: false, copyEcn: false, copyDscp: 'in', icmpErrors: true });
  assert.deepEqual(
    [true, false].map(inbound => flags(apart, inbound)),
    [32 + 16 + 4 + 2 + 1, 32 + 16 + 4 + 1],
  );
  assert.equal(flags({ ...apart, mode: 'transport' }, true), 16 + 4 + 2 + 1);
  // Only outer headers of packets going out can be kept free of the inner DSCP.
  const extra = (sa: ChildSaParameters, inbound: boolean): Uint8Array | undefined =>
    readAttributes(encodeState(sa, inbound), 224).get(Attribute.SA_EXTRA_FLAGS);
  assert.deepEqual(extra(apart, false), hex('01000000'));
  assert.equal(extra(apart, true), undefined);
  assert.equal(extra(told({ copyDscp: 'yes' }), false), undefined);
  const marked = told({
    markIn: { value: 5, mask: 0xff },
    markOut: { value: 6, mask: 0xff },
    setMarkIn: { value: 7, mask: 0xf },
  });
  const attributes = (sa: ChildSaParameters, inbound: boolean) =>
    readAttributes(encodeState(sa, inbound), 224);
  assert.deepEqual(attributes(marked, false).get(Attribute.MARK), hex('06000000 ff000000'));
  assert.equal(attributes(marked, false).get(Attribute.SET_MARK), undefined);
  assert.equal(attributes(marked, true).get(Attribute.MARK), undefined);
  assert.deepEqual(attributes(marked, true).get(Attribute.SET_MARK), hex('07000000'));
  assert.deepEqual(attributes(marked, true).get(Attribute.SET_MARK_MASK), hex('0f000000'));
  const strict = told({ ...marked.kernel, markInSa: true });
  assert.deepEqual(attributes(strict, true).get(Attribute.MARK), hex('05000000 ff000000'));
});

test('a life in seconds ends in the kernel only when the IKE side is late; padding is for the way out', () => {
  const sa = sampleSa({
    tfcPadding: 1200,
    lifetimes: { ...LIMITS, rekeyTime: 3_000_000, lifeTime: 3_600_500 },
  });
  const out = encodeState(sa, false);
  const view = new DataView(out.buffer, out.byteOffset);
  assert.equal(view.getBigUint64(128, true), 0n);
  assert.equal(view.getBigUint64(136, true), 3611n);
  assert.deepEqual(readAttributes(out, 224).get(Attribute.TFCPAD), hex('b0040000'));
  assert.ok(!readAttributes(encodeState(sa, true), 224).has(Attribute.TFCPAD));
});

test('algorithms that the kernel has no name of are refused by theirs', () => {
  for (const [algorithms, name] of [
    [{ encryption: Encr.ENCR_CAMELLIA_CCM_16, keyLength: 128, integrity: 0 }, /ENCR_CAMELLIA_CCM_16/],
    [{ encryption: 0, keyLength: 0, integrity: Integ.AUTH_AES_128_GMAC }, /AUTH_AES_128_GMAC/],
    [{ encryption: 4711, keyLength: 0, integrity: Integ.AUTH_HMAC_SHA1_96 }, /4711/],
  ] as const) {
    const sa = sampleSa({ algorithms: { ...algorithms, esn: false } });
    assert.throws(
      () => encodeState(sa, true),
      (error: unknown) =>
        error instanceof Failed &&
        error.failure.code === 'local/unsupported' &&
        name.test(error.failure.summary),
    );
  }
});

test('a state is named by destination, SPI and protocol', () => {
  const state = inboundState(sampleSa());
  const id = `c0000201 ${zeros(12)} c1000001 0200 32 00`;
  same(encodeStateId(state), `${id} 1400 0d00 c0000202 ${zeros(12)}`);
  const marked = encodeStateId({ ...state, protocol: 'ah' }, { value: 1, mask: 2 });
  assert.equal(marked[22], 51);
  same(marked.subarray(44), '0c00 1500 01000000 02000000');
  same(encodeReplayQuery(state), `${id} c0000202 ${zeros(12)} 02000000 00000000`);
});

test('an SPI is asked for in a range of its own', () => {
  same(
    encodeSpiRequest('esp', sampleSa().path, 0),
    `${zeros(56)} c0000201 ${zeros(12)} 00000000 32 000000 c0000202 ${zeros(12)}
    ${zeros(64)} ${zeros(32)} ${zeros(12)} 00000000 00000000 0200 01 ${zeros(9)} 000000c0 ffffffcf`,
  );
  const range = { lowest: 0x100, highest: 0xfffff };
  same(encodeSpiRequest('esp', sampleSa().path, 0, range).slice(-8), '00010000 ffff0f00');
  same(encodeSpiRequest('ipcomp', sampleSa().path, 0, range).slice(-8), '00010000 ffef0000');
});

/** What a kernel 6.1 answered, after two packets of 30 octets. */
const REPORT = hex(
  `${zeros(56)} c0000202 ${zeros(12)} c2000001 32 000000 c0000201 ${zeros(12)} ${'ff'.repeat(16)}
  0100000000000000 0200000000000000 ${zeros(32)} 3c00000000000000 0200000000000000 054a026b00000000
  054a026b00000000 ${zeros(12)} 01005943 07000000 0200 01 20 20 ${zeros(7)}
  6000 1200 ${text('rfc4106(gcm(aes))')} a0000000 80000000 ${'01'.repeat(20)}
  1000 0a00 02000000 00000000 00000000`,
);
const COUNTERS = hex(
  `c0000202 ${zeros(12)} c2000001 0200 32 00 c0000201 ${zeros(12)} 02000000 07000000
  1000 0a00 02000000 00000000 00000000 0400 1b00
  2400 0900 3c00000000000000 0200000000000000 054a026b00000000 054a026b00000000`,
);

test('what the kernel reports is read, with the last use where it says it', () => {
  const report = {
    spi: 0xc2000001,
    source: ip('192.0.2.1'),
    destination: ip('192.0.2.2'),
    protocol: 'esp',
    bytes: 60n,
    packets: 2n,
    lastUsed: undefined,
    offloaded: false,
  };
  assert.deepEqual(readState(REPORT), report);
  const used = hex(`${toHex(REPORT)} 0c00 0f00 054a026b00000000`);
  assert.deepEqual(readState(used), { ...report, lastUsed: 0x6b024a05 * 1000 });
  for (const length of [0, 223, 230]) assert.throws(() => readState(REPORT.subarray(0, length)), Malformed);
});

test('a state that moves keeps its keys, counters and sequence numbers', () => {
  const message = (body: Uint8Array) => ({ type: 0, flags: 0, sequence: 0, port: 0, body });
  const path = {
    local: { address: ip('192.0.2.1'), port: 4500 },
    remote: { address: ip('2001:db8::9'), port: 31000 },
  };
  same(
    encodeMoved(
      message(REPORT),
      message(COUNTERS),
      { ...path, local: { ...path.local, address: ip('2001:db8::8') } },
      true,
      false,
    ),
    `${zeros(56)} 20010db8 ${zeros(11)}09 c2000001 32 000000 20010db8 ${zeros(11)}08 ${'ff'.repeat(16)}
    0100000000000000 0200000000000000 ${zeros(32)} 3c00000000000000 0200000000000000 054a026b00000000
    054a026b00000000 ${zeros(12)} 01005943 07000000 0a00 01 20 20 ${zeros(7)}
    6000 1200 ${text('rfc4106(gcm(aes))')} a0000000 80000000 ${'01'.repeat(20)}
    2400 0900 3c00000000000000 0200000000000000 054a026b00000000 054a026b00000000
    1000 0a00 02000000 00000000 00000000
    1c00 0400 0200 1194 7918 0000 ${zeros(16)}`,
  );
  const inbound = encodeMoved(
    message(REPORT),
    message(COUNTERS),
    { local: path.local, remote: { ...path.remote, address: ip('192.0.2.9') } },
    false,
    true,
  );
  assert.deepEqual(inbound.subarray(56, 60), ip('192.0.2.1'));
  assert.deepEqual(inbound.subarray(80, 84), ip('192.0.2.9'));
  assert.ok(!readAttributes(inbound, 224).has(Attribute.ENCAP));
  assert.throws(
    () => encodeMoved(message(REPORT.subarray(0, 100)), message(COUNTERS), path, false, true),
    Malformed,
  );
  assert.throws(
    () => encodeMoved(message(REPORT), message(COUNTERS.subarray(0, 40)), path, false, true),
    Malformed,
  );
});
