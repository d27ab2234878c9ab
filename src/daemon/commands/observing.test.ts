import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type ControlScene, labConnection, pair } from '../../../test/control-scene.ts';
import { exposition, failureOf } from '../../control/index.ts';
import { type Family, familyShape } from '../../control/metrics.ts';

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'cygnet-keys-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

async function metricsOf({ client }: ControlScene): Promise<readonly Family[]> {
  const families: Family[] = [];
  await client.stream('cygnet-metrics', 'cygnet-metric', {}, message => {
    families.push(familyShape.decode(message, 'metric'));
  });
  return families;
}

async function initiate({ client }: ControlScene): Promise<void> {
  assert.equal(failureOf(await client.request('initiate', { child: 'net' })), undefined);
}

test('metrics come over the control socket as the daemon has them', async () => {
  const { alice, bob } = await pair();
  await using _ = alice;
  await using __ = bob;
  await initiate(alice);
  const text = exposition(await metricsOf(alice));
  assert.match(text, /^cygnet_connection_up\{connection="lab"\} 1$/m);
  assert.match(text, /^cygnet_child_up\{connection="lab",child="net"\} 1$/m);
  assert.match(text, /^cygnet_handshake_seconds_count\{role="initiator"\} 1$/m);
  assert.match(text, /^cygnet_handshake_seconds_bucket\{role="initiator",le="\+Inf"\} 1$/m);
});

test('a family of many samples comes in parts that fit a packet', async () => {
  const { alice, bob } = await pair();
  await using _ = alice;
  await using __ = bob;
  const children = Object.fromEntries(Array.from({ length: 601 }, (_, i) => [`child-${i}`, {}]));
  await alice.client.request('load-conn', { large: { ...labConnection('alice'), children } });
  const up = (await metricsOf(alice)).filter(({ name }) => name === 'cygnet_child_up');
  assert.deepEqual(
    up.map(({ samples }) => samples.length),
    [500, 102],
  );
  const names = up.flatMap(({ samples }) => samples.map(({ labels }) => labels['child']));
  assert.equal(new Set(names).size, 602, 'each once');
});

test('keys are saved while it is asked for, and no longer', async t => {
  const { alice, bob } = await pair();
  await using _ = alice;
  await using __ = bob;
  const keys = join(folder(t), 'made', 'for-it');
  await initiate(alice);
  assert.equal(failureOf(await alice.client.request('cygnet-save-keys', { directory: keys })), undefined);
  assert.match(alice.warnings.join(), /KEYS OF ALL SAs/);
  assert.deepEqual(readdirSync(keys), [], 'nothing of SAs that are there already');
  await alice.client.request('terminate', { ike: 'lab' });
  await initiate(alice);
  assert.deepEqual(readdirSync(keys).sort(), ['esp_sa', 'ikev2_decryption_table']);
  const table = join(keys, 'ikev2_decryption_table');
  assert.equal(statSync(table).mode & 0o777, 0o600);
  assert.equal(statSync(keys).mode & 0o777, 0o700);
  const written = readFileSync(table, 'utf8');
  assert.match(
    written,
    /^[0-9a-f]{16},[0-9a-f]{16},[0-9a-f]{40},[0-9a-f]{40},"AES-GCM-128 with 16 octet ICV/,
  );

  await alice.client.request('cygnet-save-keys');
  await alice.client.request('terminate', { ike: 'lab' });
  await initiate(alice);
  assert.equal(readFileSync(table, 'utf8'), written);
});

test('a directory that cannot be written to is refused, and saving goes on where it did', async t => {
  const { alice, bob } = await pair();
  await using _ = alice;
  await using __ = bob;
  const place = folder(t);
  writeFileSync(join(place, 'file'), '');
  await alice.client.request('cygnet-save-keys', { directory: place });
  for (let twice = 0; twice < 2; twice++) {
    const answer = await alice.client.request('cygnet-save-keys', {
      directory: join(place, 'file', 'below'),
    });
    assert.equal(failureOf(answer)?.code, 'local/no-privilege');
    assert.match(failureOf(answer)?.summary ?? '', /file\/below: ENOTDIR/);
  }
  await initiate(alice);
  assert.deepEqual(readdirSync(place).sort(), ['esp_sa', 'file', 'ikev2_decryption_table']);
});

test('a disk that takes no more ends the saving, not the daemon', async t => {
  const { alice, bob } = await pair();
  await using _ = alice;
  await using __ = bob;
  const keys = join(folder(t), 'keys');
  await alice.client.request('cygnet-save-keys', { directory: keys });
  rmSync(keys, { recursive: true });
  await initiate(alice);
  assert.equal(alice.warnings.filter(text => /cannot be saved any longer: ENOENT/.test(text)).length, 1);
});
