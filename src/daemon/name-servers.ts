import { readFileSync, writeFileSync } from 'node:fs';
import type { IkeEvent, IkeSaStatus } from '../ike/output.ts';

/** What stands behind each line of ours: by this they are known when nobody is left who wrote them. */
const MARK = '# by cygnet';

/** Of one peer; resolvers look at the first three in all. */
const MOST_SERVERS = 8;

/**
 * Writes the name servers that peers tell us along with virtual IPs into a resolv.conf, before those that are there, and
 * takes them out when the IKE SA ends: what charon's `resolve` plugin does. Other lines stay as they are.
 */
export class NameServers {
  readonly #file: string;
  readonly #onFailure: (error: Error) => void;
  /** By the IKE SA that has them, the youngest last. */
  readonly #byIke = new Map<number, readonly string[]>();
  #written = '';

  /** Lines that a daemon left which was killed go at once. */
  constructor(file: string, onFailure: (error: Error) => void) {
    this.#file = file;
    this.#onFailure = onFailure;
    this.#write();
  }

  note(event: IkeEvent): void {
    switch (event.kind) {
      case 'child-up':
        this.#set(event.ike);
        return;
      case 'ike-rekey':
        this.#byIke.delete(event.old.id);
        this.#set(event.new);
        return;
      case 'ike-down':
        this.#byIke.delete(event.ike.id);
        this.#update();
    }
  }

  close(): void {
    this.#byIke.clear();
    this.#update();
  }

  #set({ id, received = [] }: IkeSaStatus): void {
    const servers = received.flatMap(({ kind, value }) => (kind === 'dns' ? [value] : []));
    if (servers.length > 0) this.#byIke.set(id, servers.slice(0, MOST_SERVERS));
    this.#update();
  }

  #update(): void {
    if (this.#lines().join() !== this.#written) this.#write();
  }

  #lines(): readonly string[] {
    const servers = new Set([...this.#byIke.values()].reverse().flat());
    return [...servers].map(address => `nameserver ${address}   ${MARK}`);
  }

  /** In place: the file is often mounted, or a link. */
  #write(): void {
    try {
      const before = contents(this.#file);
      const others = before.split('\n').filter(line => !line.endsWith(MARK));
      const lines = this.#lines();
      const after = [...lines, ...others].join('\n');
      if (after !== before) writeFileSync(this.#file, after);
      this.#written = lines.join();
    } catch (error) {
      this.#onFailure(error as Error);
    }
  }
}

/** Nothing where there is no file yet. */
function contents(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}
