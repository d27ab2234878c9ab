import type { IkeEvent } from '../ike/output.ts';

/** charon's counters, by the names and in the order in which its clients print them. */
export const COUNTERS = [
  'ike-rekey-init',
  'ike-rekey-resp',
  'child-rekey',
  'invalid',
  'invalid-spi',
  'ike-init-in-req',
  'ike-init-in-resp',
  'ike-init-out-req',
  'ike-init-out-resp',
  'ike-auth-in-req',
  'ike-auth-in-resp',
  'ike-auth-out-req',
  'ike-auth-out-resp',
  'create-child-in-req',
  'create-child-in-resp',
  'create-child-out-req',
  'create-child-out-resp',
  'info-in-req',
  'info-in-resp',
  'info-out-req',
  'info-out-resp',
] as const;

export type CounterName = (typeof COUNTERS)[number];
export type CounterValues = Readonly<Record<CounterName, number>>;

/** Connections whose names peers could make us remember are bounded by what is configured; this bounds the rest. */
const CAPACITY = 65_536;

/** Counts what happens, for all connections together and for each: no rekey or end of an SA takes anything off. */
export class Counters {
  #global = zeros();
  readonly #connections = new Map<string, Record<CounterName, number>>();

  note(event: IkeEvent): void {
    switch (event.kind) {
      case 'message': {
        const name = counterOf(event.direction, event.text);
        if (name !== undefined) this.#add(event.connection, name);
        return;
      }
      case 'ike-rekey':
        this.#add(event.new.connection, event.new.role === 'initiator' ? 'ike-rekey-init' : 'ike-rekey-resp');
        return;
      case 'child-rekey':
        this.#add(event.ike.connection, 'child-rekey');
        return;
      case 'failed':
        if (event.failure.code === 'peer/malformed') this.#add(event.connection, 'invalid');
        return;
      default:
        return;
    }
  }

  get global(): CounterValues {
    return this.#global;
  }

  /** By connection, those that have counted anything. */
  get connections(): ReadonlyMap<string, CounterValues> {
    return this.#connections;
  }

  /** Begins anew: for one connection, for each of them, or (without argument) for all together. False when there is no such. */
  reset(which?: { readonly connection: string } | 'each'): boolean {
    if (which === undefined) this.#global = zeros();
    else if (which === 'each') this.#connections.clear();
    else return this.#connections.delete(which.connection);
    return true;
  }

  #add(connection: string, name: CounterName): void {
    this.#global[name]++;
    let own = this.#connections.get(connection);
    if (own === undefined) {
      if (connection === '' || this.#connections.size >= CAPACITY) return;
      own = zeros();
      this.#connections.set(connection, own);
    }
    own[name]++;
  }
}

const EXCHANGES: Readonly<Record<string, 'ike-init' | 'ike-auth' | 'create-child' | 'info'>> = {
  IKE_SA_INIT: 'ike-init',
  IKE_AUTH: 'ike-auth',
  CREATE_CHILD_SA: 'create-child',
  INFORMATIONAL: 'info',
};

function counterOf(direction: 'in' | 'out', text: string): CounterName | undefined {
  const [exchange = '', kind] = text.split(' ', 2);
  const name = EXCHANGES[exchange];
  return name === undefined ? undefined : `${name}-${direction}-${kind === 'request' ? 'req' : 'resp'}`;
}

function zeros(): Record<CounterName, number> {
  return Object.fromEntries(COUNTERS.map(name => [name, 0])) as Record<CounterName, number>;
}
