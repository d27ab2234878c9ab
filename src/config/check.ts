import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import type { Instant } from '../lib/time.ts';
import { type Certificate, parseCertificate } from '../pki/certificate.ts';
import { endEntityFault, type KeyPurpose, ownFault } from '../pki/fitness.ts';
import { readPublicKey } from '../pki/public-key.ts';
import { type Connection, isEncryption, type LocalAuth } from '../policy/connection.ts';
import { type Credentials, findPrivateKey, findSharedKey } from '../policy/credentials.ts';
import { guessableKey } from '../policy/guessable-key.ts';
import { formatIdentity } from '../policy/identity.ts';
import type { Pool } from '../policy/pool.ts';
import type { CredentialFiles } from './credentials.ts';
import { checkSeparation, placeOfKeys } from './encryption.ts';
import { nearest } from './nearest.ts';
import type { Report } from './report.ts';
import { itemsOf } from './schema.ts';
import type { Position, Section, Setting } from './section.ts';

/** Everything that was read of a directory, for what only shows when it is seen together. */
export interface Whole {
  /** Of the connections, in the same order. */
  readonly sections: readonly Section[];
  readonly connections: readonly Connection[];
  readonly pools: readonly Pool[];
  readonly credentials: Credentials;
  readonly files: CredentialFiles;
  readonly provider: CryptoProvider;
  readonly now: Instant;
}

/** Names that lead nowhere, certificates without their keys and keys without certificates, secrets that are not there. */
export function checkReferences(whole: Whole, report: Report): void {
  const { shared } = whole.credentials;
  const owners = new Set(shared.flatMap(key => (key.use === 'ike' ? key.owners.map(formatIdentity) : [])));
  whole.connections.forEach((connection, i) => {
    const section = whole.sections[i] as Section;
    checkPools(section.settings.get('pools'), whole.pools, report);
    if (isShunt(connection)) return;
    for (const auth of connection.local) checkOwnKey(auth, section, whole, report);
    checkSecrets(connection, section, whole.credentials, owners, report);
  });
  checkSeparation(
    whole.connections.map(({ name, local }, i) => ({ section: whole.sections[i] as Section, name, local })),
    { report, provider: whole.provider },
  );
  tellStrayKeys(whole, report);
}

/** A connection whose children all let traffic by or stop it never speaks to a peer. */
function isShunt({ children }: Connection): boolean {
  return children.length > 0 && children.every(({ mode }) => mode === 'pass' || mode === 'drop');
}

function checkPools(setting: Setting | undefined, pools: readonly Pool[], report: Report): void {
  const names = pools.map(({ name }) => name);
  for (const { text, at } of itemsOf(setting)) {
    if (names.includes(text)) continue;
    const meant = nearest(text, names);
    const remedy = meant === undefined ? 'define it in the section pools' : `did you mean "${meant}"?`;
    report.fail('config/unknown-name', at, `there is no pool "${text}"`, remedy);
  }
}

function checkOwnKey(auth: LocalAuth, connection: Section, whole: Whole, report: Report): void {
  if (auth.method !== 'pubkey' && !isEncryption(auth.method)) return;
  const certificates = auth.certificates.map(der => parseCertificate(der, whole.provider));
  const keys: readonly PublicKey[] = [
    ...certificates.map(({ publicKey }) => publicKey),
    ...auth.publicKeys.map(spki => readPublicKey(spki, whole.provider)),
  ];
  const at = placeOfKeys(connection, 'local');
  const purpose = auth.method === 'pubkey' ? 'signature' : 'encipherment';
  for (const certificate of certificates) checkOwnCertificate(certificate, purpose, at, whole.now, report);
  if (keys.some(key => findPrivateKey(whole.credentials, key) !== undefined)) return;
  const [first] = certificates;
  if (keys.length > 0) {
    const owner = first === undefined ? 'the public key' : `the certificate "${first.subject.text}"`;
    const present = whole.files.privateKeys.map(({ path }) => path);
    report.fail(
      'config/key-mismatch',
      at,
      `no private key fits ${owner} of connection "${connection.name}"`,
      present.length === 0
        ? 'put its key into private/'
        : `put its key into private/; those there (${present.slice(0, 4).join(', ')}) belong to others`,
    );
  } else if (whole.files.privateKeys.length > 0 && !someCertificateHasKey(whole)) {
    report.fail(
      'config/key-mismatch',
      at,
      `connection "${connection.name}" names no certificate, and no private key fits any that is there`,
      'put the certificate of this side into x509/',
    );
  } else if (whole.credentials.privateKeys.length === 0) {
    report.warn(
      at,
      `connection "${connection.name}" has no private key to prove who this side is`,
      'put one into private/',
    );
  }
}

