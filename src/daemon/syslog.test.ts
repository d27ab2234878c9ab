import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SyslogSettings } from '../config/index.ts';
import type { LogLine } from './log-lines.ts';
import { Syslog } from './syslog.ts';

const LINE: LogLine = { group: 'IKE', level: 1, connection: 'lab', ike: 3, text: 'established' };
const AT = new Date(2026, 10, 2, 3, 4, 5);

const SETTINGS: SyslogSettings = {
  identifier: 'charon',
  targets: [
    { facility: 3, ikeName: true, levels: { default: 1, net: -1 } },
    { facility: 10, ikeName: false, levels: { default: -1, ike: 0 } },
  ],
};

function scene(settings = SETTINGS) {
  const sent: string[] = [];
  const opened: string[] = [];
  const failures: string[] = [];
  const state = { broken: false };
  const syslog = new Syslog(
    settings,
    path => {
      opened.push(path);
      if (state.broken) throw new Error('ECONNREFUSED');
      return {
        send: text => {
          if (state.broken) throw new Error('ECONNREFUSED');
          sent.push(text);
        },
        close: () => undefined,
      };
    },
    error => failures.push(error.message),
  );
  return { syslog, sent, opened, failures, state };
}

test('lines go to the facilities that want them, as charon writes them', () => {
  const { syslog, sent, opened } = scene();
  syslog.write(LINE, AT);
  syslog.write({ ...LINE, level: 0, text: 'deleted' }, AT);
  syslog.write({ ...LINE, group: 'NET', level: 0 }, AT);
  syslog.write({ ...LINE, group: 'CFG', level: 2 }, AT);
  assert.deepEqual(sent, [
    '<30>Nov  2 03:04:05 charon: 01[IKE] <lab|3> established',
    '<30>Nov  2 03:04:05 charon: 01[IKE] <lab|3> deleted',
    '<86>Nov  2 03:04:05 charon: 01[IKE] deleted',
  ]);
  assert.deepEqual(opened, ['/dev/log']);
});

test('a log that is restarted is found again, one that is gone is told of once', () => {
  const { syslog, sent, opened, failures, state } = scene();
  const at = (seconds: number): Date => new Date(AT.getTime() + 1000 * seconds);
  syslog.write(LINE, at(0));
  state.broken = true;
  syslog.write(LINE, at(1));
  for (let i = 0; i < 100; i++) syslog.write(LINE, at(1.5));
  assert.equal(opened.length, 2, 'not for every line');
  syslog.write(LINE, at(3));
  assert.deepEqual(failures, ['ECONNREFUSED']);
  state.broken = false;
  syslog.write(LINE, at(5));
  assert.equal(sent.length, 2);
});

test('no line is longer than a log takes', () => {
  const { syslog, sent } = scene();
  syslog.write({ ...LINE, text: 'x'.repeat(5000) }, AT);
  assert.equal(sent[0]?.length, 1024);
});
