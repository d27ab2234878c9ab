import type { CryptoProvider } from '../crypto/provider.ts';
import { isWeakScheme, schemeByName } from '../crypto/sign/registry.ts';
import type { Certificate } from '../pki/certificate.ts';
import type { LocalAuth, RemoteAuth } from '../policy/connection.ts';
import type { AuthorityUris } from '../policy/credentials.ts';
import { type AuthenticationMethod, UNHASHED_SKEYID } from './authentication-method.ts';
import { type BlobFolder, type BlobSource, namedCertificates, namedPublicKeys } from './blobs.ts';
import type { Report } from './report.ts';
import { CERTIFICATE, LOCAL, METHOD_SUPPORT, REMOTE } from './schema/authentication.ts';
import { checkSections, type Item, itemsOf, readSection } from './schema.ts';
import type { Section } from './section.ts';
import { isXauth } from './xauth.ts';

/** What the sections of one configuration share while they are read. */
export interface ReadingContext {
  readonly report: Report;
  readonly provider: CryptoProvider;
  readonly blobs: BlobSource;
  /** Certificates that connections brought with them: they may stand in chains. */
  readonly certificates: Certificate[];
  /** Authorities that connections brought with them: they are trusted. */
  readonly authorities: Certificate[];
  /** Where authorities tell of revocation. */
  readonly authorityUris: AuthorityUris[];
}

/** The local rounds of a connection in their order; one with the defaults when it has no section for any. */
export function localRounds(connection: Section, context: ReadingContext): readonly LocalAuth[] {
  return rounds(connection, 'local', context).map(section => localAuth(section, context));
}

export function remoteRounds(connection: Section, context: ReadingContext): readonly RemoteAuth[] {
  return rounds(connection, 'remote', context).map(section => remoteAuth(section, context));
}

/** Sections whose names begin with `prefix`, by `round` and then by their place. */
function rounds(
  connection: Section,
  prefix: 'local' | 'remote',
  { report }: ReadingContext,
): readonly Section[] {
  const sections = [...connection.sections.values()].filter(({ name }) => name.startsWith(prefix));
  if (sections.length === 0) {
    return [{ name: prefix, at: connection.at, settings: new Map(), sections: new Map() }];
  }
  const roundOf = (section: Section): number => Number(section.settings.get('round')?.value ?? 0) || 0;
  sections.sort((a, b) => roundOf(a) - roundOf(b));
  if (connection.settings.get('version')?.value !== '1') return sections;
  // What may follow is checked when both sides are known: `checkXauth`.
  const [excess] = sections.slice(1).filter((section, i) => i > 0 || !isXauth(section));
  if (excess !== undefined) {
    report.fail(
      'local/unsupported',
      excess.at,
      'IKEv1 has 1 round of authentication, after which only one of xauth may come',
      `leave one section "${prefix}", or set version = 2`,
    );
  }
  return sections;
}

function localAuth(section: Section, context: ReadingContext): LocalAuth {
  const values = readSection(section, LOCAL, context.report);
  checkMethod(section, values.auth, context.report);
  const chains = [
    ...itemsOf(section.settings.get('certs')).map(item => ownChain(item, 'x509', context)),
    ...certificateSections(section, 'cert', 'x509', context),
  ];
  return {
    method: values.auth.method,
    ...(values.id === undefined || values.id.type === 0 ? {} : { id: values.id }),
    certificates: chains.flatMap(([leaf]) => (leaf === undefined ? [] : [leaf.der])),
    publicKeys: publicKeys(section, context),
    schemes: values.auth.schemes,
    ...(values.xauth_id === undefined ? {} : { xauthId: values.xauth_id }),
  };
}

function remoteAuth(section: Section, context: ReadingContext): RemoteAuth {
  const values = readSection(section, REMOTE, context.report);
  checkMethod(section, values.auth, context.report);
  checkChainConstraints(section, values.auth, context.report);
  checkDemands(section, values.auth, context.report);
  const certificates = [
    ...itemsOf(section.settings.get('certs')).map(item => ownChain(item, 'x509', context)),
    ...certificateSections(section, 'cert', 'x509', context),
  ].flatMap(([leaf]) => (leaf === undefined ? [] : [leaf]));
  const authorities = [
    ...itemsOf(section.settings.get('cacerts')).map(item => namedCertificates(item, 'x509ca', context)),
    ...certificateSections(section, 'cacert', 'x509ca', context),
  ].flat();
  context.authorities.push(...authorities);
  return {
    method: values.auth.method,
    id: values.id,
    certificates: certificates.map(({ der }) => der),
    publicKeys: publicKeys(section, context),
    authorities: authorities.map(({ der }) => der),
    schemes: values.auth.schemes,
    ...(values.auth.variant === UNHASHED_SKEYID ? { unhashedSkeyid: true } : {}),
    ...strengthOf(values.auth),
    ...(values.ca_id === undefined ? {} : { authorityId: values.ca_id }),
    ...(values.cert_policy.length === 0 ? {} : { policies: values.cert_policy }),
    ...(values.xauth_id === undefined ? {} : { xauthId: values.xauth_id }),
    revocation: values.revocation,
  };
}

