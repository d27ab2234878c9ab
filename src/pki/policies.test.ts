import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Issued, issue, keyPair, makeAuthority } from '../../test/certificate-builder.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { type Certificate, parseCertificate } from './certificate.ts';
import { encodeDer, Tag } from './der.ts';
import { validPolicies } from './policies.ts';

const provider = nodeProvider();
const ANY = '2.5.29.32.0';
const [P1, P2, P3] = ['1.3.6.1.4.1.99999.1', '1.3.6.1.4.1.99999.2', '1.3.6.1.4.1.99999.3'] as const;

/** What the certificate of one level says of policies. */
interface Level {
  readonly policies?: readonly string[];
  readonly mappings?: readonly (readonly [string, string])[];
  readonly explicit?: number;
  readonly noMapping?: number;
  readonly noAny?: number;
  readonly selfIssued?: true;
}

// ── an encoder of its own ──

const der = (tag: number, ...parts: readonly Uint8Array[]): Uint8Array =>
  encodeDer(tag, Buffer.concat(parts));
const small = (tag: number, value: number): Uint8Array => encodeDer(tag, Uint8Array.of(value));

function oid(text: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  const octets = [40 * first + second, ...rest].flatMap(arc => {
    const groups = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80);
    return groups;
  });
  return encodeDer(0x06, Uint8Array.from(octets));
}

function extensionsOf({ policies, mappings, explicit, noMapping, noAny }: Level) {
  const made = (id: string, value: Uint8Array) => ({ oid: id, critical: true, der: value });
  return [
    ...(policies === undefined
      ? []
      : [made('2.5.29.32', der(Tag.SEQUENCE, ...policies.map(policy => der(Tag.SEQUENCE, oid(policy)))))]),
    ...(mappings === undefined
      ? []
      : [
          made(
            '2.5.29.33',
            der(Tag.SEQUENCE, ...mappings.map(([from, to]) => der(Tag.SEQUENCE, oid(from), oid(to)))),
          ),
        ]),
    ...(explicit === undefined && noMapping === undefined
      ? []
      : [
          made(
            '2.5.29.36',
            der(
              Tag.SEQUENCE,
              ...(explicit === undefined ? [] : [small(0x80, explicit)]),
              ...(noMapping === undefined ? [] : [small(0x81, noMapping)]),
            ),
          ),
        ]),
    ...(noAny === undefined ? [] : [made('2.5.29.54', small(0x02, noAny))]),
  ];
}

/** From the root, which says nothing, to the leaf. */
function chain(levels: readonly Level[]): readonly Issued[] {
  const root = makeAuthority({ subject: 'CN=R' });
  const made = [root];
  for (const [i, level] of levels.entries()) {
    const parent = made.at(-1) as Issued;
    const subject = level.selfIssued === true ? parent.subject : `CN=L${i}`;
    const options = { subject, extensions: extensionsOf(level), key: keyPair('p256') };
    made.push(i === levels.length - 1 ? issue(parent, options) : makeAuthority({ ...options, parent }));
  }
  return made;
}

function read(made: readonly Issued[]): readonly Certificate[] {
  return made.map(({ der: octets }) => parseCertificate(octets, provider)).toReversed();
}

