import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import type { EngineSettings } from '../../src/ike/output.ts';
import { Secret } from '../../src/lib/secret.ts';
import { utf8 } from '../../src/lib/text.ts';
import { MINUTE } from '../../src/lib/time.ts';
import type { Connection, LocalAuth, RemoteAuth } from '../../src/policy/connection.ts';
import type { Credentials } from '../../src/policy/credentials.ts';
import type { Failure } from '../../src/policy/failure.ts';
import { type Identity, parseIdentity } from '../../src/policy/identity.ts';
import { parseIdentityPattern } from '../../src/policy/identity-match.ts';
import {
  type CertificateOptions,
  type Issued,
  issue,
  issueCrl,
  type KeyType,
  makeAuthority,
} from '../certificate-builder.ts';
import { assertEnds, assertSettles, onlyIke } from '../sim/ends.ts';
import type { Host } from '../sim/host.ts';
import { type Pair, pair } from '../sim/pair.ts';

const provider = nodeProvider();
const root = makeAuthority();
const elsewhere = makeAuthority({ subject: 'C=CH, O=Elsewhere, CN=Root' });

/** One end: who it is, what it holds and what it asks of the other. */
interface Side {
  readonly own?: Issued;
  readonly id?: string;
  readonly local?: Partial<LocalAuth>;
  readonly remoteId?: string;
  readonly remote?: Partial<RemoteAuth>;
  readonly credentials?: Partial<Credentials>;
}

function leaf(name: string, options: CertificateOptions = {}, authority: Issued | undefined = root): Issued {
  return issue(authority, {
    subject: `C=CH, O=Lab, CN=${name}`,
    names: [`dns:${name}.example.org`],
    ...options,
  });
}

function credentialsOf({ own, credentials }: Side): Credentials {
  return {
    shared: [],
    privateKeys: own === undefined ? [] : [provider.importPrivateKey(own.pkcs8)],
    authorities: [root.der],
    certificates: [],
    crls: [],
    ...credentials,
  };
}

function authOf({ own, id, local, remoteId, remote }: Side): Pick<Connection, 'local' | 'remote'> {
  const identity: { readonly id?: Identity } = id === undefined ? {} : { id: parseIdentity(id) };
  return {
    local: [
      {
        method: 'pubkey',
        certificates: own === undefined ? [] : [own.der],
        publicKeys: [],
        schemes: [],
        ...identity,
        ...local,
      },
    ],
    remote: [
      {
        method: 'pubkey',
        id: parseIdentityPattern(remoteId ?? '%any'),
        certificates: [],
        publicKeys: [],
        authorities: [],
        schemes: [],
        revocation: 'relaxed',
        ...remote,
      },
    ],
  };
}

const MOON: Side = { own: leaf('moon'), id: 'moon.example.org', remoteId: 'sun.example.org' };
const SUN: Side = { own: leaf('sun'), id: 'sun.example.org', remoteId: 'moon.example.org' };

function between(a: Side, b: Side, settings: Partial<EngineSettings> = {}): Pair {
  return pair({
    a: authOf(a),
    b: authOf(b),
    credentials: { a: credentialsOf(a), b: credentialsOf(b) },
    settings,
  });
}

function works(a: Side, b: Side, settings?: Partial<EngineSettings>): Pair {
  const made = between(a, b, settings);
  made.a.initiate('site', 'net');
  assertSettles(made.sim, made.a, made.b);
  return made;
}

function failure(host: Host): Failure {
  const [event] = host.eventsOf('failed');
  assert.ok(event !== undefined, `${host.name} told of no failure`);
  return event.failure;
}

/** The responder refuses the initiator: twice, with nothing left, and the initiator learns no more than that. */
function refuses(
  a: Side,
  b: Side,
  code: Failure['code'],
  summary: RegExp,
  settings?: Partial<EngineSettings>,
): void {
  const { sim, a: hostA, b: hostB } = between(a, b, settings);
  for (let time = 0; time < 2; time++) {
    for (const host of [hostA, hostB]) host.events.length = 0;
    hostA.initiate('site', 'net');
    sim.quiet();
    assert.equal(failure(hostA).code, 'auth/refused-by-peer');
    assert.equal(failure(hostB).code, code);
    assert.match(failure(hostB).summary, summary);
    sim.run(MINUTE);
    sim.assertEmpty();
  }
}

/** The initiator refuses the responder: twice, and the responder is told. */
function isRefused(a: Side, b: Side, code: Failure['code'], summary: RegExp): void {
  const { sim, a: hostA, b: hostB } = between(a, b);
  for (let time = 0; time < 2; time++) {
    for (const host of [hostA, hostB]) host.events.length = 0;
    hostA.initiate('site', 'net');
    sim.quiet();
    assert.equal(failure(hostA).code, code);
    assert.match(failure(hostA).summary, summary);
    assert.deepEqual(
      hostB.eventsOf('ike-down').map(event => event.failure?.code),
      ['auth/refused-by-peer'],
    );
    sim.assertEmpty();
  }
}

