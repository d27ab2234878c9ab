import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  type CrlOptions,
  issue,
  issueCrl,
  makeAuthority,
  TEST_TIME,
} from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { fromHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { utf8 } from '../lib/text.ts';
import { CertificateCache } from './certificate-cache.ts';
import { parseCrl } from './crl.ts';
import { crlStatus } from './crl-status.ts';
import { context, encodeDer, encodeOid, Tag } from './der.ts';
import type { RevocationStatus } from './revocation.ts';

const DAY = 86_400_000;
const provider = nodeProvider();
const cache = new CertificateCache(provider);
const root = makeAuthority();
const leaf = issue(root, { crlUris: ['http://lab/a.crl'] });

test('all that a list says is read', () => {
  const crl = parseCrl(
    issueCrl(root, {
      revoked: [
        { serial: Uint8Array.of(1), at: TEST_TIME - DAY },
        { serial: Uint8Array.of(0, 0xff), at: TEST_TIME - 2 * DAY, reason: 4 },
        { serial: Uint8Array.of(7), at: TEST_TIME, reason: 7 },
      ],
    }),
  );
  assert.equal(crl.issuer.text, 'C=CH, O=Lab, CN=Root');
  assert.deepEqual([crl.thisUpdate, crl.nextUpdate, crl.size], [TEST_TIME - DAY, TEST_TIME + 30 * DAY, 3]);
  assert.deepEqual(crl.find(Uint8Array.of(1)), { at: TEST_TIME - DAY });
  assert.deepEqual(crl.find(Uint8Array.of(0, 0xff)), { at: TEST_TIME - 2 * DAY, reason: 'superseded' });
  assert.deepEqual(crl.find(Uint8Array.of(7)), { at: TEST_TIME });
  assert.equal(crl.find(Uint8Array.of(2)), undefined);
  assert.equal(crl.unusable, undefined);
  assert.deepEqual(crl.scope, { someReasons: false });
});

test('a list may be empty, and never grow old', () => {
  const crl = parseCrl(issueCrl(root, { nextUpdate: null }));
  assert.deepEqual([crl.size, crl.nextUpdate], [0, undefined]);
});

const hex = (text: string): Uint8Array => fromHex(text) as Uint8Array;
const idp = (...parts: Uint8Array[]): CrlOptions => ({
  extensions: [{ oid: '2.5.29.28', critical: true, der: encodeDer(Tag.SEQUENCE, ...parts) }],
});
const flag = (number: number): Uint8Array => encodeDer(context(number, false), Uint8Array.of(0xff));
const point = (uri: string): Uint8Array =>
  encodeDer(context(0), encodeDer(context(0), encodeDer(context(6, false), utf8(uri))));

function status(options: CrlOptions, of = leaf): RevocationStatus {
  const crls = [parseCrl(issueCrl(root, options))];
  return crlStatus(cache.certificate(of.der), cache.certificate(root.der), crls, TEST_TIME, cache);
}

const authority = makeAuthority({ parent: root, subject: 'CN=sub' });

for (const [what, options, user, ca] of [
  ['everything', {}, 'good', 'good'],
  ['users', idp(flag(1)), 'good', 'unknown'],
  ['authorities', idp(flag(2)), 'unknown', 'good'],
  ['attribute certificates', idp(flag(5)), 'unknown', 'unknown'],
  ['some reasons', idp(encodeDer(context(3, false), Uint8Array.of(6, 0x40))), 'unknown', 'unknown'],
  ['other issuers', idp(flag(4)), 'unknown', 'unknown'],
  ['its distribution point', idp(point('http://lab/a.crl')), 'good', 'unknown'],
  ['another distribution point', idp(point('http://lab/b.crl')), 'unknown', 'unknown'],
  [
    'changes only',
    { extensions: [{ oid: '2.5.29.27', critical: true, der: hex('020101') }] },
    'unknown',
    'unknown',
  ],
  [
    'an unknown matter',
    { extensions: [{ oid: '1.2.3', critical: true, der: hex('0500') }] },
    'unknown',
    'unknown',
  ],
  [
    'an unknown matter of no weight',
    { extensions: [{ oid: '1.2.3', critical: false, der: hex('0500') }] },
    'good',
    'good',
  ],
] as const) {
  test(`a list of ${what} makes a user ${user} and an authority ${ca}`, () => {
    assert.equal(status(options).kind, user);
    assert.equal(status(options, authority).kind, ca);
  });
}

test('a list for some reasons revokes for these reasons', () => {
  const options = {
    ...idp(encodeDer(context(3, false), Uint8Array.of(6, 0x40))),
    revoked: [{ serial: leaf.serial }],
  };
  assert.equal(status(options).kind, 'revoked');
});

test('removeFromCRL does not revoke, a hold does', () => {
  assert.equal(status({ revoked: [{ serial: leaf.serial, reason: 8 }] }).kind, 'good');
  assert.equal(status({ revoked: [{ serial: leaf.serial, reason: 6 }] }).kind, 'revoked');
});

/** A list put together by hand. */
function assemble(
  fields: {
    readonly version?: string;
    readonly entries?: Uint8Array;
    readonly extensions?: Uint8Array;
    readonly outer?: Uint8Array;
    readonly next?: Uint8Array;
  } = {},
): Uint8Array {
  const algorithm = encodeDer(
    Tag.SEQUENCE,
    encodeDer(Tag.OID, encodeOid('1.2.840.10045.4.3.2') as Uint8Array),
  );
  const none = new Uint8Array();
  const tbs = encodeDer(
    Tag.SEQUENCE,
    hex(fields.version ?? '020101'),
    algorithm,
    hex('3000'),
    encodeDer(Tag.UTCTime, utf8('290101000000Z')),
    fields.next ?? none,
    fields.entries ?? none,
    fields.extensions ?? none,
  );
  return encodeDer(Tag.SEQUENCE, tbs, fields.outer ?? algorithm, hex('03020001'));
}

const date = encodeDer(Tag.UTCTime, utf8('290101000000Z'));
const entry = (...parts: Uint8Array[]): Uint8Array =>
  encodeDer(Tag.SEQUENCE, encodeDer(Tag.SEQUENCE, ...parts));

test('an entry with a critical extension makes the list unusable', () => {
  const issuer = encodeDer(
    Tag.SEQUENCE,
    encodeDer(Tag.SEQUENCE, hex('0603551d1d'), hex('0101ff'), hex('04023000')),
  );
  assert.match(
    parseCrl(assemble({ entries: entry(hex('020101'), date, issuer) })).unusable ?? '',
    /2\.5\.29\.29/,
  );
  assert.equal(parseCrl(assemble()).unusable, undefined);
});

test('a list whose number makes no sense has none; one that would be a delta to such a number is refused', () => {
  const numbered = (oid: string, value: string): Uint8Array =>
    encodeDer(
      context(0),
      encodeDer(
        Tag.SEQUENCE,
        encodeDer(
          Tag.SEQUENCE,
          encodeDer(Tag.OID, encodeOid(oid) as Uint8Array),
          encodeDer(Tag.OCTET_STRING, hex(value)),
        ),
      ),
    );
  const read = (oid: string, value: string) => parseCrl(assemble({ extensions: numbered(oid, value) }));
  assert.equal(read('2.5.29.20', '02010a').number, 10n);
  for (const wrong of ['0201', '0201ff', '0401aa', '02010a00', `0221${'11'.repeat(33)}`]) {
    assert.equal(read('2.5.29.20', wrong).number, undefined, wrong);
    assert.throws(() => read('2.5.29.27', wrong), Malformed, wrong);
  }
});

for (const [why, fields] of [
  ['another version', { version: '020102' }],
  ['two signature algorithms', { outer: hex('3000') }],
  ['an entry without a date', { entries: entry(hex('020101')) }],
  ['an entry without a serial number', { entries: entry(date) }],
  ['an entry with more after it', { entries: entry(hex('020101'), date, hex('3000'), hex('0500')) }],
  ['an empty list of entry extensions', { entries: entry(hex('020101'), date, hex('3000')) }],
  ['a date that is none', { next: hex('170130') }],
  ['no extension at all', { extensions: hex('a0023000') }],
  ['something else after its entries', { extensions: hex('0500') }],
] as const) {
  test(`refused: a list with ${why}`, () => assert.throws(() => parseCrl(assemble(fields)), Malformed));
}

test('a list cut anywhere, or with any octets changed, is read or Malformed', () => {
  const der = issueCrl(root, {
    ...idp(flag(1), point('http://lab/a.crl')),
    revoked: [{ serial: Uint8Array.of(5), reason: 1 }],
  });
  for (let length = 0; length < der.length; length++) {
    assert.throws(() => parseCrl(der.subarray(0, length)), Malformed);
  }
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.nat(255), (at, value) => {
      const copy = der.slice();
      copy[at] = value;
      try {
        parseCrl(copy);
      } catch (error) {
        assert.ok(error instanceof Malformed, String(error));
      }
    }),
    { seed: 1, numRuns: 500 },
  );
});
