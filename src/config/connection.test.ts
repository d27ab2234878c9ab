import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConnection } from '../../test/config-reader.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import { formatIdentity } from '../policy/identity.ts';
import { formatIdentityPattern } from '../policy/identity-match.ts';
import { formatSelector } from '../policy/selector-text.ts';
import { Report } from './report.ts';
import { CHILD } from './schema/child.ts';
import { CONNECTION } from './schema/connection.ts';

function sound(body: string): Connection {
  const { connection, failures } = readConnection(body);
  assert.deepEqual(failures, []);
  return connection;
}

function child(body: string): ChildConfig {
  const [only] = sound(`children { net {\n${body}\n} }`).children;
  assert.ok(only !== undefined);
  return only;
}

test('an empty connection has the defaults of the field', () => {
  const { local, remote, children, proposals, ...rest } = sound('');
  assert.deepEqual(rest, {
    name: 'gw',
    version: 2,
    localAddresses: [],
    remoteAddresses: [],
    localPort: 500,
    remotePort: 500,
    encap: false,
    fragmentation: 'yes',
    mobike: true,
    childless: 'allow',
    tcp: 'no',
    sendCertreq: true,
    sendCert: 'ifasked',
    unique: 'no',
    keyingTries: 1,
    dpdDelay: 0,
    dpdTimeout: 0,
    rekeyTime: 14_400_000,
    reauthTime: 0,
    overTime: 1_440_000,
    randTime: 1_440_000,
    aggressive: false,
    pull: true,
    vips: [],
    pools: [],
  });
  assert.deepEqual(local, [{ method: 'pubkey', certificates: [], publicKeys: [], schemes: [] }]);
  assert.deepEqual(
    remote.map(auth => [auth.method, auth.id.kind, auth.revocation, auth.authorities.length]),
    [['pubkey', 'any', 'relaxed', 0]],
  );
  assert.deepEqual(children, []);
  assert.equal(proposals.length, 2);
});

test('an empty child has the defaults of the field, and leaves its window to the settings', () => {
  const { proposals, localTs, remoteTs, ...rest } = child('');
  assert.deepEqual(rest, {
    name: 'net',
    protocol: 'esp',
    mode: 'tunnel',
    rekeyTime: 3_600_000,
    lifeTime: 3_960_000,
    randTime: 360_000,
    rekeyBytes: 0n,
    lifeBytes: 0n,
    rekeyPackets: 0n,
    lifePackets: 0n,
    startAction: 'none',
    closeAction: 'none',
    dpdAction: 'clear',
    tfcPadding: 0,
    reqid: 0,
    hostAccess: false,
    inactivity: 0,
  });
  assert.equal(proposals[0]?.protocol, 'esp');
  assert.deepEqual([localTs.map(formatSelector), remoteTs.map(formatSelector)], [['dynamic'], ['dynamic']]);
});

test('a connection in full', () => {
  const connection = sound(`
    version = 2
    local_addrs = 192.0.2.1, 2001:db8::1
    remote_addrs = gw.example.org, 198.51.100.0/24
    local_port = 4500
    proposals = aes256gcm16-prfsha384-ecp384, aes128-sha256-modp3072
    encap = yes
    mobike = no
    fragmentation = force
    unique = replace
    dpd_delay = 30s
    keyingtries = 0
    reauth_time = 10h
    vips = 0.0.0.0, ::
    local { auth = psk
            id = moon.example.org }
    remote { auth = ike:pubkey-sha384
             id = "C=CH, O=Lab, CN=*"
             revocation = strict }
    children {
      net { local_ts = 10.1.0.0/16[tcp/80], 10.3.0.0/16
            remote_ts = 10.2.0.0/16
            esp_proposals = aes256gcm16-x25519
            start_action = trap
            rekey_bytes = 1g
            updown = /usr/bin/hook
            replay_window = 0 }
      other { ah_proposals = sha256-modp3072
              mode = transport }
    }`);
  assert.equal(connection.version, 2);
  assert.deepEqual(connection.localAddresses, ['192.0.2.1', '2001:db8::1']);
  assert.deepEqual(connection.remoteAddresses, ['gw.example.org', '198.51.100.0/24']);
  assert.deepEqual(
    connection.proposals.map(proposal => proposal.text),
    ['aes256gcm16-prfsha384-ecp384', 'aes128-sha256-modp3072'],
  );
  assert.deepEqual(
    [connection.rekeyTime, connection.reauthTime, connection.overTime],
    [0, 36_000_000, 3_600_000],
  );
  assert.deepEqual(connection.vips, ['0.0.0.0', '::']);
  const [local] = connection.local;
  assert.equal(local?.method, 'psk');
  assert.equal(local?.id && formatIdentity(local.id), 'moon.example.org');
  const [remote] = connection.remote;
  assert.equal(remote?.id && formatIdentityPattern(remote.id), 'C=CH, O=Lab, CN=*');
  assert.deepEqual(remote?.schemes, ['rsa/pss-sha384', 'rsa-sha384', 'ecdsa-sha384']);
  assert.equal(remote?.revocation, 'strict');
  const [net, other] = connection.children;
  assert.deepEqual(net?.localTs.map(formatSelector), ['10.1.0.0/16[tcp/80]', '10.3.0.0/16']);
  assert.deepEqual([net?.rekeyBytes, net?.lifeBytes], [1n << 30n, ((1n << 30n) * 11n) / 10n]);
  assert.deepEqual([net?.updown, net?.replayWindow, net?.startAction], ['/usr/bin/hook', 0, 'trap']);
  assert.deepEqual([other?.protocol, other?.proposals[0]?.protocol, other?.mode], ['ah', 'ah', 'transport']);
});

