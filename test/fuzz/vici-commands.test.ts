import assert from 'node:assert/strict';
import { test } from 'node:test';
import { failureOf, type Message, ViciClient } from '../../src/control/index.ts';
import type { Element } from '../../src/control/vici/message.ts';
import { ControlScene, LAB_SECRET, labConnection, pair } from '../control-scene.ts';
import { Random } from '../sim/random.ts';
import { FUZZ_SEED, fuzzRuns } from './mutate.ts';

/** Messages that mean something, each to be wounded. */
const SENSIBLE: Readonly<Record<string, Message>> = {
  version: {},
  stats: {},
  'reload-settings': {},
  initiate: { ike: 'lab', child: 'net', timeout: '-1', 'init-limits': 'yes', loglevel: '1' },
  terminate: { ike: 'other', 'child-id': '7', timeout: '-1', force: 'no' },
  rekey: { ike: 'lab', child: 'net', reauth: 'no' },
  redirect: { ike: 'lab', gateway: '192.0.2.9' },
  install: { ike: 'lab', child: 'net' },
  uninstall: { ike: 'lab', child: 'net' },
  'list-sas': { noblock: 'yes', ike: 'lab' },
  'list-policies': { drop: 'yes', pass: 'yes', trap: 'yes' },
  'list-conns': { ike: 'lab' },
  'get-conns': {},
  'list-certs': { type: 'ANY', flag: 'ANY' },
  'list-authorities': { name: 'x' },
  'get-authorities': {},
  'load-conn': { wild: labConnection('alice', { mark_in: '5/0xff', rekey_time: '1h' }) },
  'unload-conn': { name: 'wild' },
  'load-cert': { type: 'X509', flag: 'CA', data: Uint8Array.of(0x30, 3, 2, 1, 0) },
  'load-key': { type: 'any', data: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n' },
  'unload-key': { id: 'abcd' },
  'get-keys': {},
  'load-token': { handle: 'ab', pin: '1234' },
  'load-shared': { ...LAB_SECRET, id: 'wild', owners: ['nobody.lab'] },
  'unload-shared': { id: 'wild' },
  'get-shared': {},
  'flush-certs': { type: 'X509_CRL' },
  'load-authority': { x: { cacert: 'x', crl_uris: ['http://x'] } },
  'unload-authority': { name: 'x' },
  'load-pool': { p: { addrs: '10.9.0.0/24', dns: ['10.9.0.1', '::1'], 28: ['x'] } },
  'unload-pool': { name: 'p' },
  'get-pools': { leases: 'yes', name: 'p' },
  'get-algorithms': {},
  'get-counters': { name: 'lab', all: 'yes' },
  'reset-counters': { name: 'wild' },
  'cygnet-status': {},
  'cygnet-explain': { connection: 'lab' },
  'cygnet-plan': { directory: '/nowhere' },
  'cygnet-sa-list': {},
  'cygnet-sa-del': { name: 'm' },
  'cygnet-sa-add': {
    m: {
      local_addr: '192.0.2.1',
      remote_addr: '192.0.2.2',
      spi_in: '0xc1000001',
      spi_out: '0xc1000002',
      esp: 'aes128-sha256',
      encryption_key_in: `0x${'01'.repeat(16)}`,
      encryption_key_out: `0x${'02'.repeat(16)}`,
      integrity_key_in: `0x${'03'.repeat(32)}`,
      integrity_key_out: `0x${'04'.repeat(32)}`,
    },
  },
};

const NAMES = [
  '',
  'lab',
  'net',
  '__proto__',
  'constructor',
  'toString',
  '0',
  '-1',
  '%any',
  'yes',
  'x'.repeat(300),
  'grüß\0\u202e',
];

function pick<T>(random: Random, from: readonly T[]): T {
  return from[random.below(from.length)] as T;
}

function element(random: Random): Element {
  switch (random.below(4)) {
    case 0:
      return pick(random, NAMES);
    case 1:
      return Uint8Array.from({ length: random.below(9) }, () => random.below(256));
    case 2:
      return Array.from({ length: random.below(4) }, () => pick(random, NAMES));
    default:
      return { [pick(random, NAMES).slice(0, 255)]: pick(random, NAMES) };
  }
}

/** One of its elements gone, changed or added, at any depth. */
function wounded(message: Message, random: Random): Message {
  const entries = Object.entries(message);
  const at = random.below(entries.length + 1);
  const [name, old] = entries[at] ?? [pick(random, NAMES).slice(0, 80), undefined];
  const inner = typeof old === 'object' && !Array.isArray(old) && !(old instanceof Uint8Array);
  const kind = random.below(4);
  const without = entries.filter((_, i) => i !== at);
  if (inner && kind > 0) return Object.fromEntries([...without, [name, wounded(old as Message, random)]]);
  if (kind === 0) return Object.fromEntries(without);
  return Object.fromEntries([...without, [name, element(random)]]);
}

test(`no message makes a command fail by a defect, or touches the tunnel that runs (seed ${FUZZ_SEED})`, async () => {
  const random = new Random(FUZZ_SEED);
  const { alice, bob } = await pair();
  const other = await ControlScene.open();
  try {
    await alice.client.request('initiate', { ike: 'lab', child: 'net' });
    const standing = () => alice.gateway.status().map(({ id, state }) => [id, state]);
    const before = standing();
    assert.equal(before[0]?.[1], 'ESTABLISHED');
    for (const [command, sensible] of Object.entries(SENSIBLE)) {
      // What takes down or renews by name may well hit the tunnel: that goes to a daemon that has none.
      const scene = /^(initiate|terminate|rekey|load-conn|unload-conn)$/.test(command) ? other : alice;
      for (let run = fuzzRuns(4); run > 0; run--) {
        const message = wounded(random.below(2) === 0 ? wounded(sensible, random) : sensible, random);
        const client = await ViciClient.connect(scene.server.address);
        try {
          const answer = await client.request(command, message, { timeout: 20_000 });
          const failure = failureOf(answer);
          assert.notEqual(failure?.code, 'local/internal', failure?.summary);
        } catch (error) {
          assert.fail(`seed ${FUZZ_SEED}, ${command} ${JSON.stringify(message)}: ${(error as Error).stack}`);
        } finally {
          client.close();
        }
      }
    }
    assert.deepEqual(standing(), before);
    assert.equal((await alice.client.request('version'))['daemon'], 'cygnet');
  } finally {
    for (const scene of [alice, bob, other]) await scene[Symbol.asyncDispose]();
  }
});