const KEYS: readonly KeyType[] = ['rsa2048', 'p256', 'p384', 'p521', 'brainpoolP256r1', 'ed25519', 'ed448'];
for (const key of KEYS) {
  test(`certificates with ${key} keys`, () => {
    const { a } = works({ ...MOON, own: leaf('moon', { key }) }, { ...SUN, own: leaf('sun', { key }) });
    assert.equal(onlyIke(a).remoteId, 'sun.example.org');
  });
}

for (const scheme of ['rsa-sha256', 'rsa/pss-sha512']) {
  test(`${scheme} where it is named`, () => {
    const own = leaf('moon', { key: 'rsa2048' });
    works({ ...MOON, own, local: { schemes: [scheme] } }, { ...SUN, remote: { schemes: [scheme] } });
  });
}

test('a scheme that the other side does not name is refused', () => {
  const own = leaf('moon', { key: 'p256' });
  refuses(
    { ...MOON, own, local: { schemes: ['ecdsa-sha256'] } },
    { ...SUN, remote: { schemes: ['ecdsa-sha256', 'ecdsa-sha384'] }, remoteId: 'other.example.org' },
    'auth/wrong-identity',
    /moon\.example\.org/,
  );
  const { sim, a, b } = between(
    { ...MOON, own, local: { schemes: ['ecdsa-sha256'] } },
    { ...SUN, remote: { schemes: ['ecdsa-sha384'] } },
  );
  a.initiate('site', 'net');
  sim.quiet();
  // The peer announced SHA-384 alone: there is nothing to sign with.
  assert.equal(failure(a).code, 'auth/method');
  sim.run(MINUTE);
  assert.equal(b.eventsOf('ike-up').length, 0);
});

const BEFORE_RFC_7427 = { signatureAuthentication: false };

for (const key of ['rsa2048', 'p256', 'p384', 'p521'] as const) {
  test(`${key} keys without RFC 7427`, () => {
    const { a } = works(
      { ...MOON, own: leaf('moon', { key }) },
      { ...SUN, own: leaf('sun', { key }) },
      BEFORE_RFC_7427,
    );
    assert.equal(onlyIke(a).remoteId, 'sun.example.org');
  });
}

test('SHA-1 is no way out where other schemes are named, nor for a key without a method of its own', () => {
  const own = leaf('moon', { key: 'rsa2048' });
  const strict = { ...SUN, own: leaf('sun', { key: 'rsa2048' }), remote: { schemes: ['rsa-sha256'] } };
  refuses({ ...MOON, own }, strict, 'auth/method', /rsa-sha1/, BEFORE_RFC_7427);
  const { sim, a } = between({ ...MOON, own: leaf('moon', { key: 'ed25519' }) }, SUN, BEFORE_RFC_7427);
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(failure(a).code, 'auth/method');
});

test('a chain with an authority between, sent along', () => {
  const middle = makeAuthority({ parent: root, subject: 'C=CH, O=Lab, CN=Middle' });
  const own = leaf('moon', {}, middle);
  works({ ...MOON, own, credentials: { certificates: [middle.der] } }, SUN);
});

test('a chain whose middle is missing: named, with the change that helps', () => {
  const middle = makeAuthority({ parent: root, subject: 'C=CH, O=Lab, CN=Middle' });
  refuses({ ...MOON, own: leaf('moon', {}, middle) }, SUN, 'auth/untrusted-chain', /CN=Middle/);
});

test('an authority that is not trusted', () => {
  refuses({ ...MOON, own: leaf('moon', {}, elsewhere) }, SUN, 'auth/untrusted-chain', /O=Elsewhere/);
  isRefused(MOON, { ...SUN, own: leaf('sun', {}, elsewhere) }, 'auth/untrusted-chain', /O=Elsewhere/);
});

test('an authority that peers send along is not thereby trusted', () => {
  const own = leaf('moon', {}, elsewhere);
  refuses(
    { ...MOON, own, credentials: { certificates: [elsewhere.der] } },
    SUN,
    'auth/untrusted-chain',
    /cannot be trusted/,
  );
});

test('a certificate whose time is over, or has not come', () => {
  const over = leaf('moon', { notAfter: Date.UTC(2024, 6, 1) });
  refuses({ ...MOON, own: over }, SUN, 'auth/untrusted-chain', /expired|2024/);
  const early = leaf('moon', { notBefore: Date.UTC(2040, 0, 1) });
  refuses({ ...MOON, own: early }, SUN, 'auth/untrusted-chain', /2040/);
});

