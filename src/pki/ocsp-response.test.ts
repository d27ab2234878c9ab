import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { issue, makeAuthority, TEST_TIME } from '../../test/certificate-builder.ts';
import { ocspResponse } from '../../test/ocsp-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { fromHex, toHex } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';
import { parseCertificate } from './certificate.ts';
import { isMeant, ocspRequest } from './ocsp-request.ts';
import { OcspRefusal, parseOcspResponse } from './ocsp-response.ts';

const provider = nodeProvider();
const root = makeAuthority();
const moon = issue(root, { subject: 'CN=moon' });
const nonce = Uint8Array.of(1, 2, 3, 4);

test('all that a response says is read', () => {
  const response = parseOcspResponse(
    ocspResponse(root, moon, { status: { at: TEST_TIME, reason: 4 }, nonce, signer: moon }),
    provider,
  );
  assert.equal(response.producedAt, TEST_TIME);
  assert.deepEqual(response.nonce, nonce);
  assert.deepEqual(response.certificates.map(toHex), [toHex(moon.der)]);
  const [single] = response.statuses;
  assert.deepEqual(single?.status, { at: TEST_TIME, reason: 'superseded' });
  assert.deepEqual([single?.thisUpdate, single?.nextUpdate], [TEST_TIME - 60_000, TEST_TIME + 86_400_000]);
  const [certificate, issuer] = [moon, root].map(({ der }) => parseCertificate(der, provider));
  assert.ok(certificate !== undefined && issuer !== undefined && single?.id !== undefined);
  assert.ok(isMeant(single.id, certificate, issuer, provider));
  assert.ok(!isMeant(single.id, certificate, certificate, provider));
});

test('what a responder refuses with is named', () => {
  for (const [refusal, says] of [
    [1, /malformedRequest/],
    [3, /tryLater/],
    [6, /unauthorized/],
    [9, /with the error 9/],
  ] as const)
    assert.throws(
      () => parseOcspResponse(ocspResponse(root, moon, { refusal }), provider),
      (error: Error) => {
        assert.ok(error instanceof OcspRefusal);
        assert.match(error.message, says);
        return true;
      },
    );
});

test('a request is what OpenSSL makes of the same question', () => {
  // openssl ocsp -issuer … -cert … -no_nonce -reqout: the shape, with these hashes and number
  const certificate = parseCertificate(moon.der, provider);
  const issuer = parseCertificate(root.der, provider);
  const hex = toHex(ocspRequest(certificate, issuer, undefined, provider));
  assert.match(
    hex,
    /^30433041303f303d303b300906052b0e03021a05000414[0-9a-f]{40}0414[0-9a-f]{40}0202[0-9a-f]{4}$/,
  );
  assert.ok(hex.endsWith(toHex(moon.serial)));
  const asked = toHex(ocspRequest(certificate, issuer, nonce, provider));
  assert.ok(asked.endsWith('a2173015301306092b06010505073001020406040401020304'));
});

test('nothing more or less than a response is one', () => {
  const der = ocspResponse(root, moon);
  for (const bad of ['', '3000', '30030a0100', '30050a0100a000', '300a0a0100a005300306012a'])
    assert.throws(() => parseOcspResponse(fromHex(bad) as Uint8Array, provider), Malformed, bad);
  assert.throws(() => parseOcspResponse(new Uint8Array(65_536), provider), Malformed);
  for (let length = 0; length < der.length; length++)
    assert.throws(() => parseOcspResponse(der.subarray(0, length), provider), Malformed);
});

test('any octets changed leave it read, refused or Malformed', () => {
  const der = ocspResponse(root, moon, { nonce, status: { at: TEST_TIME, reason: 1 } });
  fc.assert(
    fc.property(fc.nat(der.length - 1), fc.nat(255), (at, value) => {
      const copy = der.slice();
      copy[at] = value;
      try {
        parseOcspResponse(copy, provider);
      } catch (error) {
        assert.ok(error instanceof Malformed || error instanceof OcspRefusal, String(error));
      }
    }),
    { seed: 2, numRuns: 1000 },
  );
});
