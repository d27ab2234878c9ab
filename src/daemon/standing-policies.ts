import { ip } from '../lib/ip.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import { Failed } from '../policy/failure.ts';
import { isUnique } from '../policy/kernel-config.ts';
import { resolveSelectors } from '../policy/narrowing.ts';
import type { Path, StandingPolicy } from '../policy/sa.ts';
import { formatSelector } from '../policy/selector-text.ts';
import type { Gateway } from './gateway.ts';

/** A policy without an SA that is installed, for lists. */
export interface InstalledPolicy {
  readonly connection: string;
  readonly child: string;
  readonly kind: StandingPolicy['kind'];
  readonly mode: ChildConfig['mode'];
  readonly localTs: readonly string[];
  readonly remoteTs: readonly string[];
}

const ANYWHERE: Path = {
  local: { address: ip('0.0.0.0'), port: 0 },
  remote: { address: ip('0.0.0.0'), port: 0 },
};

/**
 * The traps of children that wait for their first packet, and the shunts that let traffic by or stop it: which of
 * them are in the back end, by the child they were made from. What is asked of one child happens in turn.
 */
export class StandingPolicies {
  readonly #gateway: Gateway;
  readonly #installed = new Map<string, InstalledPolicy & { readonly id: number }>();
  #last = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  get list(): readonly InstalledPolicy[] {
    return [...this.#installed.values()];
  }

  has(connection: string, child: string): boolean {
    return this.#installed.has(keyOf(connection, child));
  }

  /**
   * Installs what `child` asks for in the place of what it has; rejects with `Failed`, nothing left behind. A trap is for
   * SAs along `known`, or along the way that the connection's first message would go.
   */
  install(connection: Connection, child: ChildConfig, known?: Path): Promise<void> {
    return this.#inTurn(async () => {
      const kind = child.mode === 'pass' || child.mode === 'drop' ? child.mode : 'trap';
      if (child.kernel !== undefined && isUnique(child.kernel)) throw withoutNumbers(child);
      const path = kind === 'trap' ? (known ?? (await this.#pathOf(connection, child))) : ANYWHERE;
      const localTs = resolveSelectors(child.localTs, [path.local.address]);
      const remoteTs = resolveSelectors(child.remoteTs, [path.remote.address]);
      await this.#remove(connection.name, child.name);
      const id = ++this.#last;
      await this.#gateway.addPolicy(
        {
          id,
          kind,
          localTs: kind === 'trap' ? localTs : everywhere(child.localTs, localTs),
          remoteTs: kind === 'trap' ? remoteTs : everywhere(child.remoteTs, remoteTs),
          protocol: child.protocol,
          mode: child.mode === 'pass' || child.mode === 'drop' ? 'tunnel' : child.mode,
          local: path.local.address,
          remote: path.remote.address,
        },
        { connection, child },
      );
      this.#installed.set(keyOf(connection.name, child.name), {
        id,
        kind,
        connection: connection.name,
        child: child.name,
        mode: child.mode,
        localTs: localTs.map(formatSelector),
        remoteTs: remoteTs.map(formatSelector),
      });
    });
  }

  /** Takes out what is installed for children of this name, of one connection or of all. False when there is nothing. */
  uninstall(child: string, connection?: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const found = this.list.filter(
        policy => policy.child === child && (connection === undefined || policy.connection === connection),
      );
      for (const policy of found) await this.#remove(policy.connection, policy.child);
      return found.length > 0;
    });
  }

  async #remove(connection: string, child: string): Promise<void> {
    const key = keyOf(connection, child);
    const known = this.#installed.get(key);
    if (known === undefined) return;
    this.#installed.delete(key);
    await this.#gateway.removePolicy(known.id);
  }

  async #pathOf(connection: Connection, child: ChildConfig): Promise<Path> {
    try {
      return await this.#gateway.pathOf(connection);
    } catch (error) {
      if (!(error instanceof Failed) || error.failure.code !== 'config/missing') throw error;
      throw new Failed({
        ...error.failure,
        summary: `a trap for "${child.name}" needs to know whom to call: ${error.failure.summary}`,
      });
    }
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function withoutNumbers({ name }: ChildConfig): Failed {
  return new Failed({
    code: 'config/invalid-value',
    summary: `"${name}" cannot have a policy before it has an SA: its marks or interfaces are %unique, which only an SA has`,
    remedy: 'give marks and if_ids as numbers',
  });
}

function keyOf(connection: string, child: string): string {
  return `${connection}/${child}`;
}

/** A shunt has no IKE SA whose address `dynamic` could be: it stands for all addresses. */
function everywhere(
  configured: ChildConfig['localTs'],
  resolved: StandingPolicy['localTs'],
): StandingPolicy['localTs'] {
  return resolved.map((selector, i) => {
    const written = configured[i];
    return written !== undefined && 'dynamic' in written
      ? { ...selector, start: ip('0.0.0.0'), end: ip('255.255.255.255') }
      : selector;
  });
}
