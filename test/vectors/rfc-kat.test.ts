import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { keyExchangeOf } from '../../src/crypto/ke/key-exchange.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { fromHex, toHex } from '../../src/lib/bytes.ts';
import { dataPath, withoutData } from '../data.ts';

const FILE = 'vectors/rfc/ike-eap-ecp-kat.json';

/** Both halves of an exchange with known private keys: values and secret are those of the RFC. */
function agree(
  group: number,
  [privateI, privateR]: readonly [string, string],
  values: readonly [string, string],
  secret: string,
): void {
  const half = (key: string) => {
    const exchange = keyExchangeOf(nodeProvider({ random: () => fromHex(key) as Uint8Array }), group);
    assert.ok(exchange);
    return exchange;
  };
  const initiator = half(privateI).initiate();
  assert.equal(toHex(initiator.publicValue), values[0]);
  const responder = half(privateR).respond(initiator.publicValue);
  assert.equal(toHex(responder.publicValue), values[1]);
  assert.equal(toHex(responder.sharedSecret.reveal()), secret);
  assert.equal(toHex(initiator.finish(responder.publicValue).reveal()), secret);
}

type Entry = Readonly<Record<string, string | number>>;

function load(): Readonly<Record<string, readonly Entry[]>> {
  return JSON.parse(readFileSync(dataPath(FILE), 'utf8'));
}

test('RFC 5903 §8: the three ECP groups', { skip: withoutData(FILE) }, () => {
  const entries = load()['rfc5903'] ?? [];
  for (const { group, private_i, private_r, KEi, KEr, g_ir } of entries) {
    agree(Number(group), [String(private_i), String(private_r)], [String(KEi), String(KEr)], String(g_ir));
  }
  assert.equal(entries.length, 3);
});

test('RFC 8031 appendix A: Curve25519', { skip: withoutData(FILE) }, () => {
  const [entry] = load()['rfc8031'] ?? [];
  assert.ok(entry);
  const { private: key, KEi, KEr, shared } = entry;
  const exchange = keyExchangeOf(nodeProvider({ random: () => fromHex(String(key)) as Uint8Array }), 31);
  assert.ok(exchange);
  const initiator = exchange.initiate();
  assert.equal(toHex(initiator.publicValue), KEi);
  assert.equal(toHex(initiator.finish(fromHex(String(KEr)) as Uint8Array).reveal()), shared);
});
