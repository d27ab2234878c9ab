import { isDeepStrictEqual } from 'node:util';
import { type InlineConnection, overlaps } from '../config/index.ts';
import type { PrivateKey } from '../crypto/provider.ts';
import { equal, toHex } from '../lib/bytes.ts';
import type { Connection } from '../policy/connection.ts';
import type { Credentials, SharedKey } from '../policy/credentials.ts';
import { Failed } from '../policy/failure.ts';
import type { ManualSa } from '../policy/manual-sa.ts';
import type { Pool } from '../policy/pool.ts';

/** What a directory says, as far as it can be in force. */
export interface Base {
  readonly connections: readonly Connection[];
  readonly credentials: Credentials;
  readonly pools: readonly Pool[];
  readonly manual: readonly ManualSa[];
}

export const NO_BASE: Base = {
  connections: [],
  credentials: { shared: [], privateKeys: [], authorities: [], certificates: [], crls: [] },
  pools: [],
  manual: [],
};

/** A certificate that a client loaded; an authority's is trusted. */
export interface LoadedCertificate {
  readonly der: Uint8Array;
  readonly isAuthority: boolean;
}

/** An authority that a client loaded, with what is known of it for lists. */
export interface LoadedAuthority {
  readonly certificates: readonly Uint8Array[];
  readonly crlUris: readonly string[];
  readonly ocspUris: readonly string[];
  readonly certUriBase?: string;
}

type OnChange = (
  connections: readonly Connection[],
  credentials: Credentials,
  pools: readonly Pool[],
) => void;

/**
 * The configuration in force: what the directory says, and over it what clients loaded one by one. Whatever
 * changes it puts the whole in force at once; what changes nothing touches nothing.
 */
export class LiveConfiguration {
  readonly #onChange: OnChange;
  #base: Base;
  readonly #connections = new Map<string, InlineConnection>();
  readonly #keys = new Map<string, PrivateKey>();
  readonly #shared = new Map<string, SharedKey>();
  readonly #certificates = new Map<string, LoadedCertificate>();
  /** As long as they are, they are compared and not named by their octets. */
  readonly #crls = new Set<Uint8Array>();
  readonly #authorities = new Map<string, LoadedAuthority>();
  readonly #pools = new Map<string, Pool>();
  readonly #manual = new Map<string, ManualSa>();
  #credentials: Credentials | undefined;

  constructor(base: Base, onChange: OnChange) {
    this.#base = base;
    this.#onChange = onChange;
  }

  // ── all that is in force ──

  get connections(): readonly Connection[] {
    const loaded = this.#connections;
    return [
      ...this.#base.connections.filter(({ name }) => !loaded.has(name)),
      ...Array.from(loaded.values(), ({ connection }) => connection),
    ];
  }

  get credentials(): Credentials {
    this.#credentials ??= this.#merged();
    return this.#credentials;
  }

