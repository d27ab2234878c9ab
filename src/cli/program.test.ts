import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  explanationShape,
  Failed,
  type Failure,
  type Message,
  statusShape,
  textOf,
  ViciServer,
} from '../control/index.ts';
import { run } from './program.ts';

interface Answer {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

async function cygnet(...args: string[]): Promise<Answer> {
  const out: string[] = [];
  const error: string[] = [];
  const terminal = {
    out: (text: string) => void out.push(text),
    error: (text: string) => void error.push(text),
  };
  const code = await run(args, terminal, '1.2.3');
  return { code, out: out.join('\n'), error: error.join('\n') };
}

const MISMATCH: Failure = {
  code: 'peer/no-proposal-chosen',
  summary: 'the peer takes none of our proposals',
  ours: ['aes256-sha256-ecp256', 'aes128-sha1-modp2048'],
  theirs: ['aes256gcm16-prfsha384-ecp384'],
  nearest: 'aes256-sha256-ecp256 and aes256gcm16-prfsha384-ecp384 share nothing',
  remedy: 'here: add aes256gcm16-prfsha384-ecp384 to proposals',
  notify: 'NO_PROPOSAL_CHOSEN',
};

const NOW = 1_800_000_000_000;

const CHILD = {
  id: 3,
  name: 'net',
  reqid: 1,
  state: 'INSTALLED',
  protocol: 'esp',
  mode: 'tunnel',
  udpEncapsulation: true,
  spiIn: '0a0b0c0d',
  spiOut: '0d0c0b0a',
  proposal: 'aes256gcm16',
  esn: false,
  localTs: ['10.1.0.0/16'],
  remoteTs: ['10.2.0.0/16'],
  bytesIn: 123_456n,
  packetsIn: 12n,
  bytesOut: 2n ** 53n + 1n,
  packetsOut: 7n,
  installedAt: NOW - 65_000,
  rekeyAt: NOW + 3_000_000,
  expiresAt: NOW + 3_600_000,
} as const;

const STATUS = {
  daemon: 'cygnet',
  version: '1.2.3',
  now: NOW,
  startedAt: NOW - 90_000_000,
  backend: 'userspace',
  listening: ['0.0.0.0:500', '0.0.0.0:4500'],
  connections: [
    {
      name: 'gw',
      version: 2,
      localAddresses: ['192.0.2.1'],
      remoteAddresses: ['192.0.2.2'],
      localId: 'moon.example.org',
      remoteId: 'sun.example.org',
      children: [
        {
          name: 'net',
          mode: 'tunnel',
          localTs: ['10.1.0.0/16'],
          remoteTs: ['10.2.0.0/16'],
          startAction: 'start',
        },
        {
          name: 'later',
          mode: 'tunnel',
          localTs: ['10.1.0.0/16'],
          remoteTs: ['10.9.0.0/16'],
          startAction: 'trap',
        },
      ],
      ikeSas: [
        {
          id: 1,
          version: 2,
          state: 'ESTABLISHED',
          role: 'initiator',
          local: '192.0.2.1:4500',
          remote: '192.0.2.2:4500',
          localId: 'moon.example.org',
          remoteId: 'sun.example.org',
          initiatorSpi: '0011223344556677',
          responderSpi: '8899aabbccddeeff',
          natLocal: false,
          natRemote: true,
          tcp: false,
          proposal: 'aes256gcm16-prfsha384-ecp384',
          establishedAt: NOW - 65_000,
          rekeyAt: NOW + 13_000_000,
          tasksQueued: [],
          tasksActive: [],
          children: [CHILD],
        },
      ],
    },
    {
      name: 'down',
      version: 2,
      localAddresses: [],
      remoteAddresses: ['gw.example.org'],
      children: [],
      ikeSas: [],
      lastFailure: {
        at: NOW - 4000,
        outcome: 'failed',
        role: 'initiator',
        remote: '192.0.2.9',
        failure: MISMATCH,
      },
    },
  ],
} as const;

/** A daemon that knows two connections: `gw` with net and other, `down` which never comes up. */
async function daemon(
  t: TestContext,
): Promise<{ readonly control: string; readonly seen: readonly string[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-cli-'));
  const seen: string[] = [];
  const note = (command: string, message: Message): void =>
    void seen.push(`${command} ${JSON.stringify(message)}`);
  const conn = (...children: string[]): Message => ({
    children: Object.fromEntries(children.map(child => [child, {}])),
  });
  const server = await ViciServer.listen(join(folder, 'control'), {
    commands: {
      'list-conns': async (_message, context) => {
        await context.emit('list-conn', { gw: conn('net', 'other') });
        await context.emit('list-conn', { down: conn('other', 'never') });
        await context.emit('list-conn', { bare: conn() });
        return {};
      },
      initiate: async (message, context) => {
        note('initiate', message);
        await context.emit('control-log', { group: 'IKE', msg: `initiating ${textOf(message, 'ike')}` });
        if (textOf(message, 'ike') === 'down') throw new Failed(MISMATCH);
        return { success: 'yes', 'ike-id': '4' };
      },
      terminate: async message => {
        note('terminate', message);
        if (textOf(message, 'ike') === 'gone')
          throw new Failed({ code: 'config/unknown-name', summary: 'nothing is up' });
        return { success: 'yes', terminated: '2' };
      },
      rekey: async message => {
        note('rekey', message);
        return { success: 'yes', matches: '1' };
      },
      version: async () => ({ daemon: 'cygnet', version: '9' }),
      'cygnet-status': async () => statusShape.encode(STATUS),
      'cygnet-explain': async message => {
        if (textOf(message, 'connection') !== 'down')
          throw new Failed({ code: 'config/unknown-name', summary: 'there is no such connection' });
        return explanationShape.encode({
          connection: STATUS.connections[1],
          now: NOW,
          facts: [{ topic: 'proposals', values: MISMATCH.ours ?? [] }],
          attempts: [STATUS.connections[1].lastFailure],
        });
      },
    },
    events: ['list-conn', 'control-log', 'log'],
  });
  t.after(async () => {
    await server.close();
    rmSync(folder, { recursive: true });
  });
  return { control: server.address, seen };
}

test('help and version go to standard output and are no failure', async () => {
  const help = await cygnet('--help');
  assert.equal(help.code, 0);
  assert.match(help.out, /Exit codes: 0 done, 1 failed .*, 2 wrong usage/);
  for (const command of [
    'daemon',
    'up',
    'down',
    'rekey',
    'status',
    'explain',
    'log',
    'check',
    'decode',
    'version',
  ]) {
    assert.match(help.out, new RegExp(`^ {2}${command}\\b`, 'm'));
  }
  assert.deepEqual(await cygnet('--version'), { code: 0, out: '1.2.3', error: '' });
  assert.match((await cygnet('version')).out, /^cygnet 1\.2\.3 \(node /);
});

for (const [what, args, message] of [
  ['no command', [], /Usage: cygnet/],
  ['an unknown command', ['statsu'], /unknown command 'statsu'\n\(Did you mean status\?\)/],
  ['an unknown option', ['status', '--jsno'], /unknown option '--jsno'/],
  ['a missing argument', ['up'], /missing required argument 'name'/],
  ['too many arguments', ['up', 'a', 'b'], /too many arguments/],
  [
    'a port that is none',
    ['daemon', '--config', 'x', '--port', '70000'],
    /a port is a number from 0 to 65535/,
  ],
  [
    'a back end that does not exist',
    ['daemon', '--config', 'x', '--backend', 'magic'],
    /Allowed choices are auto, kernel, userspace, memory/,
  ],
  ['a daemon without a configuration', ['daemon'], /required option '--config <dir>'/],
  ['a time that is none', ['up', 'x', '--timeout', 'soon'], /a time is a number of seconds/],
] as const) {
  test(`${what} is wrong usage`, async () => {
    const { code, error } = await cygnet(...args);
    assert.equal(code, 2);
    assert.match(error, message);
    const json = await cygnet('--json', ...args);
    if (args.length === 0) return;
    assert.equal(json.code, 2);
    const { ok, failure } = JSON.parse(json.out);
    assert.deepEqual([ok, failure.code], [false, 'local/usage']);
  });
}

test('no daemon, and no socket, are told with what to do', async () => {
  const nobody = await cygnet('status', '--control', '/nonexistent/x');
  assert.equal(nobody.code, 1);
  assert.match(
    nobody.error,
    /^no daemon listens at \/nonexistent\/x \(local\/no-daemon\)\n {2}to mend {2}start one with/,
  );
  const json = await cygnet('--json', 'status', '--control', '/nonexistent/x');
  assert.equal(JSON.parse(json.out).failure.code, 'local/no-daemon');
  assert.match((await cygnet('status', '--control', 'udp://x')).error, /cannot be a control socket/);
});

test('up brings all children of a connection up, and streams what happens', async t => {
  const { control, seen } = await daemon(t);
  const { code, out, error } = await cygnet('up', 'gw', '--control', control);
  assert.equal(code, 0);
  assert.equal(out, 'gw/net is up\ngw/other is up');
  assert.equal(error, '[IKE] initiating gw\n[IKE] initiating gw');
  assert.deepEqual(seen, [
    'initiate {"ike":"gw","child":"net","timeout":"0"}',
    'initiate {"ike":"gw","child":"other","timeout":"0"}',
  ]);
});

test('up names one child, by its connection or alone, and a connection without children', async t => {
  const { control, seen } = await daemon(t);
  assert.equal((await cygnet('up', 'gw/net', '--timeout', '2.5', '--control', control)).out, 'gw/net is up');
  assert.equal((await cygnet('up', 'net', '--control', control)).out, 'gw/net is up');
  assert.equal((await cygnet('up', 'bare', '--control', control)).out, 'bare is up');
  assert.deepEqual(seen, [
    'initiate {"ike":"gw","child":"net","timeout":"2500"}',
    'initiate {"ike":"gw","child":"net","timeout":"0"}',
    'initiate {"ike":"bare","timeout":"0"}',
  ]);
  const { code, error } = await cygnet('up', 'other', '--control', control);
  assert.equal(code, 1);
  assert.match(error, /"other" is a child of several connections: gw, down.*\n.*say which, as gw\/other/);
});

test('up that fails says why: both sides, the nearest, the mend', async t => {
  const { control } = await daemon(t);
  const { code, out, error } = await cygnet('up', 'down/never', '--control', control);
  assert.equal(code, 1);
  assert.equal(out, '');
  assert.equal(
    error,
    `[IKE] initiating down
down/never: the peer takes none of our proposals (peer/no-proposal-chosen)
  ours     aes256-sha256-ecp256
           aes128-sha1-modp2048
  theirs   aes256gcm16-prfsha384-ecp384
  nearest  aes256-sha256-ecp256 and aes256gcm16-prfsha384-ecp384 share nothing
  notify   NO_PROPOSAL_CHOSEN
  to mend  here: add aes256gcm16-prfsha384-ecp384 to proposals`,
  );
  const json = await cygnet('up', 'down', '--json', '--control', control);
  assert.equal(json.code, 1);
  assert.equal(json.error, '');
  assert.deepEqual(JSON.parse(json.out), {
    ok: false,
    outcomes: [
      { connection: 'down', child: 'other', failure: MISMATCH },
      { connection: 'down', child: 'never', failure: MISMATCH },
    ],
  });
});

test('down and rekey name what they mean, also what is no longer configured', async t => {
  const { control, seen } = await daemon(t);
  assert.equal((await cygnet('down', 'gw', '--control', control)).out, 'gw is down (2 deleted)');
  assert.deepEqual(JSON.parse((await cygnet('down', 'net', '--json', '--control', control)).out), {
    ok: true,
    terminated: 2,
  });
  assert.equal((await cygnet('rekey', 'gw/net', '--control', control)).out, 'gw/net: rekeying 1');
  const gone = await cygnet('down', 'gone', '--control', control);
  assert.deepEqual([gone.code, gone.error], [1, 'nothing is up (config/unknown-name)']);
  assert.deepEqual(seen, [
    'terminate {"ike":"gw"}',
    'terminate {"ike":"gw","child":"net"}',
    'rekey {"ike":"gw","child":"net"}',
    'terminate {"ike":"gone"}',
  ]);
});

test('status is a table of what is configured, what is up, and what failed last', async t => {
  const { control } = await daemon(t);
  const { code, out } = await cygnet('status', '--control', control);
  assert.equal(code, 0);
  assert.equal(
    out,
    `cygnet 1.2.3, up 1d1h, userspace back end, listening on 0.0.0.0:500 0.0.0.0:4500
2 configured, 1 up

NAME     STATE        SINCE  RENEWS  LOCAL                            REMOTE                                IN       OUT
gw       ESTABLISHED  1m5s   3h36m   192.0.2.1:4500 moon.example.org  192.0.2.2:4500 (NAT) sun.example.org
  net    INSTALLED    1m5s   50m     10.1.0.0/16                      10.2.0.0/16                           121 KiB  8.00 PiB
  later  trap                        10.1.0.0/16                      10.9.0.0/16
down     down                        %any                             gw.example.org
      failed 4s ago: the peer takes none of our proposals (peer/no-proposal-chosen); see: cygnet explain down`,
  );
});

test('status tells more when asked, of one connection when named', async t => {
  const { control } = await daemon(t);
  const { out } = await cygnet('status', 'gw', '-l', '--control', control);
  assert.doesNotMatch(out, /^down/m);
  assert.match(
    out,
    /^ {6}#1 IKEv2 initiator 0011223344556677:8899aabbccddeeff aes256gcm16-prfsha384-ecp384$/m,
  );
  assert.match(
    out,
    /^ {6}#3 reqid 1 esp tunnel in UDP, SPIs 0a0b0c0d in 0d0c0b0a out, aes256gcm16, 12 packets in, 7 out$/m,
  );
  const unknown = await cygnet('status', 'wg', '--control', control);
  assert.equal(unknown.code, 1);
  assert.match(unknown.error, /there is no connection "wg".*\n.*configured are: gw, down/);
});

test('status as JSON has every field, with counters that no number holds as text', async t => {
  const { control } = await daemon(t);
  const { out } = await cygnet('status', '--json', '--control', control);
  const status = JSON.parse(out);
  assert.equal(status.connections[0].ikeSas[0].children[0].bytesOut, '9007199254740993');
  assert.deepEqual(status.connections[1].lastFailure.failure, MISMATCH);
  assert.equal(status.connections[0].ikeSas[0].natRemote, true);
});

test('explain tells what is configured and what was tried', async t => {
  const { control } = await daemon(t);
  const { code, out } = await cygnet('explain', 'down', '--control', control);
  assert.equal(code, 0);
  assert.match(out, /^down is down\n {2}configured\n {4}proposals {2}aes256-sha256-ecp256\n/);
  assert.match(
    out,
    /4s ago as initiator with 192\.0\.2\.9: failed\n {6}the peer takes none of our proposals/,
  );
  assert.equal(
    JSON.parse((await cygnet('explain', 'down', '--json', '--control', control)).out).attempts.length,
    1,
  );
  assert.equal((await cygnet('explain', 'x', '--control', control)).code, 1);
  // Of a child, its connection is told of.
  assert.match((await cygnet('explain', 'down/net', '--control', control)).out, /^down is down\n/);
});

test('version asks the daemon too when told to', async t => {
  const { control } = await daemon(t);
  assert.equal(
    (await cygnet('version', '--daemon', '--control', control)).out,
    'cygnet 1.2.3, daemon cygnet 9',
  );
  assert.equal(JSON.parse((await cygnet('version', '--json')).out).version, '1.2.3');
});

test('log follows until the daemon ends', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-cli-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const server = await ViciServer.listen(join(folder, 'control'), { commands: {}, events: ['log'] });
  const answer = cygnet('log', '-f', '--control', server.address);
  while (!server.hasListeners('log')) await new Promise(resolve => setImmediate(resolve));
  server.emit('log', { group: 'NET', level: '1', 'ikesa-name': 'gw', 'ikesa-uniqueid': '7', msg: 'sent' });
  server.emit('log', { group: 'CFG', msg: 'loaded' });
  const { code, out } = await Promise.race([
    answer,
    new Promise<Answer>(() => setImmediate(() => void server.close())),
  ]);
  assert.equal(code, 0);
  const lines = out.split('\n').map(line => line.replace(/^\S+ /, ''));
  assert.deepEqual(lines, ['[NET] <gw|7> sent', '[CFG] loaded']);
});

test('check prints every error and warning, and says whether there were errors', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-cli-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const write = (text: string): void => writeFileSync(join(folder, 'swanctl.conf'), text, { mode: 0o600 });
  write(
    'connections { gw { local { auth = psk }\n remote { auth = psk } } }\nsecrets { ike { secret = x } }',
  );
  assert.deepEqual(await cygnet('check', folder), {
    code: 0,
    out: '1 connection, 0 warnings: gw',
    error: '',
  });
  write('connections { gw { verison = 2\n mobike = x\n dpd_timeout = 5s } }\nsecrets { ike { secret = x } }');
  const bad = await cygnet('check', folder);
  assert.equal(bad.code, 1);
  assert.equal(bad.out, '2 errors');
  assert.match(
    bad.error,
    /^error: .*:1:20: there is no key "verison".*did you mean "version"\?\nerror: .*:2:11: mobike cannot be "x".*[\s\S]*\nwarning: .*:3:2: dpd_timeout has no effect/,
  );
  const json = JSON.parse((await cygnet('check', folder, '--json')).out);
  assert.deepEqual(
    [json.ok, json.errors.length, json.errors[0].line, json.errors[0].column],
    [false, 2, 1, 20],
  );
});

test('a daemon whose configuration is wrong says all of it and does not start', async () => {
  const { code, error } = await cygnet('daemon', '--config', '/nonexistent', '--control', '/nonexistent/c');
  assert.equal(code, 1);
  assert.match(error, /^error: \/nonexistent: the directory does not exist; name one that holds/);
});

test('decode prints a message, and refuses what is no hexadecimal', async () => {
  const hex = '5f54bf6d8b48e6e1 0000000000000000 00202208 00000000 0000001c';
  const { code, out } = await cygnet('decode', hex);
  assert.equal(code, 0);
  assert.match(out, /IKE_SA_INIT/);
  assert.equal((await cygnet('decode', 'zz')).code, 1);
  assert.equal(typeof JSON.parse((await cygnet('decode', hex, '--json')).out).description, 'string');
});