/** What `openssl verify` says with the whole of policy processing switched on, or of one policy that is asked for. */
function openssl(made: readonly Issued[], ...options: readonly string[]): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'policies-'));
  const file = (name: string, list: readonly Issued[]): string => {
    const pem = list.map(
      ({ der: octets }) =>
        `-----BEGIN CERTIFICATE-----\n${Buffer.from(octets).toString('base64')}\n-----END CERTIFICATE-----\n`,
    );
    writeFileSync(join(folder, name), pem.join(''));
    return join(folder, name);
  };
  try {
    const between = made.slice(1, -1);
    execFileSync(
      'openssl',
      [
        'verify',
        ...options,
        '-CAfile',
        file('ca.pem', made.slice(0, 1)),
        ...(between.length === 0 ? [] : ['-untrusted', file('between.pem', between)]),
        file('leaf.pem', made.slice(-1)),
      ],
      { stdio: 'pipe' },
    );
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const CASES: readonly (readonly [string, readonly Level[], readonly string[] | 'fault'])[] = [
  ['a leaf below an anchor that names none', [{ policies: [P1, P2] }], [P1, P2]],
  ['no policies at all', [{}, {}], []],
  ['what the authority does not have is not valid', [{ policies: [P1] }, { policies: [P1, P2] }], [P1]],
  ['an authority without policies ends them', [{}, { policies: [P1] }], []],
  ['an authority with anyPolicy allows all', [{ policies: [ANY] }, { policies: [P2] }], [P2]],
  ['one above the other', [{ policies: [P1, P2] }, { policies: [P2, P3] }, { policies: [P2, P3] }], [P2]],
  ['anyPolicy of a leaf names none', [{ policies: [P1] }, { policies: [ANY] }], []],
  [
    'anyPolicy in between hands on what is above',
    [{ policies: [P1] }, { policies: [ANY] }, { policies: [P1, P2] }],
    [P1],
  ],
  [
    'anyPolicy that is inhibited hands on nothing',
    [{ policies: [P1], noAny: 0 }, { policies: [ANY] }, { policies: [P1] }],
    [],
  ],
  [
    'but a new certificate of the same authority may say it',
    [{ policies: [P1], noAny: 0 }, { policies: [ANY], selfIssued: true }, { policies: [P1] }],
    [P1],
  ],
  ['a policy mapped to another', [{ policies: [P1], mappings: [[P1, P2]] }, { policies: [P1, P2] }], [P2]],
  [
    'one policy mapped to two',
    [
      {
        policies: [P1],
        mappings: [
          [P1, P2],
          [P1, P3],
        ],
      },
      { policies: [P2, P3] },
    ],
    [P2, P3],
  ],
  ['a mapping below anyPolicy', [{ policies: [ANY], mappings: [[P1, P2]] }, { policies: [P2] }], [P2]],
  [
    'a mapping that is inhibited',
    [
      { policies: [P1, P3], noMapping: 0 },
      { policies: [P1, P3], mappings: [[P1, P2]] },
      { policies: [P2, P3] },
    ],
    [P3],
  ],
  ['a mapping of anyPolicy', [{ policies: [P1], mappings: [[P1, ANY]] }, { policies: [P1] }], 'fault'],
  ['a policy is demanded, and there', [{ policies: [P1], explicit: 0 }, { policies: [P1] }], [P1]],
  ['a policy is demanded, and not there', [{ policies: [P1], explicit: 0 }, {}], 'fault'],
  ['a policy is demanded, and another there', [{ policies: [P1], explicit: 0 }, { policies: [P2] }], 'fault'],
  ['a policy is demanded further down than the leaf', [{ policies: [P1], explicit: 4 }, {}], []],
  [
    'a policy is demanded two below, which is the leaf',
    [{ policies: [P1], explicit: 1 }, { policies: [P1] }, {}],
    'fault',
  ],
  ['a leaf that demands one of itself', [{ policies: [P1] }, { explicit: 0 }], 'fault'],
];

for (const [what, levels, expected] of CASES)
  test(`policies: ${what}`, () => {
    const found = validPolicies(read(chain(levels)));
    if (expected === 'fault') assert.ok('detail' in found, String(found));
    else assert.deepEqual(found, expected);
  });

test('openssl finds the same policies valid', t => {
  if (spawnSync('openssl', ['version']).status !== 0) return t.skip('there is no openssl');
  const samples = CASES.filter((_, i) => i % 3 === 0);
  for (const [what, levels, expected] of samples) {
    const made = chain(levels);
    if (expected === 'fault') {
      assert.equal(openssl(made, '-policy_check', '-policy', ANY), false, what);
      continue;
    }
    assert.equal(openssl(made, '-policy_check', '-policy', ANY), true, what);
    // openssl takes the policies that are asked for as the anchor calls them.
    if (levels.some(({ mappings }) => mappings !== undefined)) continue;
    if (levels.at(-1)?.policies?.includes(ANY) === true) continue;
    const asked = openssl(made, '-explicit_policy', '-policy', P2);
    assert.equal(asked, expected.includes(P2), `${what}: ${P2}`);
  }
});

test('an anchor that names policies allows no others', () => {
  const root = makeAuthority({ subject: 'CN=R', extensions: extensionsOf({ policies: [P1], explicit: 0 }) });
  const leaf = (policy: string): Issued =>
    issue(root, { subject: 'CN=L', extensions: extensionsOf({ policies: [policy] }) });
  assert.deepEqual(validPolicies(read([root, leaf(P1)])), [P1]);
  assert.ok('detail' in validPolicies(read([root, leaf(P2)])));
});

test('hundreds of policies and mappings on every level are little work', () => {
  const many = Array.from({ length: 250 }, (_, i) => `1.3.6.1.4.1.99999.7.${i}`);
  const mappings = many.slice(1).map((policy, i) => [many[i] as string, policy] as const);
  const level = { policies: [ANY, ...many], mappings };
  const path = read(chain([...Array.from({ length: 7 }, () => level), { policies: many }]));
  const found = validPolicies(path);
  assert.ok(!('detail' in found));
  assert.ok(found.length > 200);
});
