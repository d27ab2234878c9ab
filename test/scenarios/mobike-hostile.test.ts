import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExchangeType, PayloadType } from '../../src/iana/ikev2.ts';
import { NotifyError, NotifyStatus } from '../../src/iana/notify.ts';
import { EMPTY } from '../../src/lib/bytes.ts';
import { formatIp, ip } from '../../src/lib/ip.ts';
import { MINUTE, SECOND } from '../../src/lib/time.ts';
import type { Payload } from '../../src/wire/v2/payload.ts';
import { onlyIke } from '../sim/ends.ts';
import { ADDRESS_A, ADDRESS_B, type PairOptions, withScriptedPeer } from '../sim/pair.ts';
import { notifies, type Received } from '../sim/scripted-peer.ts';

const ELSEWHERE = ip('203.0.113.66');
const MOBILE: PairOptions = { a: { mobike: true } };

function notify(notifyType: number, data: Uint8Array = EMPTY): Payload {
  return { type: PayloadType.Notify, protocol: 0, spi: EMPTY, notifyType, data };
}

const SUPPORTED = notify(NotifyStatus.MOBIKE_SUPPORTED);
const UPDATE = notify(NotifyStatus.UPDATE_SA_ADDRESSES);

/** The peer began, and may move. */
function led(options = MOBILE) {
  const made = withScriptedPeer(options);
  made.a.roam(ADDRESS_A);
  made.peer.establish({ auth: payloads => [...payloads, SUPPORTED] });
  return made;
}

/** We began, and the peer said that it may move. */
function leading(options = MOBILE) {
  const made = withScriptedPeer(options);
  made.a.roam(ADDRESS_A);
  made.peer.configuration = [SUPPORTED];
  made.a.initiate('site', 'net');
  made.sim.quiet();
  assert.equal(onlyIke(made.a).mobike, true);
  return made;
}

function cookieIn({ payloads }: Received): Uint8Array | undefined {
  for (const payload of payloads)
    if (payload.type === PayloadType.Notify && payload.notifyType === NotifyStatus.COOKIE2)
      return payload.data;
  return undefined;
}

function addressNow(host: Parameters<typeof onlyIke>[0]): string {
  return formatIp(onlyIke(host).path.remote.address);
}

const INFORMATIONAL = ExchangeType.INFORMATIONAL;

test('nobody without the keys moves anything: changed octets, another SPI, an old message', () => {
  const { sim, a, peer } = led();
  const honest = peer.exchange(INFORMATIONAL, [UPDATE]);
  assert.ok(honest.response);
  const { length } = a.eventsOf('ike-update');
  peer.moveTo(ELSEWHERE);
  for (let octet = 0; octet < 60; octet += 3) {
    peer.request(INFORMATIONAL, [UPDATE], {
      messageId: peer.current.nextId,
      mangle: datagram => {
        const changed = datagram.slice();
        const at = octet < 30 ? octet : changed.length - (octet - 29);
        changed[at] = (changed[at] as number) ^ 1;
        return changed;
      },
    });
    sim.run(SECOND);
  }
  peer.request(INFORMATIONAL, [UPDATE], { messageId: 1 });
  peer.request(INFORMATIONAL, [UPDATE], { messageId: 77 });
  sim.run(SECOND);
  assert.equal(addressNow(a), formatIp(ADDRESS_B));
  assert.equal(a.eventsOf('ike-update').length, length);
});

for (const [what, cookie] of [
  ['without the cookie', undefined],
  ['with another cookie', new Uint8Array(16)],
  ['with a longer one', new Uint8Array(65)],
] as const) {
  test(`an address that answers ${what} ends the SA before a packet goes there; twice`, () => {
    for (let time = 0; time < 2; time++) {
      const { sim, a, peer } = led();
      let asked = 0;
      peer.answer = request => {
        if (cookieIn(request) === undefined) {
          peer.honest(request);
          return;
        }
        asked++;
        peer.respond(request, cookie === undefined ? [] : [notify(NotifyStatus.COOKIE2, cookie)]);
      };
      peer.moveTo(ELSEWHERE);
      peer.exchange(INFORMATIONAL, [UPDATE]);
      assert.deepEqual(a.backEnd.outbound('net')?.path.remote.address, ADDRESS_B);
      sim.run(MINUTE);
      assert.equal(asked, 1);
      assert.equal(a.status().length, 0);
      assert.equal(a.eventsOf('ike-down')[0]?.failure?.code, 'peer/address-not-shown');
      assert.equal(a.backEnd.sas.size, 0);
    }
  });
}

