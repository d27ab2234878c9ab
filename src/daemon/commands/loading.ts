import {
  authorityFromTree,
  ConfigurationFailure,
  type ConfigurationWarning,
  certificatesFrom,
  connectionFromTree,
  crlsFrom,
  formatPosition,
  formatRemark,
  type LocatedFailure,
  type PlainTree,
  privateKeysFrom,
  publicKeysFrom,
  sharedKeyFromTree,
} from '../../config/index.ts';
import { listOf, type Message, octetsOf, sectionsOf, textOf } from '../../control/vici/message.ts';
import type { Command } from '../../control/vici/server-client.ts';
import type { CryptoProvider } from '../../crypto/provider.ts';
import type { Connection } from '../../policy/connection.ts';
import { Failed, type FailureCode } from '../../policy/failure.ts';
import { guessableKey } from '../../policy/guessable-key.ts';
import type { Gateway } from '../gateway.ts';
import { keyId } from '../key-id.ts';
import type { LiveConfiguration } from '../live-configuration.ts';
import type { StartActions } from '../start-actions.ts';

export interface LoadingSubjects {
  readonly gateway: Gateway;
  readonly live: LiveConfiguration;
  readonly actions: StartActions;
  readonly provider: CryptoProvider;
  readonly onWarning: (warning: ConfigurationWarning) => void;
  /** What was loaded or taken out, in charon's words. */
  readonly onLoaded: (text: string) => void;
}

const DONE: Message = { success: 'yes' };

/** The commands by which a client loads connections, credentials and authorities, and takes them out again. */
export function loadingCommands(subjects: LoadingSubjects): Readonly<Record<string, Command>> {
  const { live } = subjects;
  return {
    'load-conn': async message => loadConnection(message, subjects),
    'unload-conn': async message => {
      const name = nameIn(message, 'name', 'unload: missing connection name');
      const before = live.connection(name);
      if (!live.unloadConnection(name)) throw unknown(`unload: connection '${name}' not found`);
      subjects.actions.replace(before, live.connection(name));
      subjects.onLoaded(`removed vici connection: ${name}`);
      return DONE;
    },
    'get-conns': async () => ({ conns: live.loadedConnections }),
    'load-cert': async message => loadCertificate(message, subjects),
    'load-key': async message => loadKey(message, subjects),
    'unload-key': async message => {
      const id = nameIn(message, 'id', 'key id missing').toLowerCase();
      if (!live.unloadKey(id)) throw unknown('key not found');
      return DONE;
    },
    'get-keys': async () => ({ keys: live.loadedKeys }),
    'load-token': async () => {
      throw unsupported('keys on tokens', 'load the key from a file');
    },
    'load-shared': async message => {
      nameIn(message, 'type', 'shared key type missing');
      dataIn(message, 'shared key data missing');
      live.loadShared(configured(() => sharedKeyFromTree(message as PlainTree)));
      for (const connection of live.connections) tellGuessable(connection, subjects);
      return DONE;
    },
    'unload-shared': async message => {
      // charon does not tell whether there was one.
      live.unloadShared(nameIn(message, 'id', 'unique identifier missing'));
      return DONE;
    },
    'get-shared': async () => ({ keys: live.loadedShared }),
    'clear-creds': async () => {
      live.clearCredentials();
      return DONE;
    },
    'flush-certs': async message => {
      const type = textOf(message, 'type')?.toUpperCase() ?? 'ANY';
      if (!CERTIFICATE_TYPES.includes(type))
        throw invalid(`invalid certificate type '${textOf(message, 'type')}'`);
      const { statuses } = subjects.gateway;
      if (type === 'ANY' || type === 'X509_CRL') {
        live.flushCrls();
        statuses.forgetFetched('crls');
      }
      if (type === 'ANY' || type === 'OCSP_RESPONSE') statuses.forgetFetched('ocsp');
      return DONE;
    },
    'load-authority': async message => loadAuthority(message, subjects),
    'unload-authority': async message => {
      const name = nameIn(message, 'name', 'unload: missing authority name');
      if (!live.unloadAuthority(name)) throw unknown(`unload: authority '${name}' not found`);
      return DONE;
    },
    'get-authorities': async () => ({ authorities: [...live.authorities.keys()] }),
  };
}