function someCertificateHasKey({ credentials, provider }: Whole): boolean {
  return credentials.certificates.some(
    der => findPrivateKey(credentials, parseCertificate(der, provider).publicKey) !== undefined,
  );
}

/** What a peer would find wrong with our certificate. */
function checkOwnCertificate(
  certificate: Certificate,
  purpose: KeyPurpose,
  at: Position,
  now: Instant,
  report: Report,
): void {
  const fault = ownFault(certificate, now, true) ?? endEntityFault(certificate, purpose);
  if (fault === undefined) return;
  report.warn(at, `peers will refuse the certificate "${certificate.subject.text}": ${fault.detail}`);
}

function checkSecrets(
  connection: Connection,
  section: Section,
  credentials: Credentials,
  owners: ReadonlySet<string>,
  report: Report,
): void {
  const guessable = guessableKey(connection, credentials);
  if (guessable !== undefined) {
    const at = section.settings.get('aggressive')?.at ?? section.at;
    report.warn(at, guessable.summary, guessable.remedy);
  }
  const { local, remote } = connection;
  if (![...local, ...remote].some(({ method }) => method === 'psk')) return;
  if (!credentials.shared.some(({ use }) => use === 'ike')) {
    report.warn(
      section.at,
      `connection "${connection.name}" has no secret to prove who this side is`,
      'add to secrets a section whose name begins with ike',
    );
    return;
  }
  const rounds = Math.max(local.length, remote.length);
  for (let round = 0; round < rounds; round++) {
    // In a round of one side alone the other is who it was in its last.
    const [mine, their] = [local[round] ?? local.at(-1), remote[round] ?? remote.at(-1)];
    if (local[round]?.method !== 'psk' && remote[round]?.method !== 'psk') continue;
    const [ours, theirs] = [mine?.id, their?.id];
    if (ours === undefined || theirs?.kind !== 'exact') continue;
    // Most owners are just who they are: only of others is each one compared.
    if (owners.has(formatIdentity(ours)) || owners.has(formatIdentity(theirs.identity))) continue;
    if (findSharedKey(credentials, ours, theirs.identity) !== undefined) continue;
    report.warn(
      section.at,
      `no secret belongs to ${formatIdentity(ours)} or ${formatIdentity(theirs.identity)} of connection "${connection.name}"`,
      'give one of them as id of a secret whose name begins with ike',
    );
  }
}

/** A key that belongs to no certificate or raw key at hand can only have been forgotten, or its certificate has. */
function tellStrayKeys({ files, credentials, connections, provider }: Whole, report: Report): void {
  const known = new Set<string>();
  const note = (spki: Uint8Array): void => void known.add(Buffer.from(spki).toString('base64'));
  for (const der of credentials.certificates) note(parseCertificate(der, provider).publicKey.spki);
  for (const { local } of connections)
    for (const { publicKeys } of local) for (const spki of publicKeys) note(spki);
  for (const { path, key } of files.privateKeys) {
    if (known.has(Buffer.from(key.publicKey.spki).toString('base64'))) continue;
    report.warn(
      { file: path, line: 0, column: 0 },
      'this private key fits no certificate and no public key that is configured',
      'put its certificate into x509/, or remove it',
    );
  }
}
