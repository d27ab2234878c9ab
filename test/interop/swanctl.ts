import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CertificateSet } from './certificates.ts';

/** A tree as both swanctl and cygnet read it. Values are text, or sections in turn. */
export interface Section {
  readonly [key: string]: string | Section;
}

/** Sets `path` (dots between the names) to `value`. */
export function set(path: string, value: string): (configuration: Section) => Section {
  const change = (section: Section, [first, ...rest]: readonly string[]): Section => {
    const name = first as string;
    if (rest.length === 0) return { ...section, [name]: value };
    return { ...section, [name]: change((section[name] ?? {}) as Section, rest) };
  };
  return configuration => change(configuration, path.split('.'));
}

/** One change after the other. */
export function both(
  ...changes: readonly ((configuration: Section) => Section)[]
): (configuration: Section) => Section {
  return configuration => changes.reduce((changed, change) => change(changed), configuration);
}

/** Text of a configuration file. */
export function render(section: Section, indent = ''): string {
  return Object.entries(section)
    .map(([key, value]) =>
      typeof value === 'string'
        ? `${indent}${key} = ${value}\n`
        : `${indent}${key} {\n${render(value, `${indent}  `)}${indent}}\n`,
    )
    .join('');
}

const FOLDERS = [
  'x509',
  'x509ca',
  'x509crl',
  'pubkey',
  'private',
  'rsa',
  'ecdsa',
  'pkcs8',
  'pkcs12',
  'x509aa',
  'x509ac',
  'x509ocsp',
  'conf.d',
];

/** Writes a swanctl directory; `who` gets a certificate, its key and the authorities out of `set`. */
export function writeSwanctl(
  directory: string,
  configuration: Section,
  set?: CertificateSet,
  who?: 'alice' | 'bob',
): void {
  for (const folder of FOLDERS) mkdirSync(join(directory, folder), { recursive: true });
  writeFileSync(join(directory, 'swanctl.conf'), render(configuration));
  if (set === undefined || who === undefined) return;
  copyFileSync(set.file(`${who}.crt`), join(directory, 'x509', `${who}.crt`));
  copyFileSync(set.file(`${who}.key`), join(directory, 'private', `${who}.key`));
  copyFileSync(set.file('ca.crt'), join(directory, 'x509ca', 'ca.crt'));
  // An intermediate in x509 is sent along and not trusted by itself.
  for (const name of set.intermediates)
    copyFileSync(set.file(`${name}.crt`), join(directory, 'x509', `${name}.crt`));
}
