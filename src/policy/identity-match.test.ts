import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Malformed } from '../lib/reader.ts';
import { utf8 } from '../lib/text.ts';
import { parseIdentity } from './identity.ts';
import {
  formatIdentityPattern,
  matchesIdentity,
  matchIdentities,
  parseIdentityPattern,
} from './identity-match.ts';

for (const [pattern, identity, quality] of [
  ['%any', 'moon', 1],
  ['*', 'C=CH', 1],
  ['moon', 'moon', 20],
  ['moon', 'MOON', 20],
  ['moon', 'sun', 0],
  ['moon', 'keyid:moon', 0],
  ['*.example.org', 'a.b.example.org', 19],
  ['*.example.org', 'example.org', 0],
  ['*.example.org', 'a.example.org.evil', 0],
  ['*.example.org', 'joe@a.example.org', 0],
  ['*@example.org', 'Joe@Example.org', 19],
  ['gw*.*.org', 'gw1.lab.org', 18],
  ['keyid:A*', 'keyid:Abc', 19],
  ['keyid:A*', 'keyid:abc', 0],
  ['C=CH, O=Lab, CN=*', 'C=CH, O=LAB, CN=anything', 19],
  ['C=CH, O=*, CN=*', 'C=CH, O=x, CN=y', 18],
  ['C=CH, O=Lab, CN=*', 'C=CH, O=Lab', 0],
  ['C=CH, O=Lab, CN=*', 'C=CH, O=Lab, OU=x', 0],
  ['C=CH, O=Lab, CN=*', 'C=CH, O=Lab, CN=x, CN=y', 0],
  ['C=CH, O=Lab, CN=*', 'C=CH, O=Lab, CN=x+OU=y', 0],
  ['C=CH, O=Lab, CN=*', 'C=DE, O=Lab, CN=x', 0],
  ['CN=*.example.org', 'CN=a.example.org', 0],
  ['10.0.0.0/8', '10.2.3.4', 2],
  ['10.0.0.0/8', '11.2.3.4', 0],
  ['10.0.0.0/8', '10.0.0.0/8', 20],
  ['10.0.0.5-10.0.0.7', '10.0.0.6', 2],
  ['2001:db8::/32', '2001:db8::1', 2],
  ['2001:db8::/32', '10.0.0.1', 0],
  ['^(moon|sun)\\.lab$', 'SUN.lab', 2],
  ['^(moon|sun)\\.lab$', 'sun.lab.evil', 0],
  ['^.*$', 'C=CH, CN=x', 2],
  ['fqdn:^.*$', 'moon', 2],
  ['fqdn:^.*$', 'keyid:moon', 0],
  ['keyid:^moon$', 'keyid:moon', 2],
  ['asn1dn:^.*, CN=x$', 'C=CH, CN=x', 2],
  ['{11}:^moon$', 'keyid:moon', 2],
] as const) {
  test(`${pattern} gives ${identity} ${quality}`, () => {
    assert.equal(matchesIdentity(parseIdentityPattern(pattern), parseIdentity(identity)), quality);
  });
}

test('patterns are printed as they were written', () => {
  for (const text of ['%any', 'moon', '*.example.org', '^a$', 'C=CH, CN=*']) {
    assert.equal(formatIdentityPattern(parseIdentityPattern(text)), text);
  }
});

test('the peer’s wildcards are no wildcards', () => {
  const moon = parseIdentityPattern('moon');
  assert.equal(matchesIdentity(moon, { type: 2, data: utf8('*') }), 0);
  assert.equal(matchesIdentity(moon, { type: 0, data: new Uint8Array() }), 0);
  assert.equal(matchesIdentity(parseIdentityPattern('C=CH, CN=moon'), parseIdentity('C=CH, CN=*')), 0);
});

test('a malformed name fits %any alone', () => {
  const broken = { type: 9, data: utf8('C=CH, CN=moon') };
  for (const pattern of ['C=CH, CN=moon', 'C=CH, CN=*', 'asn1dn:^.+$']) {
    assert.equal(matchesIdentity(parseIdentityPattern(pattern), broken), 0, pattern);
  }
  assert.equal(matchesIdentity({ kind: 'any' }, broken), 1);
});

test('an owner that is everybody fits everybody', () => {
  assert.equal(matchIdentities(parseIdentity('%any'), parseIdentity('moon')), 1);
});

test('what cannot be read is refused when it is written, not when it is used', () => {
  for (const text of ['^($', 'nope:^a$', 'ipv4:moon', 'asn1gn:^a$'])
    assert.throws(() => parseIdentityPattern(text), Malformed, text);
});

test('a hostile identity does not keep a wildcard busy', () => {
  const pattern = parseIdentityPattern(`fqdn:${'*a'.repeat(40)}b`);
  assert.equal(matchesIdentity(pattern, { type: 2, data: utf8('a'.repeat(4096)) }), 0);
});
