import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CertificateOptions,
  type Issued,
  issue,
  issueCrl,
  keyPair,
  makeAuthority,
  TEST_TIME,
  USAGE,
} from '../../test/certificate-builder.ts';
import { statusJudge } from '../../test/status-judge.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import type { CryptoProvider } from '../crypto/provider.ts';
import { CertificateCache } from './certificate-cache.ts';
import { type ChainRequest, type TrustedChain, validateChain } from './chain.ts';
import type { ChainFailure, ChainFailureReason } from './chain-failure.ts';
import { parseCrl } from './crl.ts';

const DAY = 86_400_000;
const provider = nodeProvider();
const cache = new CertificateCache(provider);

interface Case {
  readonly leaf: Issued;
  readonly between?: readonly Issued[];
  readonly anchors: readonly Issued[];
  readonly trusted?: readonly Issued[];
  readonly through?: readonly Issued[];
  readonly crls?: readonly Uint8Array[];
  readonly revocation?: ChainRequest['revocation'];
  readonly at?: number;
  readonly allowWeak?: boolean;
}

function validate(given: Case, on = cache): TrustedChain | ChainFailure {
  const read = (list: readonly Issued[] = []): ReturnType<typeof on.certificate>[] =>
    list.map(({ der }) => on.certificate(der));
  const result = validateChain(
    {
      leaf: on.certificate(given.leaf.der),
      intermediates: read(given.between),
      anchors: read(given.anchors),
      trusted: read(given.trusted),
      through: read(given.through),
      statuses: statusJudge(on, { crls: (given.crls ?? []).map(parseCrl) }),
      revocation: given.revocation ?? 'relaxed',
      at: given.at ?? TEST_TIME,
      ...(given.allowWeak === undefined ? {} : { allowWeak: given.allowWeak }),
    },
    on,
  );
  assert.ok(result.kind !== 'status-wanted', 'nothing may be sought');
  return result;
}

function accepts(given: Case, path?: readonly string[]): TrustedChain {
  const result = validate(given);
  assert.ok(
    result.kind === 'trusted',
    result.kind === 'untrusted' ? `${result.reason}: ${result.detail}` : '',
  );
  if (path !== undefined) assert.deepEqual(names(result.path), path);
  return result;
}

function refuses(given: Case, reason: ChainFailureReason, subject?: string, detail?: RegExp): void {
  const result = validate(given);
  assert.ok(result.kind === 'untrusted', 'the chain was trusted');
  assert.equal(result.reason, reason, result.detail);
  if (subject !== undefined) assert.equal(result.certificate.subject.text, subject);
  if (detail !== undefined) assert.match(result.detail, detail);
}

const names = (path: TrustedChain['path']): string[] => path.map(({ subject }) => subject.text);

const root = makeAuthority({ subject: 'CN=Root' });
const middle = makeAuthority({ parent: root, subject: 'CN=Middle' });
const leaf = issue(middle, { subject: 'CN=moon' });

const underMiddle = (options: CertificateOptions): Case => ({
  leaf: issue(middle, { subject: 'CN=moon', ...options }),
  between: [middle],
  anchors: [root],
});

test('a chain is found and told from the leaf to the anchor', () => {
  accepts({ leaf, between: [middle], anchors: [root] }, ['CN=moon', 'CN=Middle', 'CN=Root']);
  accepts({ leaf: issue(root), anchors: [root] });
});

test('an intermediate authority can be an anchor', () => {
  accepts({ leaf, anchors: [middle] }, ['CN=moon', 'CN=Middle']);
});

test('what the peer sends is never trusted by itself', () => {
  refuses({ leaf, between: [middle, root], anchors: [] }, 'untrusted-root', 'CN=Root');
  refuses(
    { leaf, between: [root], anchors: [root] },
    'no-issuer',
    'CN=moon',
    /no certificate of its issuer CN=Middle/,
  );
});

