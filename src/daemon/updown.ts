import { networkInterfaces } from 'node:os';
import type { IkeEvent } from '../ike/output.ts';
import { equal } from '../lib/bytes.ts';
import { type IpAddress, parseIp } from '../lib/ip.ts';
import { type ProgramLimits, runProgram, SCRIPT_PATH } from './program.ts';
import { type Environment, updownEnvironments } from './updown-environment.ts';

/** What a line of a program's output, or the lack of one, is about. */
export interface UpdownSource {
  readonly connection: string;
  readonly ike: number;
}

/** Programs of different children that run at the same time. */
const AT_ONCE = 16;

const LIMITS: ProgramLimits = { patience: 30_000, lines: 1000, lineLength: 1024 };

/**
 * Runs the `updown` commands of children as charon does: when one comes up and when it goes, once for each pair of
 * its selectors, and not when it is rekeyed. Nothing waits for them. What concerns one child of one connection
 * happens in the order in which it came about, so that `down` never overtakes `up`.
 */
export class UpdownPrograms {
  readonly #onLine: (source: UpdownSource, text: string) => void;
  readonly #limits: ProgramLimits;
  readonly #turns = new Map<string, Promise<void>>();
  /** Interfaces by reqid: at the end the address may be gone. */
  readonly #devices = new Map<number, string>();
  readonly #free: (() => void)[] = [];
  #running = 0;

  /** `onLine` hears what programs print, and what goes wrong with them. */
  constructor(onLine: (source: UpdownSource, text: string) => void, limits: Partial<ProgramLimits> = {}) {
    this.#onLine = onLine;
    this.#limits = { ...LIMITS, ...limits };
  }

  note(event: IkeEvent): void {
    if (event.kind !== 'child-up' && event.kind !== 'child-down') return;
    const { ike, child } = event;
    const { updown } = child;
    if (updown === undefined) return;
    const up = event.kind === 'child-up';
    const device = up ? deviceOf(ike.path.local.address) : this.#devices.get(child.reqid);
    if (!up) this.#devices.delete(child.reqid);
    else if (device !== undefined) this.#devices.set(child.reqid, device);
    const source = { connection: ike.connection, ike: ike.id };
    const environments = updownEnvironments({ up, ike, child, device }, updown);
    this.#inTurn(`${ike.connection}/${child.name}`, () => this.#run(updown.command, environments, source));
  }

  /** Resolves once all that was begun has ended. */
  async settled(): Promise<void> {
    while (this.#turns.size > 0) await Promise.all(this.#turns.values());
  }

  async #run(command: string, environments: readonly Environment[], source: UpdownSource): Promise<void> {
    for (const environment of environments) {
      await this.#enter();
      try {
        // Only what stands in the configuration is read by the shell: all that a peer has a hand in is a variable.
        const failure = await runProgram(
          '/bin/sh',
          ['-c', command],
          { PATH: SCRIPT_PATH, ...environment },
          text => this.#onLine(source, `updown: ${text}`),
          this.#limits,
        );
        if (failure !== undefined) this.#onLine(source, `updown '${command}' ${failure}`);
      } finally {
        this.#leave();
      }
    }
  }

  #inTurn(key: string, work: () => Promise<void>): void {
    const turn = (this.#turns.get(key) ?? Promise.resolve()).then(work).finally(() => {
      if (this.#turns.get(key) === turn) this.#turns.delete(key);
    });
    this.#turns.set(key, turn);
  }

  async #enter(): Promise<void> {
    if (this.#running >= AT_ONCE) await new Promise<void>(resolve => this.#free.push(resolve));
    else this.#running++;
  }

  /** The place goes to whoever waits longest. */
  #leave(): void {
    const next = this.#free.shift();
    if (next === undefined) this.#running--;
    else next();
  }
}

function deviceOf(address: IpAddress): string | undefined {
  for (const [name, addresses] of Object.entries(networkInterfaces())) {
    for (const { address: text } of addresses ?? []) {
      const other = parseIp(text);
      if (other !== undefined && equal(other, address)) return name;
    }
  }
  return undefined;
}
