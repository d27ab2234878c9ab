import { connect } from 'node:net';
import { getHeapCodeStatistics } from 'node:v8';
import { ViciClient } from '../src/control/index.ts';
import type { Message } from '../src/control/vici/message.ts';
import { FailuresSeen } from '../src/daemon/failures-seen.ts';
import { Handshakes } from '../src/daemon/handshakes.ts';
import { Inactivity } from '../src/daemon/inactivity.ts';
import { Traffic } from '../src/daemon/traffic.ts';
import { ip } from '../src/lib/ip.ts';
import type { UdpTransport } from '../src/net/transport.ts';
import { ControlScene, LAB_SECRET, labConnection, Wire } from '../test/control-scene.ts';
import { Random } from '../test/sim/random.ts';

/*
 * `node --expose-gc bench/soak.ts [ROUNDS] [SEED]`: two daemons in one process, with all that a daemon has around its
 * gateway, do what daemons do for years: SAs of both versions and in both roles come, are renewed, fail in every way and
 * go, while VICI clients list, subscribe, load, unload, send rubbish and vanish. Afterwards memory, timers, handles and
 * tables must be what they were.
 */

const ALICE = '192.0.2.1';
const BOB = '192.0.2.2';
const SAMPLES = 10;
/** Octets of heap that a round may leave behind, on average; with fewer rounds, bounded tables are filling still. */
const TOLERANCE = 100;
const ENOUGH = 10_000;
/** What is remembered for ten minutes takes so long until it goes as fast as it comes. */
const REMEMBERED_MS = 11 * 60_000;

type Step = (world: World) => Promise<void>;

interface World {
  readonly wire: Wire;
  readonly random: Random;
  readonly alice: ControlScene;
  readonly bob: ControlScene;
  sas: number;
  failures: number;
}

const pick = <T>(random: Random, of: readonly T[]): T => of[random.below(of.length)] as T;

/** Every connection that the steps use, of either side. */
function connections(who: 'alice' | 'bob'): Readonly<Record<string, Message>> {
  const lab = labConnection(who);
  const { local, remote } = lab;
  const variant = (name: string, change: Message): Message => ({
    ...lab,
    local: { ...local, id: `${name}.${local.id}` },
    remote: { ...remote, id: `${name}.${remote.id}` },
    ...change,
  });
  const mismatch = who === 'alice' ? 'aes256-sha256-modp2048' : 'aes128gcm16-prfsha256-x25519';
  const { net } = lab.children;
  return {
    lab: variant('lab', { dpd_delay: '1s' }),
    replaced: variant('replaced', { unique: 'replace' }),
    road: variant('road', who === 'alice' ? { vips: ['0.0.0.0'] } : { pools: ['road'] }),
    proposals: variant('proposals', { proposals: [mismatch] }),
    secret: variant('secret', {}),
    selectors: variant('selectors', {
      children: { net: { ...net, local_ts: [who === 'alice' ? '10.77.0.0/16' : '10.2.0.0/16'] } },
    }),
    old: variant('old', { version: '1', proposals: ['aes128-sha256-modp1024'] }),
    'old-secret': variant('old-secret', { version: '1', proposals: ['aes128-sha256-modp1024'] }),
    idle: variant('idle', { children: { net: { ...net, inactivity: '1s' } } }),
    trap: variant('trap', { children: { net: { ...net, start_action: 'trap' } } }),
  };
}

const up = async (scene: ControlScene, ike: string, child: string | undefined = 'net'): Promise<boolean> => {
  const answer = await scene.client.request('initiate', {
    ike,
    ...(child === undefined ? {} : { child }),
    timeout: '5000',
    loglevel: '-1',
  });
  return answer['success'] === 'yes';
};
const down = (scene: ControlScene, ike: string, force = false): Promise<Message> =>
  scene.client.request('terminate', { ike, timeout: '1000', ...(force ? { force: 'yes' } : {}) });

const established =
  (name: string): Step =>
  async world => {
    const [one, other] = world.random.chance(0.5) ? [world.alice, world.bob] : [world.bob, world.alice];
    // Who asks for a virtual IP calls.
    const caller = name === 'road' ? world.alice : one;
    // Where the other one has just been told to end what this one was renewing, it does not come up.
    if (await up(caller, name)) world.sas++;
    else world.failures++;
    if (world.random.chance(0.3)) await caller.client.request('rekey', { child: 'net', ike: name });
    if (world.random.chance(0.2)) await other.client.request('rekey', { ike: name });
    if (world.random.chance(0.2)) await new Promise(resolve => setTimeout(resolve, 60));
    await down(world.random.chance(0.5) ? one : other, name);
  };

