import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type OpenSection, openSection, parseInto } from './parser.ts';
import { formatRemark, Report } from './report.ts';
import { formatPosition, type Section } from './section.ts';

interface Parsed {
  readonly root: OpenSection;
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
  readonly includes: readonly string[];
}

function parse(text: string): Parsed {
  const report = new Report();
  const root = openSection('', { file: 'f', line: 0, column: 0 });
  const includes: string[] = [];
  parseInto(root, text, 'f', {
    report,
    include: (pattern, at, into) => includes.push(`${formatPosition(at)} ${pattern} into "${into.name}"`),
  });
  return {
    root,
    failures: report.failures.map(formatRemark),
    warnings: report.warnings.map(formatRemark),
    includes,
  };
}

type Plain = { [name: string]: string | undefined | Plain };

function plain(section: Section): Plain {
  const result: Plain = {};
  for (const setting of section.settings.values()) result[setting.key] = setting.value;
  for (const inner of section.sections.values()) result[inner.name] = plain(inner);
  return result;
}

/** The tree of a text that has nothing wrong with it. */
function tree(text: string): Plain {
  const parsed = parse(text);
  assert.deepEqual(parsed.failures, []);
  return plain(parsed.root);
}

test('sections, keys and values', () => {
  assert.deepEqual(
    tree('a = b\nsection-one {\n  somevalue = asdf\n  subsection {\n    x = 12\n  }\n  # comment\n}\n'),
    {
      a: 'b',
      'section-one': { somevalue: 'asdf', subsection: { x: '12' } },
    },
  );
});

test('what may stand on one line', () => {
  assert.deepEqual(tree('a { b = c } d { e { f = g } } h = i'), {
    a: { b: 'c' },
    d: { e: { f: 'g' } },
    h: 'i',
  });
  assert.deepEqual(tree('a{b=c}'), { a: { b: 'c' } });
});

test('a brace may stand on a later line than its name', () => {
  assert.deepEqual(tree('a\n{\n}\nb # why\n\n  {\n c = d }'), { a: {}, b: { c: 'd' } });
});

test('blanks within an unquoted value become one space, around it none', () => {
  assert.deepEqual(tree('a =   C=CH,\t O=Lab,   CN=x  \nb = c'), { a: 'C=CH, O=Lab, CN=x', b: 'c' });
});

test('braces that open, equal signs, colons and commas belong to a value', () => {
  assert.deepEqual(tree('a = x{y=z:w,v'), { a: 'x{y=z:w,v' });
});

test('a value without text clears, a quoted one may be empty', () => {
  const { root } = parse('a =\nb = ""\nc = # comment\n');
  assert.equal(root.settings.get('a')?.value, undefined);
  assert.equal(root.settings.get('b')?.value, '');
  assert.equal(root.settings.get('c')?.value, undefined);
});

test('quotes hold everything, with escapes', () => {
  assert.deepEqual(tree(String.raw`a = " # } { \" \\ \n\t\r\q "`), { a: ' # } { " \\ \n\t\rq ' });
  assert.deepEqual(tree('a = "one \\\n two \\\r\n three\nfour"'), { a: 'one  two  three\nfour' });
  assert.deepEqual(tree('a = one "two  three" four "five"'), { a: 'one two  three four five' });
});

test('comments end anywhere but in quotes', () => {
  assert.deepEqual(tree('# a\n a = b # c\n # d\n e { # f\n } # g\n h = "#"'), { a: 'b', e: {}, h: '#' });
});

test('line ends of any system, a byte order mark, and no line end at the end', () => {
  assert.deepEqual(tree('\ufeffa = b\r\nc {\r\n d = e\r\n}\r\nf = g'), { a: 'b', c: { d: 'e' }, f: 'g' });
  assert.deepEqual(tree(''), {});
  assert.deepEqual(tree(' \t\r\n'), {});
});

test('sections met again are extended, settings met again replaced', () => {
  assert.deepEqual(tree('a { b = 1\n c = 2 }\n a { c = 3\n d { } }\n'), { a: { b: '1', c: '3', d: {} } });
});

test('names may hold what is no syntax', () => {
  assert.deepEqual(tree('gw.example.org { x-1_% = y }'), { 'gw.example.org': { 'x-1_%': 'y' } });
});

test('positions are those of key and value', () => {
  const { root } = parse('a {\n  # note\n  key =  "value"\n\tother = x\n}');
  const settings = root.sections.get('a')?.settings;
  const key = settings?.get('key');
  assert.equal(formatPosition(key?.at ?? root.at), 'f:3:3');
  assert.equal(formatPosition(key?.valueAt ?? root.at), 'f:3:10');
  assert.equal(formatPosition(settings?.get('other')?.at ?? root.at), 'f:4:2');
  assert.equal(formatPosition(root.sections.get('a')?.at ?? root.at), 'f:1:1');
});

