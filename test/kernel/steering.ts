import assert from 'node:assert/strict';
import { type Message, sectionOf, sectionsOf, textOf, ViciClient } from '../../src/control/index.ts';
import { until } from '../interop/lab.ts';

/** A child SA as `list-sas` tells of it. */
export interface ChildView {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly spiIn: string;
}

/**
 * Orders to a daemon, cygnet or charon, on its VICI socket; to start swanctl for each takes a third of a second in
 * user-mode Linux. What swanctl itself makes of them is the matter of `test/interop`.
 */
export class Steering {
  readonly #uri: string;

  constructor({ uri }: { readonly uri: string }) {
    this.#uri = uri;
  }

  initiate(child: string): Promise<void> {
    return this.#order('initiate', { child, timeout: '60000' });
  }

  /**
   * Of the one SA of that name, once what it replaced is deleted: charon takes a name for all that it still has of it, and
   * cygnet does not replace what has not taken over yet. charon keeps deleted ones for a while.
   */
  async rekey(child: string): Promise<void> {
    const id = await until('one SA of that name', async () => {
      const [one, ...others] = (await this.children()).filter(
        ({ name, state }) => name === child && state !== 'DELETED',
      );
      return others.length === 0 && one?.state === 'INSTALLED' && one.id;
    });
    await this.#order('rekey', { 'child-id': id });
  }

  /** Answers when the IKE SA that takes its place is the only one. */
  async rekeyIke(ike: string): Promise<void> {
    const before = await this.ikeSpi();
    await this.#order('rekey', { ike });
    await this.ikeRenewed(before);
  }

  async ikeRenewed(old: string): Promise<void> {
    await until('another IKE SA', async () => {
      const sas = await this.#sas();
      return sas.length === 1 && textOf(sas[0] ?? {}, 'initiator-spi') !== old;
    });
  }

  /** Of the one IKE SA there is. */
  async ikeSpi(): Promise<string> {
    const [sa, ...others] = await this.#sas();
    assert.equal(others.length, 0, 'more than one IKE SA');
    return textOf(sa ?? {}, 'initiator-spi') ?? '';
  }

  /** The XFRM interfaces of the one IKE SA there is, each once. */
  async ikeInterfaces(): Promise<readonly number[]> {
    const sas = await this.#sas();
    assert.equal(sas.length, 1);
    const found = ['if-id-in', 'if-id-out'].flatMap(name => textOf(sas[0] ?? {}, name) ?? []);
    return [...new Set(found.map(text => Number.parseInt(text, 16)))];
  }

  install(child: string): Promise<void> {
    return this.#order('install', { child });
  }

  uninstall(child: string): Promise<void> {
    return this.#order('uninstall', { child });
  }

  /** Whether there was one. */
  async terminate(ike: string): Promise<boolean> {
    return textOf(await this.#request('terminate', { ike, timeout: '60000' }), 'success') === 'yes';
  }

  /** All child SAs there are. */
  async children(): Promise<readonly ChildView[]> {
    return (await this.#sas()).flatMap(sa =>
      sectionsOf(sectionOf(sa, 'child-sas')).map(([, child]) => ({
        id: textOf(child, 'uniqueid') ?? '',
        name: textOf(child, 'name') ?? '',
        state: textOf(child, 'state') ?? '',
        spiIn: textOf(child, 'spi-in') ?? '',
      })),
    );
  }

  /** SPIs of the SAs of a child that are in use. */
  async spis(child: string): Promise<readonly string[]> {
    const found = (await this.children()).filter(
      ({ name, state }) => name === child && state === 'INSTALLED',
    );
    return found.map(({ spiIn }) => spiIn);
  }

  async isEmpty(): Promise<boolean> {
    return (await this.#sas()).length === 0;
  }

  /** Waits until none of the SAs that `child` had is there, but another. */
  renewed(child: string, old: readonly string[], patience?: number): Promise<readonly string[]> {
    const another = async (): Promise<readonly string[] | false> => {
      const now = await this.spis(child);
      return now.length > 0 && !now.some(spi => old.includes(spi)) && now;
    };
    return until('another SA', another, patience);
  }

  async #sas(): Promise<readonly Message[]> {
    const sas: Message[] = [];
    await this.#with(client =>
      client.stream('list-sas', 'list-sa', {}, message => {
        for (const [, sa] of sectionsOf(message)) sas.push(sa);
      }),
    );
    return sas;
  }

  async #order(command: string, message: Message): Promise<void> {
    const answer = await this.#request(command, message);
    assert.equal(textOf(answer, 'success'), 'yes', `${command}: ${textOf(answer, 'errmsg')}`);
  }

  #request(command: string, message: Message): Promise<Message> {
    return this.#with(client => client.request(command, message, { timeout: 120_000 }));
  }

  async #with<T>(use: (client: ViciClient) => Promise<T>): Promise<T> {
    const client = await ViciClient.connect(this.#uri);
    try {
      return await use(client);
    } finally {
      client.close();
    }
  }
}