const failing =
  (name: string): Step =>
  async world => {
    const scene = pick(world.random, [world.alice, world.bob]);
    await up(scene, name);
    world.failures++;
    await down(scene, name);
    await down(scene === world.alice ? world.bob : world.alice, name);
  };

const STEPS: readonly (readonly [weight: number, what: string, step: Step])[] = [
  [8, 'SA', established('lab')],
  [3, 'virtual IP', established('road')],
  [3, 'SA of IKEv1', established('old')],
  [2, 'no proposal', failing('proposals')],
  [2, 'other secret', failing('secret')],
  [2, 'no selectors', failing('selectors')],
  [1, 'other secret, IKEv1', failing('old-secret')],
  [
    2,
    'replaced',
    async world => {
      await up(world.alice, 'replaced');
      // alice starts again without a word.
      await down(world.alice, 'replaced', true);
      await up(world.alice, 'replaced');
      world.sas += 2;
      await down(world.bob, 'replaced');
    },
  ],
  [
    2,
    'silent peer',
    async world => {
      world.wire.cut = true;
      await up(world.alice, 'lab');
      world.wire.cut = false;
      world.failures++;
      await down(world.alice, 'lab');
    },
  ],
  [
    2,
    'lost peer',
    async world => {
      await up(world.alice, 'lab');
      world.sas++;
      world.wire.cut = true;
      await until(() => [world.alice, world.bob].every(({ gateway }) => !gateway.status().some(isOf('lab'))));
      world.wire.cut = false;
      world.failures++;
    },
  ],
  [
    1,
    'back end refuses',
    async world => {
      const scene = pick(world.random, [world.alice, world.bob]);
      scene.backend.refuseNext({ code: 'kernel/install', summary: 'no' });
      await up(world.alice, 'lab');
      world.failures++;
      for (const one of [world.alice, world.bob]) await down(one, 'lab');
    },
  ],
  [
    1,
    'back end lets expire',
    async world => {
      await up(world.alice, 'lab');
      world.sas++;
      const [id] = world.alice.backend.sas.keys();
      if (id !== undefined)
        world.alice.backend.emit({ kind: 'expire', id, hard: world.random.chance(0.5), now: 0 });
      await pause(10);
      await down(world.alice, 'lab');
    },
  ],
  [
    1,
    'trap',
    async ({ alice, bob }) => {
      await alice.client.request('install', { ike: 'trap', child: 'net' });
      const [policy] = [...alice.backend.policies.values()];
      if (policy !== undefined) {
        const [source, destination] = [ip('10.1.0.1'), ip('10.2.0.1')];
        const acquire = { kind: 'acquire', reqid: policy.reqid, source, destination, protocol: 17 } as const;
        alice.backend.emit(acquire);
        // What a slow machine gave up is asked for again by the next packet.
        const packets = setInterval(() => alice.backend.emit(acquire), 1000);
        await until(() =>
          alice.gateway.status().some(one => isOf('trap')(one) && one.children.length > 0),
        ).finally(() => clearInterval(packets));
      }
      await alice.client.request('uninstall', { ike: 'trap', child: 'net' });
      await down(bob, 'trap');
    },
  ],
  [
    2,
    'strangers',
    async ({ wire, random }) => {
      const stranger = wire.transport(`198.51.100.${1 + random.below(200)}`);
      const [local] = stranger.listening;
      if (local === undefined) return;
      const path = { local, remote: { address: ip(BOB), port: 500 } };
      for (const datagram of recorded) {
        const other = datagram.slice();
        for (let i = 0; i < 8; i++) other[i] = random.below(255) + 1;
        if (random.chance(0.3)) other[random.below(other.length)] = random.below(256);
        stranger.send(other, path);
      }
      await pause(1);
      await stranger.close();
    },
  ],
  [
    3,
    'clients',
    async ({ random, alice, bob }) => {
      const scene = pick(random, [alice, bob]);
      const client = await ViciClient.connect(scene.server.address);
      for (const event of ['log', 'ike-updown', 'child-updown', 'ike-rekey', 'alert'])
        if (random.chance(0.5)) await client.subscribe(event, () => undefined);
      await client.stream('list-sas', 'list-sa', {}, () => undefined);
      await client.stream('list-conns', 'list-conn', {}, () => undefined);
      if (random.chance(0.5)) client.close();
      else
        void client
          .request('stats')
          .catch(() => undefined)
          .then(() => client.close());
      // One that goes in the middle of a word.
      const path = scene.server.address.replace('unix://', '');
      const socket = connect(path);
      socket.on('error', () => undefined);
      socket.write(Uint8Array.from({ length: 1 + random.below(40) }, () => random.below(256)));
      await new Promise(resolve => socket.once('connect', resolve));
      socket.destroy();
    },
  ],
  [
    2,
    'loading',
    async ({ random, alice }) => {
      const name = `passing-${random.below(64)}`;
      const { client } = alice;
      await client.request('load-conn', { [name]: connections('alice')['lab'] as Message });
      await client.request('load-shared', { id: name, type: 'ike', data: name, owners: [name] });
      await client.request('load-pool', { [name]: { addrs: '10.200.0.0/24' } });
      if (random.chance(0.2)) await up(alice, name);
      await down(alice, name);
      await client.request('load-conn', { broken: { version: '9', remote_addrs: [name] } });
      await client.request('unload-conn', { name });
      await client.request('unload-shared', { id: name });
      await client.request('unload-pool', { name });
      await client.request('cygnet-explain', { connection: name });
      await client.request('cygnet-status');
    },
  ],
  [
    1,
    'manual',
    async ({ random, alice }) => {
      const key = (n: number): string => `0x${`${10 + n}`.repeat(31)}01`;
      await alice.client.request('cygnet-sa-add', {
        [`m${random.below(1e9)}`]: {
          local_addr: ALICE,
          remote_addr: BOB,
          spi_in: '0xc1000001',
          spi_out: '0xc1000002',
          esp: 'aes256-sha256',
          encryption_key_in: key(1),
          encryption_key_out: key(2),
          integrity_key_in: key(3),
          integrity_key_out: key(4),
          local_ts: '10.1.0.0/16',
          remote_ts: '10.2.0.0/16',
        },
      });
      for (const { sa } of alice.manual.list) await alice.client.request('cygnet-sa-del', { name: sa.name });
    },
  ],
];

