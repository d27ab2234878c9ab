import type { CryptoProvider, PrivateKey } from '../crypto/provider.ts';
import { Malformed } from '../lib/reader.ts';
import { Secret } from '../lib/secret.ts';
import { utf8 } from '../lib/text.ts';
import { parseCertificate } from '../pki/certificate.ts';
import { parseCrl } from '../pki/crl.ts';
import { readCertificates, readCrls, readPublicKeys } from '../pki/pem.ts';
import { readPublicKey } from '../pki/public-key.ts';
import type { Connection } from '../policy/connection.ts';
import type { SharedKey } from '../policy/credentials.ts';
import { parseIdentity } from '../policy/identity.ts';
import type { ManualSa } from '../policy/manual-sa.ts';
import type { Pool } from '../policy/pool.ts';
import type { ReadingContext } from './authentication.ts';
import { authorityFrom } from './authorities.ts';
import { type BlobSource, INLINE_BLOBS } from './blobs.ts';
import { connectionFrom } from './connection.ts';
import { manualSaFrom } from './manual.ts';
import { poolFrom } from './pools.ts';
import { readPrivateKeys, UnusableKey } from './private-key.ts';
import { type ConfigurationWarning, Report } from './report.ts';
import { SHARED_USES } from './secrets.ts';
import { type PlainTree, sectionFromTree } from './section.ts';

/** A connection that came without files, and what it brought with it. */
export interface InlineConnection {
  readonly connection: Connection;
  /** Certificates that may stand in chains, DER. */
  readonly certificates: readonly Uint8Array[];
  /** Authorities to trust, DER. */
  readonly authorities: readonly Uint8Array[];
  readonly warnings: readonly ConfigurationWarning[];
}

/**
 * The connection that a control message (`load-conn`) describes: the keys of swanctl.conf, lists as lists, and
 * certificates in place of the names of their files. Throws ConfigurationFailure.
 */
export function connectionFromTree(
  name: string,
  tree: PlainTree,
  provider: CryptoProvider,
): InlineConnection {
  const context = inlineContext(provider);
  const connection = connectionFrom(sectionFromTree(name, tree, 'load-conn'), context);
  context.report.conclude();
  return {
    connection,
    certificates: context.certificates.map(({ der }) => der),
    authorities: context.authorities.map(({ der }) => der),
    warnings: context.report.warnings,
  };
}

/** The SA of a `cygnet-sa-add`. Throws ConfigurationFailure. */
export function manualSaFromTree(
  name: string,
  tree: PlainTree,
): { readonly sa: ManualSa; readonly warnings: readonly ConfigurationWarning[] } {
  const report = new Report();
  const sa = manualSaFrom(sectionFromTree(name, tree, 'manual SA'), { report, blobs: NO_FILES });
  report.conclude();
  return { sa: sa as ManualSa, warnings: report.warnings };
}

/** The pool of a `load-pool`. Throws ConfigurationFailure. */
export function poolFromTree(name: string, tree: PlainTree): Pool {
  const report = new Report();
  const pool = poolFrom(sectionFromTree(name, tree, 'load-pool'), report);
  report.conclude();
  return pool as Pool;
}

/** The certificate of a `load-authority`, DER. Throws ConfigurationFailure. */
export function authorityFromTree(
  name: string,
  tree: PlainTree,
  provider: CryptoProvider,
): readonly Uint8Array[] {
  const context = inlineContext(provider);
  const certificates = authorityFrom(sectionFromTree(name, tree, 'load-authority'), context);
  context.report.conclude();
  return certificates.map(({ der }) => der);
}

/** What a `load-shared` carries, its octets as they came. Throws ConfigurationFailure. */
export function sharedKeyFromTree(tree: PlainTree): SharedKey {
  const report = new Report();
  const section = sectionFromTree('secret', tree, 'load-shared');
  const type = section.settings.get('type')?.value?.toLowerCase();
  const use = SHARED_USES.find(name => name === type);
  const { data, owners } = tree;
  if (use === undefined)
    report.fail('config/invalid-value', section.at, `its type is none of ${SHARED_USES.join(', ')}`);
  if (typeof data !== 'string' && !(data instanceof Uint8Array)) {
    report.fail('config/missing', section.at, 'it carries no data');
  }
  const identities = (Array.isArray(owners) ? (owners as readonly (string | Uint8Array)[]) : []).flatMap(
    owner => {
      try {
        return [parseIdentity(typeof owner === 'string' ? owner : decoder.decode(owner))];
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
        report.fail('config/invalid-value', section.at, error.message);
        return [];
      }
    },
  );
  report.conclude();
  const secret = new Secret(typeof data === 'string' ? utf8(data) : (data as Uint8Array).slice());
  return {
    name: section.settings.get('id')?.value ?? '',
    use: use as SharedKey['use'],
    secret,
    owners: identities,
  };
}

/** The keys of a `load-key`. Throws ConfigurationFailure. */
export function privateKeysFrom(octets: Uint8Array, provider: CryptoProvider): readonly PrivateKey[] {
  return sent('load-key', () => readPrivateKeys(octets, undefined, provider));
}

/** The certificates of a `load-cert`, DER, checked. Throws ConfigurationFailure. */
export function certificatesFrom(octets: Uint8Array, provider: CryptoProvider): readonly Uint8Array[] {
  return sent('load-cert', () => readCertificates(octets).map(der => parseCertificate(der, provider).der));
}

/** The raw public keys of a `load-cert`, SubjectPublicKeyInfo each, checked. Throws ConfigurationFailure. */
export function publicKeysFrom(octets: Uint8Array, provider: CryptoProvider): readonly Uint8Array[] {
  return sent('load-cert', () => readPublicKeys(octets).map(spki => readPublicKey(spki, provider).spki));
}

/** The revocation lists of a `load-cert`, DER, checked. Throws ConfigurationFailure. */
export function crlsFrom(octets: Uint8Array): readonly Uint8Array[] {
  return sent('load-cert', () => readCrls(octets).map(der => parseCrl(der).der));
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** A text that happens to be as long as a key is none: whoever sends keys says that they are. */
const NO_FILES: BlobSource = {
  read(): never {
    throw new Error('files are not read here');
  },
  readFile: INLINE_BLOBS.readFile,
};

function inlineContext(provider: CryptoProvider): ReadingContext {
  return {
    report: new Report(),
    provider,
    blobs: INLINE_BLOBS,
    certificates: [],
    authorities: [],
    authorityUris: [],
  };
}

function sent<T>(origin: string, read: () => T): T {
  const report = new Report();
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Malformed || error instanceof UnusableKey)) throw error;
    const remedy = error instanceof UnusableKey ? error.remedy : undefined;
    report.fail('config/unreadable', { file: origin, line: 0, column: 0 }, error.message, remedy);
    report.conclude();
    throw error;
  }
}
