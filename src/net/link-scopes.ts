import { toHex } from '../lib/bytes.ts';
import type { IpAddress } from '../lib/ip.ts';

/** Peers on one wire are few; more than this is an attack. */
const LIMIT = 256;

/**
 * On which interface a link-local peer (fe80::/10) was heard: its address alone does not say, and an answer needs it.
 */
export class LinkScopes<Scope> {
  readonly #scopes = new Map<string, Scope>();

  learn(address: IpAddress, scope: Scope): void {
    if (!isLinkLocal(address)) return;
    const key = toHex(address);
    this.#scopes.delete(key);
    this.#scopes.set(key, scope);
    const [oldest] = this.#scopes.keys();
    if (this.#scopes.size > LIMIT && oldest !== undefined) this.#scopes.delete(oldest);
  }

  of(address: IpAddress): Scope | undefined {
    return isLinkLocal(address) ? this.#scopes.get(toHex(address)) : undefined;
  }
}

function isLinkLocal(address: IpAddress): boolean {
  return address.length === 16 && address[0] === 0xfe && ((address[1] as number) & 0xc0) === 0x80;
}
