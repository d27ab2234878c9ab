import { AuthMethod, HashAlgorithm } from '../../iana/ikev2.ts';
import { equal, fromHex } from '../../lib/bytes.ts';
import type { Status } from '../algorithm.ts';
import type { HashName, KeyType, PrivateKey, PublicKey, SignatureScheme } from '../provider.ts';

/** A signature scheme with all that IKE says of it. Rows stand in order of preference. */
export interface SignatureAlgorithm {
  readonly scheme: SignatureScheme;
  /** RFC 7427 AlgorithmIdentifier, DER; absent on schemes that only an older method or IKEv1 has. */
  readonly identifier?: Uint8Array;
  /** IKEv2 Hash Algorithm that the peer must have announced (RFC 7427 §4). */
  readonly hashAlgorithm?: number;
  /** Authentication method of its own, without AlgorithmIdentifier (RFC 7296 §3.8, RFC 4754). */
  readonly method?: number;
  /** The one curve that the method allows. */
  readonly curve?: string;
  readonly status: Status;
}

/** The scheme of an AlgorithmIdentifier as it came in an AUTH payload of method 14; undefined when it is not known. */
export function schemeByIdentifier(der: Uint8Array): SignatureScheme | undefined {
  return (
    SIGNATURES.find(({ identifier }) => identifier !== undefined && equal(identifier, der)) ??
    SIGNATURES.find(row => isWithoutNull(row, der))
  )?.scheme;
}

/** The AlgorithmIdentifier of a scheme, DER; undefined on schemes that have none in RFC 7427. */
export function identifierOf(scheme: SignatureScheme): Uint8Array | undefined {
  return byName.get(scheme.name)?.identifier;
}

/** The scheme of a name such as `rsa/pss-sha256`, `ecdsa-sha384` or `ed25519`; undefined when there is none. */
export function schemeByName(name: string): SignatureScheme | undefined {
  return byName.get(name)?.scheme;
}

/** Whether a scheme may be used only where it is named. */
export function isWeakScheme(scheme: SignatureScheme): boolean {
  return byName.get(scheme.name)?.status === 'weak';
}

/**
 * The scheme of an authentication method that carries no AlgorithmIdentifier: 1 is RSA with PKCS#1 v1.5 and SHA-1
 * (RFC 7296 §3.8), 9 to 11 are ECDSA with one curve and hash each (RFC 4754). Undefined for other methods, and
 * when the key is of another type or curve.
 */
export function schemeByMethod(method: number, key: PublicKey | PrivateKey): SignatureScheme | undefined {
  return SIGNATURES.find(row => row.method === method && fits(row, key))?.scheme;
}

/**
 * The schemes of RFC 7427 for a key, best first. `peerHashes` are the peer's SIGNATURE_HASH_ALGORITHMS (empty: it
 * does not speak RFC 7427, so there is no scheme); `allowed` are scheme names, empty for all that are not weak.
 * RSA prefers PSS; the hash that suits the key's size comes first.
 */
export function schemesFor(
  key: PublicKey | PrivateKey,
  peerHashes: readonly number[],
  allowed: readonly string[],
): SignatureScheme[] {
  const suiting = suitingHash(key);
  const rank = ({ scheme }: SignatureAlgorithm): number =>
    (scheme.padding === 'pkcs1' ? 2 : 0) + (scheme.hash === suiting ? 0 : 1);
  return SIGNATURES.filter(
    row =>
      row.identifier !== undefined &&
      fits(row, key) &&
      peerHashes.includes(row.hashAlgorithm ?? -1) &&
      (allowed.length === 0 ? row.status !== 'weak' : allowed.includes(row.scheme.name)),
  )
    .sort((a, b) => rank(a) - rank(b))
    .map(({ scheme }) => scheme);
}

/** The hash algorithms to announce: those of all schemes that are not weak, or of the `allowed` ones. */
export function announcedHashes(allowed: readonly string[]): number[] {
  const rows = SIGNATURES.filter(({ scheme, status }) =>
    allowed.length === 0 ? status !== 'weak' : allowed.includes(scheme.name),
  );
  return [...new Set(rows.flatMap(({ hashAlgorithm }) => hashAlgorithm ?? []))];
}

/** The hash whose strength is that of the key: more is wasted, less weakens it. */
function suitingHash({ type, bits }: PublicKey | PrivateKey): HashName {
  const [small, middle] = type === 'rsa' ? [3072, 7680] : [256, 384];
  return bits <= small ? 'sha256' : bits <= middle ? 'sha384' : 'sha512';
}

function fits(row: SignatureAlgorithm, key: PublicKey | PrivateKey): boolean {
  return row.scheme.keyType === key.type && (row.curve === undefined || row.curve === key.curve);
}

const HASHES = [
  { hash: 'sha256', hashAlgorithm: HashAlgorithm.SHA2_256 },
  { hash: 'sha384', hashAlgorithm: HashAlgorithm.SHA2_384 },
  { hash: 'sha512', hashAlgorithm: HashAlgorithm.SHA2_512 },
] as const;

