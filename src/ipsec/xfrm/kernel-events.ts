import { equal } from '../../lib/bytes.ts';
import { formatIp, type IpAddress } from '../../lib/ip.ts';
import type { Instant } from '../../lib/time.ts';
import type { BackendEvent } from '../../policy/sa.ts';
import type { NetlinkEvents } from '../../sys/netlink/socket.ts';
import type { SystemCalls } from '../../sys/system-calls.ts';
import { type KernelEvent, readEvent } from './event.ts';
import type { InstalledSas } from './installed-sas.ts';
import { Group } from './numbers.ts';

interface Listening {
  readonly onEvent: (event: BackendEvent) => void;
  readonly onWarning: (text: string) => void;
  readonly now: () => Instant;
}

/** What the kernel tells by itself, in the terms of the SAs that are installed. */
export class KernelEvents {
  readonly #events: NetlinkEvents;
  readonly #sas: InstalledSas;
  readonly #onEvent: (event: BackendEvent) => void;
  readonly #onWarning: (text: string) => void;
  readonly #now: () => Instant;

  constructor(calls: SystemCalls, sas: InstalledSas, { onEvent, onWarning, now }: Listening) {
    this.#sas = sas;
    this.#onEvent = onEvent;
    this.#onWarning = onWarning;
    this.#now = now;
    const groups = [Group.ACQUIRE, Group.EXPIRE, Group.MIGRATE, Group.MAPPING];
    this.#events = calls.netlinkEvents(
      'xfrm',
      groups,
      message => this.#hear(() => readEvent(message)),
      () => this.#onWarning('events of the kernel were lost'),
    );
  }

  close(): void {
    this.#events.close();
  }

  #hear(read: () => KernelEvent | undefined): void {
    let event: KernelEvent | undefined;
    try {
      event = read();
    } catch (error) {
      this.#onWarning(`an event of the kernel cannot be read: ${(error as Error).message}`);
    }
    if (event?.kind === 'acquire') this.#onEvent(event);
    if (event?.kind === 'expire') this.#expire(event);
    if (event?.kind === 'mapping') this.#remap(event);
    if (event?.kind === 'migrate') this.#migrated(event);
  }

  #expire({ state, hard }: Extract<KernelEvent, { kind: 'expire' }>): void {
    const installed = this.#sas.ownerOf(state);
    if (installed === undefined || installed.hard || (installed.soft && !hard)) return;
    // Both directions reach their limits; once is enough.
    if (hard) installed.hard = true;
    else installed.soft = true;
    this.#onEvent({ kind: 'expire', id: installed.parameters.id, hard, now: this.#now() });
  }

  #remap({ spi, destination, address, port }: Extract<KernelEvent, { kind: 'mapping' }>): void {
    const sa = this.#sas.ownerOf({ spi, destination, protocol: 'esp' })?.parameters;
    if (sa === undefined || sa.spiIn !== spi) return;
    this.#onEvent({ kind: 'mapping', id: sa.id, path: { ...sa.path, remote: { address, port } } });
  }

  /**
   * Another program moved SAs of ours. Which addresses IKE goes by is for the peers to say; here it matters that the
   * SAs are found, counted and removed where they are now.
   */
  #migrated({ reqid, from, to }: Extract<KernelEvent, { kind: 'migrate' }>): void {
    const is = (ends: typeof from, source: IpAddress, destination: IpAddress): boolean =>
      equal(ends.source, source) && equal(ends.destination, destination);
    for (const id of this.#sas.ids) {
      const installed = this.#sas.get(id);
      if (installed === undefined) continue;
      const { parameters: sa } = installed;
      const { local, remote } = sa.path;
      const outward = is(from, local.address, remote.address);
      if ((reqid !== 0 && reqid !== sa.reqid) || !(outward || is(from, remote.address, local.address)))
        continue;
      const [here, there] = outward ? [to.source, to.destination] : [to.destination, to.source];
      const path = { ...sa.path, local: { ...local, address: here }, remote: { ...remote, address: there } };
      this.#sas.change(installed, { ...sa, path });
      this.#onWarning(
        `another program moved the SA "${sa.name}": it goes from ${formatIp(here)} to ${formatIp(there)} now, and its IKE SA stays where it is`,
      );
    }
  }
}
