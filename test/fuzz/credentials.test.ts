import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readPrivateKeys, UnusableKey } from '../../src/config/private-key.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { CryptoFailure } from '../../src/crypto/provider.ts';
import { Malformed } from '../../src/lib/reader.ts';
import { Secret } from '../../src/lib/secret.ts';
import { utf8 } from '../../src/lib/text.ts';
import { parseCertificate } from '../../src/pki/certificate.ts';
import { parseCrl } from '../../src/pki/crl.ts';
import { readCertificates, writePem } from '../../src/pki/pem.ts';
import { issue, issueCrl, makeAuthority } from '../certificate-builder.ts';
import { Random } from '../sim/random.ts';
import { FUZZ_SEED, fuzzRuns, mutate } from './mutate.ts';

/*
 * Certificates, revocation lists and private keys that are wounded: each is read, or refused with the one failure that its
 * reader has. What peers send of them comes here too.
 */

const provider = nodeProvider();
const authority = makeAuthority();
const leaf = issue(authority, {
  subject: 'C=CH, O=Lab, CN=moon',
  names: ['dns:moon.example.org', 'ip:192.0.2.1', 'email:moon@example.org'],
});
const crl = issueCrl(authority, {});

/** Reads it or throws one of `expected`. Answers whether it was read. */
function isRead(
  input: Uint8Array,
  expected: readonly (new (...of: never[]) => Error)[],
  read: () => void,
): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (expected.some(kind => error instanceof kind)) return false;
    return assert.fail(
      `seed ${FUZZ_SEED}, input ${Buffer.from(input).toString('hex')}: ${(error as Error).stack}`,
    );
  }
}

test(`wounded certificates and chains of them (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  let read = 0;
  const runs = fuzzRuns(400);
  for (let run = runs; run > 0; run--) {
    const wounded = mutate(random.chance(0.5) ? leaf.der : authority.der, random);
    if (!isRead(wounded, [Malformed], () => void parseCertificate(wounded, provider))) continue;
    read++;
    const found = parseCertificate(wounded, provider);
    assert.equal(typeof found.subject.text, 'string');
  }
  assert.ok(read > 0 && read < runs, `${read} of ${runs}`);
});

test(`wounded revocation lists (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  for (let run = fuzzRuns(400); run > 0; run--) {
    const wounded = mutate(crl, random);
    isRead(wounded, [Malformed], () => void parseCrl(wounded));
  }
});

test(`wounded private keys and PEM (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  const texts = [
    utf8(writePem('PRIVATE KEY', leaf.pkcs8)),
    utf8(writePem('CERTIFICATE', leaf.der)),
    leaf.pkcs8,
  ];
  for (let run = fuzzRuns(400); run > 0; run--) {
    const wounded = mutate(texts[random.below(texts.length)] as Uint8Array, random);
    const passphrase = random.chance(0.5) ? new Secret(utf8('x')) : undefined;
    isRead(wounded, [UnusableKey, CryptoFailure], () => void readPrivateKeys(wounded, passphrase, provider));
    isRead(wounded, [Malformed], () => {
      for (const der of readCertificates(wounded)) parseCertificate(der, provider);
    });
  }
});