test('a self-signed certificate is trusted only when it is configured itself', () => {
  const own = issue(undefined, { subject: 'CN=self' });
  refuses({ leaf: own, anchors: [root] }, 'self-signed', 'CN=self');
  accepts({ leaf: own, anchors: [], trusted: [own] }, ['CN=self']);
  refuses({ leaf: issue(undefined, { subject: 'CN=self' }), anchors: [], trusted: [own] }, 'self-signed');
  refuses({ leaf: own, anchors: [], trusted: [own], at: Date.UTC(2050, 0) }, 'expired', 'CN=self');
});

test('a configured end-entity certificate issues nothing', () => {
  const child = issue(leaf, { subject: 'CN=child' });
  refuses({ leaf: child, between: [leaf], anchors: [], trusted: [leaf] }, 'not-authority', 'CN=moon');
});

test('an authority of the right name with another key is not the issuer', () => {
  const impostor = makeAuthority({ parent: root, subject: 'CN=Middle' });
  refuses(
    { leaf, between: [impostor], anchors: [root] },
    'bad-signature',
    'CN=moon',
    /not made with the key of CN=Middle/,
  );
  accepts({ leaf, between: [impostor, middle], anchors: [root] });
});

test('each certificate must be valid at the time', () => {
  const [past, future] = [{ notAfter: TEST_TIME - 1000 }, { notBefore: TEST_TIME + 1000 }];
  refuses(underMiddle(past), 'expired', 'CN=moon', /2029-12-31 23:59:59Z/);
  refuses(underMiddle(future), 'not-yet-valid', 'CN=moon', /2030-01-01 00:00:01Z/);
  accepts(underMiddle({ notAfter: TEST_TIME, notBefore: TEST_TIME }));
  const old = makeAuthority({ parent: root, subject: 'CN=Middle', key: middle.key, ...past });
  refuses({ leaf, between: [old], anchors: [root] }, 'expired', 'CN=Middle');
  accepts({ leaf, between: [old, middle], anchors: [root] });
  const oldRoot = makeAuthority({ subject: 'CN=Root', key: root.key, ...past });
  refuses({ leaf, between: [middle], anchors: [oldRoot] }, 'expired', 'CN=Root');
});

test('only authorities issue', () => {
  const child = issue(leaf, { subject: 'CN=child' });
  refuses(
    { leaf: child, between: [leaf, middle], anchors: [root] },
    'not-authority',
    'CN=moon',
    /basicConstraints/,
  );
  const plain = issue(root, { subject: 'CN=Middle', key: middle.key, keyUsage: USAGE.keyCertSign });
  refuses({ leaf, between: [plain], anchors: [root] }, 'not-authority', 'CN=Middle');
});

test('a root of version 1 is an authority because it is configured, an intermediate one is none', () => {
  const first = makeAuthority({ subject: 'CN=Old', version: 1 });
  accepts({ leaf: issue(first), anchors: [first] });
  const between = makeAuthority({ parent: root, subject: 'CN=Middle', key: middle.key, version: 1 });
  refuses({ leaf, between: [between], anchors: [root] }, 'not-authority', 'CN=Middle');
});

test('key usages must allow what the keys are used for', () => {
  const crlOnly = makeAuthority({
    parent: root,
    subject: 'CN=Middle',
    key: middle.key,
    keyUsage: USAGE.cRLSign,
  });
  refuses({ leaf, between: [crlOnly], anchors: [root] }, 'key-usage', 'CN=Middle', /keyCertSign/);
  refuses(underMiddle({ keyUsage: USAGE.keyEncipherment }), 'key-usage', 'CN=moon', /digitalSignature/);
  accepts(underMiddle({ keyUsage: 2 }));
  accepts(underMiddle({ keyUsage: null }));
  accepts({
    leaf,
    between: [makeAuthority({ parent: root, subject: 'CN=Middle', key: middle.key, keyUsage: null })],
    anchors: [root],
  });
});