function loadConnection(message: Message, subjects: LoadingSubjects): Message {
  const { live, actions, provider, onWarning, onLoaded } = subjects;
  const found = sectionIn(message, 'connection');
  if (found === undefined) return DONE;
  const [name, section] = found;
  const inline = configured(() => connectionFromTree(name, section, provider));
  for (const warning of inline.warnings) onWarning(warning);
  const before = live.connection(name);
  if (live.loadConnection(inline)) actions.replace(before, inline.connection);
  tellGuessable(inline.connection, subjects);
  onLoaded(`${before === undefined ? 'added' : 'updated'} vici connection: ${name}`);
  return DONE;
}

const told = new WeakMap<LiveConfiguration, Set<string>>();

/** Keys and connections come one by one, in any order: what is to be said of both together is said once. */
function tellGuessable(connection: Connection, { live, onWarning }: LoadingSubjects): void {
  const guessable = guessableKey(connection, live.credentials);
  if (guessable === undefined) return;
  const before = told.get(live) ?? new Set();
  told.set(live, before);
  if (before.has(guessable.summary)) return;
  before.add(guessable.summary);
  onWarning({ at: { file: 'load-shared', line: 0, column: 0 }, ...guessable });
}

/** Kinds of certificates, by the words of a `load-cert`; those that mean nothing here are refused by name. */
function loadCertificate(message: Message, { live, provider }: LoadingSubjects): Message {
  const named = nameIn(message, 'type', 'certificate type missing');
  const type = named.toUpperCase();
  if (!CERTIFICATE_TYPES.includes(type) || type === 'ANY')
    throw invalid(`invalid certificate type '${named}'`, 'use X509, X509_CRL or PUBKEY');
  const flag = textOf(message, 'flag') ?? 'NONE';
  const isFlag = ['NONE', 'CA', 'AA', 'OCSP', 'ANY'].includes(flag.toUpperCase());
  if (type === 'X509' && !isFlag)
    throw invalid(`invalid certificate flag '${flag}'`, 'use NONE, CA, AA or OCSP');
  const data = dataIn(message, 'certificate data missing');
  if (type === 'X509') {
    for (const der of configured(() => certificatesFrom(data, provider)))
      live.loadCertificate({ der, isAuthority: flag.toUpperCase() === 'CA' });
  } else if (type === 'X509_CRL') {
    for (const der of configured(() => crlsFrom(data))) live.loadCrl(der);
  } else if (type === 'X509_AC') {
    throw unsupported('attribute certificates', 'leave the folder x509ac empty');
  } else if (type === 'PUBKEY') {
    // Connections bring those that they name along; by itself a key names nobody, and has nothing to be kept for.
    configured(() => publicKeysFrom(data, provider));
  } else throw invalid(`there are no certificates of the type "${type}"`, 'use X509, X509_CRL or PUBKEY');
  return DONE;
}

/** As charon names them. */
const CERTIFICATE_TYPES: readonly string[] = [
  ...['ANY', 'X509', 'X509_CRL', 'OCSP_REQUEST', 'OCSP_RESPONSE', 'PUBKEY', 'PKCS10_REQUEST', 'X509_AC'],
  ...['PKCS7', 'PGP'],
];

const KEY_TYPES: readonly string[] = ['any', 'rsa', 'ecdsa', 'ed25519', 'ed448', 'pkcs8'];

