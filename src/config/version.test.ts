import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSection, parseInto } from './parser.ts';
import { formatRemark, Report } from './report.ts';
import { CONNECTION } from './schema/connection.ts';
import { readSection } from './schema.ts';
import { tellOtherVersion } from './version.ts';

/** What is told of connections with these settings, in order. */
function told(version: 0 | 1 | 2, ...bodies: readonly string[]): readonly string[] {
  const report = new Report();
  const root = openSection('', { file: 'f', line: 0, column: 0 });
  const text = bodies.map((body, i) => `gw${i} {\n${body}\n}`).join('\n');
  parseInto(root, text, 'f', { report, include: () => undefined });
  for (const section of root.sections.values())
    tellOtherVersion(section, version, readSection(section, CONNECTION, report), report);
  return report.warnings.map(formatRemark);
}

test('what the other version has is named, and once', () => {
  const wanted = 'tcp = yes\nchildless = force';
  const names = told(1, wanted, wanted, 'tcp = yes').map(line => line.replace(/ has no effect.*/, ''));
  assert.deepEqual(names, ['f:2:1: tcp', 'f:3:1: childless']);
  assert.match(told(2, 'aggressive = yes').join(), /aggressive has no effect in IKEv2/);
  assert.equal(told(2, 'dpd_timeout = 30s').length, 1);
});

test('nothing is said of what asks for nothing, nor where both versions may be', () => {
  assert.deepEqual(told(1, 'mobike = no\nchildless = allow\ntcp = no', ''), []);
  assert.deepEqual(told(2, 'aggressive = no\ndpd_timeout = 0s'), []);
  assert.deepEqual(told(0, 'tcp = yes\naggressive = yes'), []);
});
