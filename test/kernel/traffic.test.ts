import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ENCRYPTION } from '../../src/crypto/encr/registry.ts';
import { INTEGRITY } from '../../src/crypto/integ/registry.ts';
import { cipherSizes } from '../../src/crypto/sizes.ts';
import { Encr, Integ } from '../../src/iana/transforms.ts';
import { ip } from '../../src/lib/ip.ts';
import type { StandingPolicy } from '../../src/policy/sa.ts';
import type { TrafficSelector } from '../../src/policy/traffic-selector.ts';
import { withoutKernelIpsec } from './availability.ts';
import { type KeylessSa, NONE_COMES, wire } from './host.ts';
import { GCM, NO_LIMITS, pair, pathOf, subnet } from './sa-pair.ts';

/** SAs whose peer moves. */
const MOVING: readonly Partial<KeylessSa>[] = [
  {},
  { udpEncapsulation: true, replayWindow: 256 },
  { ipcomp: { cpiIn: 0x1002, cpiOut: 0x2002 }, replayWindow: 256 },
];

/** Every combination that the kernel has a name of. */
const ALGORITHMS = ENCRYPTION.filter(row => row.cipher !== 'camellia' || row.mode === 'cbc').flatMap(row =>
  row.keywords.flatMap(({ keyLength }) =>
    (row.icv > 0 ? [{ id: 0, name: '', primitive: { kind: 'none' } }] : INTEGRITY)
      .filter(({ primitive }) => primitive.kind !== 'gmac')
      // Each cipher with one MAC, each MAC with one cipher.
      .filter(
        ({ id }) =>
          id === 0 || id === Integ.AUTH_HMAC_SHA1_96 || (row.id === Encr.ENCR_AES_CBC && keyLength === 128),
      )
      .filter(({ id }) => cipherSizes(row.id, keyLength, id) !== undefined)
      .map(integrity => ({
        name: `${row.name} ${keyLength} ${integrity.name}`.trim(),
        algorithms: { encryption: row.id, keyLength, integrity: integrity.id, esn: false },
      })),
  ),
);

