import type { Answer, Command, Question } from '../ike/output.ts';
import type { IpsecBackend } from '../ipsec/backend.ts';
import { formatIp, type IpAddress } from '../lib/ip.ts';
import type { Connection } from '../policy/connection.ts';
import { wipeKeys } from '../policy/direction-keys.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import { type ChildSaParameters, type ChildSaUsage, NO_USAGE, type Path } from '../policy/sa.ts';
import { tunnelInterfaces } from '../policy/tunnel-interface.ts';
import { failureOf } from './failure-of.ts';
import { needsKernel } from './unheeded.ts';

type BackendQuestion = Exclude<
  Question,
  { kind: 'resolve' | 'paths' | 'lease' | 'check-safe-prime' | 'fetch' }
>;
type BackendCommand = Exclude<Command, { kind: 'release-lease' }>;
type SaCommand = Extract<BackendCommand, { id: number }>;

/** What concerns virtual IPs happens in order too; no SA has this number. */
const ADDRESSES = 0;

/**
 * Carries the core's questions and commands to the IPsec back end. What concerns one SA happens strictly in
 * the order in which the core said it (a removal never overtakes its installation); different SAs do not wait
 * for each other.
 */
export class BackendQueue {
  readonly #backend: IpsecBackend;
  readonly #onFailure: (failure: Failure) => void;
  readonly #onSpent: ((id: number, usage: ChildSaUsage) => void) | undefined;
  readonly #tails = new Map<number, Promise<unknown>>();
  /** How many SAs have each virtual IP of ours. */
  readonly #assigned = new Map<string, number>();

  /** `onSpent` hears what each SA carried in all, just before it is removed. */
  constructor(
    backend: IpsecBackend,
    onFailure: (failure: Failure) => void,
    onSpent?: (id: number, usage: ChildSaUsage) => void,
  ) {
    this.#backend = backend;
    this.#onFailure = onFailure;
    this.#onSpent = onSpent;
  }

  async ask(question: BackendQuestion): Promise<Answer> {
    try {
      switch (question.kind) {
        case 'allocate-spi':
          return await this.#reserve(question);
        case 'install':
          try {
            this.#admit(question.sa);
            await this.#inOrder(question.sa.id, () =>
              this.#backend.install(question.sa, { outbound: question.outbound }),
            );
          } finally {
            wipeKeys(question.sa);
          }
          return { kind: 'done' };
        case 'assign-address':
          await this.#inOrder(ADDRESSES, () => this.#assign(question.address, question.path));
          return { kind: 'done' };
      }
    } catch (error) {
      return { kind: 'failed', failure: failureOf(error) };
    }
  }

  /** Resolves when it has been carried out, or has failed. */
  async command(command: BackendCommand): Promise<void> {
    try {
      await this.#begin(command);
    } catch (error) {
      this.#onFailure(failureOf(error));
    }
  }

  /** Installs an SA that the core knows nothing of. Rejects with `Failed`. */
  install(sa: ChildSaParameters): Promise<void> {
    this.#admit(sa);
    return this.#inOrder(sa.id, () => this.#backend.install(sa, { outbound: true }));
  }

  /** Takes one out, whether it is there or not. */
  remove(id: number): Promise<void> {
    return this.#inOrder(id, () => this.#remove(id));
  }

  /** Has `work` done between what was said of an SA so far and what will be. It must not reject. */
  inTurn(id: number, work: () => Promise<void>): void {
    void this.#inOrder(id, work);
  }

  /** Those that the children of `connections` name. What cannot be made is told, and the rest goes on. */
  makeInterfaces(connections: readonly Connection[]): void {
    try {
      const failures = this.#backend.setInterfaces?.(tunnelInterfaces(connections)) ?? [];
      for (const failure of failures) this.#onFailure(failure);
    } catch (error) {
      this.#onFailure(failureOf(error));
    }
  }

  /** Whether it is on this host as a virtual IP. */
  isVirtual(address: IpAddress): boolean {
    return this.#assigned.has(formatIp(address));
  }

  /** Resolves when everything asked so far has been carried out. */
  async settled(): Promise<void> {
    while (this.#tails.size > 0) await Promise.allSettled(this.#tails.values());
  }

  /** An SA can do without compression: where no CPI is to be had, its SPI will do. */
  async #reserve({ protocol, path, ipcomp }: Extract<Question, { kind: 'allocate-spi' }>): Promise<Answer> {
    const spi = await this.#backend.allocateSpi(protocol, path);
    if (ipcomp !== true) return { kind: 'spi', spi };
    try {
      const cpi = await this.#backend.allocateCpi?.(protocol, spi, path);
      return { kind: 'spi', spi, ...(cpi !== undefined && { cpi }) };
    } catch (error) {
      this.#onFailure(failureOf(error));
      return { kind: 'spi', spi };
    }
  }

  async #begin(command: BackendCommand): Promise<void> {
    if (command.kind === 'release-spi') {
      this.#backend.releaseSpi(command.protocol, command.spi);
      return;
    }
    if (command.kind !== 'unassign-address') return this.#inOrder(command.id, () => this.#perform(command));
    // The SAs that used it were removed before, or are about to be.
    const before = [...this.#tails.values()];
    return this.#inOrder(ADDRESSES, async () => {
      await Promise.allSettled(before);
      await this.#unassign(command.address);
    });
  }

  #perform(command: SaCommand): Promise<void> {
    switch (command.kind) {
      case 'activate-outbound':
        return this.#backend.activateOutbound(command.id);
      case 'deactivate-outbound':
        return this.#backend.deactivateOutbound(command.id);
      case 'remove':
        return this.#remove(command.id);
      case 'update-path':
        return this.#backend.updatePath(command.id, command.path, command.udpEncapsulation);
    }
  }

  async #assign(address: IpAddress, path: Path): Promise<void> {
    const name = formatIp(address);
    const users = this.#assigned.get(name) ?? 0;
    if (users === 0) await this.#backend.assignAddress?.(address, path);
    this.#assigned.set(name, users + 1);
  }

  /** Several SAs may have one address, while one of them takes the other's place. */
  async #unassign(address: IpAddress): Promise<void> {
    const name = formatIp(address);
    const users = this.#assigned.get(name) ?? 0;
    if (users > 1) this.#assigned.set(name, users - 1);
    else {
      this.#assigned.delete(name);
      if (users === 1) await this.#backend.unassignAddress?.(address);
    }
  }

  /** Without the marks and interfaces that it is to have, an SA would carry other traffic than was asked for. */
  #admit({ name, kernel }: ChildSaParameters): void {
    if (kernel === undefined || this.#backend.features.kernelOptions === true) return;
    if (!needsKernel(kernel)) return;
    throw new Failed({
      code: 'local/unsupported',
      summary: `"${name}" asks for marks, interfaces or no policies, which the ${this.#backend.name} back end does not have`,
      remedy: 'use --backend kernel, or leave them out',
    });
  }

  async #remove(id: number): Promise<void> {
    if (this.#onSpent !== undefined) {
      this.#onSpent(id, (await this.#backend.usage(id).catch(() => undefined)) ?? NO_USAGE);
    }
    await this.#backend.remove(id);
  }

  #inOrder<T>(id: number, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(id);
    const result = before === undefined ? work() : before.then(work, work);
    const tail = result.then(ignore, ignore).then(() => {
      if (this.#tails.get(id) === tail) this.#tails.delete(id);
    });
    this.#tails.set(id, tail);
    return result;
  }
}

function ignore(): void {}
