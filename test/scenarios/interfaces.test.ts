import assert from 'node:assert/strict';
import { test } from 'node:test';
import { child, subnet } from '../sim/configuration.ts';
import { assertSettles, onlyChild, onlyIke } from '../sim/ends.ts';
import { pair } from '../sim/pair.ts';

/*
 * Numbers of XFRM interfaces that SAs have for themselves.
 */

const kernel = { interfaceIn: 'unique-ike', interfaceOut: 'unique-ike-dir' } as const;
const CHILDREN = [
  child({ kernel }),
  child({ name: 'other', localTs: [subnet('10.3.0.0/16')], kernel }),
  child({ name: 'own', localTs: [subnet('10.4.0.0/16')], kernel: { interfaceIn: 'unique' } }),
];

test('one number for all children of an IKE SA, through rekeys of both; another for the next IKE SA', () => {
  const { sim, a, b } = pair({ children: CHILDREN });
  const numbers = (name: string) => onlyChild(a, name).kernel;
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  const first = numbers('net');
  assert.ok(first?.interfaceIn !== undefined && first.interfaceIn !== first.interfaceOut);
  a.rekey({ ike: onlyIke(a).id });
  assertSettles(sim, a, b);
  a.rekey({ child: 'net' });
  a.initiate('site', 'other');
  a.initiate('site', 'own');
  assertSettles(sim, a, b, ['net', 'other', 'own']);
  assert.deepEqual([numbers('net'), numbers('other')], [first, first]);
  const own = numbers('own')?.interfaceIn;
  assert.ok(own !== undefined && own !== first.interfaceIn && own !== first.interfaceOut);
  for (const { sa } of a.backEnd.sas.values())
    assert.deepEqual(sa.kernel, numbers(sa.name), 'the back end was told otherwise');
  a.terminate({});
  sim.quiet();
  a.initiate('site', 'net');
  assertSettles(sim, a, b);
  assert.notEqual(numbers('net')?.interfaceIn, first.interfaceIn);
});
