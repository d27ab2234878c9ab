import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { endEntityFault, MIN_RSA_BITS } from '../pki/fitness.ts';
import { readPublicKey } from '../pki/public-key.ts';
import { type Connection, isEncryption, type LocalAuth, type RemoteAuth } from '../policy/connection.ts';
import type { Report } from './report.ts';
import type { Position, Section } from './section.ts';

interface Context {
  readonly report: Report;
  readonly provider: CryptoProvider;
}

/**
 * Refuses public key encryption where it would not be gone through as it is written: it belongs to IKEv1, both sides do
 * it, and the key of the peer is known beforehand (RFC 2409 §5.2). `section` is that of the connection.
 */
export function checkEncryption(
  section: Section,
  { version, local, remote }: Pick<Connection, 'version' | 'local' | 'remote'>,
  { report, provider }: Context,
): void {
  const [ours, theirs] = [local[0], remote[0]];
  if (ours === undefined || theirs === undefined) return;
  if (![...local, ...remote].some(({ method }) => isEncryption(method))) return;
  const [name] = [ours.method, theirs.method].filter(isEncryption);
  const at = placeOfMethod(section, isEncryption(ours.method) ? 'local' : 'remote');
  if (version !== 1)
    report.fail('local/unsupported', at, `${name} belongs to IKEv1 alone`, 'set version = 1');
  if (ours.method !== theirs.method || local.length + remote.length > 2)
    report.fail(
      'local/unsupported',
      at,
      `${name} is supported as the only round of both sides`,
      `let local and remote have auth = ${name}, and nothing after it`,
    );
  const variant = section.sections.get('local')?.settings.get('auth');
  if (variant?.value?.includes(':'))
    report.fail(
      'config/invalid-value',
      variant.valueAt,
      'how the peer makes SKEYID is said of the remote side',
      `let remote have auth = ${variant.value}, and local ${ours.method}`,
    );
  checkPeerIsKnown(theirs, placeOfMethod(section, 'remote'), report);
  for (const [auth, side] of [
    [ours, 'local'],
    [theirs, 'remote'],
  ] as const)
    for (const problem of problemsOf(auth, provider))
      report.fail(
        'config/invalid-value',
        placeOfKeys(section, side),
        problem,
        'use RSA keys that serve public key encryption alone, with keyEncipherment where a certificate has a key usage',
      );
}

/** Refuses keys that decrypt for one connection and sign for another, or the same. */
export function checkSeparation(
  uses: readonly { readonly section: Section; readonly name: string; readonly local: readonly LocalAuth[] }[],
  { report, provider }: Context,
): void {
  const signers = new Map<string, string>();
  for (const { name, local } of uses)
    for (const auth of local)
      if (auth.method === 'pubkey') for (const key of keysOf(auth, provider)) signers.set(textOf(key), name);
  for (const { section, name, local } of uses)
    for (const auth of local.filter(({ method }) => isEncryption(method)))
      for (const key of keysOf(auth, provider)) {
        const signer = signers.get(textOf(key));
        if (signer === undefined) continue;
        report.fail(
          'config/invalid-value',
          placeOfKeys(section, 'local'),
          `the key that connection "${name}" decrypts with also signs, for connection "${signer}": what one of the two gives away would break the other`,
          `give "${name}" a key pair of its own, used for nothing but public key encryption`,
        );
      }
}

function checkPeerIsKnown(
  { method, id, certificates, publicKeys }: RemoteAuth,
  at: Position,
  report: Report,
): void {
  if (!isEncryption(method) || certificates.length + publicKeys.length > 0) return;
  if (method === 'pubkey-encryption' && id.kind !== 'exact')
    report.fail(
      'config/missing',
      at,
      'there is nothing to encrypt to: the public key of the peer must be known beforehand',
      'set certs or pubkeys of the remote side',
    );
  else
    report.warn(
      at,
      'the remote side names no key: this side can begin only where x509 holds a certificate of the id that the peer must have',
      method === 'pubkey-encryption'
        ? 'set certs or pubkeys of the remote side'
        : 'set certs or pubkeys of the remote side, or let the peer begin and have it send its certificate',
    );
}

function problemsOf(auth: LocalAuth | RemoteAuth, provider: CryptoProvider): readonly string[] {
  if (!isEncryption(auth.method)) return [];
  const faults = auth.certificates.flatMap(der => {
    const certificate = parseCertificate(der, provider);
    const fault = endEntityFault(certificate, 'encipherment');
    return fault === undefined
      ? []
      : [`"${certificate.subject.text}" cannot be encrypted to: ${fault.detail}`];
  });
  const weak = keysOf(auth, provider)
    .filter(({ type, bits }) => type !== 'rsa' || bits < MIN_RSA_BITS)
    .map(
      ({ type, bits }) =>
        `a key of type ${type} with ${bits} bits cannot be encrypted to: RSA with at least ${MIN_RSA_BITS} is wanted`,
    );
  return [...faults, ...weak];
}

function keysOf(auth: LocalAuth | RemoteAuth, provider: CryptoProvider): readonly PublicKey[] {
  return [
    ...auth.certificates.map(der => parseCertificate(der, provider).publicKey),
    ...auth.publicKeys.map(spki => readPublicKey(spki, provider)),
  ];
}

function textOf({ spki }: PublicKey): string {
  return Buffer.from(spki).toString('base64');
}

function placeOfMethod(connection: Section, side: 'local' | 'remote'): Position {
  for (const section of connection.sections.values())
    if (section.name.startsWith(side)) return section.settings.get('auth')?.valueAt ?? section.at;
  return connection.at;
}

/** Where a side says which certificate or key is its own; the side where it does not. */
export function placeOfKeys(connection: Section, side: 'local' | 'remote'): Position {
  for (const section of connection.sections.values()) {
    if (!section.name.startsWith(side)) continue;
    const setting = section.settings.get('certs') ?? section.settings.get('pubkeys');
    if (setting !== undefined) return setting.valueAt;
    for (const inner of section.sections.values()) {
      const file = inner.settings.get('file');
      if (file !== undefined) return file.valueAt;
    }
  }
  return connection.at;
}