test('a revoked certificate', () => {
  const own = leaf('moon');
  const crl = issueCrl(root, {
    thisUpdate: Date.UTC(2025, 5, 1),
    nextUpdate: Date.UTC(2035, 0, 1),
    revoked: [{ serial: own.serial, at: Date.UTC(2025, 0, 1) }],
  });
  refuses({ ...MOON, own }, { ...SUN, credentials: { crls: [crl] } }, 'auth/untrusted-chain', /revoked/);
});

test('a good certificate of somebody else (CVE-2020-16088): the key that signed must be the one certified', () => {
  const { own } = MOON;
  const thief = leaf('thief');
  assert.ok(own !== undefined);
  const side: Side = { ...MOON, own, credentials: { privateKeys: [provider.importPrivateKey(thief.pkcs8)] } };
  const { sim, a } = between(side, SUN);
  a.initiate('site', 'net');
  sim.quiet();
  assert.equal(failure(a).code, 'auth/no-key');
  assert.match(failure(a).summary, /no private key is loaded for .*CN=moon/);
});

test('an identity that the certificate does not have: our own certificate speaks for us', () => {
  const { a, b } = works({ ...MOON, id: 'venus.example.org' }, { ...SUN, remoteId: 'C=CH, O=Lab, CN=moon' });
  assert.equal(onlyIke(b).remoteId, 'C=CH, O=Lab, CN=moon');
  assert.ok(a.eventsOf('log').some(({ text }) => text.includes('venus.example.org')));
});

test('a certificate that is good, for a peer that is another', () => {
  refuses(
    { ...MOON, own: leaf('mars'), id: 'mars.example.org' },
    SUN,
    'auth/wrong-identity',
    /mars\.example\.org/,
  );
});

test('identities from the certificate: subject, e-mail, address', () => {
  const own = leaf('moon', { names: ['dns:moon.example.org', 'email:moon@example.org', 'ip:192.0.2.1'] });
  for (const id of ['C=CH, O=Lab, CN=moon', 'moon@example.org', '192.0.2.1']) {
    works({ ...MOON, own, id }, { ...SUN, remoteId: id });
  }
  works({ own, remoteId: 'sun.example.org' }, { ...SUN, remoteId: 'C=CH, O=Lab, CN=*' });
});

test('only these certificates, only these authorities', () => {
  const own = leaf('moon');
  works({ ...MOON, own }, { ...SUN, remote: { certificates: [own.der] } });
  works({ ...MOON, own }, { ...SUN, remote: { authorities: [root.der] } });
  const other = leaf('moon');
  refuses(
    { ...MOON, own },
    { ...SUN, remote: { certificates: [other.der] } },
    'auth/untrusted-chain',
    /not one of those/,
  );
  refuses(
    { ...MOON, own },
    {
      ...SUN,
      remote: { authorities: [elsewhere.der] },
      credentials: { authorities: [root.der, elsewhere.der] },
    },
    'auth/untrusted-chain',
    /Elsewhere/,
  );
});

test('a self-signed certificate counts where the configuration holds it, and nowhere else', () => {
  const own = issue(undefined, { subject: 'CN=moon', names: ['dns:moon.example.org'] });
  works({ ...MOON, own }, { ...SUN, remote: { certificates: [own.der] } });
  refuses({ ...MOON, own }, SUN, 'auth/untrusted-chain', /self-signed/);
});

test('no certificate is sent: the one configured is used, and without one there is no key', () => {
  const own = leaf('moon');
  const silent = { ...authOf({ ...MOON, own }), sendCert: 'never' as const };
  for (const [certificates, code] of [
    [[own.der], undefined],
    [[], 'auth/no-key'],
  ] as const) {
    const b = { ...SUN, remote: { certificates } };
    const {
      sim,
      a,
      b: hostB,
    } = pair({
      a: silent,
      b: authOf(b),
      credentials: { a: credentialsOf({ ...MOON, own }), b: credentialsOf(b) },
    });
    a.initiate('site', 'net');
    sim.quiet();
    if (code === undefined) assertSettles(sim, a, hostB);
    else assert.equal(failure(hostB).code, code);
  }
});

