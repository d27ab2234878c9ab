import assert from 'node:assert/strict';
import type { Answer, Command, Question } from '../../src/ike/output.ts';
import { constantTimeEqual, toHex } from '../../src/lib/bytes.ts';
import { formatIp } from '../../src/lib/ip.ts';
import type { Duration } from '../../src/lib/time.ts';
import type { Failure } from '../../src/policy/failure.ts';
import type { BackendFeatures, ChildSaParameters, Path } from '../../src/policy/sa.ts';
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';

export const ALL_FEATURES: BackendFeatures = {
  modes: ['tunnel', 'transport', 'beet'],
  protocols: ['esp', 'ah'],
  esn: true,
  forceUdpEncapsulation: false,
  maximumReplayWindow: 4096,
  ipcomp: true,
  tcp: true,
};

/** An installed pair, with the keys copied out as a kernel would. */
export interface InstalledSa {
  readonly sa: ChildSaParameters;
  readonly keyIn: string;
  readonly keyOut: string;
  path: Path;
  udpEncapsulation: boolean;
  outbound: 'waiting' | 'active' | 'stopped';
  /** Grows with each activation: of several active ones the youngest carries the traffic. */
  activated: number;
  /** Packets that arrived by it. */
  received: number;
}

type BackEndQuestion = Exclude<
  Question,
  { kind: 'resolve' | 'paths' | 'lease' | 'check-safe-prime' | 'fetch' }
>;
type BackEndCommand = Exclude<Command, { kind: 'release-lease' }>;

type Operation =
  | {
      readonly kind: 'ask';
      readonly question: BackEndQuestion;
      readonly answer: (answer: Answer) => void;
    }
  | { readonly kind: 'command'; readonly command: BackEndCommand };

/**
 * An IPsec back end of a list in memory: does what it is asked in order, each thing `latency` after the one
 * before, and refuses by assertion what no back end could do: a second SA of an SPI, the removal of what is not there.
 */
export class FakeBackEnd {
  readonly features: BackendFeatures;
  latency: Duration = 0;
  /** The next question of this kind fails. */
  readonly refusals = new Map<Question['kind'], Failure>();
  /** Everything done, one line each. */
  readonly history: string[] = [];
  readonly sas = new Map<number, InstalledSa>();
  readonly reserved = new Set<number>();
  /** Virtual IPs of this host, and how many SAs have each. */
  readonly addresses = new Map<string, number>();
  /** Operations that are not done yet. */
  pending = 0;
  readonly #schedule: Schedule;
  readonly #random: Random;
  readonly #everUsed = new Set<number>();
  readonly #cpis = new Map<number, number>();
  readonly #ids = new Set<number>();
  #activations = 0;
  #readyAt = 0;

  constructor(schedule: Schedule, random: Random, features: BackendFeatures = ALL_FEATURES) {
    this.#schedule = schedule;
    this.#random = random;
    this.features = features;
  }

  ask(question: BackEndQuestion, answer: (answer: Answer) => void): void {
    this.#enqueue({ kind: 'ask', question, answer });
  }

  command(command: BackEndCommand): void {
    this.#enqueue({ kind: 'command', command });
  }

  /** Of the SAs named `name` the one that traffic leaves by. */
  outbound(name: string): InstalledSa | undefined {
    let best: InstalledSa | undefined;
    for (const entry of this.sas.values()) {
      if (entry.sa.name !== name || entry.outbound !== 'active') continue;
      if (best === undefined || entry.activated > best.activated) best = entry;
    }
    return best;
  }

  /** The SA that receives packets of `spi`. */
  inbound(spi: number): InstalledSa | undefined {
    for (const entry of this.sas.values()) if (entry.sa.spiIn === spi) return entry;
    return undefined;
  }

  /** Fails unless nothing is installed, reserved or under way. */
  assertEmpty(who: string): void {
    assert.equal(this.pending, 0, `${who}: back end operations are under way`);
    assert.deepEqual([...this.sas.keys()], [], `${who}: SAs are left installed`);
    assert.deepEqual([...this.reserved], [], `${who}: SPIs are left reserved`);
    assert.deepEqual([...this.addresses], [], `${who}: virtual IPs are left on the host`);
  }

