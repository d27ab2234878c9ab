import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Malformed } from '../lib/reader.ts';
import { RegularExpression } from './regular-expression.ts';

for (const [source, yes, no] of [
  ['^moon$', ['moon', 'MOON'], ['moons', 'amoon', '']],
  ['moon', ['moon'], ['moon ']],
  ['^.*@(a|b)\\.org$', ['joe@a.org', '@b.org'], ['joe@c.org', 'joe@axorg']],
  ['^[a-f0-9]+$', ['0a', 'FF'], ['', 'g']],
  ['^[^@]+$', ['joe'], ['joe@x']],
  ['^[]x-]*$', [']', 'x-x'], ['y']],
  ['^[A-C]$', ['a', 'B'], ['d']],
  ['^gw[[:digit:]]{2,3}$', ['gw12', 'gw123'], ['gw1', 'gw1234', 'gwab']],
  ['^a{2}$', ['aa'], ['a', 'aaa']],
  ['^a{1,}$', ['a', 'aaaa'], ['']],
  ['^(ab)?c$', ['c', 'abc'], ['ac']],
  ['^\\d\\w\\s.$', ['1_ x'], ['a_ x']],
  ['^(?:a|)b$', ['b', 'ab'], ['a']],
  ['^()*$', [''], ['a']],
  ['^a|bc$', ['a', 'bc'], ['ab', 'c']],
  ['^x\\$$', ['x$'], ['x']],
  ['^C=CH, CN=.*$', ['c=ch, cn=moon'], ['CN=moon']],
] as const) {
  test(`${source} takes ${yes.join(', ')} and not ${no.join(', ')}`, () => {
    const expression = new RegularExpression(source);
    for (const text of yes) assert.equal(expression.matches(text), true, text);
    for (const text of no) assert.equal(expression.matches(text), false, text);
  });
}

for (const source of [
  '^(a$',
  '^a)$',
  '^[a$',
  '^*$',
  '^a{2$',
  '^a{3,2}$',
  '^a{65}$',
  '^(?=a)$',
  '^(a)\\1$',
  '^a^b$',
  '^[[:nope:]]$',
  '^[b-a]$',
  'a\\',
  'x'.repeat(257),
]) {
  test(`${source.slice(0, 20)} is refused`, () =>
    assert.throws(() => new RegularExpression(source), Malformed));
}

test('repetitions of repetitions do not grow without bound', () => {
  assert.throws(() => new RegularExpression('((((a{64}){64}){64}){64})'), /too large/);
  assert.throws(() => new RegularExpression('((((()){64}){64}){64}){64}'), /too large/);
});

test('expressions that send a backtracking matcher astray are matched in few steps', () => {
  const text = 'a'.repeat(500);
  for (const source of ['^(a+)+b$', '^(a|a)*b$', '^(a*)*b$', '^(.*)*(.*)*(.*)*b$', '^(a?){60}b$']) {
    assert.equal(new RegularExpression(source).matches(text), false);
  }
});

test('texts longer than 512 characters match nothing', () => {
  const all = new RegularExpression('^.*$');
  assert.equal(all.matches('a'.repeat(512)), true);
  assert.equal(all.matches('a'.repeat(513)), false);
});

test('agrees with the language’s own matcher', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '(a|b)', '(ab)', '(a|)', '\\.');
  const piece = fc.tuple(atom, fc.constantFrom('', '*', '+', '?', '{2}', '{1,2}')).map(pair => pair.join(''));
  const source = fc.array(piece, { minLength: 1, maxLength: 4 }).map(pieces => `^${pieces.join('')}$`);
  fc.assert(
    fc.property(
      source,
      fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 }),
      (expression, text) => {
        assert.equal(new RegularExpression(expression).matches(text), new RegExp(expression).test(text));
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});
