import assert from 'node:assert/strict';
import { test } from 'node:test';
import { resolveReferences } from '../../src/config/inheritance.ts';
import { connectionFromTree } from '../../src/config/inline.ts';
import { openSection, parseInto } from '../../src/config/parser.ts';
import { poolsFrom } from '../../src/config/pools.ts';
import { ConfigurationFailure, Report } from '../../src/config/report.ts';
import { secretsFrom } from '../../src/config/secrets.ts';
import type { PlainTree, Section } from '../../src/config/section.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { Random } from '../sim/random.ts';
import { FUZZ_SEED, fuzzRuns, mutate } from './mutate.ts';

const provider = nodeProvider();

const SAMPLE = `
defaults { version = 2
  local { auth = psk
    id = "moon \\"x\\" .example.org" } }
connections { gw : defaults, more.inner { remote_addrs = 10.0.0.1, gw.example.org # where
    proposals = aes256-sha256-ecp256, default
    rekey_time = 4h
    children { net { local_ts = 10.0.0.0/8[tcp/80], dynamic
        rekey_bytes = 10m
        esp_proposals = aes256gcm16-x25519-ke1_mlkem768-esn } }
    remote { auth = ike:pubkey-sha384
      id = ^.*\\.example\\.org$ } } }
more { inner { mobike = no } }
include conf.d/*.conf
secrets { ike-1 { secret = 0sAAEC
    id-1 = %any } }
pools { p { addrs = 10.1.0.0/24
    dns = 10.1.0.53, ::1 } }
`;

/** Tokens of the language, to mend and to break with. */
const TOKENS = [
  '{',
  '}',
  '=',
  ':',
  ',',
  '#',
  '"',
  '\\',
  '\n',
  '\r\n',
  ' ',
  'include ',
  'a : a { ',
  '0x',
  '%',
  '^',
  '/',
  '[',
  '\0',
  'é',
  '\ufeff',
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
  const open = openSection('', { file: 'f', line: 0, column: 0 });
  parseInto(open, text, 'f', { report, include: () => undefined });
  return { root: resolveReferences(open, report).root, report };
}

/** The tree of a section as a control message would carry it. */
function plain(section: Section): PlainTree {
  const tree: Record<string, PlainTree[string]> = {};
  for (const { key, value } of section.settings.values()) if (value !== undefined) tree[key] = value;
  for (const inner of section.sections.values()) tree[inner.name] = plain(inner);
  return tree;
}

test('the sample itself has nothing wrong with it', () => {
  assert.deepEqual(read(SAMPLE).report.failures, []);
});

test(`wounded configurations are read or told, each fault within the text (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  let faulty = 0;
  const runs = fuzzRuns(600);
  for (let run = runs; run > 0; run--) {
    const text = wound(SAMPLE, random);
    const lines = text.split('\n');
    try {
      const { root, report } = read(text);
      poolsFrom(root.sections.get('pools'), report);
      secretsFrom(root.sections.get('secrets'), report);
      if (report.failures.length > 0) faulty++;
      for (const { at } of [...report.failures, ...report.warnings]) {
        assert.ok(at.line >= 1 && at.line <= lines.length, `line ${at.line} of ${lines.length}`);
        assert.ok(
          at.column >= 1 && at.column <= (lines[at.line - 1] as string).length + 1,
          `column ${at.column}`,
        );
      }
      for (const section of root.sections.get('connections')?.sections.values() ?? []) build(section);
    } catch (error) {
      assert.fail(`seed ${FUZZ_SEED}, text ${JSON.stringify(text)}: ${(error as Error).stack}`);
    }
  }
  assert.ok(faulty > runs / 4 && faulty < runs, `${faulty} of ${runs} faulty`);
});

/** A connection from any tree is built, or refused with all that is wrong. */
function build(section: Section): void {
  try {
    connectionFromTree(section.name, plain(section), provider);
  } catch (error) {
    if (!(error instanceof ConfigurationFailure)) throw error;
    assert.ok(error.failures.length > 0);
  }
}

test(`noise of the language’s own tokens never hangs or breaks the reader (seed ${FUZZ_SEED})`, () => {
  const random = new Random(FUZZ_SEED);
  for (let run = fuzzRuns(600); run > 0; run--) {
    const text = Array.from({ length: random.below(60) }, () => TOKENS[random.below(TOKENS.length)]).join('');
    try {
      read(text);
    } catch (error) {
      assert.fail(`seed ${FUZZ_SEED}, text ${JSON.stringify(text)}: ${(error as Error).stack}`);
    }
  }
});
