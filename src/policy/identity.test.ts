import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { utf8 } from '../lib/text.ts';
import { encodeName } from '../pki/name-text.ts';
import {
  ANY_IDENTITY,
  checkIdentity,
  formatIdentity,
  parseIdentity,
  plainIdentity,
  sameIdentity,
} from './identity.ts';

const text = (value: string): string => toHex(utf8(value));

for (const [source, type, data] of [
  ['moon.example.org', 2, text('moon.example.org')],
  ['@moon', 2, text('moon')],
  ['joe@example.org', 3, text('joe@example.org')],
  ['@@joe@example.org', 3, text('joe@example.org')],
  ['@#0aFF', 11, '0aff'],
  ['@#xyz', 2, text('#xyz')],
  ['192.0.2.1', 1, 'c0000201'],
  ['2001:db8::1', 5, '20010db8000000000000000000000001'],
  ['10.1.2.3/8', 4, '0a000000ff000000'],
  ['2001:db8::/32', 6, `20010db8${'0'.repeat(24)}ffffffff${'0'.repeat(24)}`],
  ['10.0.0.1-10.0.0.9', 7, '0a0000010a000009'],
  ['C=CH, CN=moon', 9, toHex(encodeName('C=CH, CN=moon'))],
  ['/C=CH/CN=moon', 9, toHex(encodeName('C=CH, CN=moon'))],
  ['a=b=c', 11, text('a=b=c')],
  ['some:thing', 11, text('some:thing')],
  ['ipv4:192.0.2.1', 1, 'c0000201'],
  ['ipv6:::1', 5, `${'0'.repeat(31)}1`],
  ['ipv4net:10.0.0.0/8', 4, '0a000000ff000000'],
  ['ipv4range:10.0.0.1-10.0.0.2', 7, '0a0000010a000002'],
  ['FQDN:moon', 2, text('moon')],
  ['dns:10.0.0.1', 2, text('10.0.0.1')],
  ['email:joe@x', 3, text('joe@x')],
  ['rfc822:joe', 3, text('joe')],
  ['userfqdn:joe', 3, text('joe')],
  ['keyid:foo', 11, text('foo')],
  ['keyid:#0a:0b 0c', 11, '0a0b0c'],
  ['asn1dn:CN=x', 9, toHex(encodeName('CN=x'))],
  ['asn1dn:#3000', 9, '3000'],
  ['asn1gn:#8201 61', 10, '820161'],
  ['{11}:foo', 11, text('foo')],
  ['{200}:#00', 200, '00'],
] as const) {
  test(`${source} is of type ${type}`, () => {
    const identity = parseIdentity(source);
    assert.deepEqual([identity.type, toHex(identity.data)], [type, data]);
    assert.ok(sameIdentity(parseIdentity(formatIdentity(identity)), identity), formatIdentity(identity));
  });
}

for (const source of ['%any', '', '*', '0.0.0.0', '::', '%any6']) {
  test(`"${source}" is everybody`, () => {
    assert.deepEqual(parseIdentity(source), ANY_IDENTITY);
    assert.equal(formatIdentity(parseIdentity(source)), '%any');
  });
}

for (const source of [
  'ipv4:moon',
  'ipv4:::1',
  'ipv6:10.0.0.1',
  'ipv4net:10.0.0.0/33',
  'ipv4range:10.0.0.9-10.0.0.1',
  'keyid:#0',
  'asn1dn:#3001',
  'asn1dn:moon',
  'asn1gn:moon',
  'fqdn:',
  'fqdn:#6d00',
  '{1}:#0a0000',
]) {
  test(`"${source}" is refused`, () => assert.throws(() => parseIdentity(source), Malformed));
}

test('an identity from the wire must be what its type says', () => {
  assert.deepEqual(checkIdentity(11, Uint8Array.of(0)), { type: 11, data: Uint8Array.of(0) });
  assert.deepEqual(checkIdentity(13, new Uint8Array()), { type: 13, data: new Uint8Array() });
  for (const [type, data] of [
    [1, new Uint8Array(5)],
    [5, new Uint8Array(4)],
    [9, utf8('CN=moon')],
    [9, new Uint8Array()],
    [2, utf8('moon\u0000.evil.org')],
    [3, utf8('joe@x\nfoo')],
    [2, new Uint8Array()],
    [11, new Uint8Array(5000)],
  ] as const) {
    assert.throws(() => checkIdentity(type, data), Malformed, `type ${type}`);
  }
});

test('the printed form cannot be taken for another identity', () => {
  for (const [type, value, printed] of [
    [2, 'keyid:moon', 'fqdn:keyid:moon'],
    [2, '192.0.2.1', 'fqdn:192.0.2.1'],
    [2, 'CN=moon', 'fqdn:CN=moon'],
    [2, '%any', 'fqdn:%any'],
    [2, ' moon', `fqdn:#${text(' moon')}`],
    [2, '#moon', '#moon'],
    [2, 'moon\u202E', `fqdn:#${text('moon\u202E')}`],
    [3, 'joe', 'rfc822:joe'],
    [11, 'moon', 'keyid:moon'],
    [11, '\u0000', 'keyid:#00'],
  ] as const) {
    assert.equal(formatIdentity({ type, data: utf8(value) }), printed);
  }
  assert.equal(formatIdentity({ type: 9, data: Uint8Array.of(1, 2) }), 'asn1dn:#0102');
  assert.equal(formatIdentity({ type: 1, data: Uint8Array.of(1, 2) }), 'ipv4:#0102');
});

test('whatever is printed reads back as the same', () => {
  const type = fc.constantFrom(1, 2, 3, 4, 5, 7, 9, 10, 11, 13, 201);
  fc.assert(
    fc.property(type, fc.uint8Array({ minLength: 1, maxLength: 16 }), (type, data) => {
      let identity: ReturnType<typeof checkIdentity>;
      try {
        identity = checkIdentity(type, data);
      } catch {
        return;
      }
      assert.ok(sameIdentity(parseIdentity(formatIdentity(identity)), identity), formatIdentity(identity));
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('host and user names are compared without case, names by RFC 5280, key IDs octet by octet', () => {
  const same = (a: string, b: string): boolean => sameIdentity(parseIdentity(a), parseIdentity(b));
  assert.ok(same('Moon.Example.org', 'moon.example.ORG'));
  assert.ok(same('Joe@x', 'joe@X'));
  assert.ok(same('CN=Moon', 'cn=moon'));
  assert.equal(same('keyid:Moon', 'keyid:moon'), false);
  assert.equal(same('fqdn:moon', 'keyid:moon'), false);
  assert.equal(same('moon', 'moon.'), false);
  assert.equal(same('192.0.2.1', '192.0.2.2'), false);
});

test('in plain, as charon prints them', () => {
  for (const [text, plain] of [
    ['keyid:labgroup', 'labgroup'],
    ['keyid:#00ff', 'keyid:#00ff'],
    ['@moon.example.org', 'moon.example.org'],
    ['fec0::1', 'fec0::1'],
    ['C=CH, O=Lab, CN=moon', 'C=CH, O=Lab, CN=moon'],
    ['%any', '%any'],
  ] as const)
    assert.equal(plainIdentity(text), plain);
  assert.equal(plainIdentity(undefined), '%any');
});
