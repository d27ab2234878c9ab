import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ikeStatus } from '../../test/status.ts';
import { COUNTERS, Counters } from './counters.ts';
import { Handshakes } from './handshakes.ts';
import { messageInWords } from './message-words.ts';

const { path } = ikeStatus();

function message(text: string, direction: 'in' | 'out' = 'out', at = 0, ike = 1) {
  return { kind: 'message', at, direction, ike, connection: 'lab', text, path } as const;
}

test('every exchange, direction and kind of message has its counter', () => {
  const counters = new Counters();
  for (const exchange of ['IKE_SA_INIT', 'IKE_AUTH', 'CREATE_CHILD_SA', 'INFORMATIONAL'])
    for (const kind of ['request', 'response'])
      for (const direction of ['in', 'out'] as const)
        counters.note(message(`${exchange} ${kind} 0 [SA]`, direction));
  counters.note(message('IKE_INTERMEDIATE request 1 [KE]'));
  const values = counters.global;
  for (const name of COUNTERS)
    assert.equal(values[name], /-(req|resp)$/.test(name) && !name.startsWith('ike-rekey') ? 1 : 0, name);
  assert.deepEqual(counters.connections.get('lab'), values);
});

test('charon counts no messages of IKEv1, and neither do we under names of IKEv2', () => {
  const counters = new Counters();
  for (const exchange of ['MAIN_MODE', 'AGGRESSIVE', 'QUICK_MODE', 'INFORMATIONAL_V1', 'TRANSACTION'])
    for (const direction of ['in', 'out'] as const)
      counters.note(message(`${exchange} request 0 [HASH]`, direction));
  assert.ok(Object.values(counters.global).every(value => value === 0));
});

test('resets are for one connection, for each, or for all together', () => {
  const counters = new Counters();
  counters.note(message('IKE_AUTH request 1 []'));
  assert.equal(counters.reset({ connection: 'nosuch' }), false);
  assert.equal(counters.reset({ connection: 'lab' }), true);
  assert.equal(counters.global['ike-auth-out-req'], 1);
  assert.equal(counters.connections.size, 0);
  counters.note(message('IKE_AUTH request 1 []'));
  counters.reset();
  assert.equal(counters.global['ike-auth-out-req'], 0);
  assert.equal(counters.connections.get('lab')?.['ike-auth-out-req'], 1);
  counters.reset('each');
  assert.equal(counters.connections.size, 0);
});

test('messages in the words of charon', () => {
  for (const [ours, theirs] of [
    [
      'IKE_SA_INIT request 0 [SA KE Ni N(NAT_DETECTION_SOURCE_IP) N(IKEV2_FRAGMENTATION_SUPPORTED)]',
      'IKE_SA_INIT request 0 [ SA KE No N(NATD_S_IP) N(FRAG_SUP) ]',
    ],
    ['INFORMATIONAL response 2 []', 'INFORMATIONAL response 2 [ ]'],
    ['INFORMATIONAL request 2 [D]', 'INFORMATIONAL request 2 [ D ]'],
    ['IKE_AUTH request 1 [IDi CP(CFG_REQUEST) EAP(Response)]', 'IKE_AUTH request 1 [ IDi CPRQ EAP/RES ]'],
    [
      'IKE_SA_INIT response 0 [V(strongSwan) N(private 9999)]',
      'IKE_SA_INIT response 0 [ V N(private 9999) ]',
    ],
    ['something else', 'something else'],
    [
      'MAIN_MODE request 0 [SA V V(draft-ietf-ipsec-nat-t-ike-02 LF) V(RFC 3947)]',
      'ID_PROT request 0 [ SA V V V ]',
    ],
    ['MAIN_MODE response 0 [KE NONCE CR NAT_D NAT_D]', 'ID_PROT response 0 [ KE No CERTREQ NAT-D NAT-D ]'],
    ['MAIN_MODE request 0 [ID HASH N(INITIAL_CONTACT)]', 'ID_PROT request 0 [ ID HASH N(INITIAL_CONTACT) ]'],
    ['QUICK_MODE request 7 [HASH SA NONCE ID ID]', 'QUICK_MODE request 7 [ HASH SA No ID ID ]'],
    ['INFORMATIONAL_V1 request 9 [HASH N(R_U_THERE)]', 'INFORMATIONAL_V1 request 9 [ HASH N(DPD) ]'],
    ['TRANSACTION request 9 [HASH ATTRIBUTES(ISAKMP_CFG_SET)]', 'TRANSACTION request 9 [ HASH CPS ]'],
  ] as const)
    assert.equal(messageInWords(ours), theirs.replace('N(private 9999)', 'N(private 9999)'));
});

test('handshakes are measured from their first message', () => {
  const handshakes = new Handshakes();
  handshakes.note(message('IKE_SA_INIT request 0 [SA]', 'out', 1000));
  handshakes.note(message('IKE_SA_INIT request 0 [N(COOKIE) SA]', 'out', 1020));
  const ike = ikeStatus({ id: 1 });
  handshakes.note({ kind: 'ike-up', at: 1060, ike });
  handshakes.note({ kind: 'ike-up', at: 9000, ike: { ...ike, id: 7 } });
  const { count, sum, buckets } = handshakes.of('initiator');
  assert.deepEqual([count, sum], [1, 0.06]);
  assert.deepEqual(buckets, [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]);
  assert.equal(handshakes.of('responder').count, 0);
});

test('handshakes of IKEv1 are measured too', () => {
  for (const exchange of ['MAIN_MODE', 'AGGRESSIVE']) {
    const handshakes = new Handshakes();
    handshakes.note(message(`${exchange} request 0 [SA]`, 'in', 1000));
    handshakes.note(message(`${exchange} response 0 [SA]`, 'out', 1030));
    const ike = ikeStatus({ id: 1, version: 1, role: 'responder' });
    handshakes.note({ kind: 'ike-up', at: 1250, ike });
    const { count, sum } = handshakes.of('responder');
    assert.deepEqual([count, sum], [1, 0.25]);
  }
});