test('extended key usages must be for IKE, or what the field takes for it', () => {
  const ipsecIKE = '1.3.6.1.5.5.7.3.17';
  const codeSigning = '1.3.6.1.5.5.7.3.3';
  const serverAuth = '1.3.6.1.5.5.7.3.1';
  refuses(
    underMiddle({ extendedKeyUsage: [codeSigning] }),
    'extended-key-usage',
    'CN=moon',
    /1\.3\.6\.1\.5\.5\.7\.3\.3/,
  );
  for (const usage of [[ipsecIKE], ['2.5.29.37.0'], [codeSigning, ipsecIKE], [serverAuth, ipsecIKE]]) {
    assert.deepEqual(accepts(underMiddle({ extendedKeyUsage: usage })).notes, []);
  }
  for (const usage of [serverAuth, '1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.5', '1.3.6.1.5.5.8.2.2']) {
    assert.match(accepts(underMiddle({ extendedKeyUsage: [usage] })).notes.join(), /not ipsecIKE/);
  }
});

test('path lengths bind, certificates of change of an authority do not count', () => {
  const tight = makeAuthority({ subject: 'CN=Tight', authority: 0 });
  const below = makeAuthority({ parent: tight, subject: 'CN=Below' });
  accepts({ leaf: issue(tight), anchors: [tight] });
  refuses(
    { leaf: issue(below), between: [below], anchors: [tight] },
    'path-length',
    'CN=Tight',
    /allows 0 authorities below it, there are 1/,
  );
  const renewed = makeAuthority({ parent: tight, subject: 'CN=Tight' });
  accepts({ leaf: issue(renewed), between: [renewed], anchors: [tight] }, [
    'C=CH, O=Lab, CN=moon',
    'CN=Tight',
    'CN=Tight',
  ]);
});

test('critical extensions that nothing heeds refuse', () => {
  const extensions = [{ oid: '1.2.3.4', critical: true, der: Uint8Array.of(5, 0) }];
  refuses(underMiddle({ extensions }), 'critical-extension', 'CN=moon', /1\.2\.3\.4/);
  const strange = makeAuthority({ parent: root, subject: 'CN=Middle', key: middle.key, extensions });
  refuses({ leaf, between: [strange], anchors: [root] }, 'critical-extension', 'CN=Middle');
  accepts(
    underMiddle({
      extensions: [{ ...extensions[0], oid: '1.2.3.4', critical: false, der: Uint8Array.of(5, 0) }],
    }),
  );
});

test('broken hashes and short keys are refused, SHA-1 and short keys unless they are allowed', () => {
  const rsaRoot = makeAuthority({ subject: 'CN=RSA', key: 'rsa2048' });
  const sha1: Case = { leaf: issue(rsaRoot, { signature: 'pkcs1-sha1' }), anchors: [rsaRoot] };
  refuses(sha1, 'weak-signature', 'C=CH, O=Lab, CN=moon', /rsa-sha1/);
  accepts({ ...sha1, allowWeak: true });
  refuses({ ...sha1, leaf: issue(rsaRoot, { signature: 'pkcs1-md5' }), allowWeak: true }, 'weak-signature');
  refuses({ leaf: issue(root, { signature: 'ecdsa-sha1' }), anchors: [root] }, 'weak-signature');
  const short: Case = { leaf: issue(root, { key: 'rsa1024' }), anchors: [root] };
  refuses(short, 'weak-key', 'C=CH, O=Lab, CN=moon', /1024 bits/);
  accepts({ ...short, allowWeak: true });
  const weakRoot = makeAuthority({ subject: 'CN=Old', key: 'rsa2048', signature: 'pkcs1-sha1' });
  accepts({ leaf: issue(weakRoot), anchors: [weakRoot] });
});

test('RSASSA-PSS, EdDSA and odd curves chain', () => {
  for (const [key, signature] of [
    ['rsa2048', 'pss-sha256'],
    ['ed448', undefined],
    ['brainpoolP256r1', undefined],
  ] as const) {
    const top = makeAuthority({ subject: `CN=${key}`, key });
    accepts({ leaf: issue(top, signature === undefined ? {} : { signature }), anchors: [top] });
  }
});

test('a leaf whose signature scheme is not that of the issuer’s key does not verify', () => {
  const rsa = makeAuthority({ subject: 'CN=Root', key: 'rsa2048' });
  refuses({ leaf: issue(root), anchors: [rsa] }, 'bad-signature');
});

// ── paths ──

