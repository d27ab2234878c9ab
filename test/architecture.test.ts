import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { test } from 'node:test';

const root = resolve(import.meta.dirname, '..');

/** Who may import whom: a room may use itself and the rooms named here. ARCHITECTURE.md draws this table. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  iana: ['lib'],
  wire: ['lib', 'iana'],
  crypto: ['lib', 'iana'],
  pki: ['lib', 'iana', 'crypto'],
  policy: ['lib', 'iana', 'crypto', 'pki'],
  esp: ['lib', 'iana', 'crypto', 'policy'],
  ike: ['lib', 'iana', 'wire', 'crypto', 'pki', 'policy'],
  ikev1: ['lib', 'iana', 'wire', 'crypto', 'pki', 'policy', 'ike'],
  ikev2: ['lib', 'iana', 'wire', 'crypto', 'pki', 'policy', 'ike'],
  engine: ['lib', 'iana', 'wire', 'crypto', 'pki', 'policy', 'ike', 'ikev1', 'ikev2'],
  'crypto/node': ['lib', 'iana', 'crypto', 'sys'],
  sys: ['lib'],
  config: ['lib', 'iana', 'crypto', 'pki', 'policy'],
  net: ['lib', 'policy', 'sys'],
  ipsec: ['lib', 'iana', 'crypto', 'policy', 'esp', 'sys', 'crypto/node'],
  control: ['lib', 'policy'],
  daemon: [
    'lib',
    'iana',
    'wire',
    'crypto',
    'pki',
    'policy',
    'ike',
    'engine',
    'esp',
    'config',
    'net',
    'ipsec',
    'control',
    'crypto/node',
    'sys',
  ],
  cli: ['lib', 'control', 'wire', 'pki', 'daemon'],
  index: [
    'lib',
    'iana',
    'wire',
    'crypto',
    'crypto/node',
    'pki',
    'policy',
    'ike',
    'engine',
    'esp',
    'config',
    'net',
    'ipsec',
    'daemon',
    'control',
  ],
};

/** The only rooms that may touch a package with native code or a system call. */
const PACKAGE_DOORS: Readonly<Record<string, readonly string[]>> = {
  koffi: ['sys'],
  commander: ['cli'],
  pino: ['daemon'],
  yaml: ['config'],
};

const CORE = new Set([
  'lib',
  'iana',
  'wire',
  'crypto',
  'pki',
  'policy',
  'esp',
  'ike',
  'ikev1',
  'ikev2',
  'engine',
]);
const LINE_LIMIT = 500;

/** Alarm sizes by kind of file (lines); `iana/` holds tables and has none. */
const ALARMS: readonly { readonly where: RegExp; readonly lines: number }[] = [
  { where: /^src\/iana\//, lines: Number.POSITIVE_INFINITY },
  { where: /^src\/(wire\/v[12]\/payloads|ikev[12]\/(extensions|auth)|cli\/commands)\//, lines: 150 },
  { where: /^src\/ikev[12]\/flows\//, lines: 350 },
  { where: /^src\/crypto\/(encr|integ|prf|ke|sign)\//, lines: 300 },
  { where: /^src\//, lines: LINE_LIMIT },
];

interface Source {
  readonly path: string;
  readonly room: string;
  readonly text: string;
  readonly imports: readonly string[];
}

function roomOf(path: string): string {
  const parts = path.split('/');
  if (parts[0] !== 'src') return '';
  if (parts.length === 2) return 'index';
  if (parts[1] === 'crypto' && parts[2] === 'node') return 'crypto/node';
  return parts[1] ?? '';
}

function load(): Source[] {
  return readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts'))
    .map(entry => {
      const file = join(entry.parentPath, entry.name);
      const path = relative(root, file);
      const text = readFileSync(file, 'utf8');
      const imports = [
        ...text.matchAll(
          /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?from\s*'([^']+)'|\bimport\(\s*'([^']+)'\s*\)|(?:^|\n)import '([^']+)'/g,
        ),
      ].map(match => (match[1] ?? match[2] ?? match[3]) as string);
      return { path, room: roomOf(path), text, imports };
    });
}

const sources = load();

test('every room imports only the rooms it may', () => {
  const wrong: string[] = [];
  for (const source of sources) {
    const allowed = MAY_IMPORT[source.room];
    if (allowed === undefined) {
      wrong.push(`${source.path}: no room of that name stands in the table`);
      continue;
    }
    for (const specifier of source.imports.filter(specifier => specifier.startsWith('.'))) {
      const target = roomOf(relative(root, resolve(root, dirname(source.path), specifier)));
      if (target !== source.room && !allowed.includes(target))
        wrong.push(`${source.path} imports ${target} (${specifier})`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('packages and node modules come in by their own doors', () => {
  const wrong: string[] = [];
  for (const source of sources) {
    for (const specifier of source.imports.filter(specifier => !specifier.startsWith('.'))) {
      if (specifier.startsWith('node:')) {
        if (CORE.has(source.room)) wrong.push(`${source.path} imports ${specifier}`);
        continue;
      }
      const doors = PACKAGE_DOORS[specifier];
      if (doors === undefined || !doors.includes(source.room))
        wrong.push(`${source.path} imports ${specifier}`);
    }
  }
  assert.deepEqual(wrong, []);
});

test('no import cycle, between files or between rooms', () => {
  const graph = new Map(
    sources.map(source => [
      source.path,
      source.imports
        .filter(specifier => specifier.startsWith('.'))
        .map(specifier => relative(root, resolve(root, dirname(source.path), specifier))),
    ]),
  );
  const done = new Set<string>();
  const cycles: string[] = [];
  const walk = (path: string, trail: readonly string[]): void => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(' → '));
      return;
    }
    if (done.has(path)) return;
    for (const next of graph.get(path) ?? []) walk(next, [...trail, path]);
    done.add(path);
  };
  for (const path of graph.keys()) walk(path, []);
  assert.deepEqual(cycles, []);
});

test('files stay under their alarm sizes', () => {
  const wrong = sources
    .map(({ path, text }) => ({
      path,
      lines: text.split('\n').length - 1,
      limit: ALARMS.find(alarm => alarm.where.test(path))?.lines ?? LINE_LIMIT,
    }))
    .filter(({ lines, limit }) => lines > limit)
    .map(({ path, lines, limit }) => `${path}: ${lines} lines, alarm at ${limit}`);
  assert.deepEqual(wrong, []);
});

test('no file is named for being useful', () => {
  const wrong = sources
    .map(({ path }) => path)
    .filter(path => /(^|\/)(utils?|helpers?|managers?|common|misc)\.ts$/.test(path));
  assert.deepEqual(wrong, []);
});

test('the core has no clock, timer, randomness or promise of its own', () => {
  const wrong: string[] = [];
  for (const { path, room, text } of sources.filter(source => CORE.has(source.room))) {
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, '');
    for (const [what, pattern] of [
      ['Date', /\bDate\b/],
      ['Math.random', /Math\.random/],
      ['setTimeout', /\bset(Timeout|Interval|Immediate)\b/],
    ] as const) {
      if (pattern.test(code)) wrong.push(`${path}: ${what}`);
    }
    if (/^ike(v[12])?$|^engine$/.test(room) && /\bPromise\b|\basync\b/.test(code))
      wrong.push(`${path}: promise`);
  }
  assert.deepEqual(wrong, []);
});
