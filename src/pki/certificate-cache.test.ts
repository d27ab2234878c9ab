import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issue, issueCrl, makeAuthority } from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { Malformed } from '../lib/reader.ts';
import { CertificateCache } from './certificate-cache.ts';
import { parseCrl } from './crl.ts';

const root = makeAuthority();

test('what is read twice is the same object', () => {
  const cache = new CertificateCache(nodeProvider());
  const first = cache.certificate(root.der);
  assert.equal(cache.certificate(root.der.slice()), first);
  cache.clear();
  assert.notEqual(cache.certificate(root.der), first);
});

test('the certificate used longest ago goes when there is no room', () => {
  const cache = new CertificateCache(nodeProvider(), 2);
  const [a, b, c] = [issue(root), issue(root), issue(root)] as const;
  const [first, second] = [cache.certificate(a.der), cache.certificate(b.der)];
  assert.equal(cache.certificate(a.der), first);
  cache.certificate(c.der);
  assert.equal(cache.certificate(a.der), first);
  assert.notEqual(cache.certificate(b.der), second);
});

test('large certificates are read and not kept', () => {
  const cache = new CertificateCache(nodeProvider());
  const large = issue(root, {
    names: Array.from({ length: 200 }, (_, i) => `dns:${'x'.repeat(50)}${i}.lab`),
  });
  assert.ok(large.der.length > 8192);
  assert.notEqual(cache.certificate(large.der), cache.certificate(large.der));
});

test('a bad signature is bad however often it is tried, and a bad certificate too', () => {
  const cache = new CertificateCache(nodeProvider());
  const [leaf, other] = [cache.certificate(issue(root).der), cache.certificate(makeAuthority().der)];
  for (let i = 0; i < 2; i++) {
    assert.equal(cache.verify(leaf, other.publicKey), false);
    assert.equal(cache.verify(leaf, cache.certificate(root.der).publicKey), true);
    assert.throws(() => cache.certificate(root.der.subarray(1)), Malformed);
  }
});

test('the octets of a list are gone through once for each key, whatever comes of it', () => {
  let verified = 0;
  const provider = nodeProvider();
  const cache = new CertificateCache({
    ...provider,
    verify: (...of) => {
      verified++;
      return provider.verify(...of);
    },
  });
  const [own, other] = [root, makeAuthority()].map(({ der }) => cache.certificate(der).publicKey);
  assert.ok(own !== undefined && other !== undefined);
  const list = parseCrl(issueCrl(root));
  for (let i = 0; i < 2; i++) {
    assert.equal(cache.verifyList(list, own), true);
    assert.equal(cache.verifyList(list, other), false);
    assert.equal(verified, 2);
  }
  // The same octets come anew: nothing is taken on trust.
  assert.equal(cache.verifyList(parseCrl(issueCrl(root)), other), false);
  assert.equal(verified, 3);
});
