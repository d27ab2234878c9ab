import { toHex } from '../../lib/bytes.ts';
import type { ChildSaParameters } from '../../policy/sa.ts';
import type { Installed } from './installed.ts';
import { inboundState, type KernelState, outboundState } from './state.ts';

type NamedState = Pick<KernelState, 'spi' | 'protocol' | 'destination'>;

/** What is installed, by its number and by the kernel's states of it. */
export class InstalledSas {
  readonly #sas = new Map<number, Installed>();
  /** Which SA a state of the kernel belongs to. */
  readonly #owners = new Map<string, number>();

  add(installed: Installed): void {
    this.#sas.set(installed.parameters.id, installed);
    this.#own(installed.parameters);
  }

  get(id: number): Installed | undefined {
    return this.#sas.get(id);
  }

  get ids(): readonly number[] {
    return [...this.#sas.keys()];
  }

  ownerOf(state: NamedState): Installed | undefined {
    const id = this.#owners.get(stateKey(state));
    return id === undefined ? undefined : this.#sas.get(id);
  }

  /** Its states have other names from now on. */
  change(installed: Installed, parameters: ChildSaParameters): void {
    this.#disown(installed.parameters);
    installed.parameters = parameters;
    this.#own(parameters);
  }

  delete({ parameters }: Installed): void {
    this.#sas.delete(parameters.id);
    this.#disown(parameters);
  }

  #own(sa: ChildSaParameters): void {
    for (const state of [inboundState(sa), outboundState(sa)]) this.#owners.set(stateKey(state), sa.id);
  }

  #disown(sa: ChildSaParameters): void {
    for (const key of [inboundState(sa), outboundState(sa)].map(stateKey))
      if (this.#owners.get(key) === sa.id) this.#owners.delete(key);
  }
}

function stateKey({ protocol, spi, destination }: NamedState): string {
  return `${protocol} ${spi} ${toHex(destination)}`;
}
