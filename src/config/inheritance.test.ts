import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveReferences } from './inheritance.ts';
import { openSection, parseInto } from './parser.ts';
import { formatRemark, Report } from './report.ts';
import type { Section } from './section.ts';

function resolved(text: string): {
  root: Section;
  templates: ReadonlySet<string>;
  failures: readonly string[];
} {
  const report = new Report();
  const open = openSection('', { file: 'f', line: 0, column: 0 });
  parseInto(open, text, 'f', { report, include: () => undefined });
  const { root, templates } = resolveReferences(open, report);
  return { root, templates, failures: report.failures.map(formatRemark) };
}

function show(section: Section | undefined): string {
  if (section === undefined) return 'none';
  const parts = [...section.settings.values()].map(({ key, value }) => `${key}=${value ?? ''}`);
  for (const inner of section.sections.values()) parts.push(`${inner.name}{${show(inner)}}`);
  return parts.join(' ');
}

test('settings and sections are inherited, and overridden', () => {
  const { root, templates, failures } = resolved(`
    base { version = 2
      local { auth = psk
        id = moon }
      children { net { mode = tunnel } } }
    connections {
      a : base { version = 1
        local { id = sun } }
    }`);
  assert.deepEqual(failures, []);
  assert.equal(
    show(root.sections.get('connections')?.sections.get('a')),
    'version=1 local{id=sun auth=psk} children{net{mode=tunnel}}',
  );
  assert.deepEqual([...templates], ['base']);
});

test('own things come first, then those of the references from left to right', () => {
  const { root } = resolved(
    'x { a = x\n b = x\n s2 { } }\ny { b = y\n c = y\n s3 { } }\nz : x, y { d = z\n s1 { } }',
  );
  assert.equal(show(root.sections.get('z')), 'd=z a=x b=x c=y s1{} s2{} s3{}');
});

test('references are followed through references, forwards and backwards', () => {
  const { root } = resolved('a : b { }\nb : c.d { x = 1 }\nc { d { y = 2 } }');
  assert.equal(show(root.sections.get('a')), 'x=1 y=2');
});

test('an empty assignment clears what would be inherited', () => {
  const { root } = resolved('a { x = 1\n y = 2 }\nb : a { x = }');
  assert.equal(root.sections.get('b')?.settings.get('x')?.value, undefined);
  assert.equal(root.sections.get('b')?.settings.get('y')?.value, '2');
});

test('a section within what is inherited may inherit itself', () => {
  const { root } = resolved(
    'child { mode = transport }\nconn { children { net : child { } } }\na : conn { children { net { x = 1 } } }',
  );
  assert.equal(show(root.sections.get('a')), 'children{net{x=1 mode=transport}}');
});

test('a doubled dot is a dot in a name', () => {
  const { root, failures } = resolved('gw.example.org { x = 1 }\na : gw..example..org { }');
  assert.deepEqual(failures, []);
  assert.equal(show(root.sections.get('a')), 'x=1');
});

test('a reference to nothing is told with its place and the name that was meant', () => {
  assert.deepEqual(resolved('defaults { }\na : defualts { }\nb : zzz.y { }').failures, [
    'f:2:5: "a" inherits from "defualts", which is no section; did you mean "defaults"?',
    'f:3:5: "b" inherits from "zzz.y", which is no section; name a section by its path from the top of the file',
  ]);
});

test('sections that inherit from themselves are told', () => {
  assert.match(resolved('a : a { }').failures.join(), /^f:1:5: "a" inherits from "a", which contains it/);
  assert.match(
    resolved('a : b { }\nb : a { }').failures.join(),
    /"b" inherits from "a", which contains it or/,
  );
  assert.match(resolved('a { b : a { } }').failures.join(), /"b" inherits from "a", which contains it/);
});

test('a long row of references ends, and so does one that multiplies', () => {
  const chain = Array.from({ length: 2000 }, (_, i) => `s${i} : s${i + 1} { }`).join('\n');
  assert.match(resolved(`${chain}\ns2000 { }`).failures.join(), /too many sections inherit/);
  const doubling = Array.from(
    { length: 60 },
    (_, i) => `s${i + 1} : s${i} { a : s${i} { } b : s${i} { } }`,
  ).join('\n');
  const { failures } = resolved(`s0 { a { x = 1 } b { x = 1 } }\n${doubling}`);
  assert.equal(failures.length <= 1, true);
});
