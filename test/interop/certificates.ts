import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mustRun } from './lab.ts';

export type CertificateKind = 'rsa' | 'ecdsa' | 'ed25519';

const KEY: Readonly<Record<CertificateKind, readonly string[]>> = {
  rsa: ['-newkey', 'rsa:2048'],
  ecdsa: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  ed25519: ['-newkey', 'ed25519'],
};

/** For `openssl req -x509`: the authority of every lab. */
export const ROOT = [
  '-days',
  '3650',
  '-subj',
  '/C=CH/O=Lab/CN=Lab CA',
  '-addext',
  'basicConstraints=critical,CA:TRUE',
  '-addext',
  'keyUsage=critical,keyCertSign,cRLSign',
] as const;

/** An authority, `alice` and `bob`, made by the openssl command so that no code under test had a hand in them. */
export interface CertificateSet {
  /** PEM files below `directory`: ca.crt, alice.crt, alice.key, bob.crt, bob.key and, with intermediates, chain*.crt. */
  readonly directory: string;
  file(name: string): string;
  pem(name: string): string;
  /** Names of the intermediate certificates, the issuer of the end entities first. */
  readonly intermediates: readonly string[];
}

/** `intermediates` authorities between the root and the end entities make a chain large enough to need fragments. */
export async function certificates(
  directory: string,
  kind: CertificateKind,
  intermediates = 0,
): Promise<CertificateSet> {
  mkdirSync(directory, { recursive: true });
  const file = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): Promise<string> => mustRun('openssl', args);
  await openssl(
    'req',
    '-x509',
    ...KEY[kind],
    '-nodes',
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
    ...ROOT,
  );
  const issue = async (name: string, issuer: string, extensions: string, subject: string): Promise<void> => {
    writeFileSync(file(`${name}.ext`), extensions);
    await openssl(
      'req',
      ...KEY[kind],
      '-nodes',
      '-keyout',
      file(`${name}.key`),
      '-out',
      file(`${name}.csr`),
      '-subj',
      subject,
    );
    await openssl(
      'x509',
      '-req',
      '-in',
      file(`${name}.csr`),
      '-CA',
      file(`${issuer}.crt`),
      '-CAkey',
      file(`${issuer}.key`),
      '-CAcreateserial',
      '-days',
      '3650',
      '-extfile',
      file(`${name}.ext`),
      '-out',
      file(`${name}.crt`),
    );
  };
  const chain: string[] = [];
  let issuer = 'ca';
  for (let depth = 1; depth <= intermediates; depth++) {
    const name = `chain${depth}`;
    await issue(
      name,
      issuer,
      'basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n',
      `/C=CH/O=Lab/OU=${'a long unit name '.repeat(3).trim()}/CN=Lab intermediate ${depth}`,
    );
    chain.unshift(name);
    issuer = name;
  }
  for (const name of ['alice', 'bob']) {
    await issue(
      name,
      issuer,
      `basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\nextendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:${name}.lab,email:${name}@lab\n`,
      `/C=CH/O=Lab/CN=${name}`,
    );
  }
  return { directory, file, pem: name => readFileSync(file(name), 'utf8'), intermediates: chain };
}
