import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Encr, Integ } from '../iana/transforms.ts';
import { ip } from '../lib/ip.ts';
import { Secret } from '../lib/secret.ts';
import { wipeKeys } from '../policy/direction-keys.ts';
import { Failed } from '../policy/failure.ts';
import { UNLIMITED } from '../policy/lifetimes.ts';
import { type ChildSaParameters, type DirectionKeys, NO_USAGE, type Path } from '../policy/sa.ts';
import type { IpsecBackend } from './backend.ts';

/** What a conformance run needs of a back end besides itself. */
export interface ConformanceSubject {
  readonly backend: IpsecBackend;
  /** Undone after `backend.close()`: sockets, threads, namespaces. */
  dispose?(): Promise<void> | void;
}

/** A path on documentation addresses, with the NAT traversal ports. */
export const SAMPLE_PATH: Path = {
  local: { address: ip('192.0.2.1'), port: 4500 },
  remote: { address: ip('192.0.2.2'), port: 4500 },
};

const ANY = { protocol: 0, startPort: 0, endPort: 65535 };

/** An SA in tunnel mode with AES-GCM that any back end should take; fresh keys of fixed octets. */
export function sampleSa(overrides: Partial<ChildSaParameters> = {}): ChildSaParameters {
  return {
    id: 1,
    name: 'net',
    protocol: 'esp',
    mode: 'tunnel',
    algorithms: { encryption: Encr.ENCR_AES_GCM_16, keyLength: 128, integrity: Integ.NONE, esn: false },
    spiIn: 0xc1000001,
    spiOut: 0xc2000001,
    keysIn: sampleKeys(1),
    keysOut: sampleKeys(2),
    path: SAMPLE_PATH,
    udpEncapsulation: true,
    localTs: [{ start: ip('10.1.0.0'), end: ip('10.1.255.255'), ...ANY }],
    remoteTs: [{ start: ip('10.2.0.0'), end: ip('10.2.255.255'), ...ANY }],
    replayWindow: 128,
    tfcPadding: 0,
    reqid: 1,
    lifetimes: UNLIMITED,
    ...overrides,
  };
}

/** 16 octets of AES key and four of salt. */
function sampleKeys(octet: number): DirectionKeys {
  return {
    encryption: new Secret(new Uint8Array(20).fill(octet)),
    integrity: new Secret(new Uint8Array(0)),
  };
}

/** A Failed with a code of those that a back end may use. */
function refused(error: unknown): boolean {
  return error instanceof Failed && /^(kernel|local)\//.test(error.failure.code);
}

/** One clause of the contract. */
export interface ConformanceCase {
  readonly what: string;
  /** The back end is closed afterwards; the other clauses use SAs 1 to 9 and leave some of them. */
  readonly closes?: true;
  run(backend: IpsecBackend): Promise<void>;
}

