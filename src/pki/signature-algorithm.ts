import type { HashName, SignatureScheme } from '../crypto/provider.ts';
import { Malformed } from '../lib/reader.ts';
import { context, DerReader, readDer, Tag } from './der.ts';

/** How a certificate or revocation list is signed. */
export interface SignatureAlgorithm {
  readonly oid: string;
  /** Absent where the algorithm or its parameters are not known here: such a signature never verifies. */
  readonly scheme?: SignatureScheme;
}

/** Reads an AlgorithmIdentifier, DER. Throws Malformed. */
export function parseSignatureAlgorithm(der: Uint8Array): SignatureAlgorithm {
  const sequence = readDer(der, Tag.SEQUENCE, 'signature algorithm');
  const oid = sequence.oid('signature algorithm');
  const parameters = sequence.done ? undefined : sequence.element('signature algorithm: parameters');
  sequence.end('signature algorithm');
  if (oid === PSS) return withScheme(oid, parameters === undefined ? undefined : pssScheme(parameters));
  const none = parameters === undefined || (parameters.length === 2 && parameters[0] === Tag.NULL);
  return withScheme(oid, none ? SCHEMES[oid] : undefined);
}

const PSS = '1.2.840.113549.1.1.10';
const MGF1 = '1.2.840.113549.1.1.8';

/** Hash algorithms by their object identifiers. */
export const HASHES: Readonly<Record<string, HashName>> = {
  '1.3.14.3.2.26': 'sha1',
  '2.16.840.1.101.3.4.2.1': 'sha256',
  '2.16.840.1.101.3.4.2.2': 'sha384',
  '2.16.840.1.101.3.4.2.3': 'sha512',
};

const rsa = (hash: HashName): SignatureScheme => ({
  name: `rsa-${hash}`,
  keyType: 'rsa',
  hash,
  padding: 'pkcs1',
});
const ecdsa = (hash: HashName): SignatureScheme => ({
  name: `ecdsa-${hash}`,
  keyType: 'ec',
  hash,
  encoding: 'der',
});
const dsa = (hash: HashName): SignatureScheme => ({
  name: `dsa-${hash}`,
  keyType: 'dsa',
  hash,
  encoding: 'der',
});

/** RFC 3279, RFC 4055, RFC 5758, RFC 8410. */
const SCHEMES: Readonly<Record<string, SignatureScheme>> = {
  '1.2.840.113549.1.1.4': rsa('md5'),
  '1.2.840.113549.1.1.5': rsa('sha1'),
  '1.2.840.113549.1.1.11': rsa('sha256'),
  '1.2.840.113549.1.1.12': rsa('sha384'),
  '1.2.840.113549.1.1.13': rsa('sha512'),
  '1.2.840.10045.4.1': ecdsa('sha1'),
  '1.2.840.10045.4.3.2': ecdsa('sha256'),
  '1.2.840.10045.4.3.3': ecdsa('sha384'),
  '1.2.840.10045.4.3.4': ecdsa('sha512'),
  '1.2.840.10040.4.3': dsa('sha1'),
  '2.16.840.1.101.3.4.3.2': dsa('sha256'),
  '1.3.101.112': { name: 'ed25519', keyType: 'ed25519' },
  '1.3.101.113': { name: 'ed448', keyType: 'ed448' },
};

function withScheme(oid: string, scheme: SignatureScheme | undefined): SignatureAlgorithm {
  return scheme === undefined ? { oid } : { oid, scheme };
}

/** RFC 4055 §3.1; SHA-1, MGF1 with SHA-1 and 20 octets of salt where the parameters say nothing. One hash must serve for both. */
function pssScheme(parameters: Uint8Array): SignatureScheme | undefined {
  const what = 'RSASSA-PSS parameters';
  const sequence = readDer(parameters, Tag.SEQUENCE, what);
  const hash = hashOf(sequence.enterIf(context(0), what));
  const mask = maskHash(sequence.enterIf(context(1), what));
  const salt = sequence.enterIf(context(2), what);
  const saltLength = salt === undefined ? 20 : salt.small(what);
  salt?.end(what);
  const trailer = sequence.enterIf(context(3), what)?.small(what) ?? 1;
  sequence.end(what);
  if (hash === undefined || mask !== hash || trailer !== 1 || saltLength > 512) return undefined;
  return { name: `rsa/pss-${hash}`, keyType: 'rsa', hash, padding: 'pss', saltLength };
}

function hashOf(explicit: DerReader | undefined): HashName | undefined {
  if (explicit === undefined) return 'sha1';
  const hash = HASHES[algorithmOf(explicit).oid];
  explicit.end('hash algorithm');
  return hash;
}

function maskHash(explicit: DerReader | undefined): HashName | undefined {
  if (explicit === undefined) return 'sha1';
  const { oid, parameters } = algorithmOf(explicit);
  explicit.end('mask generation');
  if (oid !== MGF1 || parameters === undefined) return undefined;
  return HASHES[algorithmOf(new DerReader(parameters)).oid];
}

function algorithmOf(reader: DerReader): { readonly oid: string; readonly parameters?: Uint8Array } {
  const sequence = reader.enter(Tag.SEQUENCE, 'algorithm');
  const oid = sequence.oid('algorithm');
  if (sequence.done) return { oid };
  const parameters = sequence.element('algorithm: parameters');
  if (!sequence.done) throw new Malformed('algorithm: more than one parameter', sequence.offset);
  return { oid, parameters };
}