/** The certificate that `item` names, with what follows it in its file: all of them may stand in chains. */
function ownChain(
  item: Item,
  folder: BlobFolder,
  context: ReadingContext,
  isFile = false,
): readonly Certificate[] {
  const chain = namedCertificates(item, folder, context, isFile);
  context.certificates.push(...chain);
  return chain;
}

/** Sections `cert<suffix>` or `cacert<suffix>`: each names one certificate. */
function certificateSections(
  section: Section,
  prefix: 'cert' | 'cacert',
  folder: BlobFolder,
  context: ReadingContext,
): readonly (readonly Certificate[])[] {
  return [...section.sections.values()]
    .filter(({ name }) => name.startsWith(prefix))
    .map(inner => {
      const { file } = readSection(inner, CERTIFICATE, context.report);
      checkSections(inner, () => false, [], context.report);
      const setting = inner.settings.get('file');
      if (file === undefined || setting === undefined) {
        if (!inner.settings.has('handle')) {
          context.report.fail(
            'config/missing',
            inner.at,
            `section "${inner.name}" names no certificate`,
            'add file = …',
          );
        }
        return [];
      }
      return ownChain({ text: file, at: setting.valueAt }, folder, context, true);
    });
}

function publicKeys(section: Section, context: ReadingContext): readonly Uint8Array[] {
  return itemsOf(section.settings.get('pubkeys')).flatMap(item =>
    namedPublicKeys(item, context.blobs, context.provider, context.report),
  );
}

function checkMethod(section: Section, auth: AuthenticationMethod, report: Report): void {
  const setting = section.settings.get('auth');
  checkSections(
    section,
    name => name.startsWith('cert') || (section.name.startsWith('remote') && name.startsWith('cacert')),
    ['cert', 'cacert'],
    report,
  );
  if (setting === undefined) return;
  if (METHOD_SUPPORT[auth.method] === 'refused') {
    report.fail(
      'local/unsupported',
      setting.valueAt,
      `authentication by ${auth.method} is not supported here yet`,
      'use psk or pubkey',
    );
  }
  const weak = auth.schemes.filter(name => {
    const scheme = schemeByName(name);
    return scheme !== undefined && isWeakScheme(scheme);
  });
  if (weak.length > 0) report.warn(setting.at, `auth allows what is weak: ${weak.join(', ')}`);
}

/** A chain is asked for no less than is sound: SHA-1 is not, whatever `auth` says. */
function checkChainConstraints(section: Section, { chain }: AuthenticationMethod, report: Report): void {
  const setting = section.settings.get('auth');
  if (setting !== undefined && chain.schemes.some(name => name.endsWith('-sha1')))
    report.warn(setting.at, 'sha1 is not accepted in the chain of a certificate, whatever auth says');
}

/** What would be asked of nobody: a demand on a chain where there need be none, on a user where none proves itself. */
function checkDemands(section: Section, { method }: AuthenticationMethod, report: Report): void {
  const refuse = (key: string, summary: string, remedy: string): void => {
    const setting = section.settings.get(key);
    if (setting?.value !== undefined) report.fail('config/invalid-value', setting.at, summary, remedy);
  };
  const raw = section.settings.get('pubkeys')?.value !== undefined;
  for (const key of ['ca_id', 'cert_policy'])
    if (method !== 'pubkey' || raw)
      refuse(
        key,
        `${key} is asked of a certificate, and ${raw ? 'pubkeys are keys without one' : `${method} needs none`}`,
        raw ? 'leave out one of the two' : 'set auth = pubkey, or leave it out',
      );
  if (method !== 'xauth')
    refuse('xauth_id', 'xauth_id is asked of a user', 'put it into the round with auth = xauth');
}

function strengthOf({ chain }: AuthenticationMethod): Pick<RemoteAuth, 'strength'> {
  const { rsaBits, ecdsaBits, schemes } = chain;
  return rsaBits === 0 && ecdsaBits === 0 && schemes.length === 0 ? {} : { strength: chain };
}