test('an address where nobody answers never gets a packet, and the SA ends as any that is dead', () => {
  const { sim, a, peer } = led();
  peer.answer = () => undefined;
  peer.moveTo(ELSEWHERE);
  peer.exchange(INFORMATIONAL, [UPDATE]);
  sim.run(10 * MINUTE);
  assert.equal(a.status().length, 0);
  assert.equal(a.eventsOf('ike-down')[0]?.failure?.code, 'peer/dead');
  assert.equal(a.backEnd.history.filter(line => line.startsWith('update-path')).length, 0);
});

test('a cookie comes back as it was, of lawful length alone', () => {
  const { peer } = led();
  for (const [length, isEchoed] of [
    [0, false],
    [7, false],
    [8, true],
    [64, true],
    [65, false],
  ] as const) {
    const cookie = peer.provider.random(length);
    const answer = cookieIn(peer.exchange(INFORMATIONAL, [notify(NotifyStatus.COOKIE2, cookie)]));
    assert.deepEqual(answer, isEchoed ? cookie : undefined);
  }
});

test('hundreds of addresses, and what are none: few are kept, and the next list takes their place', () => {
  const { a, peer } = led();
  const many = Array.from({ length: 100 }, (_, i) =>
    notify(NotifyStatus.ADDITIONAL_IP4_ADDRESS, Uint8Array.of(10, 1, i >> 8, i & 0xff)),
  );
  for (let time = 0; time < 2; time++) {
    peer.exchange(INFORMATIONAL, many);
    assert.equal(onlyIke(a).remoteAddresses?.length, 16);
    peer.exchange(INFORMATIONAL, [
      ...[[], [1], [0, 0, 0, 0], [127, 0, 0, 1], [224, 0, 0, 1], [255, 255, 255, 255], [1, 2, 3, 4, 5]].map(
        octets => notify(NotifyStatus.ADDITIONAL_IP4_ADDRESS, Uint8Array.from(octets)),
      ),
      notify(NotifyStatus.ADDITIONAL_IP6_ADDRESS, new Uint8Array(16)),
      notify(NotifyStatus.ADDITIONAL_IP6_ADDRESS, ip('ff02::1')),
      notify(NotifyStatus.ADDITIONAL_IP6_ADDRESS, ADDRESS_A),
      notify(NotifyStatus.ADDITIONAL_IP6_ADDRESS, ip('2001:db8::5')),
      notify(NotifyStatus.ADDITIONAL_IP6_ADDRESS, ip('2001:db8::5')),
      notify(NotifyStatus.ADDITIONAL_IP4_ADDRESS, ADDRESS_B),
    ]);
    assert.deepEqual(onlyIke(a).remoteAddresses, ['2001:db8::5']);
    peer.exchange(INFORMATIONAL, [notify(NotifyStatus.NO_ADDITIONAL_ADDRESSES)]);
    assert.equal(onlyIke(a).remoteAddresses, undefined);
  }
});

test('who did not begin cannot lead: it is answered, and nothing moves', () => {
  const { a, peer } = leading();
  peer.moveTo(ELSEWHERE);
  for (let time = 0; time < 2; time++) {
    assert.deepEqual(notifies(peer.exchange(INFORMATIONAL, [UPDATE])), []);
    assert.equal(addressNow(a), formatIp(ADDRESS_B));
  }
});

test('where it was not agreed nothing of it means anything', () => {
  for (const options of [{ a: { mobike: false } }, { a: { mobike: true } }] as const) {
    const made = withScriptedPeer(options);
    const isOffered = options.a.mobike;
    made.peer.establish(isOffered ? {} : { auth: payloads => [...payloads, SUPPORTED] });
    made.peer.moveTo(ELSEWHERE);
    const answer = made.peer.exchange(INFORMATIONAL, [
      UPDATE,
      notify(NotifyStatus.ADDITIONAL_IP4_ADDRESS, ELSEWHERE),
      notify(NotifyStatus.COOKIE2, new Uint8Array(16)),
    ]);
    assert.deepEqual(answer.payloads, []);
    assert.equal(addressNow(made.a), formatIp(ADDRESS_B));
    assert.equal(onlyIke(made.a).remoteAddresses, undefined);
  }
});

/** NO_NATS_ALLOWED of a message between two ends. */
function prohibition(from: Uint8Array, to: Uint8Array, port = 500): Payload {
  const ports = [port >> 8, port & 0xff, 1, 0xf4];
  return notify(NotifyStatus.NO_NATS_ALLOWED, Uint8Array.from([...from, ...to, ...ports]));
}

