import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { TEST_TIME } from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { loadConfiguration } from './load.ts';
import { ConfigurationFailure, formatRemark } from './report.ts';

const AUTH = 'local { auth = psk\n id = a.org }\n remote { auth = psk\n id = b.org }';
const SECRET = 'secrets { ike { secret = x } }';

/** A connection with these lines, which begin in line 2, and a secret. */
function gw(lines: string): string {
  return `connections { gw {\n${lines}\n${AUTH} } }\n${SECRET}\n`;
}

function child(lines: string): string {
  return gw(`remote_addrs = b.org\nchildren { net {\n${lines}\n} }`);
}

/** All that is told of a directory with these files, without its name. */
function remarks(t: TestContext, files: Readonly<Record<string, string>>, mode = 0o600): string {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-bad-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
    chmodSync(join(folder, name), mode);
  }
  const lines = (list: readonly Parameters<typeof formatRemark>[0][], kind: string): string =>
    list.map(one => `${kind} ${formatRemark(one).replaceAll(`${folder}/`, '')}`).join('\n');
  try {
    return lines(loadConfiguration(folder, { provider: nodeProvider(), now: TEST_TIME }).warnings, 'warning');
  } catch (error) {
    assert.ok(error instanceof ConfigurationFailure, String(error));
    return lines(error.failures, 'error');
  }
}