/** First messages of SAs: what strangers send again. */
const recorded: Uint8Array[] = [];

class TappedWire extends Wire {
  override transport(address: string): UdpTransport {
    const transport = super.transport(address);
    const send: UdpTransport['send'] = (datagram, path) => {
      const isFirst = datagram.subarray(8, 16).every(octet => octet === 0);
      if (isFirst && recorded.length < 8) recorded.push(datagram.slice());
      transport.send(datagram, path);
    };
    return { ...transport, send };
  }
}

async function soak(rounds: number, seed: number): Promise<boolean> {
  const wire = new TappedWire();
  const settings = {
    halfOpenTimeout: 300,
    retransmitTimeout: 30,
    retransmitTries: 2,
    retransmitBase: 1.2,
    deleteRekeyedDelay: 20,
  };
  await using alice = await ControlScene.open(wire, ALICE, BOB, settings);
  await using bob = await ControlScene.open(wire, BOB, ALICE, settings);
  const world: World = { wire, random: new Random(seed), alice, bob, sas: 0, failures: 0 };
  for (const [scene, who] of [
    [alice, 'alice'],
    [bob, 'bob'],
  ] as const) {
    const { gateway } = scene;
    const observers = [new Handshakes(), new FailuresSeen()];
    for (const observer of observers) gateway.on(event => observer.note(event));
    new Traffic(gateway);
    new Inactivity(gateway, { now: Date.now, closeIke: true, onClose: () => undefined });
    const { client } = scene;
    await client.request('load-pool', { road: { addrs: '10.3.0.0/24' } });
    for (const [name, section] of Object.entries(connections(who))) {
      const data = name.endsWith('secret') ? `${who} ${name}` : LAB_SECRET.data;
      const owners = [`${name}.alice.lab`, `${name}.bob.lab`];
      await client.request('load-shared', { id: name, type: 'ike', data, owners });
      const answer = await client.request('load-conn', { [name]: section });
      if (answer['success'] !== 'yes') throw new Error(String(answer['errmsg']));
    }
    // These hear all that happens, all the time.
    await client.subscribe('log', () => undefined);
    await client.subscribe('ike-updown', () => undefined);
  }
  const samples: Sample[] = [];
  const perSample = Math.ceil(rounds / SAMPLES);
  const began = performance.now();
  let settled = SAMPLES / 2 - 1;
  for (let i = 1; i <= SAMPLES; i++) {
    await run(world, perSample);
    const now = await sample(world);
    if (performance.now() - began < REMEMBERED_MS && i < SAMPLES - 1) settled = Math.max(settled, i);
    samples.push(now);
    console.log(
      `${perSample * i} rounds, ${world.sas} SAs, ${world.failures} failures: ${JSON.stringify(now)}`,
    );
  }
  // Until then, and in the first half at any rate, tables that are bounded fill.
  const [first, last] = [samples[settled] as Sample, samples.at(-1) as Sample];
  const counted = perSample * (SAMPLES - 1 - settled);
  const grown = (last.heap - first.heap) / counted;
  const seconds = ((performance.now() - began) / 1000).toFixed(0);
  console.log(
    `${world.sas} IKE SAs came up, ${world.failures} came to nothing, in ${seconds} s; seed ${seed}`,
  );
  console.log(`heap without compiled code: ${grown.toFixed(1)} octets a round in the last ${counted}`);
  const tables = ({ heap: _, code: __, ...rest }: Sample): string => JSON.stringify(rest);
  const isSame = tables(first) === tables(last);
  if (!isSame) console.log(`left over: ${tables(last)} instead of ${tables(first)}`);
  return isSame && (rounds < ENOUGH || grown < TOLERANCE);
}

