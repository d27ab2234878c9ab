import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { type CertificateOptions, type Issued, issue, makeAuthority } from '../certificate-builder.ts';
import type { CertificateSet } from './certificates.ts';
import { Lab } from './lab.ts';
import { Scene } from './scene.ts';
import type { Section } from './swanctl.ts';

/*
 * What a remote section asks of the certificates of the peer: charon and cygnet hold the same certificates, and each is
 * asked for the same, once by the one and once by the other.
 */

const keys = new Lab();
const [P1, P2] = ['1.3.6.1.4.1.99999.1', '1.3.6.1.4.1.99999.2'];
/** certificatePolicies of 1.3.6.1.4.1.99999.1, and of both. */
const ONE = Buffer.from('300d300b06092b06010401868d1f01', 'hex');
const BOTH = Buffer.from('301a300b06092b06010401868d1f01300b06092b06010401868d1f02', 'hex');

let set: CertificateSet;
before(() => {
  const directory = keys.path('demands');
  mkdirSync(directory, { recursive: true });
  const file = (name: string): string => `${directory}/${name}`;
  const save = (name: string, { der, pkcs8 }: Issued): void => {
    writeFileSync(file(`${name}.crt`), der);
    writeFileSync(file(`${name}.key`), pkcs8, { mode: 0o600 });
  };
  const policies = (der: Uint8Array): CertificateOptions => ({
    extensions: [{ oid: '2.5.29.32', critical: false, der }],
  });
  // Of a root that names no policy charon takes none, and cygnet, as RFC 5280 §6.1 has it, all.
  const root = makeAuthority({ subject: 'C=CH, O=Lab, CN=Root', key: 'p384', ...policies(BOTH) });
  const sub = makeAuthority({
    parent: root,
    subject: 'C=CH, O=Lab, CN=Sub',
    key: 'p256',
    names: ['dns:sub.example.org'],
    ...policies(ONE),
  });
  save('ca', root);
  save('sub', sub);
  for (const name of ['alice', 'bob'])
    save(
      name,
      issue(sub, { subject: `C=CH, CN=${name}`, names: [`dns:${name}.lab`], key: 'p256', ...policies(BOTH) }),
    );
  set = { directory, file, pem: name => readFileSync(file(name), 'utf8'), intermediates: ['sub'] };
});
after(() => keys.close());

/** charon's openssl reads no policies: its own reader of certificates goes before it. */
const OWN_READER =
  'load = random nonce x509 openssl aes sha1 sha2 hmac kdf gcm curve25519 pem pkcs1 pkcs8 pubkey revocation constraints kernel-libipsec kernel-netlink socket-default vici';

const asking =
  (demand: Section) =>
  (configuration: Section): Section => {
    const connection = (configuration['connections'] as Section)['lab'] as Section;
    const remote = { ...(connection['remote'] as Section), ...demand };
    return { ...configuration, connections: { lab: { ...connection, remote } } };
  };

const DEMANDS: readonly (readonly [Section, RegExp | undefined])[] = [
  // One of cacerts and ca_id is enough.
  [{ ca_id: '"C=CH, O=Lab, CN=Sub"', cacerts: '' }, undefined],
  [{ ca_id: '"C=CH, O=Lab, CN=*"', cacerts: '' }, undefined],
  [{ ca_id: 'sub.example.org', cacerts: '' }, undefined],
  [{ ca_id: '"C=CH, O=Lab, CN=Other"' }, undefined],
  [{ ca_id: '"C=CH, O=Lab, CN=Other"', cacerts: '' }, /the chain does not contain C=CH, O=Lab, CN=Other/],
  [{ cert_policy: P1 as string }, undefined],
  [{ cert_policy: P2 as string }, /do not all allow its policy 1\.3\.6\.1\.4\.1\.99999\.2/],
  [{ cert_policy: `${P1}, ${P2}` }, /do not all allow/],
  [{ cert_policy: '1.3.6.1.4.1.99999.3' }, /was not issued under the policy/],
  [{ auth: 'ecdsa-256' }, undefined],
  [{ auth: 'ecdsa-384' }, /its ECDSA key has 256 bits, at least 384/],
  [{ auth: 'ecdsa-256-sha256-sha384' }, undefined],
  [
    { auth: 'ecdsa-256-sha384-ike:ecdsa-sha256' },
    /it is signed with ecdsa-sha256, and ecdsa-sha384 is asked for/,
  ],
];

for (const [demand, refusal] of DEMANDS)
  test(`remote { ${Object.entries(demand).flat().join(' = ')} }: both judge alike`, async () => {
    {
      await using there = await Scene.open({ certificates: set, alice: asking(demand) });
      if (refusal === undefined) await there.up('initiator');
      else
        for (let time = 0; time < 2; time++) {
          const failure = await there.refusedUp();
          assert.equal(failure.code, 'auth/untrusted-chain');
          assert.match(failure.summary, refusal);
        }
    }
    await using there = await Scene.open({ certificates: set, bobSettings: OWN_READER, bob: asking(demand) });
    if (refusal === undefined) await there.up('initiator');
    else assert.equal((await there.refusedUp()).code, 'auth/refused-by-peer');
  });
