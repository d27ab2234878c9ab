import { readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { CryptoProvider } from '../crypto/provider.ts';
import type { Instant } from '../lib/time.ts';
import type { Certificate } from '../pki/certificate.ts';
import type { Connection } from '../policy/connection.ts';
import type { Credentials } from '../policy/credentials.ts';
import type { ManualSa } from '../policy/manual-sa.ts';
import type { Pool } from '../policy/pool.ts';
import type { ReadingContext } from './authentication.ts';
import { authoritiesFrom } from './authorities.ts';
import { FileBlobs } from './blobs.ts';
import { checkReferences } from './check.ts';
import { connectionFrom } from './connection.ts';
import { readCredentialFiles, warnIfExposed } from './credentials.ts';
import { resolveReferences } from './inheritance.ts';
import { manualSasFrom } from './manual.ts';
import { KEY_SETTINGS } from './manual-keys.ts';
import { nearest } from './nearest.ts';
import { type OpenSection, openSection } from './parser.ts';
import { poolsFrom } from './pools.ts';
import { type ConfigurationWarning, Report } from './report.ts';
import { secretsFrom } from './secrets.ts';
import type { Section, Setting } from './section.ts';
import { isYaml, readSource, readYamlSources } from './source.ts';

/** All that a swanctl directory says. */
export interface Configuration {
  readonly connections: readonly Connection[];
  readonly credentials: Credentials;
  readonly pools: readonly Pool[];
  readonly manual: readonly ManualSa[];
  /** What works but probably is not what was meant, and what has no effect here. */
  readonly warnings: readonly ConfigurationWarning[];
}

export interface LoadOptions {
  /** Reads the keys. */
  readonly provider: CryptoProvider;
  /** For warnings of certificates that have expired. */
  readonly now: Instant;
}

const TOP_SECTIONS = ['connections', 'secrets', 'pools', 'authorities', 'manual'];

/**
 * Reads the swanctl directory at `path` (or the one that the file `path` lies in, with that file in place of
 * swanctl.conf or of YAML files): the text, all that it includes, and the certificates and keys of the folders beside it. Throws
 * ConfigurationFailure with everything that is wrong.
 */
export function loadConfiguration(path: string, options: LoadOptions): Configuration {
  const report = new Report();
  const { directory, source } = sourceAt(path, report);
  const { root, templates } = resolveReferences(source, report);
  checkTop(root, templates, report);
  const context: ReadingContext = {
    report,
    provider: options.provider,
    blobs: new FileBlobs(directory),
    certificates: [],
    authorities: [],
    authorityUris: [],
  };
  const sections = [...(root.sections.get('connections')?.sections.values() ?? [])];
  const connections = sections.map(section => connectionFrom(section, context));
  const pools = poolsFrom(root.sections.get('pools'), report);
  const secrets = secretsFrom(root.sections.get('secrets'), report);
  const manual = manualSasFrom(root.sections.get('manual'), context);
  for (const exposed of filesOfSecrets(root)) {
    warnIfExposed(exposed, 'file with secrets', report);
  }
  context.authorities.push(...authoritiesFrom(root.sections.get('authorities'), context));
  const files = readCredentialFiles(directory, secrets.passphrases, { ...options, report });
  for (const { secret } of secrets.passphrases) secret.wipe();
  const credentials: Credentials = {
    shared: secrets.shared,
    privateKeys: files.privateKeys.map(({ key }) => key),
    authorities: distinct([...files.authorities, ...context.authorities]),
    certificates: distinct([...files.certificates, ...context.certificates]),
    crls: files.crls,
    ...(context.authorityUris.length === 0 ? {} : { authorityUris: context.authorityUris }),
  };
  checkReferences({ sections, connections, pools, credentials, files, ...options }, report);
  report.conclude();
  return { connections, credentials, pools, manual, warnings: report.warnings };
}

/**
 * The text of a directory: its swanctl.conf, or else all its YAML files in the order of their names. A file may be named in
 * their place.
 */
function sourceAt(
  path: string,
  report: Report,
): { readonly directory: string; readonly source: OpenSection } {
  const isFile = statSync(path, { throwIfNoEntry: false })?.isFile() ?? /\.(conf|ya?ml)$/i.test(path);
  const directory = resolve(isFile ? dirname(path) : path);
  if (isFile) {
    const file = resolve(path);
    return { directory, source: isYaml(file) ? readYamlSources([file], report) : readSource(file, report) };
  }
  const conf = join(directory, 'swanctl.conf');
  const yaml = yamlFilesIn(directory);
  const hasConf = statSync(conf, { throwIfNoEntry: false }) !== undefined;
  if (!hasConf && yaml.length > 0) return { directory, source: readYamlSources(yaml, report) };
  if (!hasConf) {
    const isThere = statSync(directory, { throwIfNoEntry: false }) !== undefined;
    const at = { file: isThere ? conf : directory, line: 0, column: 0 };
    if (isThere) {
      const remedy = 'there is no file that ends in .yaml either';
      report.fail('config/unreadable', at, 'cannot read the file: it does not exist', remedy);
    } else {
      const remedy = 'name one that holds a swanctl.conf or files that end in .yaml';
      report.fail('config/unreadable', at, 'the directory does not exist', remedy);
    }
    return { directory, source: openSection('', at) };
  }
  for (const file of yaml) {
    const at = { file, line: 0, column: 0 };
    report.warn(at, 'this file has no effect, since there is a swanctl.conf', 'keep one of them');
  }
  return { directory, source: readSource(conf, report) };
}

function yamlFilesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory)
      .filter(name => isYaml(name) && !name.startsWith('.'))
      .sort()
      .map(name => join(directory, name));
  } catch {
    return [];
  }
}