test('addresses that were changed on the way, where no NAT is reckoned with: said so, and nothing moves; twice', () => {
  const { a, peer } = led();
  peer.moveTo(ELSEWHERE);
  for (const wrong of [
    prohibition(ADDRESS_B, ADDRESS_A),
    prohibition(ELSEWHERE, ADDRESS_A, 4500),
    notify(NotifyStatus.NO_NATS_ALLOWED, new Uint8Array(5)),
  ]) {
    for (const payloads of [[UPDATE], [notify(NotifyStatus.NO_ADDITIONAL_ADDRESSES)]]) {
      const answer = peer.exchange(INFORMATIONAL, [...payloads, wrong]);
      assert.deepEqual(notifies(answer), [NotifyError.UNEXPECTED_NAT_DETECTED]);
      assert.equal(addressNow(a), formatIp(ADDRESS_B));
      assert.equal(a.eventsOf('failed').at(-1)?.failure.code, 'peer/address-changed');
    }
  }
  assert.deepEqual(notifies(peer.exchange(INFORMATIONAL, [UPDATE, prohibition(ELSEWHERE, ADDRESS_A)])), []);
  assert.equal(addressNow(a), formatIp(ELSEWHERE));
});

test('such an IKE_AUTH is refused, and the next one is not', () => {
  const { a, peer } = withScriptedPeer(MOBILE);
  for (let time = 0; time < 2; time++) {
    const answer = peer.attempt({
      auth: payloads => [...payloads, SUPPORTED, prohibition(ELSEWHERE, ADDRESS_A)],
    });
    assert.deepEqual(answer && notifies(answer), [NotifyError.UNEXPECTED_NAT_DETECTED]);
    assert.equal(a.status().length, 0);
    assert.equal(a.eventsOf('failed').at(-1)?.failure.code, 'peer/address-changed');
  }
  peer.establish({ auth: payloads => [...payloads, SUPPORTED, prohibition(ADDRESS_B, ADDRESS_A)] });
  assert.equal(onlyIke(a).mobike, true);
});

test('a peer without NAT traversal is sent prohibitions, and tells of a NAT: tried as often as retransmitted, then told', () => {
  const { sim, a, peer } = leading();
  const sent: (readonly number[])[] = [];
  peer.answer = request => {
    sent.push(notifies(request));
    peer.respond(request, [notify(NotifyError.UNEXPECTED_NAT_DETECTED)]);
  };
  for (let time = 1; time <= 2; time++) {
    sent.splice(0);
    a.roam(time === 1 ? ip('192.0.2.11') : ip('192.0.2.12'));
    peer.path = { ...peer.path, remote: { ...peer.path.remote, address: a.addresses[0] as Uint8Array } };
    sim.run(MINUTE);
    assert.equal(sent.length, 6);
    for (const types of sent)
      assert.deepEqual(types, [
        NotifyStatus.UPDATE_SA_ADDRESSES,
        NotifyStatus.NO_ADDITIONAL_ADDRESSES,
        NotifyStatus.NO_NATS_ALLOWED,
      ]);
    assert.equal(a.eventsOf('failed').length, time);
    assert.equal(a.eventsOf('failed').at(-1)?.failure.notify, 'UNEXPECTED_NAT_DETECTED');
    assert.equal(onlyIke(a).state, 'ESTABLISHED');
  }
});

test('a list from a peer that left its old address moves us to where it speaks from, once that is shown', () => {
  const { sim, a, peer } = leading();
  peer.moveTo(ELSEWHERE);
  peer.answer = request => {
    const cookie = cookieIn(request);
    peer.respond(request, cookie === undefined ? [] : [notify(NotifyStatus.COOKIE2, cookie)]);
  };
  peer.exchange(INFORMATIONAL, [notify(NotifyStatus.NO_ADDITIONAL_ADDRESSES)]);
  sim.quiet();
  assert.equal(addressNow(a), formatIp(ELSEWHERE));
  assert.deepEqual(a.backEnd.outbound('net')?.path.remote.address, ELSEWHERE);
});

test('a peer that moves in every message keeps us no busier than it is itself', () => {
  const { sim, a, peer } = led();
  peer.answer = request => {
    const cookie = cookieIn(request);
    peer.respond(request, cookie === undefined ? [] : [notify(NotifyStatus.COOKIE2, cookie)]);
  };
  const before = sim.between('a', 'b').recorded.length;
  for (let i = 1; i <= 100; i++) {
    peer.moveTo(Uint8Array.of(203, 0, 113, i));
    peer.exchange(INFORMATIONAL, [UPDATE]);
  }
  sim.quiet();
  assert.equal(addressNow(a), '203.0.113.100');
  assert.deepEqual(a.backEnd.outbound('net')?.path.remote.address, Uint8Array.of(203, 0, 113, 100));
  // An answer each, and at most three for the one request that is under way.
  assert.ok(sim.between('a', 'b').recorded.length - before <= 400);
});
