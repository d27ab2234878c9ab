import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pair, StoppedClock } from '../../../test/control-scene.ts';
import { ikeStatus } from '../../../test/status.ts';
import { type Message, sectionOf, textOf } from '../../control/index.ts';
import type { ChildSaStatus, IkeEvent } from '../../ike/output.ts';
import type { Connection } from '../../policy/connection.ts';
import type { Failure } from '../../policy/failure.ts';
import { parseSelector } from '../../policy/selector-text.ts';
import type { TracedDatagram } from '../datagram-trace.ts';
import { Alerts } from './alerts.ts';

const IKE = ikeStatus();

/** A gateway in which only what the test says happens. */
function scene() {
  const told: Message[] = [];
  const state = { heard: true };
  let event: (event: IkeEvent) => void = () => undefined;
  let trace: (datagram: TracedDatagram) => void = () => undefined;
  const net = {
    name: 'net',
    localTs: [parseSelector('10.1.0.0/16')],
    remoteTs: [parseSelector('10.2.0.0/16')],
  };
  const alerts = new Alerts(
    {
      on: listener => {
        event = listener;
        return () => undefined;
      },
      onTraced: listener => {
        trace = listener;
        return () => undefined;
      },
      status: () => [IKE],
      connections: [{ name: 'lab', children: [net] } as unknown as Connection],
    },
    message => told.push(message),
    () => state.heard,
  );
  const failed = (
    failure: Omit<Failure, 'summary'>,
    more: Partial<Extract<IkeEvent, { kind: 'failed' }>> = {},
  ) =>
    event({
      at: 0,
      kind: 'failed',
      connection: 'lab',
      role: 'initiator',
      remote: '192.0.2.2[500]',
      failure: { summary: 'why', ...failure },
      ...more,
    });
  const down = (failure: Omit<Failure, 'summary'>) =>
    event({ at: 0, kind: 'ike-down', ike: IKE, failure: { summary: 'why', ...failure } });
  const message = (direction: 'in' | 'out', text: string) =>
    event({ at: 0, kind: 'message', direction, ike: 7, connection: 'lab', text, path: IKE.path });
  const repeat = (repeated: 'request' | 'response') =>
    trace({ direction: 'out', octets: 100, path: IKE.path, ike: 7, connection: 'lab', repeated });
  const up = (localTs: string[]) =>
    event({
      at: 0,
      kind: 'child-up',
      ike: IKE,
      child: { name: 'net', id: 1, localTs, remoteTs: ['10.2.0.0/16'] } as unknown as ChildSaStatus,
    });
  return { state, alerts, told, failed, down, message, repeat, up };
}

type Scene = ReturnType<typeof scene>;
const chain = (reason: string) => (there: Scene) => there.failed({ code: 'auth/untrusted-chain', reason });

