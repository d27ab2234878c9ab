import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { childStatus, ikeStatus } from '../../test/status.ts';
import type { IkeEvent } from '../ike/output.ts';
import { ip } from '../lib/ip.ts';
import { parseSelector } from '../policy/selector-text.ts';
import type { TrafficSelector } from '../policy/traffic-selector.ts';
import type { ProgramLimits } from './program.ts';
import { UpdownPrograms } from './updown.ts';

const IKE = ikeStatus({
  connection: 'site',
  path: { local: { address: ip('127.0.0.1'), port: 500 }, remote: { address: ip('10.9.0.2'), port: 500 } },
  localId: 'alice.lab',
  remoteId: "'; echo owned > owned; '",
});

function event(kind: 'child-up' | 'child-down', command: string, name = 'net'): IkeEvent {
  const selectors = (...texts: string[]) => texts.map(text => parseSelector(text) as TrafficSelector);
  const child = childStatus({
    name,
    updown: {
      command,
      hostAccess: false,
      localTs: selectors('10.1.0.0/24'),
      remoteTs: selectors('10.2.0.0/24', '10.3.0.0/24'),
    },
  });
  return { at: 0, kind, ike: IKE, child };
}

/** Programs whose output is kept, and a folder of their own. */
function scene(t: TestContext, limits: Partial<ProgramLimits> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-updown-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const lines: string[] = [];
  const programs = new UpdownPrograms((source, text) => {
    assert.deepEqual(source, { connection: 'site', ike: 7 });
    lines.push(text);
  }, limits);
  return { programs, lines, folder };
}

test('up and down of one child are told in order, a call for each pair of selectors', async t => {
  const { programs, lines, folder } = scene(t);
  const command = `sleep 0.0$PLUTO_REQID; echo $PLUTO_VERB $PLUTO_PEER_CLIENT $PLUTO_INTERFACE >> ${folder}/told`;
  programs.note(event('child-up', command));
  programs.note(event('child-down', command));
  await programs.settled();
  assert.deepEqual(readFileSync(join(folder, 'told'), 'utf8').trim().split('\n'), [
    'up-client 10.2.0.0/24 lo',
    'up-client 10.3.0.0/24 lo',
    'down-client 10.2.0.0/24 lo',
    'down-client 10.3.0.0/24 lo',
  ]);
  assert.deepEqual(lines, []);
});

test('the shell reads the configured command alone, and has none of our own environment', async t => {
  const { programs, lines } = scene(t);
  process.env['CYGNET_TEST_SECRET'] = 'secret';
  t.after(() => delete process.env['CYGNET_TEST_SECRET']);
  programs.note(event('child-up', 'echo "$PLUTO_PEER_ID [$CYGNET_TEST_SECRET] $0 $#" >&2; pwd'));
  await programs.settled();
  assert.deepEqual(
    [...new Set(lines)].sort(),
    ['updown: /', "updown: '; echo owned > owned; ' [] /bin/sh 0"].sort(),
  );
});

test('a program that fails, or is not there, is told of', async t => {
  const { programs, lines } = scene(t);
  programs.note(event('child-up', 'exit 3'));
  programs.note(event('child-up', '/nonexistent/hook up', 'other'));
  await programs.settled();
  assert.equal(lines.filter(line => line === "updown 'exit 3' ended with 3").length, 2);
  assert.ok(lines.some(line => line.startsWith('updown: ') && line.includes('/nonexistent/hook')));
  assert.ok(lines.includes("updown '/nonexistent/hook up' ended with 127"));
});

test('a program without end is ended with all that it started', async t => {
  const { programs, lines } = scene(t, { patience: 20 });
  programs.note(event('child-up', 'sleep 1000 | sleep 1000'));
  await programs.settled();
  assert.deepEqual(
    lines,
    Array(2).fill("updown 'sleep 1000 | sleep 1000' was ended since it took more than 0.02 s"),
  );
});

test('what a program prints is bounded', async t => {
  const { programs, lines } = scene(t, { lines: 3, lineLength: 10 });
  programs.note(
    event('child-up', 'head -c 300000 /dev/zero | tr "\\0" x; echo; for i in 1 2 3 4 5; do echo $i; done'),
  );
  await programs.settled();
  const one = ['updown: xxxxxxxxxx', 'updown: 1', 'updown: 2', 'updown: (what else it prints is not logged)'];
  assert.deepEqual(lines, [...one, ...one]);
});

test('a child without a command, and a rekey, run nothing', async t => {
  const { programs } = scene(t);
  const { child } = event('child-up', 'true') as Extract<IkeEvent, { kind: 'child-up' | 'child-down' }>;
  const { updown: _, ...bare } = child;
  programs.note({ at: 0, kind: 'child-up', ike: IKE, child: bare });
  programs.note({ at: 0, kind: 'child-rekey', ike: IKE, old: child, new: child });
  await programs.settled();
});
