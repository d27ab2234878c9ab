import { Document, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml';
import { resolveReferences } from './inheritance.ts';
import { Report } from './report.ts';
import { LOCAL, REMOTE } from './schema/authentication.ts';
import { CHILD } from './schema/child.ts';
import { CONNECTION } from './schema/connection.ts';
import { AUTHORITY } from './schema/credentials.ts';
import { MANUAL } from './schema/manual.ts';
import { POOL } from './schema/pool.ts';
import { itemsOf, type Table } from './schema.ts';
import type { Section, Setting } from './section.ts';
import { readSource } from './source.ts';

/**
 * What the swanctl.conf at `file` says, as YAML: files that it includes and what sections inherit written out, comments and
 * templates left out. Throws ConfigurationFailure where it cannot be read; what its values mean is not looked at.
 */
export function yamlFrom(file: string): string {
  const report = new Report();
  const { root, templates } = resolveReferences(readSource(file, report), report);
  report.conclude();
  const document = new Document(mapOf(root, templates), { schema: 'failsafe' });
  return document.toString({ lineWidth: 0, nullStr: '' });
}

const TABLES: readonly Table[] = [CONNECTION, LOCAL, REMOTE, CHILD, POOL, AUTHORITY, MANUAL];
const LISTS = new Set(
  TABLES.flatMap(table => Object.entries(table).flatMap(([name, key]) => (key.isList ? name : []))),
);

function mapOf(section: Section, without: ReadonlySet<string>): YAMLMap {
  const map = new YAMLMap();
  for (const setting of section.settings.values()) {
    if (setting.value !== undefined) map.items.push(new Pair(scalar(setting.key), nodeOf(setting)));
  }
  for (const inner of section.sections.values()) {
    if (!without.has(inner.name)) map.items.push(new Pair(scalar(inner.name), mapOf(inner, new Set())));
  }
  return map;
}

function nodeOf(setting: Setting): Scalar | YAMLSeq {
  const items = LISTS.has(setting.key) ? itemsOf(setting) : [];
  if (items.length < 2) return scalar(setting.value ?? '');
  const list = new YAMLSeq();
  list.items.push(...items.map(({ text }) => scalar(text)));
  return list;
}

/** Words that mean nothing at all in YAML stand in quotes, so that they stay words. */
function scalar(text: string): Scalar {
  const node = new Scalar(text);
  if (/^(~|null|<<|)$/i.test(text)) node.type = 'QUOTE_DOUBLE';
  return node;
}