  get pools(): readonly Pool[] {
    return [
      ...new Map([...this.#base.pools.map(pool => [pool.name, pool] as const), ...this.#pools]).values(),
    ];
  }

  get manual(): readonly ManualSa[] {
    return this.manualOver(this.#base);
  }

  /** What clients loaded, over what `base` has. */
  manualOver({ manual }: Pick<Base, 'manual'>): readonly ManualSa[] {
    return [...manual.filter(({ name }) => !this.#manual.has(name)), ...this.#manual.values()];
  }

  /** Takes over what a directory says now; what clients loaded stays over it. */
  replaceBase(base: Base): void {
    this.#base = { ...base, credentials: withKnownLists(base.credentials, this.#base.credentials.crls) };
    this.#credentials = undefined;
    this.#changed();
  }

  /** Makes what a directory says the whole of the configuration: what clients loaded is gone. */
  replaceAll(base: Base): void {
    for (const loaded of this.#loaded) loaded.clear();
    this.replaceBase(base);
  }

  // ── connections of clients ──

  get loadedConnections(): readonly string[] {
    return [...this.#connections.keys()];
  }

  /** The connection of this name that is in force. */
  connection(name: string): Connection | undefined {
    return (
      this.#connections.get(name)?.connection ??
      this.#base.connections.find(connection => connection.name === name)
    );
  }

  /** Puts a client's connection in the place of one of the same name. False when it says just what was in force. */
  loadConnection(inline: InlineConnection): boolean {
    const { name } = inline.connection;
    const before = this.connection(name);
    const known = this.#connections.get(name);
    const isSame = before !== undefined && isDeepStrictEqual(before, inline.connection);
    // The object stays the same too: sessions and policies compare by it.
    this.#connections.set(name, isSame ? { ...inline, connection: before } : inline);
    const bringsSame = known !== undefined && bringsAlike(known, inline);
    if (
      !bringsSame &&
      (inline.certificates.length > 0 || inline.authorities.length > 0 || known !== undefined)
    )
      this.#credentials = undefined;
    if (!isSame || !bringsSame) this.#changed();
    return !isSame;
  }

  /** Takes a client's connection out. False when no client loaded one of this name. */
  unloadConnection(name: string): boolean {
    const known = this.#connections.get(name);
    if (known === undefined) return false;
    this.#connections.delete(name);
    if (known.certificates.length > 0 || known.authorities.length > 0) this.#credentials = undefined;
    this.#changed();
    return true;
  }

  // ── credentials of clients ──

  loadKey(id: string, key: PrivateKey): void {
    if (this.#keys.has(id)) return;
    this.#keys.set(id, key);
    this.#credentialsChanged();
  }

  unloadKey(id: string): boolean {
    return this.#dropped(this.#keys.delete(id));
  }

  /** Newest first, as charon lists them. */
  get loadedKeys(): readonly string[] {
    return [...this.#keys.keys()].reverse();
  }

  /** Without a name it can never be taken out one by one, and is kept beside all others. */
  loadShared(key: SharedKey): void {
    const name = key.name === '' ? `\0${this.#shared.size}` : key.name;
    const known = this.#shared.get(name);
    if (known !== undefined && isSameSecret(known, key)) {
      key.secret.wipe();
      return;
    }
    this.#shared.set(name, key);
    this.#credentialsChanged();
  }

  unloadShared(name: string): boolean {
    return this.#dropped(this.#shared.delete(name));
  }

  get loadedShared(): readonly string[] {
    return [...this.#shared.keys()].filter(name => !name.startsWith('\0')).reverse();
  }

  loadCertificate(certificate: LoadedCertificate): void {
    const print = `${certificate.isAuthority} ${toHex(certificate.der)}`;
    if (this.#certificates.has(print)) return;
    this.#certificates.set(print, certificate);
    this.#credentialsChanged();
  }

  loadCrl(der: Uint8Array): void {
    for (const known of this.#crls) if (equal(known, der)) return;
    this.#crls.add(der);
    this.#credentialsChanged();
  }

  /** Certificates, keys and secrets that clients loaded by themselves; those of authorities and connections stay with these. */
  clearCredentials(): void {
    for (const loaded of [this.#keys, this.#shared, this.#certificates, this.#crls]) loaded.clear();
    this.#credentialsChanged();
  }

  /** CRLs that clients loaded. */
  flushCrls(): void {
    if (this.#crls.size === 0) return;
    this.#crls.clear();
    this.#credentialsChanged();
  }

  loadAuthority(name: string, authority: LoadedAuthority): void {
    const known = this.#authorities.get(name);
    const { certUriBase } = authority;
    this.#authorities.set(name, authority);
    if (known === undefined || !isDeepStrictEqual({ ...known, certUriBase }, { ...authority, certUriBase }))
      this.#credentialsChanged();
  }

  unloadAuthority(name: string): boolean {
    return this.#dropped(this.#authorities.delete(name));
  }

  get authorities(): ReadonlyMap<string, LoadedAuthority> {
    return this.#authorities;
  }

  // ── pools of clients ──

  /** Throws Failed (`config/invalid-value`) where another pool has some of its addresses. */
  loadPool(pool: Pool): void {
    const other = this.pools.find(known => known.name !== pool.name && overlaps(known, pool));
    if (other !== undefined)
      throw new Failed({
        code: 'config/invalid-value',
        summary: `pool "${pool.name}" has addresses that pool "${other.name}" has too`,
        remedy: 'an address can be given to one peer alone: let the pools have none in common',
      });
    this.#pools.set(pool.name, pool);
    this.#changed();
  }

  /** Whether a client loaded one of this name. */
  hasPool(name: string): boolean {
    return this.#pools.has(name);
  }

  unloadPool(name: string): boolean {
    const was = this.#pools.delete(name);
    if (was) this.#changed();
    return was;
  }

  // ── manual SAs of clients ──

  loadManual(sa: ManualSa): void {
    this.#manual.set(sa.name, sa);
  }

  hasLoadedManual(name: string): boolean {
    return this.#manual.has(name);
  }

  unloadManual(name: string): boolean {
    return this.#manual.delete(name);
  }

  // ── inside ──

  get #loaded(): readonly { clear(): void }[] {
    return [
      this.#connections,
      this.#keys,
      this.#shared,
      this.#certificates,
      this.#crls,
      this.#authorities,
      this.#pools,
      this.#manual,
    ];
  }

  #dropped(was: boolean): boolean {
    if (was) this.#credentialsChanged();
    return was;
  }

  #credentialsChanged(): void {
    this.#credentials = undefined;
    this.#changed();
  }

  #changed(): void {
    this.#onChange(this.connections, this.credentials, this.pools);
  }

  #merged(): Credentials {
    const base = this.#base.credentials;
    const inline = [...this.#connections.values()];
    const loaded = [...this.#certificates.values()];
    return {
      shared: [...base.shared, ...this.#shared.values()],
      privateKeys: [...base.privateKeys, ...this.#keys.values()],
      authorities: distinct([
        ...base.authorities,
        ...loaded.filter(({ isAuthority }) => isAuthority).map(({ der }) => der),
        ...[...this.#authorities.values()].flatMap(({ certificates }) => certificates),
        ...inline.flatMap(({ authorities }) => authorities),
      ]),
      certificates: distinct([
        ...base.certificates,
        ...loaded.filter(({ isAuthority }) => !isAuthority).map(({ der }) => der),
        ...inline.flatMap(({ certificates }) => certificates),
      ]),
      crls: distinct([...base.crls, ...this.#crls.values()]),
      authorityUris: [
        ...(base.authorityUris ?? []),
        ...[...this.#authorities.values()].flatMap(({ certificates: [authority], crlUris, ocspUris }) =>
          authority === undefined ? [] : [{ authority, crlUris, ocspUris }],
        ),
      ],
    };
  }
}

/** A list that is as it was stays the same object: what was read and verified of it counts on. */
function withKnownLists(credentials: Credentials, known: Credentials['crls']): Credentials {
  return { ...credentials, crls: credentials.crls.map(der => known.find(one => equal(one, der)) ?? der) };
}

function bringsAlike(a: InlineConnection, b: InlineConnection): boolean {
  return isDeepStrictEqual(a.certificates, b.certificates) && isDeepStrictEqual(a.authorities, b.authorities);
}

function isSameSecret(a: SharedKey, b: SharedKey): boolean {
  return (
    a.use === b.use && equal(a.secret.reveal(), b.secret.reveal()) && isDeepStrictEqual(a.owners, b.owners)
  );
}

/** Each certificate once; those that differ are told apart by their length and end, which is their signature, first. */
function distinct(ders: readonly Uint8Array[]): readonly Uint8Array[] {
  const buckets = new Map<string, Uint8Array[]>();
  return ders.filter(der => {
    const print = `${der.length} ${toHex(der.subarray(-16))}`;
    const bucket = buckets.get(print);
    if (bucket === undefined) {
      buckets.set(print, [der]);
      return true;
    }
    if (bucket.some(known => equal(known, der))) return false;
    bucket.push(der);
    return true;
  });
}