/** The contract of `IpsecBackend`, clause by clause; each wants an empty back end, which the caller closes. */
export const CONFORMANCE: readonly ConformanceCase[] = [
  {
    what: 'it says what it can do',
    run: async ({ name: own, features }) => {
      assert.match(own, /^[a-z]/);
      assert.ok(features.modes.length > 0);
      assert.ok(features.protocols.length > 0);
      assert.ok(features.maximumReplayWindow >= 32);
    },
  },
  {
    what: 'SPIs are above 255, below 2^32 and all different',
    run: async backend => {
      const spis = new Set<number>();
      for (let i = 0; i < 20; i++) {
        const spi = await backend.allocateSpi('esp', SAMPLE_PATH);
        assert.ok(Number.isInteger(spi) && spi >= 256 && spi <= 0xffff_ffff, String(spi));
        assert.ok(!spis.has(spi));
        spis.add(spi);
      }
      for (const spi of spis) backend.releaseSpi('esp', spi);
    },
  },
  {
    what: 'a CPI goes along with an SPI, released with it or installed with it',
    run: async backend => {
      if (backend.features.ipcomp !== true) return;
      const sas: ChildSaParameters[] = [];
      for (const id of [1, 2, 3]) {
        const sa = await prepared(backend, { id, spiOut: 0xc200_0000 + id });
        const cpiIn = await backend.allocateCpi?.('esp', sa.spiIn, SAMPLE_PATH);
        assert.ok(cpiIn !== undefined && cpiIn >= 256 && cpiIn <= 61_439, String(cpiIn));
        sas.push({ ...sa, ipcomp: { cpiIn, cpiOut: 0x4000 + id } });
      }
      assert.equal(new Set(sas.map(({ ipcomp }) => ipcomp?.cpiIn)).size, 3);
      const [released, without, compressed] = sas as [
        ChildSaParameters,
        ChildSaParameters,
        ChildSaParameters,
      ];
      backend.releaseSpi('esp', released.spiIn);
      const { ipcomp: _, ...plain } = without;
      await backend.install(plain, { outbound: true });
      await backend.install(compressed, { outbound: true });
      for (const id of [2, 3]) assert.notEqual(await backend.usage(id), undefined);
      for (const id of [2, 3]) await backend.remove(id);
    },
  },
  {
    what: 'an SA can be put in, asked about and taken out',
    run: async backend => {
      const sa = await prepared(backend);
      assert.equal(await backend.usage(sa.id), undefined);
      await backend.install(sa, { outbound: true });
      assert.deepEqual(await backend.usage(sa.id), NO_USAGE);
      await backend.remove(sa.id);
      assert.equal(await backend.usage(sa.id), undefined);
    },
  },
  {
    what: 'the same number and SPI may be used again after removal',
    run: async backend => {
      const sa = await prepared(backend);
      await backend.install(sa, { outbound: true });
      await backend.remove(sa.id);
      await backend.install({ ...sa, keysIn: sampleKeys(3), keysOut: sampleKeys(4) }, { outbound: true });
      assert.notEqual(await backend.usage(sa.id), undefined);
    },
  },
  {
    what: 'a number that is in use is refused, and the SA that has it stays',
    run: async backend => {
      const sa = await prepared(backend);
      await backend.install(sa, { outbound: true });
      const again = await prepared(backend);
      await assert.rejects(backend.install(again, { outbound: true }), refused);
      assert.notEqual(await backend.usage(sa.id), undefined);
    },
  },
  {
    what: 'an inbound SPI that is in use is refused and leaves nothing behind',
    run: async backend => {
      const sa = await prepared(backend);
      await backend.install(sa, { outbound: true });
      await assert.rejects(backend.install({ ...sa, id: 2 }, { outbound: true }), refused);
      assert.equal(await backend.usage(2), undefined);
      assert.notEqual(await backend.usage(sa.id), undefined);
    },
  },
  {
    what: 'a rekey: inbound first, then outbound, then the old one goes step by step',
    run: async backend => {
      const old = await prepared(backend);
      await backend.install(old, { outbound: true });
      const young = await prepared(backend, { id: 2, spiOut: 0xc2000002, replaces: old.id });
      await backend.install(young, { outbound: false });
      await backend.activateOutbound(young.id);
      await backend.deactivateOutbound(old.id);
      assert.notEqual(await backend.usage(old.id), undefined);
      await backend.remove(old.id);
      assert.equal(await backend.usage(old.id), undefined);
      assert.notEqual(await backend.usage(young.id), undefined);
    },
  },
  {
    what: 'keys that are wiped after the installation, before the outbound half is asked for',
    run: async backend => {
      const sa = await prepared(backend);
      await backend.install(sa, { outbound: false });
      wipeKeys(sa);
      await backend.activateOutbound(sa.id);
      assert.notEqual(await backend.usage(sa.id), undefined);
      await backend.deactivateOutbound(sa.id);
      await backend.remove(sa.id);
      assert.equal(await backend.usage(sa.id), undefined);
    },
  },
  {
    what: 'a rekey that both sides begin: three SAs at once, in any order of removal',
    run: async backend => {
      const sas = [];
      for (const id of [1, 2, 3]) {
        const sa = await prepared(backend, { id, spiOut: 0xc2000000 + id, ...(id > 1 && { replaces: 1 }) });
        await backend.install(sa, { outbound: id === 1 });
        sas.push(sa);
      }
      await backend.activateOutbound(3);
      await backend.deactivateOutbound(1);
      await backend.remove(2);
      await backend.remove(1);
      assert.notEqual(await backend.usage(3), undefined);
    },
  },
  {
    what: 'an outbound direction can be made active twice, and inactive twice',
    run: async backend => {
      const sa = await prepared(backend);
      await backend.install(sa, { outbound: true });
      await backend.activateOutbound(sa.id);
      await backend.deactivateOutbound(sa.id);
      await backend.deactivateOutbound(sa.id);
      assert.notEqual(await backend.usage(sa.id), undefined);
    },
  },
  {
    what: 'the peer may move',
    run: async backend => {
      const sa = await prepared(backend);
      await backend.install(sa, { outbound: true });
      const remote = { address: ip('192.0.2.77'), port: 31000 };
      await backend.updatePath(sa.id, { ...SAMPLE_PATH, remote }, true);
      assert.notEqual(await backend.usage(sa.id), undefined);
      await backend.remove(sa.id);
    },
  },
  {
    what: 'what names an SA that is not there is refused, but removal and questions are not',
    run: async backend => {
      await assert.rejects(backend.activateOutbound(9), refused);
      await assert.rejects(backend.deactivateOutbound(9), refused);
      await assert.rejects(backend.updatePath(9, SAMPLE_PATH, true), refused);
      await backend.remove(9);
      assert.equal(await backend.usage(9), undefined);
    },
  },
  {
    what: 'what its features exclude is refused and leaves nothing behind',
    run: async backend => {
      const { modes, protocols, maximumReplayWindow, forceUdpEncapsulation } = backend.features;
      const excluded: Partial<ChildSaParameters>[] = [{ replayWindow: maximumReplayWindow + 1 }];
      for (const mode of ['tunnel', 'transport', 'beet'] as const)
        if (!modes.includes(mode)) excluded.push({ mode });
      for (const protocol of ['esp', 'ah'] as const)
        if (!protocols.includes(protocol)) excluded.push({ protocol });
      if (forceUdpEncapsulation) excluded.push({ udpEncapsulation: false });
      const sa = await prepared(backend);
      for (const overrides of excluded) {
        await assert.rejects(backend.install({ ...sa, ...overrides }, { outbound: true }), refused);
        assert.equal(await backend.usage(sa.id), undefined);
      }
      await backend.install(sa, { outbound: true });
    },
  },
  {
    what: 'SPIs, keys and a reqid that a person chose go in, with no window, and their SPI may be used again',
    run: async backend => {
      const keys = (octet: number): DirectionKeys => ({
        encryption: new Secret(new Uint8Array(32).fill(octet)),
        integrity: new Secret(new Uint8Array(32).fill(octet + 1)),
      });
      const chosen = sampleSa({
        id: 0x4000_0001,
        reqid: 0x8000_0001,
        mode: backend.features.modes[0] ?? 'tunnel',
        algorithms: {
          encryption: Encr.ENCR_AES_CBC,
          keyLength: 256,
          integrity: Integ.AUTH_HMAC_SHA2_256_128,
          esn: false,
        },
        spiIn: 0x100,
        spiOut: 0x100,
        replayWindow: 0,
      });
      for (const octet of [1, 3]) {
        const sa = { ...chosen, keysIn: keys(octet), keysOut: keys(octet + 10) };
        await backend.install(sa, { outbound: true });
        assert.notEqual(await backend.usage(sa.id), undefined);
        await assert.rejects(backend.install({ ...sa, id: 9 }, { outbound: true }), refused);
        assert.deepEqual(sa.keysIn.encryption.reveal(), new Uint8Array(32).fill(octet));
        await backend.remove(sa.id);
      }
    },
  },
  {
    what: 'every mode it claims can be installed',
    run: async backend => {
      for (const [i, mode] of backend.features.modes.entries()) {
        const host = (address: string) => [{ start: ip(address), end: ip(address), ...ANY }];
        // Transport mode protects the very addresses that packets travel between.
        const selectors =
          mode === 'transport' ? { localTs: host('192.0.2.1'), remoteTs: host('192.0.2.2') } : {};
        const sa = await prepared(backend, {
          id: i + 1,
          mode,
          spiOut: 0xc2000010 + i,
          reqid: i + 1,
          ...selectors,
        });
        await backend.install(sa, { outbound: true });
        assert.notEqual(await backend.usage(sa.id), undefined);
      }
    },
  },
  {
    what: 'ESN and large windows can be installed where it claims them',
    run: async backend => {
      const { esn, maximumReplayWindow } = backend.features;
      const sa = await prepared(backend, { replayWindow: maximumReplayWindow });
      await backend.install({ ...sa, algorithms: { ...sa.algorithms, esn } }, { outbound: true });
      assert.notEqual(await backend.usage(sa.id), undefined);
    },
  },
  {
    what: 'virtual IPs go on the host and off it, where packets are the host’s, as often as is said',
    run: async backend => {
      const addresses = ['10.3.0.1', '2001:db8:3::1'].map(ip);
      for (let time = 0; time < 2; time++) {
        for (const address of addresses) await backend.assignAddress?.(address, SAMPLE_PATH);
        for (const address of addresses) await backend.assignAddress?.(address, SAMPLE_PATH);
        for (const address of addresses) await backend.unassignAddress?.(address);
        for (const address of addresses) await backend.unassignAddress?.(address);
      }
      for (const address of addresses) await backend.assignAddress?.(address, SAMPLE_PATH);
    },
  },
  {
    what: 'policies without an SA go in and out, where it has them',
    run: async backend => {
      if (backend.addPolicy === undefined) return;
      const { localTs, remoteTs, path } = sampleSa();
      const trap = {
        localTs,
        remoteTs,
        reqid: 1,
        local: path.local.address,
        remote: path.remote.address,
      } as const;
      const policy = {
        ...trap,
        id: 1,
        kind: 'trap',
        protocol: 'esp',
        mode: backend.features.modes[0] ?? 'tunnel',
      } as const;
      await backend.addPolicy(policy);
      await assert.rejects(backend.addPolicy(policy), refused);
      await backend.install(await prepared(backend), { outbound: true });
      await backend.removePolicy?.(1);
      await backend.removePolicy?.(1);
      await backend.addPolicy(policy);
      await backend.remove(1);
      await backend.removePolicy?.(1);
    },
  },
  {
    what: 'closing takes all out; it may be done twice, and nothing can be put in afterwards',
    closes: true,
    run: async backend => {
      const sa = await prepared(backend);
      await backend.install(sa, { outbound: true });
      await backend.close();
      await backend.close();
      assert.equal(await backend.usage(sa.id), undefined);
      await assert.rejects(backend.install({ ...sa, id: 2 }, { outbound: true }), refused);
      await assert.rejects(backend.allocateSpi('esp', SAMPLE_PATH), refused);
    },
  },
];

/** The contract as tests: every back end runs them. `makeBackend` is called once a test. */
export function backendConformance(
  name: string,
  makeBackend: () => Promise<ConformanceSubject> | ConformanceSubject,
): void {
  describe(`${name} keeps the contract of a back end`, () => {
    for (const { what, run } of CONFORMANCE) {
      test(what, async () => {
        const { backend, dispose } = await makeBackend();
        try {
          await run(backend);
        } finally {
          await backend.close();
          await dispose?.();
        }
      });
    }
  });
}

/** An SA whose inbound SPI was allocated, as the core does it. */
async function prepared(
  backend: IpsecBackend,
  overrides: Partial<ChildSaParameters> = {},
): Promise<ChildSaParameters> {
  const spiIn = await backend.allocateSpi('esp', SAMPLE_PATH);
  return sampleSa({ spiIn, mode: backend.features.modes[0] ?? 'tunnel', ...overrides });
}