test('of several paths one that leads to an anchor is found', () => {
  const other = makeAuthority({ subject: 'CN=Other' });
  const cross = makeAuthority({ parent: other, subject: 'CN=Middle', key: middle.key });
  const between = [cross, middle];
  accepts({ leaf, between, anchors: [root] }, ['CN=moon', 'CN=Middle', 'CN=Root']);
  accepts({ leaf, between, anchors: [other] }, ['CN=moon', 'CN=Middle', 'CN=Other']);
});

test('authorities that certify each other in a ring are no path', () => {
  const [a, b] = [keyPair('p256'), keyPair('p256')];
  const ownA = makeAuthority({ subject: 'CN=A', key: a });
  const ownB = makeAuthority({ subject: 'CN=B', key: b });
  const ab = makeAuthority({ parent: ownB, subject: 'CN=A', key: a });
  const ba = makeAuthority({ parent: ownA, subject: 'CN=B', key: b });
  refuses({ leaf: issue(ab), between: [ab, ba], anchors: [root] }, 'no-issuer', 'CN=B');
  accepts({ leaf: issue(ab), between: [ab, ba], anchors: [ownB] });
});

/** `count` authorities below a root, the last first. */
function ladder(count: number): { readonly top: Issued; readonly rungs: readonly Issued[] } {
  const top = makeAuthority({ subject: 'CN=Top' });
  const rungs: Issued[] = [];
  for (let i = 0; i < count; i++)
    rungs.unshift(makeAuthority({ parent: rungs[0] ?? top, subject: `CN=Rung ${i}` }));
  return { top, rungs };
}

test('seven authorities may stand between leaf and anchor, and no eighth', () => {
  const { top, rungs } = ladder(8);
  const lower = rungs[1] as Issued;
  accepts({ leaf: issue(lower), between: rungs, anchors: [top] });
  refuses({ leaf: issue(rungs[0] as Issued), between: rungs, anchors: [top] }, 'path-too-long');
});

test('a heap of authorities of one name costs a bounded number of verifications', () => {
  let verifications = 0;
  const counting: CryptoProvider = {
    ...provider,
    verify: (...args) => {
      verifications++;
      return provider.verify(...args);
    },
  };
  // All certify all: as many paths as there are permutations
  const keys = Array.from({ length: 8 }, () => keyPair('p256'));
  const own = keys.map(key => makeAuthority({ subject: 'CN=Many', key }));
  const between = own.flatMap((parent, i) =>
    keys.flatMap((key, j) => (i === j ? [] : [makeAuthority({ parent, subject: 'CN=Many', key })])),
  );
  const result = validate(
    { leaf: issue(own[0]), between, anchors: [root] },
    new CertificateCache(counting, 1024),
  );
  assert.ok(result.kind === 'untrusted');
  assert.ok(verifications <= 48, `${verifications} verifications`);
});

test('the chain must contain an authority that is asked for', () => {
  const other = makeAuthority({ subject: 'CN=Other' });
  const given: Case = { leaf, between: [middle], anchors: [root, other] };
  accepts({ ...given, through: [root] });
  accepts({ ...given, through: [other, middle] });
  refuses({ ...given, through: [other] }, 'wrong-authority', 'CN=moon', /does not contain CN=Other/);
});

// ── name constraints ──

const constrained = (options: CertificateOptions, below: CertificateOptions): Case => {
  const top = makeAuthority({ subject: 'CN=Bound', ...options });
  return { leaf: issue(top, { subject: 'CN=moon', ...below }), anchors: [top] };
};

