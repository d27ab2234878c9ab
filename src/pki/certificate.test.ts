import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { test } from 'node:test';
import fc from 'fast-check';
import { issue, type KeyType, makeAuthority, USAGE } from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { concat, equal, toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { utf8 } from '../lib/text.ts';
import { crlUris, isSelfIssued, parseCertificate } from './certificate.ts';
import { encodeDer, encodeOid, Tag } from './der.ts';
import { formatGeneralName } from './general-name.ts';

const provider = nodeProvider();
const authority = makeAuthority();

test('all that a certificate says is read', () => {
  const issued = issue(authority, {
    names: [
      'dns:moon.lab',
      'email:joe@lab',
      'ip:192.0.2.1',
      'ip:2001:db8::1',
      'uri:https://lab/x',
      'dn:C=CH, CN=alias',
      'id:1.2.3',
    ],
    extendedKeyUsage: ['1.3.6.1.5.5.7.3.17'],
    crlUris: ['http://lab/a.crl', 'http://lab/b.crl'],
    serial: Uint8Array.of(0x12, 0x34, 0x56),
  });
  const certificate = parseCertificate(issued.der, provider);
  const oracle = new X509Certificate(issued.der);
  assert.equal(certificate.fingerprint, oracle.fingerprint256.replaceAll(':', '').toLowerCase());
  assert.equal(toHex(certificate.serial).toUpperCase(), oracle.serialNumber);
  assert.equal(certificate.subject.text, 'C=CH, O=Lab, CN=moon');
  assert.equal(certificate.issuer.text, 'C=CH, O=Lab, CN=Root');
  assert.equal(certificate.notBefore, Date.parse(oracle.validFrom));
  assert.equal(certificate.notAfter, Date.parse(oracle.validTo));
  assert.equal(certificate.version, 3);
  assert.equal(toHex(certificate.publicKey.spki), toHex(issued.spki));
  assert.deepEqual(certificate.subjectAltNames.map(formatGeneralName), [
    'dns:moon.lab',
    'email:joe@lab',
    'ip:192.0.2.1',
    'ip:2001:db8::1',
    'uri:https://lab/x',
    'dn:C=CH, CN=alias',
    'other:#88022a03',
  ]);
  assert.equal(certificate.keyUsage, USAGE.digitalSignature);
  assert.deepEqual(certificate.extendedKeyUsage, ['1.3.6.1.5.5.7.3.17']);
  assert.deepEqual(certificate.basicConstraints, { authority: false });
  assert.deepEqual(crlUris(certificate), ['http://lab/a.crl', 'http://lab/b.crl']);
  assert.equal(certificate.signatureAlgorithm.scheme?.name, 'ecdsa-sha256');
  assert.deepEqual(certificate.unknownCritical, []);
  const root = parseCertificate(authority.der, provider);
  assert.ok(
    equal(
      certificate.authorityKeyIdentifier ?? new Uint8Array(),
      root.subjectKeyIdentifier ?? new Uint8Array(1),
    ),
  );
  assert.equal(root.keyUsage, USAGE.keyCertSign | USAGE.cRLSign);
  assert.deepEqual([isSelfIssued(root), isSelfIssued(certificate)], [true, false]);
});

for (const [key, name] of [
  ['rsa2048', 'rsa-sha256'],
  ['p256', 'ecdsa-sha256'],
  ['p384', 'ecdsa-sha384'],
  ['p521', 'ecdsa-sha512'],
  ['brainpoolP256r1', 'ecdsa-sha256'],
  ['brainpoolP384r1', 'ecdsa-sha384'],
  ['brainpoolP512r1', 'ecdsa-sha512'],
  ['ed25519', 'ed25519'],
  ['ed448', 'ed448'],
] as const satisfies readonly (readonly [KeyType, string])[]) {
  test(`a ${key} certificate is read and its signature verifies`, () => {
    const { signatureAlgorithm, publicKey, signature, tbs } = parseCertificate(
      issue(undefined, { key }).der,
      provider,
    );
    const { scheme } = signatureAlgorithm;
    assert.ok(scheme !== undefined);
    assert.equal(scheme.name, name);
    assert.equal(provider.verify(publicKey, scheme, tbs, signature), true);
    const other = tbs.slice();
    other[40] = (other[40] as number) ^ 1;
    assert.equal(provider.verify(publicKey, scheme, other, signature), false);
  });
}

test('RSASSA-PSS signatures verify with the salt that their parameters name', () => {
  for (const signature of ['pss-sha256', 'pss-sha384'] as const) {
    const certificate = parseCertificate(issue(undefined, { key: 'rsa2048', signature }).der, provider);
    const { scheme } = certificate.signatureAlgorithm;
    assert.ok(scheme !== undefined);
    assert.equal(scheme.name, `rsa/${signature}`);
    assert.equal(scheme.saltLength, signature === 'pss-sha256' ? 32 : 48);
    assert.equal(
      provider.verify(certificate.publicKey, scheme, certificate.tbs, certificate.signature),
      true,
    );
  }
});

test('the octets are copied: what happens to the datagram later does not matter', () => {
  const der = issue(authority).der.slice();
  const certificate = parseCertificate(der, provider);
  const before = toHex(certificate.tbs);
  der.fill(0);
  assert.equal(toHex(certificate.tbs), before);
});

/** A certificate put together by hand, each field as given. */
function assemble(fields: Partial<Record<Field, Uint8Array>> = {}): Uint8Array {
  const oid = (dotted: string): Uint8Array => encodeDer(Tag.OID, encodeOid(dotted) as Uint8Array);
  const algorithm = encodeDer(Tag.SEQUENCE, oid('1.2.840.10045.4.3.2'));
  const time = (text: string): Uint8Array => encodeDer(Tag.UTCTime, utf8(text));
  const sound: Record<Field, Uint8Array> = {
    version: encodeDer(0xa0, Uint8Array.of(2, 1, 2)),
    serial: Uint8Array.of(2, 1, 1),
    innerAlgorithm: algorithm,
    issuer: Uint8Array.of(0x30, 0),
    validity: encodeDer(Tag.SEQUENCE, time('240101000000Z'), time('440101000000Z')),
    subject: Uint8Array.of(0x30, 0),
    spki: authority.spki,
    extensions: new Uint8Array(),
    more: new Uint8Array(),
    outerAlgorithm: algorithm,
    signature: encodeDer(Tag.BIT_STRING, Uint8Array.of(0, 1)),
    after: new Uint8Array(),
  };
  const all = { ...sound, ...fields };
  const tbs = encodeDer(
    Tag.SEQUENCE,
    all.version,
    all.serial,
    all.innerAlgorithm,
    all.issuer,
    all.validity,
    all.subject,
    all.spki,
    all.extensions,
    all.more,
  );
  return concat(encodeDer(Tag.SEQUENCE, tbs, all.outerAlgorithm, all.signature), all.after);
}

type Field =
  | 'version'
  | 'serial'
  | 'innerAlgorithm'
  | 'issuer'
  | 'validity'
  | 'subject'
  | 'spki'
  | 'extensions'
  | 'more'
  | 'outerAlgorithm'
  | 'signature'
  | 'after';

function extensions(...list: readonly (readonly [string, string | Uint8Array, boolean?])[]): Uint8Array {
  const encoded = list.map(([oid, value, critical = false]) =>
    encodeDer(
      Tag.SEQUENCE,
      encodeDer(Tag.OID, encodeOid(oid) as Uint8Array),
      ...(critical ? [Uint8Array.of(1, 1, 0xff)] : []),
      encodeDer(Tag.OCTET_STRING, typeof value === 'string' ? Buffer.from(value, 'hex') : value),
    ),
  );
  return encodeDer(0xa3, encodeDer(Tag.SEQUENCE, ...encoded));
}

const sha384 = encodeDer(Tag.SEQUENCE, encodeDer(Tag.OID, encodeOid('1.2.840.10045.4.3.3') as Uint8Array));
const times = (...list: string[]): Uint8Array =>
  encodeDer(
    Tag.SEQUENCE,
    ...list.map(text => encodeDer(text.length > 13 ? Tag.GeneralizedTime : Tag.UTCTime, utf8(text))),
  );

test('the certificate that the refusals start from is sound', () => {
  const certificate = parseCertificate(assemble(), provider);
  assert.deepEqual([certificate.version, certificate.subject.text], [3, '']);
  assert.equal(parseCertificate(assemble({ version: new Uint8Array() }), provider).version, 1);
  const far = parseCertificate(assemble({ validity: times('500101000000Z', '99991231235959Z') }), provider);
  assert.deepEqual([far.notBefore, far.notAfter], [Date.UTC(1950, 0), Date.UTC(9999, 11, 31, 23, 59, 59)]);
});

for (const [why, fields] of [
  ['octets after it', { after: Uint8Array.of(0) }],
  ['octets after the last field', { more: Uint8Array.of(5, 0) }],
  ['an unknown version', { version: encodeDer(0xa0, Uint8Array.of(2, 1, 3)) }],
  ['two versions in one', { version: encodeDer(0xa0, Uint8Array.of(2, 1, 2, 2, 1, 2)) }],
  ['a serial number of 65 octets', { serial: encodeDer(Tag.INTEGER, new Uint8Array(65).fill(1)) }],
  ['two signature algorithms', { outerAlgorithm: sha384 }],
  ['a time without seconds', { validity: times('2401010000Z', '440101000000Z') }],
  ['a time of another zone', { validity: times('240101000000Z', '20440101000000+0100') }],
  ['three times', { validity: times('240101000000Z', '440101000000Z', '440101000000Z') }],
  ['a subject that is no name', { subject: Uint8Array.of(0x31, 0) }],
  ['a key that is none', { spki: Uint8Array.of(0x30, 0) }],
  ['a signature with unused bits', { signature: encodeDer(Tag.BIT_STRING, Uint8Array.of(1, 0)) }],
  ['no extension at all', { extensions: encodeDer(0xa3, Uint8Array.of(0x30, 0)) }],
  ['extensions in version 1', { version: new Uint8Array(), extensions: extensions(['2.5.29.14', '0401aa']) }],
  [
    'an extension that stands twice',
    { extensions: extensions(['2.5.29.14', '0401aa'], ['2.5.29.14', '0401aa']) },
  ],
  [
    '65 extensions',
    { extensions: extensions(...Array.from({ length: 65 }, (_, i) => [`1.2.3.${i}`, ''] as const)) },
  ],
  ['a host name with a NUL', { extensions: extensions(['2.5.29.17', '300982076d006576696c78']) }],
  ['a host name that is no ASCII', { extensions: extensions(['2.5.29.17', '30038201fc']) }],
  ['an address of five octets', { extensions: extensions(['2.5.29.17', '300787050102030405']) }],
  ['an alternative name of no kind', { extensions: extensions(['2.5.29.17', '30038901aa']) }],
  ['a directory name that is none', { extensions: extensions(['2.5.29.17', '3004a4020500']) }],
  ['names without an end', { extensions: extensions(['2.5.29.17', '30058203']) }],
  [
    'basicConstraints with more after them',
    { extensions: extensions(['2.5.29.19', '30080101ff0201010500']) },
  ],
  ['a negative path length', { extensions: extensions(['2.5.29.19', '30060101ff0201ff']) }],
  ['an authority that is neither true nor false', { extensions: extensions(['2.5.29.19', '3003010101']) }],
  ['a key usage that is no bit string', { extensions: extensions(['2.5.29.15', '0401ff']) }],
  ['a constraint with a minimum', { extensions: extensions(['2.5.29.30', '300ba009300782026162800101']) }],
  ['a constraint of one address', { extensions: extensions(['2.5.29.30', '300aa008300687040a000000']) }],
  ['constraints with more after them', { extensions: extensions(['2.5.29.30', '30020500']) }],
  [
    '257 policies',
    {
      extensions: extensions([
        '2.5.29.32',
        encodeDer(0x30, ...Array(257).fill(Buffer.from('300406022a03', 'hex'))),
      ]),
    },
  ],
  [
    '257 names',
    {
      extensions: extensions([
        '2.5.29.17',
        encodeDer(0x30, ...Array(257).fill(Buffer.from('820161', 'hex'))),
      ]),
    },
  ],
] as const satisfies readonly (readonly [string, Partial<Record<Field, Uint8Array>>])[]) {
  test(`refused: ${why}`, () => assert.throws(() => parseCertificate(assemble(fields), provider), Malformed));
}

test('critical extensions that are not known are told, others passed over', () => {
  const certificate = parseCertificate(
    assemble({
      extensions: extensions(['1.2.3', '0500', true], ['1.2.4', '0500'], ['2.5.29.18', '3003820161', true]),
    }),
    provider,
  );
  assert.deepEqual(certificate.unknownCritical, ['1.2.3']);
});

test('what has no place in a URI is escaped', () => {
  const names = extensions(['2.5.29.17', '30078605612000fc62']);
  const [name] = parseCertificate(assemble({ extensions: names }), provider).subjectAltNames;
  assert.equal(name?.kind === 'uri' && name.text, 'a%20%00%fcb');
});

test('an unknown signature algorithm is told by its number', () => {
  const strange = encodeDer(Tag.SEQUENCE, encodeDer(Tag.OID, encodeOid('1.2.3.4') as Uint8Array));
  const certificate = parseCertificate(
    assemble({ innerAlgorithm: strange, outerAlgorithm: strange }),
    provider,
  );
  assert.deepEqual(certificate.signatureAlgorithm, { oid: '1.2.3.4' });
});

test('more than a CERT payload can hold is not looked at', () => {
  assert.throws(() => parseCertificate(new Uint8Array(65_536), provider), /65536 octets/);
});

test('a certificate cut anywhere is Malformed', () => {
  const { der } = issue(authority, { names: ['dns:moon.lab'] });
  for (let length = 0; length < der.length; length++) {
    assert.throws(() => parseCertificate(der.subarray(0, length), provider), Malformed, `${length} octets`);
  }
});

test('a certificate with any octets changed is read or Malformed', () => {
  const { der } = issue(authority, { names: ['dns:moon.lab', 'ip:192.0.2.1'], crlUris: ['http://lab/x'] });
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(der.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      changes => {
        const copy = der.slice();
        for (const [at, value] of changes) copy[at] = value;
        try {
          parseCertificate(copy, provider);
        } catch (error) {
          assert.ok(error instanceof Malformed, String(error));
        }
      },
    ),
    { seed: 1, numRuns: 500 },
  );
});
