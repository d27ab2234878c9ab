import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConnection } from '../../test/config-reader.ts';

const PSK = 'local { auth = psk }\nremote { auth = psk }\n';

test('a user as the second round of this side', () => {
  const { connection, failures } = readConnection(
    `version = 1\n${PSK}local-2 { auth = xauth-generic\n xauth_id = carol }`,
  );
  assert.deepEqual(failures, []);
  assert.deepEqual(
    connection.local.map(({ method, xauthId }) => [method, xauthId]),
    [
      ['psk', undefined],
      ['xauth', 'carol'],
    ],
  );
  assert.equal(connection.remote.length, 1);
});

test('a user as the second round of the peer', () => {
  const { connection, failures } = readConnection(`version = 1\n${PSK}remote-2 { auth = xauth }`);
  assert.deepEqual(failures, []);
  assert.deepEqual(
    connection.remote.map(({ method }) => method),
    ['psk', 'xauth'],
  );
  assert.equal(connection.local.length, 1);
});

test('a user that must be the one', () => {
  const { connection, failures } = readConnection(
    `version = 1\n${PSK}remote-2 { auth = xauth\n xauth_id = *@example.org }`,
  );
  assert.deepEqual(failures, []);
  assert.deepEqual(connection.remote[1]?.xauthId, { kind: 'pattern', text: '*@example.org' });
});

for (const [what, body, failure] of [
  ['in IKEv2', `version = 2\n${PSK}remote-2 { auth = xauth }`, /^f:5:19: xauth belongs to IKEv1 alone/],
  ['where IKEv2 may be meant', `${PSK}remote-2 { auth = xauth }`, /^f:4:19: xauth belongs to IKEv1 alone/],
  [
    'as the only round',
    'version = 1\nlocal { auth = psk }\nremote { auth = xauth }',
    /^f:4:17: xauth is supported as the second round/,
  ],
  [
    'on both sides',
    `version = 1\n${PSK}local-2 { auth = xauth }\nremote-2 { auth = xauth }`,
    /^f:5:18: xauth is supported as the second round of one side/,
  ],
  [
    'after a key on one side and a certificate on the other',
    'version = 1\nlocal { auth = pubkey }\nremote { auth = psk }\nremote-2 { auth = xauth }',
    /^f:5:19: xauth is supported as the second round/,
  ],
  [
    'before the shared key',
    `version = 1\n${PSK}remote-0 { auth = xauth\n round = 0 }\nremote-1 { auth = psk\n round = 2 }`,
    /IKEv1 has 1 round of authentication/,
  ],
  [
    'as a third round',
    `version = 1\n${PSK}remote-2 { auth = xauth }\nremote-3 { auth = xauth }`,
    /^f:6:1: IKEv1 has 1 round/,
  ],
  [
    'by a back end that is not there',
    `version = 1\n${PSK}remote-2 { auth = xauth-pam }`,
    /^f:5:19: users are known by secrets alone, and not by pam/,
  ],
  [
    'with a demand that nobody would check',
    `version = 1\n${PSK}remote-2 { auth = xauth\n id = carol }`,
    /^f:6:2: id is not checked in a round of xauth/,
  ],
  [
    'with a certificate',
    `version = 1\n${PSK}remote-2 { auth = xauth\n cert { handle = 01 } }`,
    /section "cert" has no use in a round of xauth/,
  ],
] as const) {
  test(`XAUTH ${what} is refused`, () => {
    const { failures } = readConnection(body);
    assert.ok(
      failures.some(line => failure.test(line)),
      `${failure} in\n${failures.join('\n')}`,
    );
  });
}

for (const [what, body, local, remote] of [
  [
    'after certificates, of the peer',
    'local { auth = pubkey }\nremote { auth = rsa }\nremote-2 { auth = xauth }',
    ['pubkey'],
    ['pubkey', 'xauth'],
  ],
  [
    'after certificates, of this side',
    'local { auth = pubkey }\nremote { auth = pubkey }\nlocal-2 { auth = xauth\n xauth_id = carol }',
    ['pubkey', 'xauth'],
    ['pubkey'],
  ],
  [
    'in place of the certificate of the peer',
    'local { auth = pubkey }\nremote { auth = xauth\n id = keyid:group }',
    ['pubkey'],
    ['xauth'],
  ],
  [
    'in place of the certificate of this side',
    'local { auth = xauth\n id = keyid:group\n xauth_id = carol }\nremote { auth = pubkey }',
    ['xauth'],
    ['pubkey'],
  ],
] as const) {
  test(`a user ${what}`, () => {
    const { connection, failures } = readConnection(`version = 1\n${body}`);
    assert.deepEqual(failures, []);
    assert.deepEqual(
      connection.local.map(({ method }) => method),
      local,
    );
    assert.deepEqual(
      connection.remote.map(({ method }) => method),
      remote,
    );
  });
}

test('a second round of anything else is refused in IKEv1 too', () => {
  const { failures } = readConnection(`version = 1\n${PSK}remote-2 { auth = pubkey }`);
  assert.equal(failures.length, 1);
  assert.match(failures[0] ?? '', /^f:5:1: IKEv1 has 1 round/);
});
