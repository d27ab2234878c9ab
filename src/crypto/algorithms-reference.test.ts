import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import type { Algorithm } from './algorithm.ts';
import { ENCRYPTION } from './encr/registry.ts';
import { INTEGRITY } from './integ/registry.ts';
import { KEY_EXCHANGES } from './ke/registry.ts';
import { PRFS } from './prf/registry.ts';
import { defaultProposals } from './proposal.ts';
import { SIGNATURES } from './sign/registry.ts';

const PAGE = resolve(import.meta.dirname, '../../docs/reference/algorithms.md');

/** `CYGNET_UPDATE_DOCS=1 npm test` writes the page anew; otherwise it must say what the tables say. */
test('docs/reference/algorithms.md is what the registries say', () => {
  const page = render();
  if (process.env['CYGNET_UPDATE_DOCS'] !== undefined) writeFileSync(PAGE, page);
  assert.equal(readFileSync(PAGE, 'utf8'), page);
});

function render(): string {
  return `# Algorithms

This page is drawn from the tables in \`src/crypto\`; to change it, change a row and run
\`CYGNET_UPDATE_DOCS=1 npm test\`.

A proposal joins keywords with hyphens, and proposals are parted by commas: \`aes256gcm16-prfsha384-ecp384,
aes128-sha256-modp3072\`. Several keywords of a kind are alternatives, the first is preferred. An integrity keyword implies
the PRF of the same hash; ciphers with authentication of their own take no integrity, so an IKE proposal with one of
them names a PRF. In ESP and AH a key exchange keyword asks for PFS, \`none\` beside it makes that optional; \`esn\` and \`noesn\`
choose the width of sequence numbers (\`noesn\` unless said). \`ke1_…\` to \`ke7_…\` add further key exchanges (RFC 9370), such
as \`x25519-ke1_mlkem768\`; \`ke1_none\` beside one makes it optional.

**Status.** *default*: stands in the default proposals. *allowed*: sound, has to be named. *weak*: works where it is named,
never by default, and is reported (RFC 8247 and RFC 8221 say SHOULD NOT or MUST NOT, or worse is known).
**Strength** is in bits, against classical attacks, with the longest key.

## Default proposals

${(['ike', 'esp', 'ah'] as const)
  .map(protocol =>
    [`**${protocol.toUpperCase()}**`, ...defaultProposals(protocol).map(({ text }) => `- \`${text}\``)].join(
      '\n\n',
    ),
  )
  .join('\n\n')}

## Ciphers

${table(
  ['Keywords', 'Name', 'ID', 'Key bits', 'IV', 'ICV', ...COMMON],
  ENCRYPTION.map(row => [
    row.keywords.map(({ names }) => names.map(code).join(' = ')).join(', '),
    row.name,
    row.id,
    row.keywords.map(({ keyLength }) => keyLength).join(', '),
    row.iv,
    row.icv === 0 ? '–' : row.icv,
    ...common(row),
  ]),
)}

IV and ICV in octets; an ICV makes a cipher one with authentication of its own (AEAD).

## Integrity

${table(
  ['Keywords', 'Name', 'ID', 'Key', 'ICV', ...COMMON],
  INTEGRITY.map(row => [
    row.keywords.map(code).join(' = '),
    row.name,
    row.id,
    row.key,
    row.icv,
    ...common(row),
  ]),
)}

Key and ICV in octets. \`sha256_96\` is a draft's truncation that old kernels still use; its number is a private one.

## Pseudorandom functions

${table(
  ['Keywords', 'Name', 'ID', 'Output', ...COMMON],
  PRFS.map(row => [row.keywords.map(code).join(' = '), row.name, row.id, row.output, ...common(row)]),
)}

## Key exchange

${table(
  ['Keywords', 'Name', 'ID', 'Initiator sends', 'Responder sends', ...COMMON],
  KEY_EXCHANGES.map(row => [
    row.keywords.map(code).join(' = '),
    row.name,
    row.id,
    row.publicLength,
    row.responseLength,
    ...common(row),
  ]),
)}

Lengths in octets. Of these only the three ML-KEM methods withstand a quantum computer; beside a classical method they
are named \`ke1_mlkem768\`. Public values are checked before use: length, 1 < y < p − 1 and the subgroup where its order is known
(RFC 6989), the curve equation, secrets of zeros (RFC 8031 §5), coefficients (FIPS 203 §7.2).

## Signatures

${table(
  ['Name', 'Key', 'Hash', 'IKEv2', 'Status'],
  SIGNATURES.map(({ scheme, identifier, method, curve, status }) => [
    code(scheme.name),
    curve === undefined ? scheme.keyType : `${scheme.keyType} on ${curve}`,
    scheme.hash ?? '–',
    [
      identifier === undefined ? [] : ['method 14 (RFC 7427)'],
      method === undefined ? [] : [`method ${method}`],
    ]
      .flat()
      .join(', ') || 'IKEv1 alone',
    status,
  ]),
)}

With RFC 7427 the peer says which hashes it takes; of the schemes that are left, RSA prefers PSS, and the hash that suits
the size of the key comes first.
`;
}

const COMMON = ['For', 'Strength', 'Status'];

function common({ uses, strength, status }: Algorithm): (string | number)[] {
  return [uses.map(use => use.toUpperCase()).join(', '), strength === 0 ? 'none' : strength, status];
}

function code(text: string): string {
  return `\`${text}\``;
}

function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const line = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
