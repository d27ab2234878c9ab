import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { IkeEvent, IkeSaStatus } from '../ike/output.ts';
import { NameServers } from './name-servers.ts';

function ike(id: number, ...servers: readonly string[]): IkeSaStatus {
  const received = servers.map(value => ({ kind: 'dns', value }) as const);
  return { id, received: [{ kind: 'subnet', value: '10.2.0.0/16' }, ...received] } as unknown as IkeSaStatus;
}

const event = (fields: object): IkeEvent => fields as IkeEvent;

function file(t: TestContext, text?: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-resolv-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'resolv.conf');
  if (text !== undefined) writeFileSync(path, text);
  return path;
}

const OWN = 'search example.org\nnameserver 192.0.2.53\n';

test('what a peer tells stands first while its IKE SA lives, through rekeys', t => {
  const path = file(t, OWN);
  const servers = new NameServers(path, error => assert.fail(error));
  const text = () => readFileSync(path, 'utf8');
  servers.note(event({ kind: 'child-up', ike: ike(1, '10.2.0.53', '2001:db8::53') }));
  const first = `nameserver 10.2.0.53   # by cygnet\nnameserver 2001:db8::53   # by cygnet\n${OWN}`;
  assert.equal(text(), first);
  servers.note(event({ kind: 'ike-rekey', old: ike(1), new: ike(2, '10.2.0.53', '2001:db8::53') }));
  servers.note(event({ kind: 'child-up', ike: ike(2, '10.2.0.53', '2001:db8::53') }));
  servers.note(event({ kind: 'ike-down', ike: ike(1) }));
  assert.equal(text(), first);
  servers.note(event({ kind: 'child-up', ike: ike(3, '10.7.0.53', '10.2.0.53') }));
  assert.match(text(), /^nameserver 10\.7\.0\.53 .*\nnameserver 10\.2\.0\.53 .*\nnameserver 2001:db8::53 /);
  servers.note(event({ kind: 'ike-down', ike: ike(3) }));
  servers.note(event({ kind: 'ike-down', ike: ike(2) }));
  assert.equal(text(), OWN);
});

test('what a killed daemon left goes at the start, what this one wrote at its end', t => {
  const path = file(t, `nameserver 10.9.9.9   # by cygnet\n${OWN}`);
  const servers = new NameServers(path, error => assert.fail(error));
  assert.equal(readFileSync(path, 'utf8'), OWN);
  servers.note(event({ kind: 'child-up', ike: ike(1, '10.2.0.53') }));
  servers.close();
  assert.equal(readFileSync(path, 'utf8'), OWN);
});

test('one peer tells of so many and no more', t => {
  const path = file(t);
  const servers = new NameServers(path, error => assert.fail(error));
  servers.note(
    event({ kind: 'child-up', ike: ike(1, ...Array.from({ length: 250 }, (_, i) => `10.2.0.${i}`)) }),
  );
  assert.equal(readFileSync(path, 'utf8').trim().split('\n').length, 8);
});

test('a file that is not there is made, one that cannot be is told of', t => {
  const path = file(t);
  const servers = new NameServers(path, error => assert.fail(error));
  servers.note(event({ kind: 'child-up', ike: ike(1, '10.2.0.53') }));
  assert.equal(readFileSync(path, 'utf8'), 'nameserver 10.2.0.53   # by cygnet\n');
  const told: Error[] = [];
  const failing = new NameServers(join(path, 'x'), error => told.push(error));
  failing.note(event({ kind: 'child-up', ike: ike(1, '10.2.0.53') }));
  assert.equal(told.length, 2);
});
