import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConnection } from '../../test/config-reader.ts';

const USER = 'local { auth = xauth\n id = group\n xauth_id = carol }';

test('a user may have a server that signs by DSS, which is called weak', () => {
  const { connection, failures, warnings } = readConnection(`version = 1\n${USER}\nremote { auth = dsa }`);
  assert.deepEqual(failures, []);
  assert.deepEqual(connection.remote[0]?.schemes, ['ikev1-dss']);
  assert.match(warnings.join(), /auth allows what is weak: ikev1-dss/);
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
    assert.match(readConnection(body).failures.join('\n'), failure);
  });
