import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KeMethod } from '../../iana/transforms.ts';
import { fromHex, toHex } from '../../lib/bytes.ts';
import { Secret } from '../../lib/secret.ts';
import { nodeProvider } from '../node/provider.ts';
import { CryptoFailure, type CryptoProvider } from '../provider.ts';
import { type KeyExchange, keyExchangeOf } from './key-exchange.ts';
import { KEY_EXCHANGES } from './registry.ts';

/** Octets that look random and are the same in every run. */
function seeded(): (length: number) => Uint8Array {
  let state = 0x2545f491;
  return length =>
    Uint8Array.from({ length }, () => {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      return state & 0xff;
    });
}

const provider = nodeProvider({ random: seeded() });

function method(id: number, by: CryptoProvider = provider): KeyExchange {
  const found = keyExchangeOf(by, id);
  assert.ok(found, `method ${id}`);
  return found;
}

function refused(exchange: KeyExchange, value: Uint8Array, what: string): void {
  assert.throws(() => exchange.respond(value), CryptoFailure, `${exchange.keyword}: ${what}, as responder`);
  if (exchange.kem) return;
  assert.throws(
    () => exchange.initiate().finish(value),
    CryptoFailure,
    `${exchange.keyword}: ${what}, as initiator`,
  );
}

test('both sides of every method share a secret of the right length', () => {
  for (const row of KEY_EXCHANGES) {
    // The two largest take a tenth of a second and differ in nothing but the prime
    if (row.id === KeMethod.MODP6144 || row.id === KeMethod.MODP8192) continue;
    const exchange = method(row.id);
    const initiator = exchange.initiate();
    const responder = exchange.respond(initiator.publicValue);
    const secret = initiator.finish(responder.publicValue);
    assert.equal(toHex(secret.reveal()), toHex(responder.sharedSecret.reveal()), row.name);
    const lengths = [initiator.publicValue.length, responder.publicValue.length, secret.length];
    assert.deepEqual(
      lengths,
      [exchange.publicLength, exchange.responseLength, exchange.secretLength],
      row.name,
    );
    assert.ok(secret instanceof Secret);
    const again = exchange.initiate();
    assert.notEqual(
      toHex(again.publicValue),
      toHex(initiator.publicValue),
      `${row.name}: no key comes twice`,
    );
  }
});

test('methods without a row are none', () => {
  for (const id of [0, 33, 34, 40_000]) assert.equal(keyExchangeOf(provider, id), undefined);
});

test('a method that the provider lacks is none', () => {
  const lacking: CryptoProvider = { ...provider, keyExchange: () => undefined };
  assert.equal(keyExchangeOf(lacking, KeMethod.ECP256), undefined);
});

test('values of a wrong length are refused by every method', () => {
  for (const { id, name } of KEY_EXCHANGES) {
    const exchange = method(id);
    for (const length of [0, 1, exchange.publicLength - 1, exchange.publicLength + 1]) {
      assert.throws(() => exchange.respond(new Uint8Array(length)), CryptoFailure, name);
    }
  }
  for (const id of [KeMethod.MODP1024, KeMethod.ECP256, KeMethod.CURVE25519, KeMethod.ML_KEM_768]) {
    const exchange = method(id);
    const { finish } = exchange.initiate();
    for (const length of [0, exchange.responseLength - 1, exchange.responseLength + 1]) {
      assert.throws(() => finish(new Uint8Array(length)), CryptoFailure, exchange.keyword);
    }
  }
});

test('MODP: 1 < y < p − 1 (RFC 6989 §2.1)', () => {
  for (const { id, primitive } of KEY_EXCHANGES) {
    if (primitive.kind !== 'modp' || primitive.prime.length > 256) continue;
    const { prime } = primitive;
    const exchange = method(id);
    const number = (value: number): Uint8Array => {
      const octets = new Uint8Array(prime.length);
      octets[prime.length - 1] = value;
      return octets;
    };
    // Every prime ends in a set bit; the primes with ends of eight of them can be counted up and down in the last octet
    const near = (distance: number): Uint8Array => {
      const octets = prime.slice();
      octets[prime.length - 1] = (prime[prime.length - 1] as number) + distance;
      return octets;
    };
    refused(exchange, number(0), '0');
    refused(exchange, number(1), '1');
    refused(exchange, near(-1), 'p − 1');
    refused(exchange, near(0), 'p');
    refused(exchange, new Uint8Array(prime.length).fill(0xff), 'more than p');
    if (primitive.order === undefined) {
      exchange.respond(number(2));
      exchange.respond(near(-2));
    }
  }
});

test('MODP with a subgroup: y must be of it (RFC 6989 §2.2)', () => {
  for (const id of [KeMethod.MODP1024_160, KeMethod.MODP2048_224, KeMethod.MODP2048_256]) {
    const exchange = method(id);
    const outside = new Uint8Array(exchange.publicLength);
    outside[exchange.publicLength - 1] = 2;
    refused(exchange, outside, 'two, which has another order');
  }
});

