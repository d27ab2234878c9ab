import assert from 'node:assert/strict';
import { getDiffieHellman } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { nodeProvider } from '../crypto/node/provider.ts';
import { toHex } from '../lib/bytes.ts';
import { encodeDer, Tag } from '../pki/der.ts';
import { writePem } from '../pki/pem.ts';
import type { Connection } from '../policy/connection.ts';
import { FileBlobs } from './blobs.ts';
import { connectionFrom } from './connection.ts';
import { openSection, parseInto } from './parser.ts';
import { formatRemark, Report } from './report.ts';

const folder = mkdtempSync(join(tmpdir(), 'cygnet-group-'));
after(() => rmSync(folder, { recursive: true }));
mkdirSync(join(folder, 'pubkey'));

const PRIME = new Uint8Array(getDiffieHellman('modp14').getPrime());

function parameters(prime: Uint8Array, generator = 2): Uint8Array {
  const integer = (octets: Uint8Array): Uint8Array => encodeDer(Tag.INTEGER, Uint8Array.of(0), octets);
  return encodeDer(Tag.SEQUENCE, integer(prime), encodeDer(Tag.INTEGER, Uint8Array.of(generator)));
}

writeFileSync(join(folder, 'pubkey', 'dh.pem'), writePem('DH PARAMETERS', parameters(PRIME)));
writeFileSync(join(folder, 'pubkey', 'dh.der'), parameters(PRIME));
writeFileSync(
  join(folder, 'pubkey', 'small.pem'),
  writePem('DH PARAMETERS', parameters(PRIME.subarray(128))),
);
writeFileSync(join(folder, 'pubkey', 'one.pem'), writePem('DH PARAMETERS', parameters(PRIME, 1)));
writeFileSync(
  join(folder, 'pubkey', 'negative.der'),
  encodeDer(
    Tag.SEQUENCE,
    encodeDer(Tag.INTEGER, new Uint8Array(256).fill(0x81)),
    encodeDer(Tag.INTEGER, Uint8Array.of(2)),
  ),
);
writeFileSync(join(folder, 'pubkey', 'other.pem'), writePem('PUBLIC KEY', parameters(PRIME)));

function read(body: string): { readonly connection: Connection; readonly failures: string } {
  const report = new Report();
  const root = openSection('', { file: 'f', line: 0, column: 0 });
  parseInto(root, `gw {\n${body}\n}`, 'f', { report, include: () => undefined });
  const section = root.sections.get('gw');
  assert.ok(section !== undefined);
  const context = {
    report,
    provider: nodeProvider(),
    blobs: new FileBlobs(folder),
    certificates: [],
    authorities: [],
    authorityUris: [],
  };
  const connection = connectionFrom(section, context);
  return { connection, failures: report.failures.map(formatRemark).join('\n') };
}

test('new group mode is off, accepts, or has a group of a file', () => {
  for (const body of ['version = 1', 'version = 1\nnew_group = no'])
    assert.equal(read(body).connection.newGroup, undefined);
  assert.equal(read('version = 1\nnew_group = accept').connection.newGroup, 'accept');
  for (const file of ['dh.pem', 'dh.der', join(folder, 'pubkey', 'dh.pem')]) {
    const { connection, failures } = read(`version = 1\nnew_group = ${file}`);
    assert.equal(failures, '');
    assert.ok(typeof connection.newGroup === 'object');
    assert.equal(toHex(connection.newGroup.prime), toHex(PRIME));
    assert.deepEqual(connection.newGroup.generator, Uint8Array.of(2));
  }
});

for (const [value, failure] of [
  ['small.pem', /^f:3:13: no peer should take the group of .*: its prime has 1024 bits, at least 2048/],
  ['one.pem', /^f:3:13: no peer should take the group of .*: its generator is not between 1 and p − 1/],
  ['other.pem', /^f:3:13: cannot read a group from .*holds no group/],
  ['negative.der', /^f:3:13: cannot read a group from .*a number below zero/],
  ['missing.pem', /^f:3:13: .*missing.pem/],
] as const)
  test(`new_group = ${value} is refused`, () => {
    assert.match(read(`version = 1\nnew_group = ${value}`).failures, failure);
  });

test('new group mode belongs to IKEv1', () => {
  assert.match(
    read('version = 2\nnew_group = accept').failures,
    /^f:3:13: new group mode belongs to IKEv1 alone/,
  );
});