/** Every type that charon has: how it comes about here, or why it does not. */
const TYPES: Readonly<Record<string, ((there: Scene) => void) | string>> = {
  'authorization-failed': 'there are no plugins that authorize a peer after its proof',
  'cert-exceeded-path-len': chain('path-length'),
  'cert-expired': chain('expired'),
  'cert-no-issuer': chain('no-issuer'),
  'cert-policy-violation': chain('name-constraints'),
  'cert-revoked': chain('revoked'),
  'cert-untrusted-root': chain('untrusted-root'),
  'cert-validation-failed': chain('bad-signature'),
  'half-open-timeout': there => there.failed({ code: 'peer/silent' }, { role: 'responder' }),
  'ike-sa-expired': there => there.down({ code: 'local/expired' }),
  'install-child-policy-failed': 'SA and policies go in together: install-child-sa-failed',
  'install-child-sa-failed': there => there.failed({ code: 'kernel/install' }, { child: 'net' }),
  'invalid-ike-spi': 'strangers are counted; who floods us shall not flood our clients',
  'keep-on-child-sa-failure': 'the IKE SA always stays: the alert of the child says what failed',
  'local-auth-failed': there => there.failed({ code: 'auth/refused-by-peer' }),
  'parse-error-body': there => there.failed({ code: 'peer/malformed' }),
  'parse-error-header': 'as invalid-ike-spi',
  'peer-addr-failed': there => there.failed({ code: 'local/address' }),
  'peer-auth-failed': there => there.failed({ code: 'auth/wrong-key' }),
  'peer-init-unreachable': there => there.failed({ code: 'peer/silent' }),
  'proposal-mismatch-child': there => there.failed({ code: 'peer/no-proposal-chosen' }, { child: 'net' }),
  'proposal-mismatch-ike': there => there.failed({ code: 'peer/no-proposal-chosen' }),
  'radius-not-responding': 'there is no RADIUS',
  'retransmit-receive': there => there.repeat('response'),
  'retransmit-send': there => there.repeat('request'),
  'retransmit-send-cleared': there => {
    there.repeat('request');
    there.message('in', 'INFORMATIONAL response 3 [ ]');
  },
  'retransmit-send-timeout': there => there.down({ code: 'peer/dead' }),
  'shutdown-signal': there => there.alerts.shutdown(),
  'ts-mismatch': there => there.failed({ code: 'peer/ts-unacceptable' }, { child: 'net' }),
  'ts-narrowed': there => there.up(['10.1.2.0/24']),
  'unique-keep': there => there.failed({ code: 'local/superseded' }, { role: 'responder' }),
  'unique-replace': there => there.down({ code: 'local/superseded', reason: 'unique-replace' }),
  'vip-failure': there => there.failed({ code: 'local/no-virtual-ip' }),
};

test('all types of charon are looked after', () => {
  assert.equal(Object.keys(TYPES).length, 33);
});

for (const [type, happens] of Object.entries(TYPES)) {
  if (typeof happens === 'string') continue;
  test(`alert ${type}`, () => {
    const there = scene();
    happens(there);
    const types = there.told.map(message => textOf(message, 'type'));
    assert.ok(types.includes(type), types.join(', '));
    const about = there.told.find(message => textOf(message, 'type') === type) as Message;
    if (type === 'shutdown-signal') return;
    if (!type.startsWith('half') && type !== 'unique-keep')
      assert.equal(textOf(sectionOf(sectionOf(about, 'ike-sa'), 'lab'), 'uniqueid'), '7');
    if (!type.startsWith('retransmit') && type !== 'ts-narrowed')
      assert.match(textOf(about, 'failure-code') ?? '', /^[a-z]+\/[a-z-]+$/);
  });
}

test('nothing is made for nobody', () => {
  const there = scene();
  there.state.heard = false;
  for (const happens of Object.values(TYPES)) if (typeof happens === 'function') happens(there);
  assert.deepEqual(
    there.told.map(message => textOf(message, 'type')),
    ['shutdown-signal'],
  );
});

test('what is as wished raises no alarm', () => {
  const { told, up, down, message } = scene();
  up(['10.1.0.0/16']);
  down({ code: 'local/stopped' });
  down({ code: 'local/superseded' });
  down({ code: 'peer/deleted' });
  message('out', 'INFORMATIONAL request 3 [ ]');
  message('in', 'INFORMATIONAL response 3 [ ]');
  assert.deepEqual(told, []);
});

test('a peer that falls silent is told of from the first repetition to the end', async () => {
  const clock = new StoppedClock();
  const { wire, alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  using _ = clock;
  const types: (string | undefined)[] = [];
  await alice.client.subscribe('alert', message => void types.push(textOf(message, 'type')));
  assert.equal(textOf(await alice.client.request('initiate', { child: 'net' }), 'success'), 'yes');
  wire.cut = true;
  await alice.client.request('rekey', { ike: 'lab' });
  const told = async (): Promise<unknown> => {
    await alice.client.request('version');
    return [...types];
  };
  assert.deepEqual(await told(), []);
  clock.pass(60_000);
  assert.deepEqual(await told(), ['retransmit-send']);
  clock.pass(10 * 60_000);
  assert.deepEqual(await told(), ['retransmit-send', 'retransmit-send-timeout']);
  assert.deepEqual(alice.gateway.status(), []);
});