for (const [options, yes, no] of [
  [
    { permitted: ['dns:lab'] },
    ['dns:lab', 'dns:moon.LAB', 'email:joe@evil'],
    ['dns:evil', 'dns:xlab', 'dns:lab.evil'],
  ],
  [{ excluded: ['dns:lab'] }, ['dns:other'], ['dns:lab', 'dns:moon.lab']],
  [{ permitted: ['dns:lab'], excluded: ['dns:secret.lab'] }, ['dns:moon.lab'], ['dns:x.secret.lab']],
  [{ permitted: ['dns:.lab'] }, ['dns:moon.lab'], ['dns:lab']],
  [{ permitted: ['email:lab'] }, ['email:joe@LAB'], ['email:joe@x.lab', 'email:joe', 'email:joe@evil']],
  [{ permitted: ['email:.lab'] }, ['email:joe@x.lab'], ['email:joe@lab']],
  [{ permitted: ['email:joe@lab'] }, ['email:joe@lab'], ['email:Joe@lab', 'email:jim@lab']],
  [{ permitted: ['ip:10.0.0.0/8'] }, ['ip:10.1.2.3', 'dns:x'], ['ip:11.0.0.1', 'ip:::1']],
  [{ excluded: ['ip:10.0.0.0/8'] }, ['ip:11.0.0.1'], ['ip:10.1.2.3']],
  [
    { permitted: ['uri:lab'] },
    ['uri:https://joe@lab:1/x'],
    ['uri:https://x.lab/', 'uri:https://10.0.0.1/', 'uri:mailto:joe@lab'],
  ],
  [{ permitted: ['uri:.lab'] }, ['uri:https://x.lab/'], ['uri:https://lab/']],
  [{ excluded: ['uri:lab'] }, ['uri:https://other/'], ['uri:https://lab/', 'uri:urn:x']],
  [{ excluded: ['id:1.2.3'] }, ['dns:x'], ['id:1.2.4']],
  [{ permitted: ['id:1.2.3'] }, ['dns:x'], ['id:1.2.3']],
] as const) {
  test(`${JSON.stringify(options)} allows ${yes.join(', ')} and not ${no.join(', ')}`, () => {
    for (const name of yes) accepts(constrained(options, { names: [name] }));
    for (const name of no) refuses(constrained(options, { names: [name] }), 'name-constraints');
  });
}

test('directory names are constrained whatever their string types', () => {
  const options = { permitted: ['dn:C=CH, O=Lab'] };
  accepts(constrained(options, { subject: 'C=CH, O=lab, CN=moon' }));
  refuses(
    constrained(options, { subject: 'C=CH, O=Evil, CN=moon' }),
    'name-constraints',
    'C=CH, O=Evil, CN=moon',
    /outside dn:C=CH, O=Lab/,
  );
  refuses(constrained(options, { subject: 'C=CH' }), 'name-constraints');
  refuses(constrained(options, { subject: 'C=CH, O=Lab', names: ['dn:C=DE'] }), 'name-constraints');
  // #1e… is a BMPString: the same letters in another encoding are excluded too
  refuses(
    constrained({ excluded: ['dn:O=Evil'] }, { subject: 'O=#1e08004500760069006c, CN=x' }),
    'name-constraints',
  );
});

test('an e-mail address in the subject is constrained too', () => {
  const options = { permitted: ['email:lab'] };
  accepts(constrained(options, { subject: 'CN=moon, E=joe@lab' }));
  for (const names of [[], ['email:joe@lab']]) {
    const below = { subject: 'CN=moon, E=joe@evil', ...(names.length > 0 ? { names } : {}) };
    refuses(constrained(options, below), 'name-constraints', undefined, /email:joe@evil/);
  }
});

test('the constraints of every authority bind all that is below it', () => {
  const top = makeAuthority({ subject: 'CN=Bound', permitted: ['dn:O=Lab'] });
  const good = makeAuthority({ parent: top, subject: 'O=Lab, CN=sub' });
  const bad = makeAuthority({ parent: top, subject: 'O=Evil, CN=sub' });
  accepts({ leaf: issue(good, { subject: 'O=Lab, CN=x' }), between: [good], anchors: [top] });
  refuses(
    { leaf: issue(good, { subject: 'O=Evil, CN=x' }), between: [good], anchors: [top] },
    'name-constraints',
    'O=Evil, CN=x',
  );
  refuses(
    { leaf: issue(bad, { subject: 'O=Lab, CN=x' }), between: [bad], anchors: [top] },
    'name-constraints',
    'O=Evil, CN=sub',
  );
});

// ── revocation ──

const crl = issueCrl(middle);
const rootCrl = issueCrl(root);
const chain: Case = { leaf, between: [middle], anchors: [root] };
const revoking = issueCrl(middle, { revoked: [{ serial: leaf.serial, at: TEST_TIME - 5 * DAY, reason: 1 }] });