test('IKEv1 is there for connections that ask for it or leave it open', () => {
  for (const version of [0, 1, 2]) {
    const { connection, failures, warnings } = readConnection(
      `version = ${version}\nproposals = aes128-sha256-modp2048\ndpd_timeout = 90s\naggressive = yes`,
    );
    assert.deepEqual([failures, warnings.length], [[], version === 2 ? 2 : 0]);
    const { dpdTimeout, aggressive } = connection;
    assert.deepEqual([connection.version, dpdTimeout, aggressive], [version, 90_000, true]);
  }
});

for (const version of [0, 1, 2])
  test(`rounds go by their number, then by their place: version ${version}`, () => {
    const { connection, failures } = readConnection(
      `version = ${version}\nlocal-b { auth = psk\n round = 2 }\nlocal-a { round = 1 }\nlocal { id = x.org }\nremote-1 { auth = psk }\nremote-2 { }`,
    );
    const { local, remote } = connection;
    assert.deepEqual(
      local.map(({ method, id }) => [method, id && formatIdentity(id)]),
      [
        ['pubkey', 'x.org'],
        ['pubkey', undefined],
        ['psk', undefined],
      ],
    );
    assert.deepEqual(
      remote.map(({ method }) => method),
      ['psk', 'pubkey'],
    );
    assert.deepEqual(
      failures.map(line => line.replace(/;.*/, '')),
      version === 1
        ? [
            'f:5:1: IKEv1 has 1 round of authentication, after which only one of xauth may come',
            'f:8:1: IKEv1 has 1 round of authentication, after which only one of xauth may come',
          ]
        : [],
    );
  });

test('what is derived follows what is given', () => {
  const times = (body: string): readonly number[] => {
    const { rekeyTime, reauthTime, overTime, randTime } = sound(body);
    return [rekeyTime, reauthTime, overTime, randTime].map(span => span / 1000);
  };
  assert.deepEqual(times('rekey_time = 100s'), [100, 0, 10, 10]);
  assert.deepEqual(times('rekey_time = 0'), [0, 0, 0, 0]);
  assert.deepEqual(times('rekey_time = 10s\nreauth_time = 1000s'), [10, 1000, 100, 5]);
  assert.deepEqual(times('over_time = 7s\nrand_time = 3s'), [14_400, 0, 7, 3]);
  const { lifeTime, randTime } = child('rekey_time = 100s\nlife_time = 150s');
  assert.deepEqual([lifeTime, randTime], [150_000, 50_000]);
  assert.equal(child('rekey_time = 0').lifeTime, 0);
});

