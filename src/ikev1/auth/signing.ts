import type { HashName, KeyType, PrivateKey, SignatureScheme } from '../../crypto/provider.ts';
import { schemeByName } from '../../crypto/sign/registry.ts';
import { OakleyAuthMethod } from '../../iana/ikev1.ts';
import type { RemoteAuth } from '../../policy/connection.ts';

/** How a method signs HASH_I and HASH_R: with which keys, and the hash that it ties to itself. */
export interface Signing {
  readonly scheme: SignatureScheme;
  readonly keyType: KeyType;
  readonly curve?: string;
  readonly hash?: HashName;
  /** Peers that are allowed to may sign so; we do not. */
  readonly verifiedOnly?: true;
}

/** RFC 2409 §5.1, RFC 4754: one kind of key each, at both ends. */
const SIGNING: ReadonlyMap<number, Signing> = new Map([
  [OakleyAuthMethod.RSA_SIGNATURES, { scheme: schemeOf('ikev1-rsa'), keyType: 'rsa' }],
  [OakleyAuthMethod.ECDSA_256, ecdsa('prime256v1', 'sha256')],
  [OakleyAuthMethod.ECDSA_384, ecdsa('secp384r1', 'sha384')],
  [OakleyAuthMethod.ECDSA_521, ecdsa('secp521r1', 'sha512')],
  [
    OakleyAuthMethod.DSS_SIGNATURES,
    { scheme: schemeOf('ikev1-dss'), keyType: 'dsa', hash: 'sha1', verifiedOnly: true },
  ],
] satisfies [number, Signing][]);

/** Authentication Methods that are signatures. */
export const SIGNATURE_METHODS: readonly number[] = [...SIGNING.keys()];

export function signingOf(method: number): Signing {
  const signing = SIGNING.get(method);
  if (signing === undefined) throw new Error(`no signatures by method ${method}`);
  return signing;
}

/** The method that a key of ours signs by; undefined where there is none. */
export function signingFor(key: Pick<PrivateKey, 'type' | 'curve'>): number | undefined {
  return SIGNATURE_METHODS.find(method => {
    const signing = signingOf(method);
    return signing.verifiedOnly !== true && suits(signing, key);
  });
}

/** Whether `remote` names DSS: whoever does not is not shown a signature over SHA-1 by a key of 1024 bits. */
export function namesDss({ schemes }: Pick<RemoteAuth, 'schemes'>): boolean {
  return schemes.includes('ikev1-dss');
}

export function suits({ keyType, curve }: Signing, key: Pick<PrivateKey, 'type' | 'curve'>): boolean {
  return key.type === keyType && (curve === undefined || key.curve === curve);
}

function ecdsa(curve: string, hash: HashName): Signing {
  return { scheme: schemeOf('ikev1-ecdsa'), keyType: 'ec', curve, hash };
}

function schemeOf(name: string): SignatureScheme {
  const scheme = schemeByName(name);
  if (scheme === undefined) throw new Error(`no scheme ${name}`);
  return scheme;
}
