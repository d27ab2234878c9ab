import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ikeStatus } from '../../../test/status.ts';
import type { ViciServer } from '../../control/vici/server.ts';
import type { IkeEvent } from '../../ike/output.ts';
import { ip } from '../../lib/ip.ts';
import { publish } from './events.ts';

test('an IKE SA that moves is told of with the addresses that it has now, as charon has it', () => {
  const told: [string, Record<string, unknown>][] = [];
  const server = {
    emit: (name: string, message: Record<string, unknown>) => told.push([name, message]),
  } as unknown as ViciServer;
  const local = { address: ip('192.0.2.11'), port: 4500 };
  const remote = { address: ip('2001:db8::9'), port: 4501 };
  const ike = ikeStatus({ path: { local, remote } });
  const from = { local: { ...local, address: ip('192.0.2.1') }, remote };
  publish(server, { kind: 'ike-update', at: 0, ike, from } satisfies IkeEvent);
  const [[name, message] = ['', {}]] = told;
  assert.equal(name, 'ike-update');
  const { lab, ...hosts } = message as { readonly lab: Record<string, string> };
  assert.deepEqual(hosts, {
    'local-host': '192.0.2.11',
    'local-port': '4500',
    'remote-host': '2001:db8::9',
    'remote-port': '4501',
  });
  assert.equal(lab['uniqueid'], '7');
  assert.equal(lab['local-host'], '192.0.2.11');
});
