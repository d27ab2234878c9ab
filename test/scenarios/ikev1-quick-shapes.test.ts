import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  EncapMode,
  IpsecAttribute,
  OakleyLifeType,
  V1ExchangeType,
  V1IdType,
  V1Notify,
  V1PayloadType,
  V1ProtocolId,
} from '../../src/iana/ikev1.ts';
import { fromHex } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { utf8 } from '../../src/lib/text.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import { parseSelector } from '../../src/policy/selector-text.ts';
import type { TrafficSelector } from '../../src/policy/traffic-selector.ts';
import { encodeV1Attributes } from '../../src/wire/v1/attribute.ts';
import type { V1Attribute, V1Payload, V1SaPayload } from '../../src/wire/v1/payload.ts';
import { assertEnds, assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import { childV1, pairV1, withScriptedPeerV1 } from '../sim/pair-v1.ts';
import { espSa, find, notifyOf, notifyTypes, spiOctets } from '../sim/scripted-peer-v1.ts';

/* What quick mode can say: identities of every type, lifetimes in both units, several proposals. */

type Change = (payloads: readonly V1Payload[]) => readonly V1Payload[];

// ── identities ──

for (const [what, local, remote] of [
  ['addresses', '10.1.0.7/32', '10.2.0.9/32'],
  ['subnets', '10.1.0.0/16', '10.2.0.0/24'],
  ['everything', '0.0.0.0/0', '0.0.0.0/0'],
  ['ranges', '10.1.0.3..10.1.0.9', '10.2.0.1..10.2.0.200'],
  ['IPv6 addresses', '2001:db8:1::7/128', '2001:db8:2::9/128'],
  ['IPv6 subnets', '2001:db8:1::/48', '2001:db8:2::/64'],
  ['IPv6 ranges', '2001:db8:1::3..2001:db8:1::9', '2001:db8:2::1..2001:db8:2::ff'],
  ['a protocol', '10.1.0.0/16[tcp]', '10.2.0.0/16[tcp]'],
  ['a protocol and a port', '10.1.0.0/16[udp]', '10.2.0.0/16[udp/53]'],
] as const)
  test(`IDci and IDcr: ${what}, from either end`, () => {
    const children = [childV1({ localTs: [selector(local)], remoteTs: [selector(remote)] })];
    for (const begunBy of ['a', 'b'] as const) {
      const made = pairV1({ children });
      const { sim, a, b } = made;
      made[begunBy].initiate('site', 'net');
      assertSettles(sim, a, b);
      assert.deepEqual([onlyChild(a).localTs, onlyChild(a).remoteTs], [[local], [remote]]);
      assert.deepEqual([onlyChild(b).localTs, onlyChild(b).remoteTs], [[remote], [local]]);
      assertEnds(sim, a);
    }
  });

function selector(text: string): TrafficSelector {
  const parsed = parseSelector(text.replace('..', '-'));
  assert.ok(!('dynamic' in parsed));
  return parsed;
}

/** The Vendor ID of RFC 3947. */
const NAT_TRAVERSAL = fromHex('4a131c81070358455c5728f20e95452f') ?? new Uint8Array();

for (const [what, idType, data] of [
  ['a name', V1IdType.ID_FQDN, utf8('laptop.example.org')],
  ['a mail address', V1IdType.ID_USER_FQDN, utf8('carol@example.org')],
  ['the address that it has inside', V1IdType.ID_IPV4_ADDR, ip('192.168.1.20')],
] as const)
  test(`a host behind a NAT that names itself by ${what} means itself, in transport mode`, () => {
    const dynamic = { dynamic: true, protocol: 0, startPort: 0, endPort: 65_535 } as const;
    const child = childV1({ mode: 'transport', localTs: [dynamic], remoteTs: [dynamic] });
    const { sim, a, peer } = withScriptedPeerV1({ children: [child] });
    const nowhere: V1Payload = { type: V1PayloadType.NAT_D, data: new Uint8Array(32) };
    peer.offer({ payloads: all => [...all, { type: V1PayloadType.VID, data: NAT_TRAVERSAL }] });
    peer.share({ payloads: all => [...all, nowhere, nowhere] });
    assert.ok(peer.prove() !== undefined);
    assert.equal(onlyIke(a).natRemote, true);
    const begun = peer.beginQuick({
      payloads: all =>
        changed(all, sa =>
          withAttributes(sa, [{ type: IpsecAttribute.ENCAPSULATION_MODE, value: EncapMode.UDP_TRANSPORT }]),
        ).map((payload, i) =>
          payload.type !== V1PayloadType.ID
            ? payload
            : i === 2
              ? { ...payload, idType, data }
              : { ...payload, idType: V1IdType.ID_IPV4_ADDR, data: ip('192.0.2.1') },
        ),
    });
    assert.ok(peer.quickAnswer(begun) !== undefined, 'no answer');
    peer.endQuick(begun);
    sim.run(SECOND);
    const made = onlyChild(a);
    assert.deepEqual([made.mode, made.remoteTs], ['transport', ['198.51.100.2/32']]);
  });

// ── lifetimes ──

function changed(
  payloads: readonly V1Payload[],
  change: (sa: V1SaPayload) => V1SaPayload,
): readonly V1Payload[] {
  return payloads.map(payload => (payload.type === V1PayloadType.SA ? change(payload) : payload));
}

/** With these in the place of those of their types, or as well. */
function withAttributes(sa: V1SaPayload, attributes: readonly V1Attribute[]): V1SaPayload {
  const types = attributes.map(({ type }) => type);
  return {
    ...sa,
    proposals: sa.proposals.map(proposal => ({
      ...proposal,
      transforms: proposal.transforms.map(transform => ({
        ...transform,
        attributes: [...transform.attributes.filter(({ type }) => !types.includes(type)), ...attributes],
      })),
    })),
  };
}

function life(unit: keyof typeof OakleyLifeType, value: V1Attribute['value']): readonly V1Attribute[] {
  return [
    { type: IpsecAttribute.SA_LIFE_TYPE, value: OakleyLifeType[unit] },
    { type: IpsecAttribute.SA_LIFE_DURATION, value },
  ];
}

test('kilobytes: the fewer hold at both ends, and the initiator is told', () => {
  const { sim, a, b } = pairV1({
    a: { children: [childV1({ lifeBytes: 50_000_000n, rekeyBytes: 40_000_000n })] },
    b: {
      children: [
        childV1({
          lifeBytes: 10_240_000n,
          rekeyBytes: 8_000_000n,
          localTs: childV1().remoteTs,
          remoteTs: childV1().localTs,
        }),
      ],
    },
  });
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  const [atA] = a.backEnd.sas.values();
  const [atB] = b.backEnd.sas.values();
  assert.equal(atA?.sa.lifetimes.lifeBytes, 10_240_000n);
  assert.equal(atB?.sa.lifetimes.lifeBytes, 10_240_000n);
  assert.ok((atA?.sa.lifetimes.rekeyBytes ?? 0n) < 10_240_000n);
});

for (const [what, attributes, bytes, seconds] of [
  ['kilobytes alone', life('KILOBYTES', 1000), 1_024_000n, undefined],
  ['seconds and kilobytes', [...life('SECONDS', 600), ...life('KILOBYTES', 1000)], 1_024_000n, 600],
  ['four octets', life('KILOBYTES', Uint8Array.of(0, 0x12, 0x4f, 0x80)), 1_228_800_000n, undefined],
  ['seconds of eight octets', life('SECONDS', Uint8Array.of(0, 0, 0, 0, 0, 0, 2, 0)), 0n, undefined],
  [
    'a unit nobody knows',
    [
      { type: IpsecAttribute.SA_LIFE_TYPE, value: 7 },
      { type: IpsecAttribute.SA_LIFE_DURATION, value: 5 },
    ],
    0n,
    undefined,
  ],
  ['nothing of its unit', [{ type: IpsecAttribute.SA_LIFE_DURATION, value: 5 }], 0n, undefined],
  ['none at all', life('SECONDS', 0), 0n, undefined],
] as const)
  test(`a peer that proposes a life of ${what}`, () => {
    const { sim, a, peer } = withScriptedPeerV1();
    peer.establish();
    const begun = peer.beginQuick({ payloads: all => changed(all, sa => withAttributes(sa, attributes)) });
    assert.ok(peer.quickAnswer(begun) !== undefined);
    peer.endQuick(begun);
    sim.run(SECOND);
    const [installed] = a.backEnd.sas.values();
    assert.equal(installed?.sa.lifetimes.lifeBytes, bytes);
    const { installedAt = 0, expiresAt = 0 } = onlyChild(a);
    assert.equal((expiresAt - installedAt) / SECOND, seconds ?? 28_800);
  });

for (const [what, data, seconds] of [
  ['seconds', encodeV1Attributes(life('SECONDS', 900)), 900],
  ['more than was proposed', encodeV1Attributes(life('SECONDS', 65_000)), 28_800],
  ['half an attribute', Uint8Array.of(0x80, 1, 0), 28_800],
  ['nothing', new Uint8Array(0), 28_800],
] as const)
  test(`RESPONDER-LIFETIME of ${what}`, () => {
    const { sim, a, peer } = withScriptedPeerV1();
    const about = { protocol: V1ProtocolId.PROTO_IPSEC_ESP, spi: spiOctets(0x1234) };
    peer.odd.quick = { 2: { payloads: all => [...all, notifyOf(V1Notify.RESPONDER_LIFETIME, data, about)] } };
    a.initiate('site', 'net');
    sim.quiet();
    const { installedAt = 0, expiresAt = 0 } = onlyChild(a);
    assert.equal((expiresAt - installedAt) / SECOND, seconds);
  });

// ── several proposals, several SAs ──

test('of several proposals one is chosen, and comes back by its number', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.establish();
  const spiIn = peer.newSpi();
  const begun = peer.beginQuick({
    payloads: all =>
      changed(all, sa => {
        const [esp] = sa.proposals;
        assert.ok(esp !== undefined);
        const unknown = { ...esp, transforms: esp.transforms.map(one => ({ ...one, id: 99 })) };
        return {
          ...sa,
          proposals: [
            { ...esp, number: 7, protocol: V1ProtocolId.PROTO_IPSEC_AH },
            { ...unknown, number: 9 },
            { ...esp, number: 11, protocol: 77 },
            { ...esp, number: 13, spi: spiOctets(spiIn) },
            { ...esp, number: 15 },
          ],
        };
      }),
  });
  const answer = peer.quickAnswer(begun);
  assert.ok(answer !== undefined);
  assert.deepEqual(
    find(answer.payloads, V1PayloadType.SA).proposals.map(({ number }) => number),
    [13],
  );
  peer.endQuick(begun);
  sim.run(SECOND);
  assert.equal(onlyChild(a).spiOut, spiIn);
});

test('several SAs in one quick mode are refused, and the reason is told here, twice', () => {
  const { sim, a, peer } = withScriptedPeerV1();
  peer.establish();
  const two: Change = ([sa, ...others]) => (sa === undefined ? [] : [sa, espSa(peer.newSpi()), ...others]);
  for (let time = 0; time < 2; time++) {
    a.events.length = 0;
    peer.beginQuick({ payloads: two });
    sim.run(SECOND);
    assert.deepEqual(notifyTypes(peer.take(V1ExchangeType.INFORMATIONAL)), [V1Notify.NO_PROPOSAL_CHOSEN]);
    assert.match(a.eventsOf('failed')[0]?.failure.summary ?? '', /2 SAs in one quick mode/);
    assert.equal(a.backEnd.reserved.size, 0);
  }
  peer.quick();
  sim.run(MINUTE);
  assert.equal(onlyIke(a).children.length, 1);
});