test('a value says whether its characters are the file’s', () => {
  const { root } = parse('a = one, two\nb = one,  two\nc = "one"\nd = one # x');
  assert.deepEqual(
    [...root.settings.values()].map(({ verbatim }) => verbatim),
    [true, false, false, true],
  );
});

test('references name the sections to inherit from', () => {
  const { root, failures } = parse('a : b, c.d {\n}\ne:f{ }\ng :\n h ,\n i\n{\n}');
  assert.deepEqual(failures, []);
  assert.deepEqual(
    [...root.sections.values()].map(({ name, references }) => [name, references.map(({ path }) => path)]),
    [
      ['a', ['b', 'c.d']],
      ['e', ['f']],
      ['g', ['h', 'i']],
    ],
  );
  assert.equal(formatPosition(root.sections.get('a')?.references[1]?.at ?? root.at), 'f:1:8');
});

test('include takes patterns, quoted and escaped, in any section', () => {
  const { includes, failures } = parse(
    'include conf.d/*.conf\na {\n  include "with space/x.conf" # why\n  include with\\ space\\#1.conf\n}\ninclude /b.conf',
  );
  assert.deepEqual(failures, []);
  assert.deepEqual(includes, [
    'f:1:1 conf.d/*.conf into ""',
    'f:3:3 with space/x.conf into "a"',
    'f:4:3 with space#1.conf into "a"',
    'f:6:1 /b.conf into ""',
  ]);
});

test('include is an ordinary name where something is assigned to it, or it opens a section', () => {
  assert.deepEqual(tree('include = x\nincludes = y'), { include: 'x', includes: 'y' });
  assert.deepEqual(tree('include { a = b }'), { include: { a: 'b' } });
});

test('a comment that clings to a value is warned of', () => {
  const { warnings, root } = parse('secret = abc#def\nother = abc #def\nthird = "abc"#def');
  assert.equal(root.settings.get('secret')?.value, 'abc');
  assert.deepEqual(warnings, [
    'f:1:13: the value of "secret" ends before this #, which begins a comment; put the value in double quotes if the # belongs to it, or a space before the # if not',
  ]);
});

test('a key set twice in one section is warned of, one replaced by another section is not', () => {
  assert.deepEqual(parse('a { b = 1\n b = 2 }\na { b = 3 }').warnings, [
    'f:2:2: "b" is set a second time in this section; the last one counts',
  ]);
});

const WRONG: readonly (readonly [what: string, text: string, failures: readonly RegExp[]])[] = [
  [
    'a section that is never closed',
    'x = y\n  a {\n b = c',
    [/^f:2:3: section "a" is opened here and never closed; add the missing }$/],
  ],
  ['a brace that closes nothing', 'a { }\n}\nb = c', [/^f:2:1: this } closes no section/]],
  ['a word alone', 'a {\n  word\n  b = c\n}', [/^f:2:3: "word" is followed by neither "=" nor "{"/]],
  ['two words', 'one two = 3\n', [/^f:1:1: "one" is followed by/]],
  ['a value without a key', '  = b\nc = d', [/^f:1:3: "=" has no name before it/]],
  ['a section without a name', 'a { { b = c } }', [/^f:1:5: this section has no name/]],
  ['a quoted key', '"a" = b', [/^f:1:1: a quoted text stands where a key should/]],
  ['a quoted text that never ends', 'a = "b\nc = d', [/^f:1:5: this quoted text is never closed/]],
  ['a reference without a name', 'a : { }', [/^f:1:5: the name of a section to inherit from is missing/]],
  ['a reference without a section', 'a : b\nc = d', [/^f:1:1: "a" is followed by neither/]],
  [
    'a brace within an unquoted value',
    'a { secret = p}ss\n}',
    [/^f:1:16: "ss" is followed by neither.*must stand in double quotes/, /^f:2:1: this } closes no section/],
  ],
  ['an include of nothing', 'include ""', [/^f:1:1: this include names no file/]],
  ['several things', 'a\n= b\n}\nc = "', [/^f:1:1/, /^f:2:1/, /^f:3:1/, /^f:4:5/]],
];

for (const [what, text, failures] of WRONG) {
  test(`${what} is told with its place`, () => {
    const found = parse(text).failures;
    assert.equal(found.length, failures.length, found.join('\n'));
    failures.forEach((pattern, i) => {
      assert.match(found[i] as string, pattern);
    });
  });
}

test('reading goes on behind what is wrong', () => {
  const { root } = parse('a {\n  word\n  b = c\n}\n}\nd = e');
  assert.deepEqual(plain(root), { a: { b: 'c' }, d: 'e' });
});

test('sections nest 32 deep and no deeper', () => {
  assert.deepEqual(parse(`${'a { '.repeat(32)}${'} '.repeat(32)}`).failures, []);
  const { failures } = parse(`${'a { '.repeat(100_000)}`);
  assert.match(failures.join('\n'), /nested more than 32 deep/);
  assert.match(parse('{'.repeat(100_000)).failures.join('\n'), /has no name/);
});
