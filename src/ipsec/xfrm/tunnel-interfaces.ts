import { equal } from '../../lib/bytes.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import type { TunnelInterface } from '../../policy/tunnel-interface.ts';
import { SystemFailure } from '../../sys/failure.ts';
import type { Link, LinkChange, TunnelLink } from '../../sys/routing/link.ts';
import { kernelFailure } from './failure.ts';

/** What is asked of the kernel's routing: a part of `Routing` of sys. */
export interface LinkTable {
  links(): readonly Link[];
  addTunnelLink(name: string, tunnel: TunnelLink): void;
  setLink(index: number, change: LinkChange): void;
  deleteLink(index: number): void;
}

/** What we write on interfaces, to know them again after the daemon was killed. */
export const ALIAS = 'cygnet';

/**
 * The interfaces that we made. One that somebody else made is used where it is as wanted, and is never changed or
 * taken away; one that a daemon of ours left behind is taken over, so that addresses and routes of it stay.
 */
export class TunnelInterfaces {
  readonly #table: LinkTable;
  readonly #ours = new Set<string>();
  #made = 0;

  /** With `inherits` those that were left behind are ours: nobody else can be their owner. */
  constructor(table: LinkTable, inherits: boolean) {
    this.#table = table;
    if (!inherits) return;
    for (const { name, alias, tunnel } of table.links())
      if (alias === ALIAS && tunnel !== undefined) this.#ours.add(name);
  }

  /** Makes `wanted` all that there are of ours. Answers what could not be done; the rest is. */
  set(wanted: readonly TunnelInterface[]): readonly Failure[] {
    const links = this.#ours.size + wanted.length === 0 ? [] : this.#table.links();
    const failures: Failure[] = [];
    const attempt = (what: string, act: () => void): void => {
      try {
        act();
      } catch (error) {
        const failed = kernelFailure(error, what);
        if (!(failed instanceof Failed)) throw failed;
        failures.push(failed.failure);
      }
    };
    const there = new Map(links.map(link => [link.name, link]));
    for (const name of [...this.#ours]) {
      const link = there.get(name);
      if (wanted.some(one => one.name === name && isAs(link, one))) continue;
      attempt(`removing the interface ${name}`, () => this.#remove(name, link));
      there.delete(name);
    }
    const seen = new Set<string>();
    for (const one of wanted) {
      const link = there.get(one.name);
      if (seen.has(one.name)) failures.push(twice(one.name));
      else if (link === undefined) attempt(`making the interface ${one.name}`, () => this.#make(one));
      else if (!isAs(link, one)) failures.push(taken(link, one));
      seen.add(one.name);
    }
    return failures;
  }

  /** How many were made so far. */
  get made(): number {
    return this.#made;
  }

  /** Of ours or another's; undefined where there is none of the name. */
  indexOf(name: string): number | undefined {
    return this.#table.links().find(link => link.name === name)?.index;
  }

  /** Takes away what we made. Answers what could not be. */
  close(): readonly Failure[] {
    return this.set([]);
  }

  #make(wanted: TunnelInterface): void {
    const { name } = wanted;
    try {
      this.#table.addTunnelLink(name, linkOf(wanted));
    } catch (error) {
      if (!(error instanceof SystemFailure && error.code === 'ENOTSUP')) throw error;
      throw new Failed({
        code: 'local/unsupported',
        summary: `making the interface ${name} failed: this kernel has no interfaces of the kind ${linkOf(wanted).kind}`,
        remedy:
          wanted.kind === 'xfrm'
            ? 'load the module xfrm_interface, or use vti and marks'
            : 'load the modules ip_vti and ip6_vti, or use xfrm_interface and if_ids',
      });
    }
    const index = this.indexOf(name);
    if (index === undefined) return;
    try {
      this.#table.setLink(index, { alias: ALIAS, up: true });
    } catch (error) {
      this.#table.deleteLink(index);
      throw error;
    }
    this.#ours.add(name);
    this.#made++;
  }

  #remove(name: string, link: Link | undefined): void {
    this.#ours.delete(name);
    if (link === undefined) return;
    this.#table.deleteLink(link.index);
  }
}

function linkOf(wanted: TunnelInterface): TunnelLink {
  if (wanted.kind === 'xfrm') return { kind: 'xfrm', id: wanted.id };
  const { keyIn, keyOut, local, remote } = wanted;
  return { kind: local.length === 4 ? 'vti' : 'vti6', keyIn, keyOut, local, remote };
}

function isAs(link: Link | undefined, wanted: TunnelInterface): boolean {
  const [a, b] = [link?.tunnel, linkOf(wanted)];
  if (a?.kind === 'xfrm' || b.kind === 'xfrm') return a?.kind === b.kind && idOf(a) === idOf(b);
  return (
    a !== undefined &&
    a.kind === b.kind &&
    a.keyIn === b.keyIn &&
    a.keyOut === b.keyOut &&
    equal(a.local, b.local) &&
    equal(a.remote, b.remote)
  );
}

function idOf(link: TunnelLink): number {
  return link.kind === 'xfrm' ? link.id : 0;
}

function taken(link: Link, { name, kind }: TunnelInterface): Failure {
  const is =
    link.tunnel?.kind === kind
      ? 'with other numbers or addresses'
      : link.kind === undefined
        ? 'of another kind'
        : `of the kind ${link.kind}`;
  return {
    code: 'kernel/install',
    summary: `the interface ${name} cannot be made: there is one already, ${is}, and it is not ours`,
    remedy: `choose another name, or remove it: ip link del ${name}`,
  };
}

function twice(name: string): Failure {
  return {
    code: 'config/invalid-value',
    summary: `the interface ${name} is asked for twice, with different numbers or addresses; the first holds`,
    remedy: 'give each interface a name of its own',
  };
}
