import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type CrlOptions,
  type Issued,
  issue,
  issueCrl,
  makeAuthority,
  TEST_TIME,
} from '../../test/certificate-builder.ts';
import { ocspResponse } from '../../test/ocsp-builder.ts';
import { statusJudge } from '../../test/status-judge.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { utf8 } from '../lib/text.ts';
import { CertificateCache } from './certificate-cache.ts';
import { parseCrl } from './crl.ts';
import { context, encodeDer, encodeOid, Tag } from './der.ts';
import type { StatusJudge, StatusSource } from './status-judge.ts';
import { StatusMemory } from './status-memory.ts';

const SECOND = 1000;
const DAY = 86_400_000;
const CRL: StatusSource = { kind: 'crl', uri: 'http://lab/a.crl', configured: false, limit: 1 };
const OCSP: StatusSource = { ...CRL, kind: 'ocsp' };

const provider = nodeProvider();
const cache = new CertificateCache(provider);
const root = makeAuthority();
const number = (value: number): Uint8Array => encodeDer(Tag.INTEGER, Uint8Array.of(value));
const uri = (text: string): Uint8Array => encodeDer(context(6, false), utf8(text));
const oid = (dotted: string): Uint8Array => encodeDer(Tag.OID, encodeOid(dotted) as Uint8Array);

const AIA = {
  oid: '1.3.6.1.5.5.7.1.1',
  critical: false,
  der: encodeDer(Tag.SEQUENCE, encodeDer(Tag.SEQUENCE, oid('1.3.6.1.5.5.7.48.1'), uri('http://lab/ocsp'))),
};
const FRESHEST = {
  oid: '2.5.29.46',
  critical: false,
  der: encodeDer(
    Tag.SEQUENCE,
    encodeDer(Tag.SEQUENCE, encodeDer(context(0), encodeDer(context(0), uri('http://lab/delta.crl')))),
  ),
};
const deltaOf = (base: number): { oid: string; critical: boolean; der: Uint8Array } => ({
  oid: '2.5.29.27',
  critical: true,
  der: number(base),
});

const moon = issue(root, {
  subject: 'CN=moon',
  crlUris: ['http://lab/a.crl', 'http://lab/b.crl'],
  extensions: [AIA],
});

/** A judge that knows nothing yet, of one certificate. */
class Scene {
  readonly memory = new StatusMemory();
  readonly judge: StatusJudge;
  readonly #pair: readonly [ReturnType<typeof cache.certificate>, ReturnType<typeof cache.certificate>];

  constructor(of: Issued = moon, grounds: Partial<ConstructorParameters<typeof StatusJudge>[0]> = {}) {
    this.#pair = [cache.certificate(of.der), cache.certificate(root.der)];
    this.judge = statusJudge(cache, { memory: this.memory, ...grounds });
  }

