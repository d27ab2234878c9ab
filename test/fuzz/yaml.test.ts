import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionFromTree, manualSaFromTree, poolFromTree } from '../../src/config/inline.ts';
import { openSection } from '../../src/config/parser.ts';
import { ConfigurationFailure, Report } from '../../src/config/report.ts';
import type { PlainTree, Section } from '../../src/config/section.ts';
import { parseYamlInto } from '../../src/config/yaml-source.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { Random } from '../sim/random.ts';
import { FUZZ_SEED, fuzzRuns, mutate } from './mutate.ts';

const provider = nodeProvider();

const SAMPLE = `# a configuration
x-common: &common {proposals: [aes256-sha256-x25519, default], mobike: no}
connections:
  gw: &gw
    <<: *common
    remote_addrs: [10.0.0.1, "gw.example.org"]
    local: {auth: psk, id: 'moon''s'}
    remote:
      auth: psk
      id: "^.*\\\\.example$"
    children:
      net:
        local_ts: 10.0.0.0/8[tcp/80], dynamic
        rekey_bytes: 10m   # a comment
        updown: >-
          /usr/bin/hook
          now
      other:
  again:
    <<: [*gw, *common]
pools:
  p: {addrs: 10.1.0.0/24, dns: [10.1.0.53, "::1"]}
manual:
  m:
    local_addr: 192.0.2.1
    remote_addr: 192.0.2.2
    spi_in: 0xc1000001
    spi_out: 0xc1000002
    esp: aes128-sha256
    encryption_key_in: 0x000102030405060708090a0b0c0d0e0f
    encryption_key_out: 0sAAECAwQFBgcICQoLDA0ODw==
    integrity_key_in: |
      0x000102030405060708090a0b0c0d0e0f000102030405060708090a0b0c0d0e0f
    integrity_key_out: 0x01
`;

const TOKENS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ': ',
  '- ',
  '? ',
  '&a ',
  '*a',
  '<<: *a',
  '|\n',
  '>\n',
  '"',
  "'",
  '#',
  '%YAML 1.1\n',
  '---\n',
  '...\n',
  '!!int ',
  '!x ',
  '@',
  '`',
  '\t',
  '\n',
  '\r\n',
  '  ',
  '~',
  'null',
  '\0',
  'é',
  '\ufeff',
  '\ud800',
  '\\',
];

function wound(text: string, random: Random): string {
  let result = Buffer.from(mutate(Buffer.from(text), random)).toString('utf8');
  for (let i = random.below(4); i > 0; i--) {
    const at = random.below(result.length + 1);
    const token = TOKENS[random.below(TOKENS.length)] as string;
    result = result.slice(0, at) + token + result.slice(at + random.below(3));
  }
  return result;
}

function read(text: string): { readonly root: Section; readonly report: Report } {
  const report = new Report();
  const root = openSection('', { file: 'f', line: 0, column: 0 });
  parseYamlInto(root, text, 'f', report);
  return { root, report };
}

/** The tree of a section as a control message would carry it. */
function plain(section: Section): PlainTree {
  const tree: Record<string, PlainTree[string]> = {};
  for (const { key, value, items } of section.settings.values())
    if (value !== undefined) tree[key] = items ?? value;
  for (const inner of section.sections.values()) tree[inner.name] = plain(inner);
  return tree;
}

function build(root: Section): void {
  const kinds = {
    connections: (name: string, tree: PlainTree) => connectionFromTree(name, tree, provider),
    pools: poolFromTree,
    manual: manualSaFromTree,
  };
  for (const [kind, from] of Object.entries(kinds)) {
    for (const section of root.sections.get(kind)?.sections.values() ?? []) {
      try {
        from(section.name, plain(section));
      } catch (error) {
        if (!(error instanceof ConfigurationFailure)) throw error;
        assert.ok(error.failures.length > 0);
      }
    }
  }
}

/** Whatever the text is, it is read or told, each fault within it. */
function survive(text: string): boolean {
  try {
    const { root, report } = read(text);
    // The reader ends lines as YAML does, with or without a carriage return.
    const lines = text.split('\n');
    for (const { at } of [...report.failures, ...report.warnings]) {
      assert.ok(at.line >= 1 && at.line <= lines.length + 1, `line ${at.line} of ${lines.length}`);
      assert.ok(at.column >= 1 && at.column <= (lines[at.line - 1] ?? '').length + 2, `column ${at.column}`);
    }
    build(root);
    return report.failures.length > 0;
  } catch (error) {
    assert.fail(`seed ${FUZZ_SEED}, text ${JSON.stringify(text)}: ${(error as Error).stack}`);
  }
}

test('the sample itself has nothing wrong with it', () => {
  assert.deepEqual(read(SAMPLE).report.failures, []);
});

test(`wounded YAML is read or told, each fault within the text (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  const runs = fuzzRuns(120);
  let faulty = 0;
  for (let run = runs; run > 0; run--) if (survive(wound(SAMPLE, random))) faulty++;
  assert.ok(faulty > runs / 4 && faulty < runs, `${faulty} of ${runs} faulty`);
});

test(`noise of YAML’s own tokens never hangs or breaks the reader (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  for (let run = fuzzRuns(120); run > 0; run--)
    survive(Array.from({ length: random.below(60) }, () => TOKENS[random.below(TOKENS.length)]).join(''));
});
