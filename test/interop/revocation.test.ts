import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { run, until } from './lab.ts';
import { HTTP, type Kind, OCSP, Revocable } from './revocable.ts';
import { Scene } from './scene.ts';
import { type Section, writeSwanctl } from './swanctl.ts';

const POLICIES = ['strict', 'ifuri', 'relaxed'] as const;
const NOWHERE = 'http://127.0.0.1:9';

/** What a certificate says and what there is, and under which policies it passes at charon. */
const CASES: Readonly<Record<string, Kind & { readonly passes: string; readonly under?: string }>> = {
  good: { crl: `${HTTP}/ca.crl`, passes: 'strict ifuri relaxed' },
  revoked: { crl: `${HTTP}/ca.crl`, revoked: 'keyCompromise', passes: '' },
  hold: { crl: `${HTTP}/ca.crl`, revoked: 'certificateHold', passes: '', under: 'relaxed' },
  expired: { crl: `${HTTP}/expired.crl`, passes: 'relaxed' },
  unreachable: { crl: `${NOWHERE}/ca.crl`, passes: 'relaxed' },
  missing: { crl: `${HTTP}/none.crl`, passes: 'relaxed', under: 'ifuri' },
  forged: { crl: `${HTTP}/forged.crl`, passes: 'relaxed' },
  silent: { passes: 'ifuri relaxed' },
  'ocsp-good': { ocsp: OCSP, passes: 'strict ifuri relaxed', under: 'strict' },
  'ocsp-revoked': { ocsp: OCSP, revoked: 'superseded', passes: '', under: 'relaxed' },
  'ocsp-down': { ocsp: `${NOWHERE}/`, passes: 'relaxed', under: 'strict relaxed' },
  'below-good': { below: 'sub-good', passes: 'ifuri relaxed', under: 'strict ifuri' },
  'below-down': { below: 'sub-down', passes: 'relaxed', under: 'ifuri relaxed' },
  'below-revoked': { below: 'sub-revoked', passes: '', under: 'relaxed' },
  'below-list': {
    below: 'sub-good',
    crl: `${HTTP}/sub.crl`,
    passes: 'strict ifuri relaxed',
    under: 'strict',
  },
  delta: { crl: `${HTTP}/base.crl`, revoked: 'keyCompromise', passes: '', under: 'relaxed' },
  'delta-good': { crl: `${HTTP}/base.crl`, passes: 'strict ifuri relaxed', under: 'strict' },
  'delta-down': { crl: `${HTTP}/base-down.crl`, passes: 'strict ifuri relaxed', under: 'strict' },
  'ocsp-down-crl': {
    ocsp: `${NOWHERE}/`,
    crl: `${HTTP}/ca.crl`,
    passes: 'strict ifuri relaxed',
    under: 'strict',
  },
};

let scene: Scene;
let pki: Revocable;

before(async () => {
  scene = await Scene.open({
    alice: () => ({}),
    bob: () => ({}),
    bobPlugins: 'curl',
    cygnetSettings: 'retransmit_timeout = 1.0\n retransmit_tries = 4',
  });
  pki = new Revocable(scene.lab.path('pki'));
  await pki.begin();
  await pki.issue('plain');
  await pki.authority('sub-good', { crl: `${HTTP}/ca.crl` });
  await pki.authority('sub-down', { crl: `${NOWHERE}/ca.crl` });
  await pki.authority('sub-revoked', { crl: `${HTTP}/ca.crl`, revoked: 'CACompromise' });
  for (const [name, kind] of Object.entries(CASES)) await pki.issue(name, kind);
  await pki.list('forged.crl', { by: 'forger' });
  await pki.list('expired.crl', { expired: true });
  await pki.list('sub.crl', { by: 'sub-good' });
  const fresh = (uri: string): string => `freshestCRL = URI:${uri}`;
  await pki.list('base.crl', { without: ['delta'], extensions: fresh(`${HTTP}/delta.crl`) });
  await pki.list('base-down.crl', { extensions: fresh(`${NOWHERE}/delta.crl`) });
  await pki.list('delta.crl', { number: '02', extensions: '2.5.29.27 = critical,DER:020101' });
  await pki.list('ca.crl', { number: '03' });
  for (const namespace of [scene.alice, scene.bob]) {
    for (const [i, command] of pki.servers.entries()) scene.lab.start(namespace, `server${i}.log`, command);
    for (const port of [8080, 8888])
      await until(`port ${port} is served`, async () => {
        const { stdout } = await scene.lab.run(namespace, ['ss', '-Hltn', `sport = :${port}`]);
        return stdout.trim() !== '';
      });
  }
});
after(() => scene[Symbol.asyncDispose]());

/** Gives both their certificates and what they ask of the other; nothing of before is remembered. */
async function load(
  cygnet: string,
  charon: string,
  asks: { cygnet?: string; charon?: string },
  more: Section = {},
  top: Section = {},
): Promise<void> {
  const conn = (
    who: string,
    other: string,
    own: string,
    remote: string,
    revocation = 'relaxed',
  ): Section => ({
    connections: {
      lab: {
        version: '2',
        local_addrs: own,
        remote_addrs: remote,
        local: { auth: 'pubkey', certs: 'own.crt', id: `${who}.lab` },
        remote: { auth: 'pubkey', id: `${other}.lab`, revocation },
        ...more,
      },
    },
    ...top,
  });
  for (const [who, uri, configuration] of [
    [cygnet, scene.cygnet.uri, conn(cygnet, charon, '10.9.0.1', '10.9.0.2', asks.cygnet)],
    [charon, scene.charon.uri, conn(charon, cygnet, '10.9.0.2', '10.9.0.1', asks.charon)],
  ] as const) {
    const directory = scene.lab.path(uri === scene.cygnet.uri ? 'load-a' : 'load-b');
    writeSwanctl(directory, configuration);
    pki.install(directory, who);
    for (const order of [['--load-all', '--noprompt', '--clear'], ['--flush-certs']]) {
      const { code, stdout, stderr } = await run('swanctl', [...order, '--uri', uri], {
        env: { SWANCTL_DIR: directory },
      });
      assert.equal(code, 0, stdout + stderr);
    }
  }
}

