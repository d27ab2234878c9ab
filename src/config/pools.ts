import type { Report } from './report.ts';
import { NUMBERED, POOL } from './schema/pool.ts';
import { checkSections, readSection } from './schema.ts';
import type { Section } from './section.ts';
import type { AddressRange } from './value-types.ts';

/** Addresses to give to peers, and what is told to them with each. */
export interface Pool {
  readonly name: string;
  readonly addresses: AddressRange;
  readonly attributes: readonly PoolAttribute[];
}

interface PoolAttribute {
  /** By name, such as `dns`, or by the number of a configuration attribute. */
  readonly kind: Exclude<keyof typeof POOL, 'addrs'> | number;
  /** Addresses or prefixes; of numbered attributes, the texts as written. */
  readonly values: readonly (AddressRange | string)[];
}

/** The pools of a `pools` section. What is wrong is reported. */
export function poolsFrom(section: Section | undefined, report: Report): readonly Pool[] {
  return [...(section?.sections.values() ?? [])].flatMap(inner => poolFrom(inner, report) ?? []);
}

/** The pool that one section describes; undefined, and a failure, when it has no addresses. */
export function poolFrom(section: Section, report: Report): Pool | undefined {
  const { addrs, ...named } = readSection(section, POOL, report, isNumber);
  checkSections(section, () => false, [], report);
  const attributes: PoolAttribute[] = [];
  for (const [kind, values] of Object.entries(named)) {
    if (values.length > 0) attributes.push({ kind: kind as keyof typeof named, values });
  }
  for (const setting of section.settings.values()) {
    if (!isNumber(setting.key)) continue;
    const values = NUMBERED.read(setting, report);
    if (values.length > 0) attributes.push({ kind: Number(setting.key), values });
  }
  if (addrs === undefined) {
    if (section.settings.get('addrs')?.value === undefined) {
      report.fail(
        'config/missing',
        section.at,
        `pool "${section.name}" has no addresses`,
        'add addrs = 10.1.0.0/24',
      );
    }
    return undefined;
  }
  return { name: section.name, addresses: addrs, attributes };
}

function isNumber(key: string): boolean {
  return /^\d{1,5}$/.test(key) && Number(key) < 32_768;
}