  #enqueue(operation: Operation): void {
    this.pending++;
    this.#readyAt = Math.max(this.#schedule.now, this.#readyAt) + this.latency;
    this.#schedule.at(this.#readyAt, () => {
      this.pending--;
      if (operation.kind === 'ask') operation.answer(this.#answer(operation.question));
      else this.#obey(operation.command);
    });
  }

  #answer(question: BackEndQuestion): Answer {
    const failure = this.refusals.get(question.kind);
    if (failure !== undefined) {
      this.refusals.delete(question.kind);
      this.history.push(`refuse ${question.kind}`);
      return { kind: 'failed', failure };
    }
    if (question.kind === 'allocate-spi') {
      let spi: number;
      do spi = 0x1000_0000 + this.#random.below(0x7000_0000);
      while (this.#everUsed.has(spi));
      this.#everUsed.add(spi);
      this.reserved.add(spi);
      if (question.ipcomp !== true) return { kind: 'spi', spi };
      // As different as SPIs are, so that one taken for another shows.
      const cpi = 256 + (this.#everUsed.size % 61_000);
      this.#cpis.set(spi, cpi);
      return { kind: 'spi', spi, cpi };
    }
    if (question.kind === 'assign-address') {
      const address = formatIp(question.address);
      this.addresses.set(address, (this.addresses.get(address) ?? 0) + 1);
      this.history.push(`assign ${address}`);
      return { kind: 'done' };
    }
    this.#install(question.sa, question.outbound);
    return { kind: 'done' };
  }

  #install(sa: ChildSaParameters, outbound: boolean): void {
    assert.ok(!this.#ids.has(sa.id), `SA ${sa.id} is installed a second time`);
    assert.ok(this.reserved.delete(sa.spiIn), `SPI ${hex(sa.spiIn)} was not reserved, or is installed twice`);
    if (sa.ipcomp !== undefined)
      assert.equal(sa.ipcomp.cpiIn, this.#cpis.get(sa.spiIn), 'the CPI was not reserved with the SPI');
    assert.ok(sa.spiOut > 255, `outbound SPI ${hex(sa.spiOut)}`);
    assert.ok(sa.localTs.length > 0 && sa.remoteTs.length > 0, 'an SA without traffic selectors');
    if (sa.replaces !== undefined) assert.ok(this.#ids.has(sa.replaces), `SA ${sa.replaces} never was`);
    this.#ids.add(sa.id);
    this.sas.set(sa.id, {
      sa,
      keyIn: keyText(sa.keysIn),
      keyOut: keyText(sa.keysOut),
      path: sa.path,
      udpEncapsulation: sa.udpEncapsulation,
      outbound: outbound ? 'active' : 'waiting',
      activated: ++this.#activations,
      received: 0,
    });
    this.history.push(`install ${sa.id}${outbound ? '' : ' inbound'}`);
  }

  #obey(command: BackEndCommand): void {
    if (command.kind === 'release-spi') {
      assert.ok(
        this.reserved.delete(command.spi),
        `SPI ${hex(command.spi)} is released but was not reserved`,
      );
      this.history.push('release-spi');
      return;
    }
    if (command.kind === 'unassign-address') {
      const address = formatIp(command.address);
      const users = this.addresses.get(address) ?? 0;
      assert.ok(users > 0, `${address} is taken off the host but is not on it`);
      if (users > 1) this.addresses.set(address, users - 1);
      else this.addresses.delete(address);
      this.history.push(`unassign ${address}`);
      return;
    }
    const entry = this.sas.get(command.id);
    assert.ok(entry !== undefined, `${command.kind} of SA ${command.id}, which is not installed`);
    this.history.push(`${command.kind} ${command.id}`);
    switch (command.kind) {
      case 'activate-outbound':
        assert.equal(entry.outbound, 'waiting', `SA ${command.id} is ${entry.outbound} already`);
        entry.outbound = 'active';
        entry.activated = ++this.#activations;
        return;
      case 'deactivate-outbound':
        entry.outbound = 'stopped';
        return;
      case 'remove':
        this.sas.delete(command.id);
        return;
      case 'update-path':
        entry.path = command.path;
        entry.udpEncapsulation = command.udpEncapsulation;
    }
  }
}

const paired = new WeakMap<InstalledSa, InstalledSa>();

/** Fails unless what leaves by `out` would be taken in by `into`: the same keys, algorithms and mirrored selectors. */
export function assertPair(out: InstalledSa, into: InstalledSa): void {
  if (paired.get(out) === into) return;
  assert.equal(out.keyOut, into.keyIn, 'the two ends hold different keys');
  assert.deepEqual(out.sa.algorithms, into.sa.algorithms);
  assert.equal(out.sa.protocol, into.sa.protocol);
  assert.equal(out.sa.mode, into.sa.mode);
  assert.equal(out.sa.ipcomp?.cpiOut, into.sa.ipcomp?.cpiIn);
  assert.equal(out.sa.ipcomp?.cpiIn, into.sa.ipcomp?.cpiOut);
  assert.deepEqual(out.sa.localTs, into.sa.remoteTs);
  assert.deepEqual(out.sa.remoteTs, into.sa.localTs);
  paired.set(out, into);
}

function keyText(keys: ChildSaParameters['keysIn']): string {
  const encryption = keys.encryption.reveal();
  assert.ok(
    encryption.length === 0 || !constantTimeEqual(encryption, new Uint8Array(encryption.length)),
    'a key of zeros: wiped before it was installed',
  );
  return `${toHex(encryption)}/${toHex(keys.integrity.reveal())}`;
}

function hex(spi: number): string {
  return spi.toString(16).padStart(8, '0');
}