async function run(world: World, rounds: number): Promise<void> {
  const total = STEPS.reduce((sum, [weight]) => sum + weight, 0);
  for (let i = 0; i < rounds; i++) {
    let at = world.random.below(total);
    const chosen = STEPS.find(([weight]) => {
      at -= weight;
      return at < 0;
    });
    const [, what, step] = chosen as (typeof STEPS)[number];
    try {
      await step(world);
    } catch (error) {
      throw new Error(`in "${what}", round ${i}: ${(error as Error).message}`, { cause: error });
    }
  }
}

interface Sample {
  readonly heap: number;
  readonly [table: string]: number | string;
}

/** When all has come to rest. */
async function sample(world: World): Promise<Sample> {
  const { alice, bob } = world;
  const left = (): readonly string[] =>
    [alice, bob].flatMap(({ gateway, backend }) => [
      ...gateway.status().map(one => `${one.connection} as ${one.role} ${one.state} ${one.phase ?? ''}`),
      ...Array.from(backend.sas.values(), ({ parameters }) => `SA ${parameters.id} of ${parameters.name}`),
    ]);
  await until(
    () => left().length === 0,
    () => left().join(', '),
  );
  // What the scenes remember for tests is no memory of the daemons.
  for (const { loaded, warnings } of [alice, bob]) for (const list of [loaded, warnings]) list.length = 0;
  // Half-open SAs of strangers, and what is late.
  await pause(500);
  for (let i = 0; i < 4; i++) {
    await pause(20);
    globalThis.gc?.();
  }
  const { heapUsed, external } = process.memoryUsage();
  const { code_and_metadata_size: compiled, bytecode_and_metadata_size: bytecode } = getHeapCodeStatistics();
  const code = compiled + bytecode;
  const resources = Map.groupBy(process.getActiveResourcesInfo(), name => name);
  return {
    heap: heapUsed + external - code,
    code,
    sas: alice.backend.sas.size + bob.backend.sas.size,
    policies: alice.backend.policies.size + bob.backend.policies.size,
    manual: alice.manual.list.length,
    online: bob.gateway.leases
      .view()
      .map(({ online }) => online)
      .join(),
    connections: alice.live.connections.length,
    resources: [...resources]
      .map(([name, all]) => `${name} ${all.length}`)
      .sort()
      .join(', '),
  };
}

const isOf =
  (name: string) =>
  ({ connection }: { readonly connection: string }): boolean =>
    connection === name;

const pause = (milliseconds: number): Promise<void> =>
  new Promise(resolve => setTimeout(resolve, milliseconds));

async function until(condition: () => boolean, instead = condition.toString.bind(condition)): Promise<void> {
  for (const end = performance.now() + 20_000; !condition(); await pause(5))
    if (performance.now() > end) throw new Error(`waited in vain: ${instead()}`);
}

const [rounds = '12000', seed = '1'] = process.argv.slice(2);
if (globalThis.gc === undefined) throw new Error('start it with --expose-gc');
process.exitCode = (await soak(Number(rounds), Number(seed))) ? 0 : 1;