/** OIDs below 1.2.840.113549.1.1 (PKCS #1), 1.2.840.10045.4 (ecdsa) and 2.16.840.1.101.3.4.2 (hashes), DER. */
const PSS_IDENTIFIERS = HASHES.map(({ hash }, i) => {
  const oid = `060960864801650304020${i + 1}0500`;
  const salt = saltLengthOf(hash).toString(16);
  const parameters = `a00f300d${oid}a11c301a06092a864886f70d010108300d${oid}a2030201${salt}`;
  return `304106092a864886f70d01010a3034${parameters}`;
});
const PKCS1_IDENTIFIERS = ['0b', '0c', '0d'].map(arc => `300d06092a864886f70d0101${arc}0500`);
const ECDSA_IDENTIFIERS = ['02', '03', '04'].map(arc => `300a06082a8648ce3d0403${arc}`);

function saltLengthOf(hash: (typeof HASHES)[number]['hash']): number {
  return { sha256: 32, sha384: 48, sha512: 64 }[hash];
}

function rows(
  identifiers: readonly string[],
  scheme: (row: (typeof HASHES)[number]) => SignatureScheme,
): SignatureAlgorithm[] {
  return HASHES.map((row, i) => ({
    scheme: scheme(row),
    identifier: fromHex(identifiers[i] as string) as Uint8Array,
    hashAlgorithm: row.hashAlgorithm,
    status: 'default',
  }));
}

function edwards(keyType: KeyType & ('ed25519' | 'ed448'), identifier: string): SignatureAlgorithm {
  return {
    scheme: { name: keyType, keyType },
    identifier: fromHex(identifier) as Uint8Array,
    hashAlgorithm: HashAlgorithm.IDENTITY,
    status: 'default',
  };
}

export const SIGNATURES: readonly SignatureAlgorithm[] = [
  // RFC 8420
  edwards('ed25519', '300506032b6570'),
  edwards('ed448', '300506032b6571'),
  // RFC 7427 appendix A.3, A.4, A.1; salts as long as the hash
  ...rows(ECDSA_IDENTIFIERS, ({ hash }) => ({ name: `ecdsa-${hash}`, keyType: 'ec', hash, encoding: 'der' })),
  ...rows(PSS_IDENTIFIERS, ({ hash }) => ({
    name: `rsa/pss-${hash}`,
    keyType: 'rsa',
    hash,
    padding: 'pss',
    saltLength: saltLengthOf(hash),
  })),
  ...rows(PKCS1_IDENTIFIERS, ({ hash }) => ({ name: `rsa-${hash}`, keyType: 'rsa', hash, padding: 'pkcs1' })),
  // RFC 4754: r and s side by side, one curve a method
  {
    scheme: { name: 'ecdsa-256', keyType: 'ec', hash: 'sha256', encoding: 'raw' },
    method: AuthMethod.ECDSA_256,
    curve: 'prime256v1',
    status: 'default',
  },
  {
    scheme: { name: 'ecdsa-384', keyType: 'ec', hash: 'sha384', encoding: 'raw' },
    method: AuthMethod.ECDSA_384,
    curve: 'secp384r1',
    status: 'default',
  },
  {
    scheme: { name: 'ecdsa-521', keyType: 'ec', hash: 'sha512', encoding: 'raw' },
    method: AuthMethod.ECDSA_521,
    curve: 'secp521r1',
    status: 'default',
  },
  // Method 1 means SHA-1, since nothing tells the peer of another hash; RFC 7427 forbids SHA-1 in new signatures
  {
    scheme: { name: 'rsa-sha1', keyType: 'rsa', hash: 'sha1', padding: 'pkcs1' },
    identifier: fromHex('300d06092a864886f70d0101050500') as Uint8Array,
    hashAlgorithm: HashAlgorithm.SHA1,
    method: AuthMethod.RSA_SIGNATURE,
    status: 'weak',
  },
  {
    scheme: { name: 'ecdsa-sha1', keyType: 'ec', hash: 'sha1', encoding: 'der' },
    identifier: fromHex('300906072a8648ce3d0401') as Uint8Array,
    hashAlgorithm: HashAlgorithm.SHA1,
    status: 'weak',
  },
  // IKEv1: HASH_I or HASH_R itself, in PKCS #1 padding with no DigestInfo, or by ECDSA and DSS with no hash around it (RFC 2409 §5.1, RFC 4754)
  { scheme: { name: 'ikev1-rsa', keyType: 'rsa', padding: 'pkcs1' }, status: 'weak' },
  { scheme: { name: 'ikev1-ecdsa', keyType: 'ec', encoding: 'raw' }, status: 'weak' },
  { scheme: { name: 'ikev1-dss', keyType: 'dsa', encoding: 'raw' }, status: 'weak' },
  {
    scheme: { name: 'ikev1-dsa', keyType: 'dsa', hash: 'sha1', encoding: 'raw' },
    method: AuthMethod.DSS_SIGNATURE,
    status: 'weak',
  },
];

const byName = new Map(SIGNATURES.map(row => [row.scheme.name, row]));

/** Whether `der` is the identifier without its NULL parameters, which PKCS #1 allows too (RFC 4055 §5). */
function isWithoutNull({ scheme, identifier }: SignatureAlgorithm, der: Uint8Array): boolean {
  if (identifier === undefined || scheme.padding !== 'pkcs1') return false;
  const short = identifier.slice(0, -2);
  short[1] = short.length - 2;
  return equal(short, der);
}
