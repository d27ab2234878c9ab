import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ControlScene, pair } from '../../test/control-scene.ts';
import { textOf } from '../control/index.ts';
import type { IkeEvent } from '../ike/output.ts';
import { ip } from '../lib/ip.ts';
import type { Gateway } from './gateway.ts';
import { LogFeed, type LogLine } from './log-lines.ts';

/** A daemon and its peer, with `lab` loaded in both, and the words of the first one's log. */
async function logged(
  act: (alice: ControlScene, bob: ControlScene) => Promise<unknown>,
): Promise<readonly string[]> {
  const { alice, bob } = await pair();
  await using _a = alice;
  await using _b = bob;
  const lines: string[] = [];
  await alice.client.subscribe('log', line => {
    lines.push(`${textOf(line, 'level')} ${textOf(line, 'msg')}`);
  });
  await act(alice, bob);
  await alice.client.request('version');
  return lines.filter(
    line => !/^1 (sending packet|received packet|generating|parsed|(received )?retransmit)/.test(line),
  );
}

const UP: readonly RegExp[] = [
  /^1 vici initiate CHILD_SA 'net'$/,
  /^0 initiating IKE_SA lab\[1\] to 192\.0\.2\.2$/,
  /^1 selected proposal: IKE:/,
  /^1 authentication of 'alice\.lab' \(myself\) with pre-shared key$/,
  /^0 establishing CHILD_SA net\{1\}$/,
  /^1 authentication of 'bob\.lab' with pre-shared key successful$/,
  /^1 peer supports MOBIKE$/,
  /^0 IKE_SA lab\[1\] established between/,
  /^1 scheduling rekeying in \d+s$/,
  /^1 maximum IKE_SA lifetime \d+s$/,
  /^1 selected proposal: ESP:AES_GCM_16_128\/NO_EXT_SEQ$/,
  /^0 CHILD_SA net\{1\} established with SPIs/,
];

function matches(lines: readonly string[], expected: readonly RegExp[]): void {
  assert.equal(lines.length, expected.length, lines.join('\n'));
  for (const [i, what] of expected.entries()) assert.match(lines[i] ?? '', what);
}

test('what happens on the way is told where it happens, as charon does', async () => {
  const lines = await logged(async ({ client, backend }) => {
    await client.request('initiate', { child: 'net' });
    const [child = 0] = backend.sas.keys();
    backend.setUsage(child, { bytesIn: 84n, bytesOut: 168n });
    await client.request('terminate', { child: 'net' });
    await client.request('terminate', { ike: 'lab' });
  });
  matches(lines, [
    ...UP,
    /^1 vici terminate CHILD_SA 'net'$/,
    /^0 closing CHILD_SA net\{1\} with SPIs [0-9a-f]{8}_i \(84 bytes\) [0-9a-f]{8}_o \(168 bytes\) and TS 10\.1\.0\.0\/16 === 10\.2\.0\.0\/16$/,
    /^1 sending DELETE for ESP CHILD_SA with SPI [0-9a-f]{8}$/,
    /^1 received DELETE for ESP CHILD_SA with SPI [0-9a-f]{8}$/,
    /^1 CHILD_SA closed$/,
    /^1 vici terminate IKE_SA 'lab'$/,
    /^0 deleting IKE_SA lab\[1\] between 192\.0\.2\.1\[alice\.lab\]\.\.\.192\.0\.2\.2\[bob\.lab\]$/,
    /^1 sending DELETE for IKE_SA lab\[1\]$/,
    /^0 IKE_SA deleted$/,
  ]);
});

test('whoever is asked tells how it finds the connection, and of the end', async () => {
  const lines = await logged(async (_alice, { client }) => {
    await client.request('initiate', { child: 'net' });
    await client.request('terminate', { ike: 'lab' });
  });
  matches(lines, [
    /^0 192\.0\.2\.2 is initiating an IKE_SA$/,
    /^1 selected proposal: IKE:/,
    /^1 looking for peer configs matching 192\.0\.2\.1\[alice\.lab\]\.\.\.192\.0\.2\.2\[bob\.lab\]$/,
    /^1 selected peer config 'lab'$/,
    /^1 authentication of 'bob\.lab' with pre-shared key successful$/,
    /^1 peer supports MOBIKE$/,
    /^1 authentication of 'alice\.lab' \(myself\) with pre-shared key$/,
    /^0 IKE_SA lab\[1\] established between/,
    /^1 scheduling rekeying/,
    /^1 maximum IKE_SA lifetime/,
    /^1 selected proposal: ESP:/,
    /^0 CHILD_SA net\{1\} established/,
    /^1 received DELETE for IKE_SA lab\[1\]$/,
    /^0 deleting IKE_SA lab\[1\] between/,
    /^0 IKE_SA deleted$/,
  ]);
});

