import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { IkeEvent } from '../ike/output.ts';
import { parseCrl } from '../pki/crl.ts';

/** Where the lists of a configuration are: a directory, or a file in it. Without one: where swanctl looks. */
export function crlFolder(config = '/etc/swanctl'): string {
  const isFile = statSync(config, { throwIfNoEntry: false })?.isFile() === true;
  return join(isFile ? dirname(config) : config, 'x509crl');
}

type FetchedList = Extract<IkeEvent, { kind: 'list-fetched' }>;

/** A longer file is not one of ours, and is not read. */
const LONGEST = 64 * 1024 * 1024;
/** Lists that wait to be written, by name; more authorities nobody trusts. */
const MOST_WAITING = 256;

/**
 * Keeps revocation lists that were fetched and verified in a folder, under the names that charon gives them, to be there at the
 * next start. A file is there whole or not at all, and a list never takes the place of a younger one: who answers in an
 * authority's name over plain HTTP can offer old ones.
 */
export class CrlFiles {
  readonly #folder: string;
  readonly #say: (text: string) => void;
  readonly #waiting = new Map<string, FetchedList>();
  #writing: Promise<void> | undefined;

  constructor(folder: string, say: (text: string) => void) {
    this.#folder = folder;
    this.#say = say;
    say(`crl caching to ${folder} enabled`);
  }

  note(event: IkeEvent): void {
    if (
      event.kind !== 'list-fetched' ||
      (!this.#waiting.has(event.name) && this.#waiting.size >= MOST_WAITING)
    )
      return;
    this.#waiting.set(event.name, event);
    this.#writing ??= this.#writeAll();
  }

  /** What was noted so far is written, or cannot be. */
  async settled(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    for (const [name, list] of this.#waiting) {
      this.#waiting.delete(name);
      const file = join(this.#folder, `${name}.crl`);
      try {
        if (await this.#write(file, list))
          this.#say(`  written crl file '${file}' (${list.der.length} bytes)`);
      } catch (error) {
        this.#say(`  writing crl file '${file}' failed: ${error instanceof Error ? error.message : error}`);
      }
    }
    this.#writing = undefined;
  }

  /** Whether there was anything to write. */
  async #write(file: string, { der, thisUpdate }: FetchedList): Promise<boolean> {
    const there = await listIn(file);
    if (there !== undefined && (there.thisUpdate > thisUpdate || Buffer.compare(there.der, der) === 0))
      return false;
    // swanctl reads no file whose name begins with a dot.
    const temporary = join(this.#folder, `.${randomBytes(8).toString('hex')}.tmp`);
    try {
      const handle = await open(temporary, 'wx', 0o644);
      try {
        await handle.writeFile(der);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, file);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    return true;
  }
}

/** The list that a file holds; undefined where it holds none, or is not there. */
async function listIn(file: string): Promise<ReturnType<typeof parseCrl> | undefined> {
  try {
    const { size } = await stat(file);
    return size > LONGEST ? undefined : parseCrl(await readFile(file));
  } catch {
    return undefined;
  }
}
