/** A registry: names to numbers. Peers may send any number, so a table is open and never an enum. */
export type Registry = Readonly<Record<string, number>>;

const reversed = new WeakMap<Registry, ReadonlyMap<number, string>>();

/** The IANA name of `value` in `registry`, or the number itself in words (`private 65001`, `unassigned 77`). */
export function nameOf(registry: Registry, value: number, privateFrom = 1024): string {
  return knownName(registry, value) ?? `${value >= privateFrom ? 'private' : 'unassigned'} ${value}`;
}

/** The IANA name of `value`, or undefined where the registry has none. */
export function knownName(registry: Registry, value: number): string | undefined {
  let names = reversed.get(registry);
  if (names === undefined) {
    names = new Map(Object.entries(registry).map(([name, number]) => [number, name]));
    reversed.set(registry, names);
  }
  return names.get(value);
}