async function charonDown(): Promise<void> {
  await scene.charon.swanctl('--terminate', '--ike', 'lab', '--force', '--timeout', '1');
}

/** Whether the SA comes up, begun by cygnet; it is gone again. */
async function comesUp(): Promise<boolean> {
  const { code } = await scene.cygnet.cli('up', 'lab');
  await scene.cygnet.cli('down', 'lab');
  await charonDown();
  return code === 0;
}

for (const [name, { passes, under = POLICIES.join(' ') }] of Object.entries(CASES)) {
  for (const policy of under.split(' ')) {
    test(`${name}, ${policy}: the same verdict as charon's`, async () => {
      const expected = passes.split(' ').includes(policy);
      await load('plain', name, { cygnet: policy });
      const ours = await comesUp();
      await load(name, 'plain', { charon: policy });
      const theirs = await comesUp();
      assert.deepEqual(
        { ours, theirs },
        { ours: expected, theirs: expected },
        `${scene.cygnet.log.slice(-3000)}\n${scene.charon.log.slice(-3000)}`,
      );
    });
  }
}

/** What cygnet says of its last attempt, which came to nothing. */
async function refusal(): Promise<string> {
  const { code, stdout } = await scene.cygnet.cli('up', 'lab', '--json');
  assert.equal(code, 1);
  return stdout;
}

async function certificates(...args: string[]): Promise<string> {
  return (await scene.cygnet.swanctl('--list-certs', ...args)).stdout;
}

test('what was fetched is listed, and flushed', async () => {
  await load('plain', 'ocsp-good', {});
  assert.equal(await comesUp(), true);
  await load('plain', 'good', {});
  assert.equal(await comesUp(), true);
  assert.match(await certificates('--type', 'x509_crl'), /issuer: +"C=CH, O=Lab, CN=Lab CA"/);
  await scene.cygnet.swanctl('--flush-certs', '--type', 'x509_crl');
  assert.equal(await certificates('--type', 'x509_crl'), '');
  await load('plain', 'ocsp-good', {});
  assert.equal(await comesUp(), true);
  assert.match(
    await certificates('--type', 'ocsp_response'),
    /List of OCSP Responses[\s\S]*responses: [0-9a-f:]+: good/,
  );
  await scene.cygnet.swanctl('--flush-certs', '--type', 'ocsp_response');
  assert.equal(await certificates('--type', 'ocsp_response'), '');
});

test('a refusal says when and why, or where it was asked in vain', async () => {
  await load('plain', 'revoked', {});
  assert.match(await refusal(), /it was revoked on 2025-01-01 12:00:00Z \(keyCompromise\)/);
  await load('plain', 'ocsp-down', { cygnet: 'ifuri' });
  assert.match(await refusal(), /http:\/\/127\.0\.0\.1:9\/: .*ECONNREFUSED/);
  await load('plain', 'forged', { cygnet: 'strict' });
  assert.match(await refusal(), /forged\.crl: it has no valid signature of C=CH, O=Lab, CN=Lab CA/);
  await load('plain', 'missing', { cygnet: 'strict' });
  assert.match(await refusal(), /none\.crl: HTTP status 404/);
});

for (const aggressive of ['no', 'yes'])
  test(`IKEv1, aggressive = ${aggressive}: what is revoked is refused, and what is not is taken`, async () => {
    const more = { version: '1', aggressive, proposals: 'aes128-sha256-ecp256' };
    for (const [name, passes] of [
      ['good', true],
      ['revoked', false],
    ] as const) {
      await load('plain', name, { cygnet: 'strict' }, more);
      assert.equal(await comesUp(), passes, scene.cygnet.log.slice(-3000));
      // In aggressive mode an initiator has all it needs before the responder has seen its certificate.
      if (aggressive === 'yes') continue;
      await load(name, 'plain', { charon: 'strict' }, more);
      assert.equal(await comesUp(), passes);
    }
  });

test('as responder too', async () => {
  for (const [name, passes] of [
    ['good', true],
    ['revoked', false],
  ] as const) {
    await load('plain', name, { cygnet: 'strict' });
    const { code } = await scene.charon.swanctl('--initiate', '--ike', 'lab', '--timeout', '20');
    assert.equal(code === 0, passes);
    await charonDown();
  }
});

for (const [what, uris] of [
  ['a list by HTTP', { crl_uris: `${HTTP}/ca.crl` }],
  ['a responder', { ocsp_uris: OCSP }],
] as const)
  test(`places of the authority count: ${what}`, async () => {
    await load(
      'plain',
      'silent',
      { cygnet: 'strict' },
      {},
      { authorities: { lab: { cacert: 'ca.crt', ...uris } } },
    );
    assert.equal(await comesUp(), true, scene.cygnet.log.slice(-2000));
  });

test('a list in a file of this host counts where the configuration names it', async () => {
  const uris = { crl_uris: `file://${pki.file('www/ca.crl')}` };
  await load(
    'plain',
    'silent',
    { cygnet: 'strict' },
    {},
    { authorities: { lab: { cacert: 'ca.crt', ...uris } } },
  );
  assert.equal(await comesUp(), true);
});
