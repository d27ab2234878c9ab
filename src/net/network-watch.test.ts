import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isMainThread } from 'node:worker_threads';
import { inNetwork, insideNetwork, withoutNamespaces } from '../../test/namespace.ts';
import { ip } from '../lib/ip.ts';
import { type SystemCalls, systemCalls } from '../sys/system-calls.ts';
import { watchNetwork } from './network-watch.ts';

insideNetwork(scenario);
if (isMainThread) {
  test('addresses and routes that change are told once a burst, routes of other tables are not', {
    skip: withoutNamespaces,
  }, async () => {
    assert.deepEqual(await inNetwork(import.meta.filename), [
      'address and route',
      'address gone',
      'addresses alone: address gone',
    ]);
  });

  test('the watch can be ended at once', () => {
    watchNetwork(() => assert.fail('nothing changed'))();
  });
}

async function scenario(): Promise<readonly string[]> {
  const calls = systemCalls() as SystemCalls;
  const routing = calls.routing();
  const tun = calls.openTun();
  routing.setLink(tun.index, { up: true });
  const told: string[] = [];
  let label = '';
  let settled = Promise.withResolvers<void>();
  const end = watchNetwork(() => {
    told.push(label);
    settled.resolve();
  });
  const after = async (what: string, change: () => void): Promise<void> => {
    label = what;
    settled = Promise.withResolvers();
    change();
    await settled.promise;
  };
  const route = { destination: ip('10.9.0.0'), prefix: 16, index: tun.index };
  await after('address and route', () => {
    // Not to be told of: it only shares the burst.
    routing.addRoute({ ...route, table: 220 });
    routing.addAddress(tun.index, ip('10.1.1.1'), 32);
    routing.addRoute(route);
  });
  routing.deleteRoute({ ...route, table: 220 });
  const endAlone = watchNetwork(() => told.push(`addresses alone: ${label}`), { routes: false });
  // Told of by the one watch; that it is not by the other shows what follows.
  label = 'route gone';
  routing.deleteRoute(route);
  routing.addRoute(route);
  await after('address gone', () => routing.deleteAddress(tun.index, ip('10.1.1.1'), 32));
  while (told.length < 3) await new Promise(resolve => setTimeout(resolve, 10));
  end();
  endAlone();
  tun.close();
  routing.close();
  return told.toSorted();
}