test('what a list revokes is refused under every policy', () => {
  for (const revocation of ['strict', 'ifuri', 'relaxed'] as const) {
    refuses(
      { ...chain, crls: [crl, revoking], revocation },
      'revoked',
      'CN=moon',
      /2029-12-27 00:00:00Z \(keyCompromise\)/,
    );
  }
  const middleRevoked = issueCrl(root, { revoked: [{ serial: middle.serial }] });
  refuses({ ...chain, crls: [crl, middleRevoked] }, 'revoked', 'CN=Middle');
});

test('strict asks for a list for every certificate below the anchor', () => {
  accepts({ ...chain, crls: [crl, rootCrl], revocation: 'strict' });
  refuses(
    { ...chain, crls: [crl], revocation: 'strict' },
    'revocation-unknown',
    'CN=Middle',
    /no CRL of CN=Root is at hand/,
  );
  refuses({ ...chain, revocation: 'strict' }, 'revocation-unknown', 'CN=moon');
  accepts({ leaf, anchors: [], trusted: [leaf], revocation: 'strict' });
});

test('ifuri asks for a list where the certificate says that there is one', () => {
  accepts({ ...chain, revocation: 'ifuri' });
  const told = underMiddle({ crlUris: ['http://lab/x.crl'] });
  refuses({ ...told, revocation: 'ifuri' }, 'revocation-unknown', 'CN=moon');
  accepts({ ...told, crls: [crl], revocation: 'ifuri' });
});

test('a list that is out of date still revokes, but vouches for nothing', () => {
  const old = { thisUpdate: TEST_TIME - 9 * DAY, nextUpdate: TEST_TIME - DAY };
  const stale = issueCrl(middle, old);
  refuses(
    { ...chain, crls: [stale, rootCrl], revocation: 'strict' },
    'revocation-unknown',
    'CN=moon',
    /expired on 2029-12-31/,
  );
  assert.match(accepts({ ...chain, crls: [stale, rootCrl] }).notes.join(), /expired on/);
  const staleRevoking = issueCrl(middle, { ...old, revoked: [{ serial: leaf.serial }] });
  refuses({ ...chain, crls: [staleRevoking] }, 'revoked');
  const early = issueCrl(middle, { thisUpdate: TEST_TIME + DAY });
  refuses(
    { ...chain, crls: [early, rootCrl], revocation: 'strict' },
    'revocation-unknown',
    'CN=moon',
    /not valid before/,
  );
});

test('a list counts only with the signature of the very issuer', () => {
  const forger = makeAuthority({ subject: 'CN=Middle' });
  const forged = issueCrl(forger, { revoked: [{ serial: leaf.serial }] });
  accepts({ ...chain, crls: [forged] });
  refuses(
    { ...chain, crls: [issueCrl(forger), rootCrl], revocation: 'strict' },
    'revocation-unknown',
    'CN=moon',
    /no valid signature/,
  );
  const notSigner = makeAuthority({
    parent: root,
    subject: 'CN=Middle',
    key: middle.key,
    keyUsage: USAGE.keyCertSign,
  });
  refuses(
    { leaf, between: [notSigner], anchors: [root], crls: [crl, rootCrl], revocation: 'strict' },
    'revocation-unknown',
    'CN=moon',
    /cRLSign/,
  );
});

// ── the cache ──

test('what was verified once is not verified again', () => {
  let verifications = 0;
  const counting: CryptoProvider = {
    ...provider,
    verify: (...args) => {
      verifications++;
      return provider.verify(...args);
    },
  };
  const own = new CertificateCache(counting);
  validate(chain, own);
  assert.equal(verifications, 2);
  validate(chain, own);
  assert.equal(verifications, 2);
  refusesOn(own, { ...chain, at: Date.UTC(2050, 0) });
  own.clear();
  validate(chain, own);
  assert.equal(verifications, 4);
});

function refusesOn(on: CertificateCache, given: Case): void {
  assert.equal(validate(given, on).kind, 'untrusted');
}
