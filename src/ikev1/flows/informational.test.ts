import assert from 'node:assert/strict';
import { test } from 'node:test';
import { notifyOf } from '../../../test/sim/scripted-peer-v1.ts';
import { V1Notify } from '../../iana/ikev1.ts';
import type { EventBody } from '../../ike/session.ts';
import type { Message } from '../flow.ts';
import { type Informed, serveInformational } from './informational.ts';

/** What an ISAKMP SA does about PAYLOAD_MALFORMED under its keys, told of the SA of `spi` or of none. */
function malformed(role: 'initiator' | 'responder', aggressive: boolean, spi?: Uint8Array) {
  const events: EventBody[] = [];
  const refused: (number | undefined)[] = [];
  const sa: Partial<Informed> = {
    id: 1,
    role,
    connection: { name: 'site', aggressive } as Informed['connection'],
    host: { settings: { traceMessages: false }, event: event => void events.push(event) } as Informed['host'],
    refused: spi => refused.push(spi) > 0,
  };
  const payloads = [notifyOf(V1Notify.PAYLOAD_MALFORMED, undefined, spi === undefined ? {} : { spi })];
  serveInformational(sa as Informed, { payloads } as unknown as Message, () => assert.fail('answered'));
  return { told: events.map(({ kind }) => kind), refused };
}

test('the initiator of aggressive mode is only warned of a message that the peer cannot read again', () => {
  for (let time = 0; time < 2; time++)
    assert.deepEqual(malformed('initiator', true), { told: ['log'], refused: [] });
});

test('whoever else hears of it, or of which SA, takes it for a refusal', () => {
  const spi = Uint8Array.of(1, 2, 3, 4);
  assert.deepEqual(malformed('initiator', true, spi), { told: [], refused: [0x01020304] });
  assert.deepEqual(malformed('initiator', false), { told: [], refused: [undefined] });
  assert.deepEqual(malformed('responder', true), { told: [], refused: [undefined] });
});
