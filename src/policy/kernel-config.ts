import type { KernelOptions, Mark } from './sa.ts';

/** `%unique`: a number of each SA's own; `%unique-dir`: one for each of its directions. */
export type Unique = 'unique' | 'unique-dir';

/** The same of each IKE SA, for all its children. */
export type IkeUnique = 'unique-ike' | 'unique-ike-dir';

/** A mark as configured. */
export interface ConfiguredMark {
  readonly value: number | Unique;
  readonly mask: number;
}

type Numbered = 'markIn' | 'markOut' | 'interfaceIn' | 'interfaceOut';

/** `KernelOptions` as configured, before `%unique` has become a number. */
export interface KernelConfig extends Omit<KernelOptions, Numbered | 'setMarkIn' | 'setMarkOut'> {
  readonly markIn?: ConfiguredMark;
  readonly markOut?: ConfiguredMark;
  /** `same`: the value of the mark that chooses the SA. */
  readonly setMarkIn?: Mark | 'same';
  readonly setMarkOut?: Mark | 'same';
  readonly interfaceIn?: number | Unique | IkeUnique;
  readonly interfaceOut?: number | Unique | IkeUnique;
}

/** XFRM interfaces of an IKE SA, for those of its children that have none of their own. */
export interface IkeInterfaces {
  readonly interfaceIn?: number | IkeUnique;
  readonly interfaceOut?: number | IkeUnique;
}

/** Whether each SA of a child needs a number that no other has. */
export function isUnique({ markIn, markOut, interfaceIn, interfaceOut }: KernelConfig): boolean {
  return [markIn?.value, markOut?.value, interfaceIn, interfaceOut].some(value => typeof value === 'string');
}

/** Whether one number is for all children of an IKE SA. */
export function isUniqueOfIke({ interfaceIn, interfaceOut }: KernelConfig | IkeInterfaces): boolean {
  return [interfaceIn, interfaceOut].some(
    value => typeof value === 'string' && value.startsWith('unique-ike'),
  );
}

/** Whether each SA of a child has a number of its own, even among those of one IKE SA. */
export function isUniqueOfChild({ markIn, markOut, interfaceIn, interfaceOut }: KernelConfig): boolean {
  return [markIn?.value, markOut?.value, interfaceIn, interfaceOut].some(
    value => value === 'unique' || value === 'unique-dir',
  );
}

/** The interfaces of an IKE SA whose own number is `ofIke`. */
export function ikeInterfaces(
  { interfaceIn, interfaceOut }: IkeInterfaces,
  ofIke: number,
): Pick<KernelOptions, 'interfaceIn' | 'interfaceOut'> {
  const { inward, outward } = numbered(interfaceIn, interfaceOut, ofIke, ofIke);
  return {
    ...(inward !== undefined && { interfaceIn: inward }),
    ...(outward !== undefined && { interfaceOut: outward }),
  };
}

/**
 * The options of an SA. Its reqid, which it keeps through rekeys and which no other has where numbers are unique, gives
 * those numbers; `ofIke`, drawn from the same numbers for its IKE SA, those that are one for all children.
 */
export function kernelOptions(config: KernelConfig, reqid: number, ofIke = reqid): KernelOptions {
  const { markIn, markOut, setMarkIn, setMarkOut, interfaceIn, interfaceOut, ...rest } = config;
  const marks = numbered(markIn?.value, markOut?.value, reqid, ofIke);
  const interfaces = numbered(interfaceIn, interfaceOut, reqid, ofIke);
  const inward = markOf(marks.inward, markIn);
  const outward = markOf(marks.outward, markOut);
  const setIn = setMarkIn === 'same' ? inward : setMarkIn;
  const setOut = setMarkOut === 'same' ? outward : setMarkOut;
  return {
    ...rest,
    ...(inward !== undefined && { markIn: inward }),
    ...(outward !== undefined && { markOut: outward }),
    ...(setIn !== undefined && { setMarkIn: setIn }),
    ...(setOut !== undefined && { setMarkOut: setOut }),
    ...(interfaces.inward !== undefined && { interfaceIn: interfaces.inward }),
    ...(interfaces.outward !== undefined && { interfaceOut: interfaces.outward }),
  };
}

type Wanted = number | Unique | IkeUnique | undefined;

/** One number for both directions, unless either wants one for itself. */
function numbered(
  inward: Wanted,
  outward: Wanted,
  reqid: number,
  ofIke: number,
): { readonly inward: number | undefined; readonly outward: number | undefined } {
  const apart = [inward, outward].some(wanted => wanted === 'unique-dir' || wanted === 'unique-ike-dir');
  const number = (wanted: Wanted, last: number): number | undefined => {
    if (typeof wanted !== 'string') return wanted;
    return (2 * (wanted.startsWith('unique-ike') ? ofIke : reqid) + last) >>> 0;
  };
  return { inward: number(inward, 0), outward: number(outward, apart ? 1 : 0) };
}

function markOf(value: number | undefined, configured: ConfiguredMark | undefined): Mark | undefined {
  if (value === undefined || configured === undefined) return undefined;
  return { value: (value & configured.mask) >>> 0, mask: configured.mask };
}