  status(at = TEST_TIME): string {
    const status = this.judge.status(...this.#pair, at);
    return status.kind === 'unknown' ? status.why.join('; ') : status.kind;
  }

  next(...tried: string[]): string | undefined {
    const next = this.judge.next(...this.#pair, new Set(tried), TEST_TIME);
    return next === undefined ? undefined : `${next.kind} ${next.uri}`;
  }

  pending(at = TEST_TIME): boolean {
    return this.judge.isPending(...this.#pair, at);
  }

  learn(source: StatusSource, octets: Uint8Array, nonce?: Uint8Array): string | undefined {
    return this.judge.learn(source, octets, ...this.#pair, TEST_TIME, nonce).obstacle;
  }

  list(options: CrlOptions = {}): string | undefined {
    return this.learn(CRL, issueCrl(root, options));
  }

  conclude(...why: string[]): void {
    this.judge.conclude(...this.#pair, why, TEST_TIME);
  }
}

test('the responder is asked first, then one list after the other', () => {
  const scene = new Scene();
  const [responder, a, b] = ['ocsp http://lab/ocsp', 'crl http://lab/a.crl', 'crl http://lab/b.crl'] as const;
  assert.equal(scene.next(), responder);
  assert.equal(scene.next(responder), a);
  assert.equal(scene.next(responder, a), b);
  assert.equal(scene.next(responder, a, b), undefined);
});

test('places that the configuration names for the authority come first', () => {
  const uris = [
    { certificate: cache.certificate(root.der), crlUris: ['file:///x.crl'], ocspUris: ['http://own/'] },
    { certificate: cache.certificate(makeAuthority().der), crlUris: ['http://wrong/'], ocspUris: [] },
  ];
  const scene = new Scene(moon, { uris });
  assert.equal(scene.next(), 'ocsp http://own/');
  assert.equal(scene.next('ocsp http://own/', 'ocsp http://lab/ocsp'), 'crl file:///x.crl');
});

test('what is switched off is not asked for, nor heeded', () => {
  const [noOcsp, noCrl] = [new Scene(moon, { useOcsp: false }), new Scene(moon, { useCrl: false })];
  assert.equal(noOcsp.next(), 'crl http://lab/a.crl');
  assert.equal(noCrl.next('ocsp http://lab/ocsp'), undefined);
  noOcsp.memory.keepResponse(
    cache.certificate(moon.der),
    (() => {
      const scene = new Scene();
      assert.equal(scene.learn(OCSP, ocspResponse(root, moon)), undefined);
      return scene.memory.response(cache.certificate(moon.der), TEST_TIME) as never;
    })(),
    TEST_TIME,
  );
  assert.match(noOcsp.status(), /no CRL of .* is at hand/);
  assert.match(noCrl.status(), /CRLs are not heeded/);
});

test('a response is kept until it runs out, and no list is asked for meanwhile', () => {
  const scene = new Scene();
  assert.equal(scene.learn(OCSP, ocspResponse(root, moon)), undefined);
  assert.equal(scene.status(), 'good');
  assert.equal(scene.pending(), false);
  assert.match(scene.status(TEST_TIME + DAY + SECOND), /no CRL/);
  assert.equal(scene.pending(TEST_TIME + DAY + SECOND), true);
  assert.equal(scene.memory.responses(TEST_TIME).length, 1);
  scene.memory.flushResponses();
  assert.deepEqual(scene.memory.responses(TEST_TIME), []);
});

test('a response that names no end is kept for half a minute', () => {
  const scene = new Scene();
  scene.learn(OCSP, ocspResponse(root, moon, { nextUpdate: null }));
  assert.equal(scene.status(TEST_TIME + 30 * SECOND), 'good');
  assert.match(scene.status(TEST_TIME + 31 * SECOND), /no CRL/);
});

test('a nonce that comes back must be the one that was sent', () => {
  const [scene, nonce] = [new Scene(), Uint8Array.of(1, 2, 3)];
  const other = ocspResponse(root, moon, { nonce: Uint8Array.of(3, 2, 1) });
  assert.match(scene.learn(OCSP, other, nonce) ?? '', /the nonce in the OCSP response is not the one/);
  assert.equal(scene.learn(OCSP, ocspResponse(root, moon), nonce), undefined);
  assert.equal(scene.learn(OCSP, ocspResponse(root, moon, { nonce }), nonce), undefined);
});

test('the responder revokes whatever lists say, and lists speak where it knows nothing', () => {
  const scene = new Scene();
  assert.equal(scene.list(), undefined);
  assert.equal(scene.learn(OCSP, ocspResponse(root, moon, { status: { at: TEST_TIME } })), undefined);
  assert.equal(scene.status(), 'revoked');
  const other = new Scene();
  assert.match(other.learn(OCSP, ocspResponse(root, moon, { status: 'unknown' })) ?? '', /does not know/);
  other.list({ revoked: [{ serial: moon.serial }] });
  assert.equal(other.status(), 'revoked');
});

for (const [what, octets, says] of [
  ['rubbish', Uint8Array.of(1, 2, 3), /the data ends|wanted/],
  ['nothing', new Uint8Array(), /the data ends/],
  ['signed by another', issueCrl(makeAuthority()), /no valid signature of C=CH, O=Lab, CN=Root/],
  ['of another name by the same key', issueCrl({ ...root, subject: 'CN=Else' }), /it is a list of CN=Else/],
  ['too long', new Uint8Array(8 * 1024 * 1024 + 1), /8388609 octets/],
] as const)
  test(`a list is not kept that is ${what}`, () => {
    const scene = new Scene();
    assert.match(scene.learn(CRL, octets) ?? '', says);
    assert.deepEqual(scene.memory.crls(TEST_TIME), []);
  });

test('megabytes of somebody else’s are not read, once their signature is seen to be no good', () => {
  const entries = encodeDer(Tag.SEQUENCE, Uint8Array.of(0xff));
  const bad = encodeDer(
    Tag.SEQUENCE,
    entries,
    encodeDer(Tag.SEQUENCE, oid('1.2.840.10045.4.3.2')),
    encodeDer(Tag.BIT_STRING, new Uint8Array(9)),
  );
  assert.match(new Scene().learn(CRL, bad) ?? '', /no valid signature/);
});

test('what was sought in vain is not pending for a while, and says why', () => {
  const scene = new Scene();
  scene.conclude('http://lab/a.crl: no answer');
  assert.equal(scene.pending(), false);
  assert.match(scene.status(), /http:\/\/lab\/a\.crl: no answer/);
  assert.equal(scene.pending(TEST_TIME + 6 * SECOND), true);
  scene.conclude('again');
  scene.memory.flushCrls();
  assert.equal(scene.pending(), true);
});

test('a newer list takes the place of an older one, never the other way round', () => {
  const scene = new Scene();
  scene.list({ thisUpdate: TEST_TIME - DAY, revoked: [{ serial: moon.serial }] });
  scene.list({ thisUpdate: TEST_TIME - 2 * DAY });
  assert.equal(scene.status(), 'revoked');
  scene.list({ thisUpdate: TEST_TIME - DAY / 2 });
  assert.equal(scene.status(), 'good');
  assert.equal(scene.memory.crls(TEST_TIME).length, 1);
});

test('a list without an end is fetched anew after an hour', () => {
  const scene = new Scene();
  scene.list({ nextUpdate: null });
  assert.equal(scene.status(TEST_TIME + 3_600_000), 'good');
  assert.match(scene.status(TEST_TIME + 3_600_001), /no CRL/);
});

const DELTA: StatusSource = { ...CRL, kind: 'delta' };

test('changes are asked for where the list says so, and count', () => {
  const scene = new Scene();
  scene.list({ extensions: [FRESHEST] });
  assert.equal(scene.next('ocsp http://lab/ocsp'), 'delta http://lab/delta.crl');
  assert.equal(scene.status(), 'good');
  const delta = { extensions: [deltaOf(7)], revoked: [{ serial: moon.serial }] };
  assert.equal(scene.learn(DELTA, issueCrl(root, delta)), undefined);
  assert.equal(scene.status(), 'revoked');
  assert.equal(scene.next('ocsp http://lab/ocsp'), undefined);
});

test('a change can take a hold back, and a current one keeps an old list alive', () => {
  const scene = new Scene();
  scene.list({ nextUpdate: TEST_TIME - SECOND, revoked: [{ serial: moon.serial, reason: 6 }] });
  assert.equal(scene.status(), 'revoked');
  scene.learn(
    DELTA,
    issueCrl(root, { extensions: [deltaOf(7)], revoked: [{ serial: moon.serial, reason: 8 }] }),
  );
  assert.equal(scene.status(), 'good');
});

for (const [what, base] of [
  ['a list after ours', 8],
  ['no list at all', undefined],
] as const)
  test(`changes since ${what} say nothing`, () => {
    const scene = new Scene();
    if (base !== undefined) scene.list();
    const delta = { extensions: [deltaOf(base ?? 7)], revoked: [{ serial: moon.serial }] };
    scene.learn(DELTA, issueCrl(root, delta));
    assert.match(scene.status(), base === undefined ? /no CRL/ : /good/);
  });

test('the memory has room for so much and no more', () => {
  const memory = new StatusMemory();
  const crl = parseCrl(issueCrl(root));
  const large = { ...crl, der: new Uint8Array(8 * 1024 * 1024) };
  for (let i = 0; i < 6; i++)
    memory.keepCrl({ ...large, authorityKeyIdentifier: Uint8Array.of(i) }, TEST_TIME);
  assert.deepEqual(
    memory.crls(TEST_TIME).map(one => one.authorityKeyIdentifier?.[0]),
    [2, 3, 4, 5],
  );
});