const WRONG: readonly (readonly [what: string, body: string, failures: readonly RegExp[]])[] = [
  [
    'a misspelt key',
    'remote_addr = 10.0.0.1',
    [/^f:2:1: there is no key "remote_addr" in a section such as "gw"; did you mean "remote_addrs"\?$/],
  ],
  ['a key that nothing is like', 'xyzzy = 1', [/^f:2:1: there is no key "xyzzy".*; remove it$/]],
  ['a misspelt section', 'childern { }', [/^f:2:1: there is no section "childern".*did you mean "children"/]],
  ['a value that is none', 'version = 3', [/^f:2:11: version cannot be "3": it is none of 0, 1, 2/]],
  [
    'one bad item of a list',
    'local_addrs = 10.0.0.1, 10.0.0.300, x',
    [/^f:2:25: local_addrs cannot be "10.0.0.300"/],
  ],
  [
    'an unknown algorithm, to its character',
    'proposals = aes256-sha256-ecp256, aes256-sha265-ecp256',
    [/^f:2:42: proposals cannot be "aes256-sha265-ecp256": .*sha265.*; did you mean "sha256"\?$/],
  ],
  ['an identity that cannot be', 'local { id = "asn1dn:#3005" }', [/^f:2:14: id cannot be/]],
  ['an expression that cannot be', 'remote { id = "^(a$" }', [/^f:2:15: id cannot be/]],
  [
    'a method that does not exist',
    'local { auth = pks }',
    [/^f:2:16: auth cannot be "pks".*did you mean "psk"/],
  ],
  [
    'a selector that cannot be',
    'children { a { local_ts = 10.0.0.0/8, 10.0.0.0/40 } }',
    [/^f:2:39: local_ts cannot be "10.0.0.0\/40"/],
  ],
  [
    'a setting outside of any child',
    'children { mode = tunnel }',
    [/^f:2:12: "mode" stands outside of any child/],
  ],
  ['a section in a child', 'children { a { b { } } }', [/^f:2:16: there is no section "b"/]],
  ['a section in a round', 'local { remote { } }', [/^f:2:9: there is no section "remote"/]],
  [
    'a certificate section without a file',
    'local { cert1 { } }',
    [/^f:2:9: section "cert1" names no certificate; add file/],
  ],
  [
    'a life that ends before it is renewed',
    'children { a { rekey_time = 2h\n life_time = 1h } }',
    [/^f:3:2: child "a" would end before/],
  ],
  [
    'ESP and AH at once',
    'children { a { esp_proposals = aes128gcm16\n ah_proposals = sha256 } }',
    [/^f:3:2: child "a" asks for ESP and AH/],
  ],
  ['a PEM that is none', 'local { certs = -----BEGIN }', [/^f:2:17: cannot read a certificate/]],
  [
    'a name that cannot be printed',
    'children { a/b { } }',
    [/^f:2:12: the name of this child cannot be used/],
  ],
  ['what would be left out silently', 'remote { groups = a }', [/^f:2:10: groups is not supported here yet/]],
  [
    'a constraint that nobody would check',
    'remote { groups = admins }',
    [/^f:2:10: groups is not supported/],
  ],
  ['a token', 'local { cert { handle = 01 } }', [/^f:2:16: handle is not supported/]],
  [
    'a mode that is not there yet',
    'children { a { mode = iptfs } }',
    [/^f:2:16: mode = iptfs is not supported/],
  ],
  [
    'a policy that is no object identifier',
    'remote { cert_policy = 1.3.6.1, gold }',
    [/^f:2:33: .*no object identifier.*dotted numbers/],
  ],
  [
    'an authority of a peer without a certificate',
    'local { auth = psk }\nremote { auth = psk\n ca_id = "C=CH, CN=CA"\n cert_policy = 1.2.3 }',
    [/^f:4:2: ca_id is asked of a certificate, and psk needs none/, /^f:5:2: cert_policy is asked/],
  ],
  ['a user outside of XAUTH', 'remote { xauth_id = carol }', [/^f:2:10: xauth_id is asked of a user/]],
  [
    'everything at once',
    'version = x\nmobike = maybe\nlocal { auth = ? }\nchildren { a { mode = b } }',
    [/^f:2:11/, /^f:3:10/, /^f:4:16/, /^f:5:23/],
  ],
];

for (const [what, body, failures] of WRONG) {
  test(`${what} is told with its place`, () => {
    const found = readConnection(body).failures;
    assert.equal(found.length, failures.length, found.join('\n'));
    for (const pattern of failures)
      assert.ok(
        found.some(line => pattern.test(line)),
        `${pattern} in\n${found.join('\n')}`,
      );
  });
}