describe('the kernel carries traffic', { skip: withoutKernelIpsec }, () => {
  test('every algorithm, with and without extended sequence numbers and UDP encapsulation', async () => {
    await using net = await wire();
    await net.b.do('echo', '10.2.0.1');
    const failed: string[] = [];
    for (const [i, { name, algorithms }] of ALGORITHMS.entries()) {
      for (const extended of [false, true]) {
        const [a, b] = pair(i + 1, {
          algorithms: { ...algorithms, esn: extended },
          udpEncapsulation: extended,
          replayWindow: extended ? 1024 : 32,
        });
        try {
          await net.a.do('install', a, true);
          await net.b.do('install', b, true);
          if ((await net.a.do('ping', '10.2.0.1', 1)) !== 1) failed.push(`${name} ${extended}: no echo`);
          const usage = await net.a.do('usage', a.id);
          if (usage?.packetsOut !== 1n || usage.packetsIn !== 1n || usage.usedIn === 0)
            failed.push(`${name} ${extended}: ${usage?.packetsOut} out, ${usage?.packetsIn} in`);
        } catch (error) {
          failed.push(`${name} ${extended}: ${(error as { summary?: string }).summary ?? error}`);
        }
        await net.a.do('remove', a.id);
        await net.b.do('remove', b.id);
      }
    }
    assert.deepEqual(failed, []);
    assert.ok(ALGORITHMS.length > 25, String(ALGORITHMS.length));
  });

  test('transport, tunnel and BEET mode, ESP and AH, over IPv4 and IPv6', async () => {
    await using net = await wire();
    for (const address of ['10.2.0.1', '192.0.2.2', '2001:db8:2::1', '2001:db8::2'])
      await net.b.do('echo', address);
    const host = (address: string): TrafficSelector[] => [subnet(address, address)];
    const v4 = { localTs: host('10.1.0.1'), remoteTs: host('10.2.0.1') };
    const v6 = { localTs: host('2001:db8:1::1'), remoteTs: host('2001:db8:2::1') };
    const ah = {
      protocol: 'ah',
      algorithms: { ...GCM, encryption: 0, keyLength: 0, integrity: Integ.AUTH_HMAC_SHA2_256_128 },
    } as const;
    const cases: readonly [string, Partial<KeylessSa>, boolean, string, string][] = [
      ['tunnel, IPv4 in IPv6', v4, true, '10.2.0.1', '10.1.0.1'],
      ['tunnel, IPv6 in IPv4', v6, false, '2001:db8:2::1', '2001:db8:1::1'],
      [
        'tunnel, IPv6 in IPv6, in UDP',
        { ...v6, udpEncapsulation: true },
        true,
        '2001:db8:2::1',
        '2001:db8:1::1',
      ],
      [
        'transport',
        { mode: 'transport', localTs: host('192.0.2.1'), remoteTs: host('192.0.2.2') },
        false,
        '192.0.2.2',
        '192.0.2.1',
      ],
      [
        'transport, IPv6',
        { mode: 'transport', localTs: host('2001:db8::1'), remoteTs: host('2001:db8::2') },
        true,
        '2001:db8::2',
        '2001:db8::1',
      ],
      [
        'transport, in UDP',
        {
          mode: 'transport',
          udpEncapsulation: true,
          localTs: host('192.0.2.1'),
          remoteTs: host('192.0.2.2'),
        },
        false,
        '192.0.2.2',
        '192.0.2.1',
      ],
      ['BEET', { mode: 'beet', ...v4 }, false, '10.2.0.1', '10.1.0.1'],
      ['BEET over IPv6', { mode: 'beet', ...v4 }, true, '10.2.0.1', '10.1.0.1'],
      ['AH tunnel', { ...ah, ...v4 }, false, '10.2.0.1', '10.1.0.1'],
      [
        'AH transport',
        { ...ah, mode: 'transport', localTs: host('192.0.2.1'), remoteTs: host('192.0.2.2') },
        false,
        '192.0.2.2',
        '192.0.2.1',
      ],
      ['compressed', { ...v4, ipcomp: { cpiIn: 0x1001, cpiOut: 0x2001 } }, false, '10.2.0.1', '10.1.0.1'],
      ['traffic flow confidentiality', { ...v4, tfcPadding: 1000 }, false, '10.2.0.1', '10.1.0.1'],
    ];
    const failed: string[] = [];
    for (const [i, [name, overrides, outerV6, to, from]] of cases.entries()) {
      const [a, b] = pair(i + 1, overrides, outerV6);
      await net.a.do('install', a, true);
      await net.b.do('install', b, true);
      const came = await net.a.do('ping', to, 2, 200, from);
      const usage = await net.a.do('usage', a.id);
      if (came !== 2 || usage?.packetsIn !== 2n || usage.packetsOut !== 2n)
        failed.push(`${name}: ${came} echoes, ${usage?.packetsOut} out, ${usage?.packetsIn} in`);
      await net.a.do('remove', a.id);
      await net.b.do('remove', b.id);
    }
    assert.deepEqual(failed, []);
  });

  test('selectors with ports and ranges let through what they name, and nothing else', async () => {
    await using net = await wire();
    for (const address of ['10.2.0.1', '10.2.0.2', '10.2.0.3']) {
      if (address !== '10.2.0.1') net.ip(1, `addr add ${address}/32 dev lo`);
      await net.b.do('echo', address);
    }
    // Port 7 of two of three addresses; the rest of the net is dropped.
    const [a, b] = pair(1, {
      localTs: [subnet('10.1.0.1', '10.1.0.1', 17)],
      remoteTs: [subnet('10.2.0.1', '10.2.0.2', 17, [5, 12])],
    });
    await net.a.do('install', a, true);
    await net.b.do('install', b, true);
    const rest: StandingPolicy = {
      id: 1,
      kind: 'drop',
      localTs: [subnet('10.1.0.0', '10.1.255.255')],
      remoteTs: [subnet('10.2.0.0', '10.2.255.255')],
      protocol: 'esp',
      mode: 'tunnel',
      reqid: 0,
      local: ip('0.0.0.0'),
      remote: ip('0.0.0.0'),
    };
    await net.a.do('addPolicy', rest);
    net.ip(0, 'route add 10.2.0.0/16 via 192.0.2.2');
    net.ip(1, 'route add 10.1.0.0/16 via 192.0.2.1');
    const pings = ['10.2.0.1', '10.2.0.2'].map(to => net.a.do('ping', to, 1, 50, '10.1.0.1'));
    assert.deepEqual(await Promise.all(pings), [1, 1]);
    assert.equal(await net.a.do('ping', '10.2.0.3', 1, 50, '10.1.0.1', NONE_COMES), 0);
    await net.a.do('removePolicy', 1);
    assert.equal(await net.a.do('ping', '10.2.0.3', 1, 50, '10.1.0.1'), 1);
  });

  test('a rekey under traffic loses nothing, and the responder hears of the first packet', async () => {
    await using net = await wire();
    await net.b.do('echo', '10.2.0.1');
    const [oldA, oldB] = pair(1);
    const [newA, newB] = pair(2);
    await net.a.do('install', oldA, true);
    await net.b.do('install', oldB, true);
    assert.equal(await net.a.do('ping', '10.2.0.1', 2), 2);
    await net.b.do('install', newB, false);
    assert.equal(await net.a.do('ping', '10.2.0.1', 2), 2);
    await net.a.do('install', newA, true);
    assert.equal(await net.a.do('ping', '10.2.0.1', 2), 2);
    assert.deepEqual(await net.b.do('event', 'inbound'), { kind: 'inbound', id: 2 });
    await net.b.do('activate', 2);
    assert.equal(await net.a.do('ping', '10.2.0.1', 2), 2);
    await net.a.do('deactivate', 1);
    await net.b.do('deactivate', 1);
    assert.equal(await net.a.do('ping', '10.2.0.1', 2), 2);
    const counts = async (id: number): Promise<unknown[]> => {
      const usage = await net.a.do('usage', id);
      return [usage?.packetsOut, usage?.packetsIn];
    };
    assert.deepEqual(await counts(1), [4n, 6n]);
    assert.deepEqual(await counts(2), [6n, 4n]);
    await net.a.do('remove', 1);
    await net.b.do('remove', 1);
    assert.equal(await net.a.do('ping', '10.2.0.1', 2), 2);
  });

  test('a peer moves, with its counters and without a replay', async () => {
    await using net = await wire();
    await net.b.do('echo', '10.2.0.1');
    for (const [i, overrides] of MOVING.entries()) {
      const [a, b] = pair(i + 1, overrides);
      await net.a.do('install', a, true);
      await net.b.do('install', b, true);
      assert.equal(await net.a.do('ping', '10.2.0.1', 3), 3);
      const address = `192.0.2.${10 + i}`;
      net.ip(1, `addr add ${address}/24 dev veth0`);
      await net.b.do('move', b.id, pathOf(address, '192.0.2.1'), a.udpEncapsulation);
      await net.a.do('move', a.id, pathOf('192.0.2.1', address), a.udpEncapsulation);
      assert.equal(await net.a.do('ping', '10.2.0.1', 3), 3);
      const usage = await net.a.do('usage', a.id);
      assert.deepEqual([usage?.packetsOut, usage?.packetsIn], [6n, 6n]);
      // To ESP in UDP and back.
      await net.b.do('move', b.id, pathOf(address, '192.0.2.1'), !a.udpEncapsulation);
      await net.a.do('move', a.id, pathOf('192.0.2.1', address), !a.udpEncapsulation);
      assert.equal(await net.a.do('ping', '10.2.0.1', 1), 1);
      await net.a.do('remove', a.id);
      await net.b.do('remove', b.id);
    }
  });

  test('ESP in UDP from another port is told as a new mapping', async () => {
    await using net = await wire();
    await net.b.do('echo', '10.2.0.1');
    const [a, b] = pair(1, { udpEncapsulation: true });
    await net.a.do('install', { ...a, path: pathOf('192.0.2.1', '192.0.2.2', [4501, 4500]) }, true);
    await net.b.do('install', b, true);
    await net.a.do('send', '10.2.0.1', 7);
    const mapping = { kind: 'mapping', id: 1, path: pathOf('192.0.2.2', '192.0.2.1', [4500, 4501]) };
    assert.deepEqual(await net.b.do('event', 'mapping'), mapping);
  });

  test('limits of packets expire softly, then hard', async () => {
    await using net = await wire();
    await net.b.do('echo', '10.2.0.1');
    const [a, b] = pair(1);
    await net.a.do('install', { ...a, lifetimes: { ...NO_LIMITS, rekeyPackets: 2n, lifePackets: 4n } }, true);
    await net.b.do('install', b, true);
    await net.a.do('ping', '10.2.0.1', 3);
    const soft = await net.a.do('event', 'expire');
    assert.deepEqual(soft, { ...soft, kind: 'expire', id: 1, hard: false });
    await net.a.do('ping', '10.2.0.1', 3, 100, undefined, NONE_COMES);
    const hard = await net.a.do('event', 'expire');
    assert.deepEqual(hard, { ...hard, kind: 'expire', id: 1, hard: true });
    // What the kernel took away by itself is no failure.
    await net.a.do('remove', 1);
  });

  test('a trap asks for an SA, which then takes its place', async () => {
    await using net = await wire();
    await net.b.do('echo', '10.2.0.1');
    const [a, b] = pair(1);
    const trap: StandingPolicy = {
      id: 1,
      kind: 'trap',
      localTs: a.localTs,
      remoteTs: a.remoteTs,
      protocol: 'esp',
      mode: 'tunnel',
      reqid: a.reqid,
      local: ip('192.0.2.1'),
      remote: ip('192.0.2.2'),
    };
    await net.a.do('addPolicy', trap);
    net.ip(0, 'route add 10.2.0.0/16 dev veth0 src 10.1.0.1');
    await net.a.do('send', '10.2.0.1', 7);
    const acquire = {
      kind: 'acquire',
      reqid: 1,
      source: ip('10.1.0.1'),
      destination: ip('10.2.0.1'),
      protocol: 17,
    };
    assert.deepEqual(await net.a.do('event', 'acquire'), acquire);
    await net.a.do('install', a, true);
    await net.b.do('install', b, true);
    assert.equal(await net.a.do('ping', '10.2.0.1', 2), 2);
    await net.a.do('remove', 1);
    assert.equal(await net.a.do('ping', '10.2.0.1', 1, 100, undefined, NONE_COMES), 0);
    await net.a.do('removePolicy', 1);
  });

  test('IKE passes by policies that catch everything else between two hosts', async () => {
    await using net = await wire();
    await net.b.do('echo', '192.0.2.2');
    const everything: StandingPolicy = {
      id: 1,
      kind: 'drop',
      localTs: [subnet('0.0.0.0', '255.255.255.255')],
      remoteTs: [subnet('0.0.0.0', '255.255.255.255')],
      protocol: 'esp',
      mode: 'tunnel',
      reqid: 0,
      local: ip('0.0.0.0'),
      remote: ip('0.0.0.0'),
    };
    for (const host of [net.a, net.b]) await host.do('addPolicy', everything);
    assert.equal(await net.a.do('ping', '192.0.2.2', 1, 100, undefined, NONE_COMES), 0);
    const heard = net.b.do('hearIke');
    await net.a.do('ike', pathOf('192.0.2.1', '192.0.2.2', [500, 500]));
    assert.equal(await heard, 28);
  });

  test('packets of this host get an address of the local selectors, for as long as the SA is there', async () => {
    await using net = await wire();
    net.ip(0, 'route add default via 192.0.2.2');
    const [a] = pair(1, { remoteTs: [subnet('0.0.0.0', '255.255.255.255')] });
    assert.equal(await net.a.do('sourceFor', '203.0.113.9'), '192.0.2.1');
    await net.a.do('install', a, true);
    assert.equal(await net.a.do('sourceFor', '203.0.113.9'), '10.1.0.1');
    const [again] = pair(2, { remoteTs: a.remoteTs });
    await net.a.do('install', again, true);
    await net.a.do('remove', 1);
    assert.equal(await net.a.do('sourceFor', '203.0.113.9'), '10.1.0.1');
    await net.a.do('remove', 2);
    assert.equal(await net.a.do('sourceFor', '203.0.113.9'), '192.0.2.1');
  });

  test('an SPI that was reserved is used, and one that is released is free', async () => {
    await using net = await wire();
    await net.b.do('echo', '10.2.0.1');
    const [a, b] = pair(1);
    const spi = await net.a.do('allocate', a.path);
    assert.ok(spi >= 0xc0000000 && spi <= 0xcfffffff);
    await net.a.do('install', { ...a, spiIn: spi }, true);
    await net.b.do('install', { ...b, spiOut: spi }, true);
    assert.equal(await net.a.do('ping', '10.2.0.1', 1), 1);
  });

  test('the kernel and the data plane in user space understand each other', async () => {
    await using net = await wire(['tun', 'xfrm']);
    await net.b.do('echo', '10.2.0.1');
    const failed: string[] = [];
    for (const [i, { name, algorithms }] of ALGORITHMS.entries()) {
      const esn = i % 2 === 1;
      const [a, b] = pair(i + 1, { algorithms: { ...algorithms, esn }, udpEncapsulation: true });
      try {
        await net.a.do('install', a, true);
        await net.b.do('install', b, true);
        const came = await net.a.do('ping', '10.2.0.1', 2, 600);
        if (came !== 2) failed.push(`${name}, ESN ${esn}: ${came} of 2 echoes`);
      } catch (error) {
        failed.push(`${name}: ${(error as { summary?: string }).summary ?? error}`);
      }
      await net.a.do('remove', a.id);
      await net.b.do('remove', b.id);
    }
    assert.deepEqual(failed, []);
  });
});