function loadKey(message: Message, { live, provider }: LoadingSubjects): Message {
  const type = nameIn(message, 'type', 'key type missing').toLowerCase();
  if (!KEY_TYPES.includes(type))
    throw invalid(`invalid key type: ${type}`, `use one of ${KEY_TYPES.join(', ')}`);
  const [key] = configured(() => privateKeysFrom(dataIn(message, 'key data missing'), provider));
  if (key === undefined) throw invalid(`parsing ${type} private key failed`);
  const found = key.type === 'ec' ? 'ecdsa' : key.type;
  if (type !== 'any' && type !== 'pkcs8' && type !== found)
    throw invalid(`parsing ${type} private key failed: it is of the type ${found}`);
  const id = keyId(key.publicKey, provider);
  live.loadKey(id, key);
  return { success: 'yes', id };
}

function loadAuthority(message: Message, { live, provider, onLoaded }: LoadingSubjects): Message {
  const found = sectionIn(message, 'authority');
  if (found === undefined) return DONE;
  const [name, section] = found;
  const certificates = configured(() => authorityFromTree(name, section, provider));
  const certUriBase = textOf(section, 'cert_uri_base');
  live.loadAuthority(name, {
    certificates,
    crlUris: listOf(section, 'crl_uris'),
    ocspUris: listOf(section, 'ocsp_uris'),
    ...(certUriBase === undefined ? {} : { certUriBase }),
  });
  onLoaded(`added vici authority: ${name}`);
  return DONE;
}

/** What `read` returns; what is wrong with it as a `Failed` that says all of it, as a list where `asList` says so. */
export function configured<T>(read: () => T, asList = hasLine): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigurationFailure)) throw error;
    const [first] = error.failures;
    const code: FailureCode = first?.code ?? 'config/invalid-value';
    // Of files each line has its own place and remedy; clients of charon look for all of it in one sentence.
    if (asList(first) && error.failures.length > 1) {
      throw new Failed({
        code,
        summary: `${error.failures.length} things are wrong with what was given`,
        ours: error.failures.map(formatRemark),
        remedy: 'mend them: nothing was changed',
      });
    }
    const remedy = first?.remedy;
    throw new Failed({
      code,
      summary: error.failures.map(({ at, summary }) => `${formatPosition(at)}: ${summary}`).join('; '),
      ...(remedy === undefined ? {} : { remedy }),
    });
  }
}

function hasLine(failure: LocatedFailure | undefined): boolean {
  return failure !== undefined && failure.at.line > 0;
}

/** The one section that a `load-…` command carries, which is named after what it loads; undefined where it carries nothing. */
export function sectionIn(
  message: Message,
  what: string,
): readonly [name: string, section: Message & PlainTree] | undefined {
  const sections = sectionsOf(message);
  const [first] = sections;
  if (Object.keys(message).length === 0) return undefined;
  if (first === undefined || sections.length > 1 || Object.keys(message).length > 1)
    throw invalid(`a ${what} is loaded as one section with its name`);
  return first as [string, Message & PlainTree];
}

/** The name that a command carries under `key`; without one, Failed that says `missing`. */
export function nameIn(message: Message, key: string, missing: string): string {
  const name = textOf(message, key);
  if (name === undefined) throw new Failed({ code: 'config/missing', summary: missing });
  return name;
}

function dataIn(message: Message, missing: string): Uint8Array {
  const data = octetsOf(message, 'data');
  if (data === undefined) throw new Failed({ code: 'config/missing', summary: missing });
  return data;
}

/** That no client loaded one of this name. */
export function unknown(summary: string): Failed {
  return new Failed({ code: 'config/unknown-name', summary, remedy: 'clients take out what clients loaded' });
}

function invalid(summary: string, remedy?: string): Failed {
  return new Failed({
    code: 'config/invalid-value',
    summary,
    ...(remedy === undefined ? {} : { remedy }),
  });
}

function unsupported(what: string, remedy: string): Failed {
  return new Failed({ code: 'local/unsupported', summary: `${what} are not supported here yet`, remedy });
}
