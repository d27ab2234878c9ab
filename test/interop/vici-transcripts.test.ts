import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Element, Message, Value, ViciClient } from '../../src/control/index.ts';
import { dataPath, withoutData } from '../data.ts';
import { type CertificateSet, certificates } from './certificates.ts';
import { Charon } from './charon.ts';
import { DropIn } from './drop-in.ts';
import { Lab, mustRun, until } from './lab.ts';
import { CUT, type Recorded, readTranscript } from './vici-transcript.ts';

/*
 * What swanctl once said to charon is said to cygnet, packet by packet, and is answered with the same: fields, their
 * kinds, and values that do not depend on the moment.
 */

const FOLDER = 'peers/vici';

describe('recorded conversations of swanctl with charon', { skip: withoutData(FOLDER) }, () => {
  const lab = new Lab();
  let set: CertificateSet;
  let cygnet: DropIn;
  let ecdsaKey = '';

  before(async () => {
    const [alice, bob] = [await lab.namespace('a'), await lab.namespace('b')];
    await lab.wire(alice, '10.9.0.1/24', bob, '10.9.0.2/24');
    await mustRun('ip', ['-n', alice, 'addr', 'add', '10.1.0.1/32', 'dev', 'lo']);
    await mustRun('ip', ['-n', bob, 'addr', 'add', '10.2.0.1/32', 'dev', 'lo']);
    set = await certificates(lab.path('set'), 'rsa');
    const curve = ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'];
    ecdsaKey = await mustRun('openssl', ['genpkey', ...curve]);
    cygnet = new DropIn(lab, alice, 'cygnet');
    const peer = new Charon(lab, bob, 'peer');
    const net = { local_ts: '10.2.0.0/24', esp_proposals: 'aes256gcm16-ecp256' };
    const connection = {
      ...{ version: '2', local_addrs: '10.9.0.2', pools: 'p1', proposals: 'aes256-sha256-ecp256' },
      local: { auth: 'pubkey', certs: 'bob.crt', id: 'bob.lab' },
      remote: { auth: 'pubkey', cacerts: 'ca.crt' },
      children: { net },
    };
    const pools = { p1: { addrs: '10.77.0.0/24', dns: '10.2.0.53' } };
    await Promise.all([
      cygnet.start(),
      peer.start({ connections: { lab: connection }, pools }, { certificates: set, who: 'bob' }),
    ]);
  });
  after(() => lab.close());

  for (const file of readdirSync(dataPath(FOLDER)).sort()) {
    const packets = readTranscript(readFileSync(join(dataPath(FOLDER), file), 'utf8'));
    if (packets.length === 0) continue;
    test(`${file.replace('.txt', '')}: cygnet answers as charon did`, async () => {
      const client = await cygnet.client();
      try {
        assert.deepEqual(await replay(client, packets), []);
      } finally {
        client.close();
      }
      await settled();
    });
  }

  /** Says what swanctl said, and compares what is answered. */
  async function replay(client: ViciClient, packets: readonly Recorded[]): Promise<readonly string[]> {
    const events = new Map<string, Message[]>();
    for (const { name } of packets.filter(({ type }) => type === 'register')) {
      events.set(name, []);
      await client.subscribe(name, message => events.get(name)?.push(message));
    }
    const found: string[] = [];
    for (const [i, { type, name, message }] of packets.entries()) {
      if (type !== 'request') continue;
      const answer = await client.request(name, whole(name, message), { timeout: 20_000 });
      const recorded = packets.slice(i).find(packet => packet.type === 'response');
      found.push(...compare(name, recorded?.message ?? {}, answer));
    }
    await meanwhile(packets, events);
    for (const [name, seen] of events) {
      const recorded = eventsOf(packets, name);
      if (recorded.length === 0) continue;
      // Which lines a log has is another matter: they have the same fields.
      if (name.endsWith('log')) found.push(...compare(name, merged(recorded), merged(seen)));
      else
        for (const [i, message] of recorded.entries()) found.push(...compare(name, message, seen[i] ?? {}));
    }
    return found;
  }

  /** What somebody else did while swanctl listened: rekeyed a child, or began a tunnel and ended it. */
  async function meanwhile(
    packets: readonly Recorded[],
    events: ReadonlyMap<string, readonly Message[]>,
  ): Promise<void> {
    const recorded = (name: string): readonly Message[] => eventsOf(packets, name);
    if (recorded('log').length > 0) await cygnet.swanctl('--rekey', '--child', 'net');
    if (recorded('ike-updown').length > 0) {
      await cygnet.swanctl('--initiate', '--child', 'net');
      await cygnet.swanctl('--terminate', '--ike', 'lab');
    }
    for (const [name, seen] of events) {
      const theirs = recorded(name);
      const fields = Object.keys(merged(theirs));
      // The first lines of a log may be about no SA at all.
      const isEnough = name.endsWith('log')
        ? () => fields.every(field => field in merged(seen))
        : () => seen.length >= theirs.length;
      await until(`${theirs.length} ${name}`, isEnough);
    }
  }

  /** With the octets that the transcript has left out. */
  function whole(command: string, message: Message): Message {
    const filled = (element: Element, path: string): Element => {
      if (element === CUT) return octetsFor(command, message, path);
      if (Array.isArray(element)) return element.map(one => filled(one, path) as Value);
      if (typeof element === 'string' || element instanceof Uint8Array) return element;
      return Object.fromEntries(Object.entries(element).map(([name, one]) => [name, filled(one, name)]));
    };
    return filled(message, '') as Message;
  }

  function octetsFor(command: string, message: Message, path: string): string {
    if (command === 'load-key') return message['type'] === 'ecdsa' ? ecdsaKey : set.pem('alice.key');
    const isAuthority = message['flag'] === 'CA' || path === 'cacert' || path === 'cacerts';
    return set.pem(isAuthority ? 'ca.crt' : 'alice.crt');
  }

  /** Rekeys and ends go on behind the answer. */
  async function settled(): Promise<void> {
    await until('nothing is under way', async () => {
      const { stdout } = await cygnet.swanctl('--list-sas');
      return (
        !/REKEYING|REKEYED|DELETING|CONNECTING|CREATED/.test(stdout) &&
        (stdout.match(/^\S/gm) ?? []).length < 2
      );
    });
  }
});

