import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nodeProvider } from '../crypto/node/provider.ts';
import type { Connection } from '../policy/connection.ts';
import { INLINE_BLOBS } from './blobs.ts';
import { connectionFrom } from './connection.ts';
import { openSection, parseInto } from './parser.ts';
import { formatRemark, Report } from './report.ts';

const provider = nodeProvider();

/** Reads `body` as what stands between the braces of a connection. */
function read(body: string): { readonly connection: Connection; readonly report: Report } {
  const report = new Report();
  const root = openSection('', { file: 'f', line: 0, column: 0 });
  parseInto(root, `gw {\n${body}\n}`, 'f', { report, include: () => undefined });
  const section = root.sections.get('gw');
  assert.ok(section !== undefined);
  const context = {
    report,
    provider,
    blobs: INLINE_BLOBS,
    certificates: [],
    authorities: [],
    authorityUris: [],
  };
  return { connection: connectionFrom(section, context), report };
}

const USER = 'local { auth = xauth\n id = group\n xauth_id = carol }';

test('a user may have a server that signs by DSS, which is called weak', () => {
  const { connection, report } = read(`version = 1\n${USER}\nremote { auth = dsa }`);
  assert.deepEqual(report.failures, []);
  assert.deepEqual(connection.remote[0]?.schemes, ['ikev1-dss']);
  assert.match(report.warnings.map(formatRemark).join(), /auth allows what is weak: ikev1-dss/);
});

for (const [what, body, failure] of [
  ['of IKEv2', `version = 2\n${USER}\nremote { auth = dsa }`, /^f:6:17: dsa belongs to IKEv1 alone/m],
  [
    'on this side',
    'version = 1\nlocal { auth = dsa }\nremote { auth = pubkey }',
    /^f:3:16: nothing is signed with DSA keys here/m,
  ],
  [
    'of a peer that would have us sign by it',
    'version = 1\nlocal { auth = pubkey }\nremote { auth = dsa }',
    /^f:4:17: a peer that signs by DSS wants us to sign by it too/m,
  ],
] as const)
  test(`DSS ${what} is refused`, () => {
    const { report } = read(body);
    assert.match(report.failures.map(formatRemark).join('\n'), failure);
  });
