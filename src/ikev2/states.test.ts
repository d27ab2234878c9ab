import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ExchangeType } from '../iana/ikev2.ts';
import type { IkeState } from './ike-sa.ts';
import { REQUESTS, verdictOn } from './states.ts';

const STATES: readonly IkeState[] = [
  'CREATED',
  'CONNECTING',
  'ESTABLISHED',
  'REKEYING',
  'REKEYED',
  'DELETING',
];

test('every cell of the table has a verdict', () => {
  for (const [exchange, row] of Object.entries(REQUESTS)) {
    assert.deepEqual(Object.keys(row).sort(), STATES.toSorted(), exchange);
  }
});

test('nothing is served before the peer has proved itself', () => {
  for (const exchange of Object.values(ExchangeType)) {
    for (const state of ['CREATED', 'CONNECTING'] as const)
      assert.ok(['drop', 'continue'].includes(verdictOn(exchange, state)), `${exchange} in ${state}`);
  }
});

test('exchanges that are not in the table are dropped in every state', () => {
  for (let exchange = 0; exchange < 256; exchange++) {
    if (REQUESTS[exchange] !== undefined) continue;
    for (const state of STATES) assert.equal(verdictOn(exchange, state), 'drop');
  }
});

test('an SA that goes makes nothing new, and still answers', () => {
  assert.equal(verdictOn(ExchangeType.CREATE_CHILD_SA, 'DELETING'), 'temporary');
  assert.equal(verdictOn(ExchangeType.INFORMATIONAL, 'DELETING'), 'serve');
  for (const state of STATES) assert.notEqual(verdictOn(ExchangeType.IKE_SA_INIT, state), 'serve');
});