function eventsOf(packets: readonly Recorded[], event: string): readonly Message[] {
  return packets.filter(({ type, name }) => type === 'event' && name === event).map(({ message }) => message);
}

/** All fields of several messages as one message. */
function merged(messages: readonly Message[]): Message {
  return Object.assign({}, ...messages);
}

/** Values that are others at another time, or with other certificates. */
const OF_THE_MOMENT =
  /(spi|spi-in|spi-out|-time|established|since|running|uniqueid|\bid|keys|data|group|level|thread|msg|release|certs|cacerts|cacert)$/;

/** What may differ, and why: docs/guide/drop-in.md says it to whoever changes the daemon. */
const EXCUSED: readonly (readonly [RegExp, string])[] = [
  [/^version\/(daemon|version) /, 'it is another program'],
  [/^stats\/(mallinfo|plugins|workers)/, 'it has neither plugins nor threads'],
  [/^get-algorithms\/\w+\/\w+ is "cygnet"/, 'algorithms do not come from plugins'],
  [/^get-algorithms\/(rng|nonce-gen|kdf|drbg|xof) is missing/, 'not chosen by negotiation'],
  [
    /^get-algorithms\/\w+\/(AES_(CFB|ECB)|DES_ECB|BLOWFISH_CBC|CAST_CBC) is missing/,
    'not used in IKE or ESP',
  ],
  [/^get-algorithms\/hasher\/HASH_(MD4|MD5|SHA2_224|SHA3_\d+) is missing/, 'not used in signatures'],
  [
    /^get-algorithms\/integrity\/.*(XCBC_96|SHA1_128|256_256|384_384|512_512) is missing/,
    'not used in IKE or ESP',
  ],
  [/^get-algorithms\/prf\/PRF_(CAMELLIA128_XCBC|FIPS_SHA1_160|KEYED_SHA1) is missing/, 'not used in IKE'],
  [/^get-algorithms\/dh\/MODP_CUSTOM is missing/, 'no such group'],
  [/^get-algorithms\/.* is more$/, 'charon 5.9.8 does not know them'],
  [/remote-ts is \["10\.2\.0\.1\/32\[tcp\/80\]"\]/, 'the names of all services are not read'],
  [/^initiate\/(ike-id|child-id) is more$/, 'as later versions of charon answer'],
  [/\/failure is more$/, 'every refusal says why'],
  [/-updown\/failure-(code|summary) is more$/, 'every end says why'],
  [/-updown\/lab\/tasks-active /, 'they are other tasks'],
  [/^redirect\//, 'RFC 5685 is not there'],
  // Its SA was made anew a second time, since it was busy when it was asked to; then there were two for a while.
  [/^get-counters\/.* is "\d+"/, 'another past'],
  [/^terminate\/(matches|terminated) is "1"/, 'another past'],
];

/** Where ours is another answer than theirs, but for what may be. */
function compare(name: string, theirs: Message, ours: Message): readonly string[] {
  return differences(name, theirs, ours).filter(line => !EXCUSED.some(([what]) => what.test(line)));
}

function differences(where: string, theirs: Message, ours: Message): readonly string[] {
  const [recorded, own] = [byName(theirs), byName(ours)];
  const found = [...own.keys()].filter(name => !recorded.has(name)).map(name => `${where}/${name} is more`);
  for (const [name, element] of recorded) {
    const place = `${where}/${name}`;
    const other = own.get(name);
    if (other === undefined) found.push(`${place} is missing`);
    else if (kindOf(element) !== kindOf(other)) found.push(`${place} is a ${kindOf(other)}`);
    else if (kindOf(element) === 'section')
      found.push(...differences(place, element as Message, other as Message));
    else if (!OF_THE_MOMENT.test(name) && JSON.stringify(element) !== JSON.stringify(other))
      found.push(`${place} is ${JSON.stringify(other)}, not ${JSON.stringify(element)}`);
  }
  return found;
}

/** The elements of a message, without the numbers that make names unique. */
function byName(message: Message): ReadonlyMap<string, Element> {
  return new Map(Object.entries(message).map(([name, element]) => [name.replace(/-\d+$/, '-N'), element]));
}

function kindOf(element: Element): string {
  if (Array.isArray(element)) return 'list';
  return typeof element === 'string' || element instanceof Uint8Array ? 'value' : 'section';
}
