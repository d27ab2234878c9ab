import { equal } from '../../lib/bytes.ts';
import type { ChildSaParameters, Path } from '../../policy/sa.ts';
import type { XfrmKernel } from './kernel.ts';

interface Promised {
  /** For which it was; the kernel keeps states by their addresses. */
  readonly path: Path;
  readonly protocol: 'esp' | 'ah';
  readonly spi: number;
  cpi: number | undefined;
}

/** SPIs that were promised, each with its CPI where one was asked for, and not installed or released yet. All throw SystemFailure. */
export class Reservations {
  readonly #kernel: XfrmKernel;
  readonly #promised = new Map<string, Promised>();

  constructor(kernel: XfrmKernel) {
    this.#kernel = kernel;
  }

  spi(protocol: 'esp' | 'ah', path: Path): number {
    const spi = this.#kernel.allocateSpi(protocol, path);
    this.#promised.set(keyOf(protocol, spi), { path, protocol, spi, cpi: undefined });
    return spi;
  }

  cpi(protocol: 'esp' | 'ah', spi: number, path: Path): number {
    const promised = this.#promised.get(keyOf(protocol, spi));
    if (promised?.cpi !== undefined) return promised.cpi;
    const cpi = this.#kernel.allocateSpi('ipcomp', path);
    if (promised !== undefined) promised.cpi = cpi;
    return cpi;
  }

  release(protocol: 'esp' | 'ah', spi: number): void {
    const promised = this.#promised.get(keyOf(protocol, spi));
    if (promised === undefined) return;
    this.#promised.delete(keyOf(protocol, spi));
    this.#releaseCpi(promised);
    this.#kernel.deleteState(stateOf(promised, protocol, spi));
  }

  releaseAll(): void {
    for (const { protocol, spi } of [...this.#promised.values()]) this.release(protocol, spi);
  }

  /** Whether the kernel has `sa` reserved as it is: what it does not take of it is released. */
  take(sa: ChildSaParameters): boolean {
    const { protocol, spiIn, path, ipcomp } = sa;
    const promised = this.#promised.get(keyOf(protocol, spiIn));
    if (promised === undefined) return false;
    if (!samePlace(promised.path, path)) {
      this.release(protocol, spiIn);
      return false;
    }
    this.#promised.delete(keyOf(protocol, spiIn));
    if (promised.cpi !== ipcomp?.cpiIn) this.#releaseCpi(promised);
    return true;
  }

  #releaseCpi(promised: Promised): void {
    if (promised.cpi !== undefined) this.#kernel.deleteState(stateOf(promised, 'ipcomp', promised.cpi));
  }
}

function keyOf(protocol: 'esp' | 'ah', spi: number): string {
  return `${protocol} ${spi}`;
}

function stateOf<P>({ path }: Promised, protocol: P, spi: number) {
  return { spi, protocol, source: path.remote.address, destination: path.local.address };
}

function samePlace(a: Path, b: Path): boolean {
  return equal(a.local.address, b.local.address) && equal(a.remote.address, b.remote.address);
}