for (const key of ['rsa2048', 'p256', 'ed25519'] as const) {
  test(`raw public keys: ${key}`, () => {
    const [moon, sun] = [leaf('moon', { key }), leaf('sun', { key })];
    const raw = (mine: Issued, theirs: Issued, id: string, remoteId: string): Side => ({
      id,
      remoteId,
      local: { publicKeys: [mine.spki] },
      remote: { publicKeys: [theirs.spki] },
      credentials: { authorities: [], privateKeys: [provider.importPrivateKey(mine.pkcs8)] },
    });
    works(raw(moon, sun, 'moon', 'sun'), raw(sun, moon, 'sun', 'moon'));
    const stranger = leaf('stranger', { key: key === 'p256' ? 'ed25519' : 'p256' });
    refuses(
      raw(moon, sun, 'moon', 'sun'),
      raw(sun, stranger, 'sun', 'moon'),
      'auth/method',
      /not allowed for its/,
    );
    const unknown = leaf('unknown', { key: 'ed448' });
    const sent = { ...authOf(raw(unknown, sun, 'moon', 'sun')), sendCert: 'always' as const };
    const b = raw(sun, moon, 'sun', 'moon');
    const {
      sim,
      a,
      b: hostB,
    } = pair({
      a: sent,
      b: authOf(b),
      credentials: { a: credentialsOf(raw(unknown, sun, 'moon', 'sun')), b: credentialsOf(b) },
    });
    a.initiate('site', 'net');
    sim.quiet();
    assert.equal(failure(hostB).code, 'auth/untrusted-chain');
    assert.match(failure(hostB).summary, /raw public key/);
  });
}

test('one end signs, the other has a shared key', () => {
  const secret = { name: 'psk', use: 'ike', secret: new Secret(utf8('common')), owners: [] } as const;
  const a: Side = { ...MOON, remote: { method: 'psk' }, credentials: { shared: [secret] } };
  const b: Side = { ...SUN, local: { method: 'psk' }, credentials: { shared: [secret], privateKeys: [] } };
  const made = works(a, b);
  assertEnds(made.sim, made.a);
});

test('what was verified once is not verified again', () => {
  const { sim, a, b } = between(MOON, SUN);
  let verified = 0;
  const verify = b.provider.verify.bind(b.provider);
  b.provider.verify = (...parameters) => {
    verified++;
    return verify(...parameters);
  };
  const counts: number[] = [];
  for (let time = 0; time < 3; time++) {
    verified = 0;
    a.initiate('site', 'net');
    sim.quiet();
    a.terminate({});
    sim.quiet();
    counts.push(verified);
  }
  assert.deepEqual(counts, [2, 1, 1]);
});

/** certificatePolicies: 1.3.6.1.4.1.99999.1. */
const GOLD = {
  oid: '2.5.29.32',
  critical: false,
  der: Buffer.from('300d300b06092b06010401868d1f01', 'hex'),
};

test('what is asked of the chain of a peer holds, whichever end asks', () => {
  const sub = makeAuthority({ parent: root, subject: 'C=CH, O=Lab, CN=Sub', extensions: [GOLD] });
  const [moon, sun] = ['moon', 'sun'].map(name => leaf(name, { extensions: [GOLD] }, sub)) as [
    Issued,
    Issued,
  ];
  const chain = { certificates: [sub.der] };
  const asked: Partial<RemoteAuth> = {
    authorityId: parseIdentityPattern('C=CH, O=*, CN=Sub'),
    policies: ['1.3.6.1.4.1.99999.1'],
    strength: { rsaBits: 4096, ecdsaBits: 256, schemes: ['ecdsa-sha256', 'ecdsa-sha384'] },
  };
  const ends = [
    { ...MOON, own: moon, credentials: chain },
    { ...SUN, own: sun, credentials: chain },
  ] as const;
  works({ ...ends[0], remote: asked }, { ...ends[1], remote: asked });
  // One of the two is enough, as in charon.
  works(
    { ...ends[0], remote: { authorities: [root.der], authorityId: parseIdentityPattern('CN=nobody') } },
    ends[1],
  );
  for (const [demand, why] of [
    [{ authorityId: parseIdentityPattern('C=CH, O=Lab, CN=Other') }, /chain does not contain .*CN=Other/],
    [{ policies: ['1.3.6.1.4.1.99999.2'] }, /was not issued under the policy 1\.3\.6\.1\.4\.1\.99999\.2/],
    [{ strength: { rsaBits: 0, ecdsaBits: 384, schemes: [] } }, /its ECDSA key has 256 bits, at least 384/],
    [{ strength: { rsaBits: 0, ecdsaBits: 0, schemes: ['ecdsa-sha384'] } }, /signed with ecdsa-sha256/],
  ] as const satisfies readonly (readonly [Partial<RemoteAuth>, RegExp])[]) {
    refuses(ends[0], { ...ends[1], remote: demand }, 'auth/untrusted-chain', why);
    isRefused({ ...ends[0], remote: demand }, ends[1], 'auth/untrusted-chain', why);
  }
});
