import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as v2 from './ikev2.ts';
import { knownName, nameOf } from './name.ts';
import * as notify from './notify.ts';
import * as transforms from './transforms.ts';

test('known numbers have their name, others are said as they are', () => {
  assert.equal(nameOf(v2.ExchangeType, 34), 'IKE_SA_INIT');
  assert.equal(nameOf(v2.ExchangeType, 99), 'unassigned 99');
  assert.equal(nameOf(transforms.Encr, 65_000), 'private 65000');
  assert.equal(knownName(notify.NotifyStatus, 16_390), 'COOKIE');
  assert.equal(knownName(notify.NotifyError, 1000), undefined);
});

test('no registry names one number twice', () => {
  for (const [name, registry] of Object.entries({ ...v2, ...transforms, ...notify })) {
    const numbers = Object.values(registry as Record<string, number>);
    assert.equal(new Set(numbers).size, numbers.length, name);
  }
});
