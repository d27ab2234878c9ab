import assert from 'node:assert/strict';
import { INLINE_BLOBS } from '../src/config/blobs.ts';
import { connectionFrom } from '../src/config/connection.ts';
import { openSection, parseInto } from '../src/config/parser.ts';
import { formatRemark, Report } from '../src/config/report.ts';
import { nodeProvider } from '../src/crypto/node/provider.ts';
import type { Connection } from '../src/policy/connection.ts';

const provider = nodeProvider();

/** A connection as a file `f` says it, and what there is to say about that. */
interface ReadConnection {
  readonly connection: Connection;
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
}

/** Reads `body` as what stands between the braces of a connection `gw`, from the second line on. */
export function readConnection(body: string): ReadConnection {
  const report = new Report();
  const root = openSection('', { file: 'f', line: 0, column: 0 });
  parseInto(root, `gw {\n${body}\n}`, 'f', { report, include: () => undefined });
  const section = root.sections.get('gw');
  assert.ok(section !== undefined);
  const connection = connectionFrom(section, {
    report,
    provider,
    blobs: INLINE_BLOBS,
    certificates: [],
    authorities: [],
    authorityUris: [],
  });
  return {
    connection,
    failures: report.failures.map(formatRemark),
    warnings: report.warnings.map(formatRemark),
  };
}