/** What may stand outside of all sections, and which sections mean something there. */
function checkTop(root: Section, templates: ReadonlySet<string>, report: Report): void {
  for (const setting of root.settings.values()) {
    report.fail(
      'config/unknown-key',
      setting.at,
      `"${setting.key}" stands outside of any section`,
      'put it into a section',
    );
  }
  for (const section of root.sections.values()) {
    if (TOP_SECTIONS.includes(section.name) || templates.has(section.name)) continue;
    if (section.name.startsWith('x-') && isYaml(section.at.file)) continue;
    const meant = nearest(section.name, TOP_SECTIONS);
    if (meant === undefined) {
      report.warn(section.at, `section "${section.name}" has no effect: no other section inherits from it`);
    } else {
      report.fail(
        'config/unknown-key',
        section.at,
        `there is no section "${section.name}"`,
        `did you mean "${meant}"?`,
      );
    }
  }
  for (const name of TOP_SECTIONS) {
    for (const setting of root.sections.get(name)?.settings.values() ?? []) {
      report.fail(
        'config/unknown-key',
        setting.at,
        `"${setting.key}" stands directly in "${name}"`,
        `put it into a section of "${name}" with a name`,
      );
    }
  }
}

function filesOfSecrets(root: Section): ReadonlySet<string> {
  const within = (name: string, keys: readonly string[]): readonly Setting[] =>
    [...(root.sections.get(name)?.sections.values() ?? [])].flatMap(inner =>
      keys.flatMap(key => inner.settings.get(key) ?? []),
    );
  const keys = within('manual', KEY_SETTINGS).filter(({ value }) => /^0[xs]/i.test(value ?? ''));
  return new Set([...within('secrets', ['secret']), ...keys].map(({ at }) => at.file));
}

function distinct(certificates: readonly Certificate[]): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  const seen = new Set<string>();
  for (const { der, fingerprint } of certificates) {
    if (seen.has(fingerprint)) continue;
    seen.add(fingerprint);
    found.push(der);
  }
  return found;
}