test('a line that has to ask first keeps its place, and an answer that never comes holds nobody up', async () => {
  let emit: (event: IkeEvent) => void = () => undefined;
  const answers: (() => void)[] = [];
  const feed = new LogFeed({
    on: (listener: typeof emit) => (emit = listener),
    onTraced: () => undefined,
    usage: () => new Promise(resolve => answers.push(() => resolve(undefined))),
  } as unknown as Gateway);
  const lines: string[] = [];
  feed.on(({ text }) => void lines.push(text));
  const closing = { kind: 'closing', at: 0, ike: 1, connection: 'lab', child: CHILD } as unknown as IkeEvent;
  const say = (text: string): void => feed.say({ group: 'DMN', level: 1, text });
  emit(closing);
  say('next');
  assert.equal(lines.length, 0);
  answers[0]?.();
  await feed.settled();
  assert.deepEqual(
    lines.map(line => line.split(' ', 1)[0]),
    ['closing', 'next'],
  );
  emit(closing);
  for (let i = 0; i < 1001; i++) say('more');
  assert.equal(lines.length, 1004);
  await feed.settled();
});

/** What is said of events, as `told` has it. */
function listening(told: (line: LogLine) => string): {
  readonly emit: (event: IkeEvent) => void;
  readonly lines: string[];
} {
  const listeners: ((event: IkeEvent) => void)[] = [];
  const gateway = { on: (one: (event: IkeEvent) => void) => listeners.push(one), onTraced: () => undefined };
  const lines: string[] = [];
  new LogFeed(gateway as unknown as Gateway).on(line => void lines.push(told(line)));
  return { emit: event => void listeners.map(one => one(event)), lines };
}

test('an IKE SA that moves: a line for each end that is elsewhere now', () => {
  const { emit, lines } = listening(({ text }) => text);
  const end = (address: string, port: number) => ({ address: ip(address), port });
  const from = { local: end('192.0.2.1', 4500), remote: end('192.0.2.2', 4500) };
  const move = (path: typeof from): void =>
    emit({ kind: 'ike-update', at: 0, ike: { id: 1, connection: 'lab', path }, from } as unknown as IkeEvent);
  move({ ...from, local: end('192.0.2.11', 4500) });
  move({ local: end('192.0.2.11', 4500), remote: end('192.0.2.2', 4501) });
  assert.deepEqual(lines, [
    'local endpoint changed from 192.0.2.1[4500] to 192.0.2.11[4500]',
    'local endpoint changed from 192.0.2.1[4500] to 192.0.2.11[4500]',
    'remote endpoint changed from 192.0.2.2[4500] to 192.0.2.2[4501]',
  ]);
});

test('an IKE SA that is refused for its algorithms: both sides are told, each time', () => {
  const { emit, lines } = listening(({ group, level, text }) => `[${group}] ${level} ${text}`);
  const summary = 'lab: no common encryption';
  const proposals = { ours: ['aes128-sha1-modp2048'], theirs: ['aes256-sha256-ecp256', '3des-md5-modp768'] };
  const refuse = (role: 'initiator' | 'responder', version: 'ikev1' | 'ikev2'): readonly string[] => {
    const failure = { code: 'peer/no-proposal-chosen', summary, ...proposals, proposals: version } as const;
    emit({ kind: 'failed', at: 0, connection: 'lab', role, remote: '192.0.2.2', failure });
    return lines.splice(0);
  };
  const both = [
    '[CFG] 1 received proposals: IKE:AES_CBC_256/HMAC_SHA2_256_128/PRF_HMAC_SHA2_256/ECP_256, IKE:3DES_CBC/HMAC_MD5_96/PRF_HMAC_MD5/MODP_768',
    '[CFG] 1 configured proposals: IKE:AES_CBC_128/HMAC_SHA1_96/PRF_HMAC_SHA1/MODP_2048',
  ];
  for (let time = 0; time < 2; time++) {
    const reason = `[IKE] 1 ${summary}`;
    assert.deepEqual(refuse('responder', 'ikev2'), [
      ...both,
      '[IKE] 1 received proposals unacceptable',
      reason,
    ]);
    assert.deepEqual(refuse('responder', 'ikev1'), [...both, '[IKE] 1 no proposal found', reason]);
    assert.deepEqual(refuse('initiator', 'ikev2'), [...both, reason]);
  }
});

const CHILD = {
  id: 1,
  name: 'net',
  spiIn: 1,
  spiOut: 2,
  localTs: ['10.1.0.0/16'],
  remoteTs: ['10.2.0.0/16'],
};