/** What is wrong, and all that is told of it. */
const CASES: Readonly<Record<string, readonly [conf: string, told: string]>> = {
  'a key that nobody knows': [
    gw('proposal = aes256-sha256-x25519'),
    'error swanctl.conf:2:1: there is no key "proposal" in a section such as "gw"; did you mean "proposals"?',
  ],
  'a section that nobody knows': [
    gw('childs { net { } }'),
    'error swanctl.conf:2:1: there is no section "childs" in a section such as "gw"; did you mean "children"?',
  ],
  'a section that stands twice': [
    gw('children { net { } }\n children { net2 { } }'),
    'warning swanctl.conf:3:2: section "children" stands here again, after line 2: the two are taken as one; make them one, or give this one another name',
  ],
  'a file that is not there': [
    'connections { gw {\nlocal { certs = moon.pem }\nremote { id = b.org } } }',
    'error swanctl.conf:2:17: cannot read "moon.pem": it does not exist; a name without a path is looked for in x509/',
  ],
  'an include that is not there': [
    'include nowhere.conf\n',
    'error swanctl.conf:1:1: cannot read "nowhere.conf": it does not exist',
  ],
  'pools that share addresses': [
    'pools { a { addrs = 10.0.0.0/24 }\nb { addrs = 10.0.0.128-10.0.1.7 } }',
    'error swanctl.conf:2:13: pool "b" has addresses that pool "a" has too; an address can be given to one peer alone: let the pools have none in common',
  ],
  'a pool that is not there': [
    `${gw('pools = rw')}pools { rv { addrs = 10.0.0.0/24 } }`,
    'error swanctl.conf:2:9: there is no pool "rw"; did you mean "rv"?',
  ],
  'an end before the renewal': [
    child('rekey_time = 1h\nlife_time = 50m'),
    'error swanctl.conf:5:1: child "net" would end before its keys are replaced; let life_time be longer than rekey_time',
  ],
  'an end by octets before the renewal': [
    child('rekey_bytes = 1g\nlife_bytes = 1m'),
    'error swanctl.conf:5:1: child "net" would end before its keys are replaced; let life_bytes be more than rekey_bytes',
  ],
  'ESP and AH': [
    child('esp_proposals = aes256-sha256\nah_proposals = sha256'),
    'error swanctl.conf:5:1: child "net" asks for ESP and AH; give either esp_proposals or ah_proposals',
  ],
  'a trap that cannot know its mark': [
    child('start_action = trap\nmark_out = %unique'),
    'error swanctl.conf:4:1: child "net" would have a policy before it has an SA, but its marks or interfaces are %unique, which only an SA has; give marks and if_ids as numbers, or leave trap out of start_action',
  ],
  'a start with nobody to call': [
    gw('remote_addrs = %any, 10.0.0.0/8\nchildren { net {\nstart_action = start } }'),
    'warning swanctl.conf:4:1: child "net" cannot be started: remote_addrs names nobody to call; name an address or host in remote_addrs, or leave start_action to the peer',
  ],
  'a bypass that nobody puts in': [
    child('mode = pass'),
    'warning swanctl.conf:4:1: child "net" is put in by nobody: start_action is none; set start_action = trap, or put it in with swanctl --install',
  ],
  'IPv4 here and IPv6 there': [
    child('local_ts = 10.0.0.0/8\nremote_ts = 2001:db8::/32'),
    'warning swanctl.conf:5:1: child "net" has local_ts and remote_ts of different IP versions, which no packet has',
  ],
  'padding where there is none': [
    child('mode = transport\ntfc_padding = 1000'),
    'warning swanctl.conf:5:1: tfc_padding has no effect but on ESP in tunnel mode (RFC 4303 §2.7)',
  ],
  'what belongs to IKEv1': [
    gw('aggressive = yes\ndpd_timeout = 90s'),
    'warning swanctl.conf:2:1: aggressive has no effect in IKEv2, which knows nothing of it; remove it\n' +
      'warning swanctl.conf:3:1: dpd_timeout has no effect in IKEv2, which knows nothing of it; remove it',
  ],
  'two secrets for the same peers': [
    `connections { }\nsecrets { ike-a { secret = x\n id = b.org\n id-2 = a.org }\nike-b { secret = y\n id-1 = a.org\n id-3 = b.org } }`,
    'warning swanctl.conf:5:1: secret "ike-b" never counts: "ike-a" with the same owners stands before it; tell them apart by their ids',
  ],
  'a secret for somebody else': [
    `connections { gw {\n${AUTH} } }\nsecrets { ike { secret = x\n id = c.org } }`,
    'warning swanctl.conf:1:15: no secret belongs to a.org or b.org of connection "gw"; give one of them as id of a secret whose name begins with ike',
  ],
  'what is known and not done': [
    child('label_mode = selinux'),
    'warning swanctl.conf:4:1: label_mode has no effect here: there are no labels to match, and label is refused',
  ],
  'a PPK that is too short': [
    'secrets { ike-a { secret = x }\nppk-a { secret = 0x0102 } }',
    'warning swanctl.conf:2:9: secret "ppk-a" has 2 octets: against quantum computers it takes 32 random ones (RFC 8784 §6); make it of `openssl rand -hex 32`, written with 0x before it',
  ],
  'what must not be left out': [
    gw('remote { groups = x }'),
    'error swanctl.conf:2:10: groups is not supported here yet, and leaving it out would not be what was asked for; remove it if the connection may do without',
  ],
  'an authority in two places': [
    'authorities { a { cacert = x.pem\nfile = /y.pem } }',
    'error swanctl.conf:1:28: cannot read "x.pem": it does not exist; a name without a path is looked for in x509ca/\n' +
      'error swanctl.conf:2:1: authority "a" says twice where its certificate is: cacert and file; leave one of them',
  ],
  'a brace that is missing': [
    'connections { gw {\n',
    'error swanctl.conf:1:1: section "connections" is opened here and never closed; add the missing }\n' +
      'error swanctl.conf:1:15: section "gw" is opened here and never closed; add the missing }',
  ],
};

for (const [what, [conf, told]] of Object.entries(CASES))
  test(`${what}: told with its place and what to do`, t => {
    assert.equal(remarks(t, { 'swanctl.conf': conf }), told);
  });

test('secrets that everybody may read are warned of, wherever they stand', t => {
  const files = { 'swanctl.conf': 'include more.conf\n', 'more.conf': SECRET };
  assert.equal(
    remarks(t, files, 0o644),
    'warning more.conf: everybody on this machine may read this file with secrets; chmod 600 more.conf',
  );
  assert.equal(
    remarks(t, { 'a.yaml': 'secrets: {ike: {secret: x}}\n' }, 0o604),
    'warning a.yaml: everybody on this machine may read this file with secrets; chmod 600 a.yaml',
  );
  assert.equal(remarks(t, files, 0o640), '');
});

test('a directory that is not there, or is empty', t => {
  assert.throws(() => loadConfiguration('/nowhere/at/all', { provider: nodeProvider(), now: TEST_TIME }), {
    message:
      '/nowhere/at/all: the directory does not exist; name one that holds a swanctl.conf or files that end in .yaml',
  });
  assert.equal(
    remarks(t, { 'x509/.keep': '' }),
    'error swanctl.conf: cannot read the file: it does not exist; there is no file that ends in .yaml either',
  );
});