test('MODP values and secrets keep the zeros in front of them', () => {
  // y = 2 with a private exponent of 1024 bits at most: 2^x has leading zeros exactly when x is small, so x is set
  const small = nodeProvider({
    random: length => Uint8Array.from({ length }, (_, i) => (i < length - 1 ? 0 : 0x42)),
  });
  const exchange = method(KeMethod.MODP1024, small);
  const { publicValue, finish } = exchange.initiate();
  assert.equal(toHex(publicValue), (2n ** 0x42n).toString(16).padStart(256, '0'));
  const four = fromHex('04'.padStart(256, '0')) as Uint8Array;
  assert.equal(toHex(finish(four).reveal()), (4n ** 0x42n).toString(16).padStart(256, '0'));
});

test('ECP: the value must be a point of the curve (RFC 6989 §2.3)', () => {
  for (const { id, primitive } of KEY_EXCHANGES) {
    if (primitive.kind !== 'ecp') continue;
    const exchange = method(id);
    const { publicValue } = exchange.initiate();
    const off = publicValue.slice();
    off[off.length - 1] = (off[off.length - 1] as number) ^ 1;
    refused(exchange, off, 'a point beside the curve');
    refused(exchange, new Uint8Array(exchange.publicLength), 'zeros');
    refused(exchange, new Uint8Array(exchange.publicLength).fill(0xff), 'coordinates beyond the prime');
  }
});

test('X25519 and X448: points of small order are refused (RFC 8031 §5)', () => {
  const one = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (i === 0 ? 1 : 0));
  for (const id of [KeMethod.CURVE25519, KeMethod.CURVE448]) {
    const exchange = method(id);
    refused(exchange, new Uint8Array(exchange.publicLength), '0');
    refused(exchange, one(exchange.publicLength), '1');
  }
  const order8 = fromHex('e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800') as Uint8Array;
  refused(method(KeMethod.CURVE25519), order8, 'order 8');
});

test('the zero check does not rely on the provider', () => {
  const careless: CryptoProvider = {
    ...provider,
    keyExchange: () => ({
      initiate: () => ({ publicValue: new Uint8Array(32), finish: () => new Secret(new Uint8Array(32)) }),
      respond: () => ({ publicValue: new Uint8Array(32), sharedSecret: new Secret(new Uint8Array(32)) }),
    }),
  };
  refused(method(KeMethod.CURVE25519, careless), new Uint8Array(32).fill(9), 'a secret of zeros');
});

test('ML-KEM: coefficients must be below 3329 (FIPS 203 §7.2)', () => {
  for (const id of [KeMethod.ML_KEM_512, KeMethod.ML_KEM_768, KeMethod.ML_KEM_1024]) {
    const exchange = method(id);
    const { publicValue } = exchange.initiate();
    for (const at of [0, 1, 150, exchange.publicLength - 35]) {
      const bad = publicValue.slice();
      const start = at - (at % 3);
      if (at % 2 === 0) bad.set([0x01, 0x0d | ((bad[start + 1] as number) & 0xf0)], start);
      else bad.set([((bad[start + 1] as number) & 0x0f) | 0x10, 0xd0], start + 1);
      refused(exchange, bad, `3329 near octet ${at}`);
    }
    const largest = publicValue.slice();
    largest.set([0x00, 0x0d | ((largest[1] as number) & 0xf0)], 0);
    exchange.respond(largest);
  }
});

test('ML-KEM: a ciphertext that was tampered with gives another secret, silently', () => {
  const exchange = method(KeMethod.ML_KEM_768);
  const initiator = exchange.initiate();
  const { publicValue, sharedSecret } = exchange.respond(initiator.publicValue);
  const tampered = publicValue.slice();
  tampered[5] = (tampered[5] as number) ^ 4;
  assert.notEqual(toHex(initiator.finish(tampered).reveal()), toHex(sharedSecret.reveal()));
  assert.equal(toHex(initiator.finish(publicValue).reveal()), toHex(sharedSecret.reveal()));
});

test('a bad value does not spoil the half: a good one may follow it', () => {
  for (const id of [KeMethod.MODP1024, KeMethod.ECP256, KeMethod.CURVE25519]) {
    const exchange = method(id);
    const initiator = exchange.initiate();
    assert.throws(() => initiator.finish(new Uint8Array(exchange.responseLength)), CryptoFailure);
    const { publicValue, sharedSecret } = exchange.respond(initiator.publicValue);
    assert.equal(toHex(initiator.finish(publicValue).reveal()), toHex(sharedSecret.reveal()));
  }
});

test('keys come of the given randomness, or of the system', () => {
  const values = [0, 1].map(
    () => method(KeMethod.CURVE448, nodeProvider({ random: seeded() })).initiate().publicValue,
  );
  assert.deepEqual(values[0], values[1]);
  for (const id of [KeMethod.CURVE25519, KeMethod.CURVE448, KeMethod.ML_KEM_768, KeMethod.ECP256]) {
    const exchange = method(id, nodeProvider());
    const initiator = exchange.initiate();
    const responder = exchange.respond(initiator.publicValue);
    assert.deepEqual(initiator.finish(responder.publicValue).reveal(), responder.sharedSecret.reveal());
  }
});

test('a private key is drawn again while it is beyond the order of the curve', () => {
  let calls = 0;
  const random = (length: number): Uint8Array => new Uint8Array(length).fill(calls++ < 3 ? 0xff : 0x11);
  method(KeMethod.ECP256, nodeProvider({ random })).initiate();
  assert.equal(calls, 4);
  const stuck = nodeProvider({ random: length => new Uint8Array(length) });
  assert.throws(() => method(KeMethod.ECP256, stuck).initiate(), CryptoFailure);
});