test('what is asked of a chain and of the authorities in it', () => {
  const { connection, failures } = readConnection(
    'remote { auth = rsa-3072-sha384-ike:rsa-sha256\n ca_id = "C=CH, CN=*"\n cert_policy = 1.3.6.1.4.1.99999.1, 1.2.3 }',
  );
  assert.deepEqual(failures, []);
  const [round] = connection.remote;
  assert.deepEqual(round?.strength, {
    rsaBits: 3072,
    ecdsaBits: 0,
    schemes: ['rsa/pss-sha384', 'rsa-sha384'],
  });
  assert.deepEqual(round?.schemes, ['rsa/pss-sha256', 'rsa-sha256']);
  assert.deepEqual(round?.authorityId, { kind: 'pattern', text: 'C=CH, CN=*' });
  assert.deepEqual(round?.policies, ['1.3.6.1.4.1.99999.1', '1.2.3']);
});

test('what has no effect yet is named once, and not where it says the default', () => {
  const { warnings, failures } = readConnection(
    'ocsp = reply\nchildren { a { label_mode = simple }\n b { label_mode = simple\n ipcomp = no } }',
  );
  assert.deepEqual(failures, []);
  assert.deepEqual(warnings, [
    'f:3:16: label_mode has no effect here: there are no labels to match, and label is refused',
  ]);
});

test('DSCP, port, and random parts of octets and packets', () => {
  const { dscp, localPort, children } = sound(
    'dscp = 101110\nlocal_port = 4500\nchildren { a { rand_bytes = 1k\n rand_packets = 7 }\n b { } }',
  );
  assert.deepEqual([dscp, localPort], [46, 4500]);
  assert.deepEqual(
    children.map(({ randBytes, randPackets }) => [randBytes, randPackets]),
    [
      [1024n, 7n],
      [undefined, undefined],
    ],
  );
});

test('what the kernel is told besides is there when it differs from the default', () => {
  const [plain] = sound('children { a { copy_df = yes\n if_id_in = 0\n policies = yes } }').children;
  assert.equal(plain?.kernel, undefined);
  const [marked] = sound(
    'children { a { mark_in = %unique\n mark_out = 3/7\n set_mark_out = %same\n if_id_out = 9\n copy_dscp = no\n policies = no } }',
  ).children;
  assert.deepEqual(marked?.kernel, {
    markIn: { value: 'unique', mask: 0xffff_ffff },
    markOut: { value: 3, mask: 7 },
    setMarkOut: 'same',
    interfaceOut: 9,
    policies: false,
    copyDscp: 'no',
  });
});

test('weak algorithms and signatures are warned of', () => {
  const { warnings } = readConnection('proposals = 3des-md5-modp1024\nremote { auth = ike:rsa-sha1 }');
  assert.match(warnings.join('\n'), /^f:2:1: proposals allows what is weak: .*modp1024/);
  assert.match(warnings.join('\n'), /f:3:10: auth allows what is weak: rsa-sha1/);
});

test('an empty assignment brings the default back', () => {
  assert.equal(sound('mobike =').mobike, true);
  assert.equal(sound('local_addrs =').localAddresses.length, 0);
});

test('every key has a purpose and a default that can be read', () => {
  for (const [name, key] of [...Object.entries(CONNECTION), ...Object.entries(CHILD)]) {
    assert.match(key.use, /\.$/, name);
    assert.doesNotThrow(() => key.read(undefined, new Report()), name);
  }
});

test('modes that are not to be had say why, twice in a row', () => {
  for (const [mode, why] of [
    ['transport_proxy', /mode = transport_proxy is not supported here \(.*Mobile IPv6/],
    ['iptfs', /mode = iptfs is not supported here \(RFC 9347/],
  ] as const)
    for (let i = 0; i < 2; i++) {
      const [failure, ...others] = readConnection(`children { net { mode = ${mode} } }`).failures;
      assert.match(failure ?? '', why);
      assert.deepEqual(others, []);
    }
});

test('what is refused for a reason says which', () => {
  const [label, cpus, ...others] = readConnection(
    'children { net {\nlabel = x\nper_cpu_sas = yes\n} }',
  ).failures;
  assert.match(label ?? '', /^f:3:1: label is not supported here \(IKEv2 is spoken without labels, /);
  assert.match(cpus ?? '', /^f:4:1: per_cpu_sas is not supported here \(one SA carries /);
  assert.deepEqual(others, []);
});
