import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TEST_TIME } from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { type Configuration, loadConfiguration } from './load.ts';
import { yamlFrom } from './yaml-writer.ts';

const CONF = `
include more.conf
base { proposals = aes256-sha256-x25519, aes128-sha256-ecp256
  mobike = no }
connections {
  gw : base {
    remote_addrs = 192.0.2.1, moon.example.org
    local { auth = psk
      id = "C=CH, O=Lab: x, CN=sun # 1" }
    remote { auth = psk
      id = "%any" }
    children { net { local_ts = 10.1.0.0/16
      updown = "/bin/true \\"quoted\\"" } } }
}
secrets { ike-1 { secret = "null"
    id = "- x: y" }
  ike-2 { secret = "  two\\n lines: [1], {2} & *3 'x' " } }
`;

test('a swanctl.conf as YAML says the same', t => {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-convert-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
  write('swanctl.conf', CONF);
  write('more.conf', 'pools { rw { addrs = 10.9.0.0/28\n dns = 10.9.0.53, 10.9.0.54\n } }\n');
  const load = (name: string): Configuration =>
    loadConfiguration(join(folder, name), { provider: nodeProvider(), now: TEST_TIME });
  const yaml = yamlFrom(join(folder, 'swanctl.conf'));
  write('same.yaml', yaml);
  const [one, two] = [load('swanctl.conf'), load('same.yaml')];
  assert.deepEqual(two.connections, one.connections);
  assert.deepEqual(two.pools, one.pools);
  const secrets = ({ credentials }: Configuration) =>
    credentials.shared.map(({ secret, owners, name }) => ({ name, owners, octets: [...secret.reveal()] }));
  assert.deepEqual(secrets(two), secrets(one));
  assert.match(yaml, /proposals:\n +- aes256-sha256-x25519\n/);
  assert.doesNotMatch(yaml, /base|include/);
  assert.throws(
    () => yamlFrom(join(folder, 'nowhere.conf')),
    /nowhere\.conf: cannot read the file: it does not exist/,
  );
});
