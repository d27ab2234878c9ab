import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { Malformed } from '../../src/lib/reader.ts';
import { CertificateCache } from '../../src/pki/certificate-cache.ts';
import { parseCrl } from '../../src/pki/crl.ts';
import { context, encodeDer, Tag } from '../../src/pki/der.ts';
import { OcspRefusal, parseOcspResponse } from '../../src/pki/ocsp-response.ts';
import { StatusMemory } from '../../src/pki/status-memory.ts';
import { issue, issueCrl, makeAuthority, TEST_TIME } from '../certificate-builder.ts';
import { ocspResponse } from '../ocsp-builder.ts';
import { Random } from '../sim/random.ts';
import { statusJudge } from '../status-judge.ts';
import { FUZZ_SEED, fuzzRuns, mutate } from './mutate.ts';

/*
 * What anybody on the way to an HTTP server can send: it is read or refused by one typed failure, and nothing that was
 * changed in a single octet is ever believed.
 */

const provider = nodeProvider();
const cache = new CertificateCache(provider);
const root = makeAuthority();
const moon = issue(root, { subject: 'CN=moon' });
const signer = issue(root, { subject: 'CN=ocsp', extendedKeyUsage: ['1.3.6.1.5.5.7.3.9'] });

const integer = (value: number): Uint8Array => encodeDer(Tag.INTEGER, Uint8Array.of(value));
const scope = encodeDer(Tag.SEQUENCE, encodeDer(context(1, false), Uint8Array.of(0xff)));

const LISTS = [
  issueCrl(root),
  issueCrl(root, { revoked: [{ serial: moon.serial, reason: 1 }, { serial: Uint8Array.of(7) }] }),
  issueCrl(root, { extensions: [{ oid: '2.5.29.27', critical: true, der: integer(7) }] }),
  issueCrl(root, { nextUpdate: null, extensions: [{ oid: '2.5.29.28', critical: true, der: scope }] }),
];
const RESPONSES = [
  ocspResponse(root, moon),
  ocspResponse(root, moon, { signer, nonce: new Uint8Array(32), byKey: false }),
  ocspResponse(root, moon, { status: { at: TEST_TIME, reason: 4 }, nextUpdate: null, hash: 'sha256' }),
  ocspResponse(root, moon, { refusal: 6 }),
];

/** Inputs that are kept, in hex: at the edges of DER, and what once broke something. */
const KEPT: readonly string[] = [
  '',
  '30',
  '3080',
  '30840000000130',
  '3084ffffffff30',
  '30030a0103',
  '30060a0100a0013000',
];

for (const [what, sources, parse] of [
  ['lists', LISTS, (octets: Uint8Array) => parseCrl(octets)],
  ['responses', RESPONSES, (octets: Uint8Array) => parseOcspResponse(octets, provider)],
] as const) {
  const isTyped = (octets: Uint8Array): void => {
    try {
      parse(octets);
    } catch (error) {
      const typed = error instanceof Malformed || error instanceof OcspRefusal;
      assert.ok(typed, `${Buffer.from(octets).toString('hex')}: ${error}`);
    }
  };

  test(`${what} that are kept`, () => {
    for (const hex of KEPT) isTyped(Buffer.from(hex, 'hex'));
  });

  test(`${what} with wounds are read or refused (seed ${FUZZ_SEED})`, () => {
    const random = new Random(FUZZ_SEED);
    for (let i = fuzzRuns(3000); i > 0; i--)
      isTyped(mutate(sources[random.below(sources.length)] as Uint8Array, random));
  });

  test(`${what} with wounds are never believed (seed ${FUZZ_SEED})`, () => {
    const random = new Random(FUZZ_SEED + 1);
    const [certificate, issuer] = [cache.certificate(moon.der), cache.certificate(root.der)];
    const memory = new StatusMemory();
    const judge = statusJudge(cache, { memory });
    for (let i = fuzzRuns(600); i > 0; i--) {
      const source = sources[random.below(sources.length)] as Uint8Array;
      const octets = mutate(source, random);
      if (Buffer.from(octets).equals(source)) continue;
      const kind = what === 'lists' ? 'crl' : 'ocsp';
      const obstacle = judge.learn({ kind }, octets, certificate, issuer, TEST_TIME);
      // What stands beside the signed part, as the certificates of a response, may differ: it must be the same word then.
      if (obstacle === undefined) assert.equal(what, 'responses', Buffer.from(octets).toString('hex'));
    }
    assert.deepEqual(memory.crls(TEST_TIME), []);
    const known = memory.response(certificate, TEST_TIME);
    if (known !== undefined)
      assert.ok(RESPONSES.slice(0, 3).some(der => Buffer.from(der).includes(Buffer.from(known.tbs))));
  });
}
