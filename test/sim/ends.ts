import assert from 'node:assert/strict';
import type { ChildSaStatus, IkeSaStatus } from '../../src/ike/output.ts';
import { SECOND } from '../../src/lib/time.ts';
import type { Host } from './host.ts';
import type { Simulation } from './simulation.ts';

/** 32 octets, all the same: nonces of which a test says which is the lowest. */
export function nonce(octet: number): Uint8Array {
  return new Uint8Array(32).fill(octet);
}

/** The only child named `name` of the only IKE SA of `host`. */
export function onlyChild(host: Host, name = 'net'): ChildSaStatus {
  const children = onlyIke(host).children.filter(child => child.name === name);
  assert.equal(children.length, 1, `${host.name} has ${children.length} children ${name}`);
  return children[0] as ChildSaStatus;
}

export function onlyIke(host: Host): IkeSaStatus {
  const ikes = host.status();
  assert.deepEqual(
    ikes.map(({ state }) => state),
    ['ESTABLISHED'],
    `${host.name} has ${ikes.map(({ id, state }) => `${id} ${state}`).join(', ')}`,
  );
  return ikes[0] as IkeSaStatus;
}

/** All is as after a first set-up: one IKE SA with one child of each name at both ends, the same ones, and nothing else anywhere. */
export function assertSettled(sim: Simulation, a: Host, b: Host, names: readonly string[] = ['net']): void {
  sim.check(() => {
    const [ikeA, ikeB] = [onlyIke(a), onlyIke(b)];
    assert.equal(ikeA.initiatorSpi, ikeB.initiatorSpi);
    assert.equal(ikeA.responderSpi, ikeB.responderSpi);
    assert.notEqual(ikeA.role, ikeB.role);
    assert.deepEqual([...ikeA.tasksActive, ...ikeB.tasksActive], []);
    for (const name of names) {
      const [childA, childB] = [onlyChild(a, name), onlyChild(b, name)];
      assert.equal(childA.state, 'INSTALLED');
      assert.equal(childB.state, 'INSTALLED');
      assert.equal(childA.spiIn, childB.spiOut);
      assert.equal(childA.spiOut, childB.spiIn);
      assert.equal(a.gapTo(b, name), undefined);
      assert.equal(b.gapTo(a, name), undefined);
    }
    for (const host of [a, b]) {
      const ids = onlyIke(host)
        .children.map(({ id }) => id)
        .sort();
      assert.equal(ids.length, names.length, `${host.name}: children beyond ${names.join(', ')}`);
      assert.deepEqual([...host.backEnd.sas.keys()].sort(), ids, `${host.name}: the back end holds others`);
      assert.deepEqual([...host.backEnd.reserved], [], `${host.name}: SPIs are left reserved`);
      assert.deepEqual([...host.up.children].sort(), ids, `${host.name}: events say otherwise`);
      assert.deepEqual(host.up.ikes, [onlyIke(host).id], `${host.name}: events say otherwise`);
    }
  });
}

/** As `assertSettled`, after the time that replaced SAs still receive, and once whatever begins in it, such as a check for life, has ended. */
export function assertSettles(sim: Simulation, a: Host, b: Host, names?: readonly string[]): void {
  sim.quiet();
  sim.run(10 * SECOND);
  sim.quiet();
  assertSettled(sim, a, b, names);
}

/** The IKE SA is there and has no child left, anywhere. */
export function assertChildless(sim: Simulation, a: Host, b: Host): void {
  sim.quiet();
  sim.run(10 * SECOND);
  assertSettled(sim, a, b, []);
}

/** Ends both hosts' SAs and fails unless nothing is left. */
export function assertEnds(sim: Simulation, a: Host): void {
  sim.unwatch();
  a.terminate({});
  sim.quiet();
  sim.run(10 * SECOND);
  sim.assertEmpty();
}
