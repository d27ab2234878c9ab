import { ipToBigInt } from '../lib/ip.ts';
import type { ConfigurationAttribute, Pool } from '../policy/pool.ts';
import type { Report } from './report.ts';
import { ATTRIBUTES, NUMBERED, POOL } from './schema/pool.ts';
import { checkSections, readSection, type Values } from './schema.ts';
import type { Position, Section } from './section.ts';

/** The pools of a `pools` section. What is wrong, such as two pools that share addresses, is reported. */
export function poolsFrom(section: Section | undefined, report: Report): readonly Pool[] {
  const sections = [...(section?.sections.values() ?? [])];
  const pools: { readonly pool: Pool; readonly at: Position }[] = [];
  for (const inner of sections) {
    const pool = poolFrom(inner, report);
    if (pool === undefined) continue;
    const other = pools.find(known => overlaps(known.pool, pool))?.pool;
    if (other !== undefined)
      report.fail(
        'config/invalid-value',
        inner.settings.get('addrs')?.valueAt ?? inner.at,
        `pool "${pool.name}" has addresses that pool "${other.name}" has too`,
        'an address can be given to one peer alone: let the pools have none in common',
      );
    pools.push({ pool, at: inner.at });
  }
  return pools.map(({ pool }) => pool);
}

/** The pool that one section describes; undefined, and a failure, when it has no addresses. */
export function poolFrom(section: Section, report: Report): Pool | undefined {
  const { addrs, ...named } = readSection(section, POOL, report, isNumber);
  checkSections(section, () => false, [], report);
  const attributes = attributesOf(section, named, report);
  if (addrs !== undefined) return { name: section.name, ...addrs, attributes };
  if (section.settings.get('addrs')?.value === undefined)
    report.fail(
      'config/missing',
      section.at,
      `pool "${section.name}" has no addresses`,
      'add addrs = 10.1.0.0/24',
    );
  return undefined;
}

/** What the plugin `attr` of charon tells every peer that is given an address. */
export function attributesFrom(section: Section, report: Report): readonly ConfigurationAttribute[] {
  const settings = [...section.settings.values()].map(setting => ({
    ...setting,
    key: setting.key.replace(/^(split|p)-/, '$1_'),
  }));
  const asPool = { ...section, settings: new Map(settings.map(setting => [setting.key, setting])) };
  const named = readSection(asPool, ATTRIBUTES, report, name => name === 'load' || isNumber(name));
  return attributesOf(asPool, named, report);
}

function attributesOf(
  section: Section,
  { split_include, split_exclude, p_cscf, ...named }: Values<typeof ATTRIBUTES>,
  report: Report,
): readonly ConfigurationAttribute[] {
  const { address, netmask, dns, nbns, dhcp, server, subnet } = named;
  const attributes: ConfigurationAttribute[] = [];
  for (const [kind, values] of Object.entries({
    address,
    netmask,
    dns,
    nbns,
    dhcp,
    server,
    'p-cscf': p_cscf,
  } as const))
    for (const value of values) attributes.push({ kind: kind as 'dns', address: value });
  const networks = { subnet, 'split-include': split_include, 'split-exclude': split_exclude } as const;
  for (const [kind, values] of Object.entries(networks))
    for (const value of values) attributes.push({ kind: kind as 'subnet', ...value });
  for (const setting of section.settings.values())
    if (isNumber(setting.key))
      for (const value of NUMBERED.read(setting, report))
        attributes.push({ kind: 'numbered', type: Number(setting.key), value });
  return attributes;
}

/** Whether the two have an address in common. */
export function overlaps(a: Pool, b: Pool): boolean {
  if (a.start.length !== b.start.length) return false;
  return ipToBigInt(a.start) <= ipToBigInt(b.end) && ipToBigInt(b.start) <= ipToBigInt(a.end);
}

function isNumber(key: string): boolean {
  return /^\d{1,5}$/.test(key) && Number(key) < 32_768;
}
