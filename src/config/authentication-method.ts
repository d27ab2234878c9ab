import { schemeByName } from '../crypto/sign/registry.ts';
import type { AuthMethodName } from '../policy/connection.ts';
import { nearest } from './nearest.ts';
import { Unfit, type ValueType } from './value-types.ts';

/** What an `auth` of swanctl.conf asks: a method, and for signatures which keys and hashes. */
export interface AuthenticationMethod {
  readonly method: AuthMethodName;
  /** What follows the hyphen of `xauth-…` and `eap-…`, and the colon of `pubkey-encryption:…`. */
  readonly variant?: string;
  /** Schemes for the IKE signature; empty for all strong ones. */
  readonly schemes: readonly string[];
  /** Asked of the certificates in the chain. */
  readonly chain: ChainConstraints;
}

interface ChainConstraints {
  readonly rsaBits: number;
  readonly ecdsaBits: number;
  /** Schemes that certificates may be signed by; empty: any that is sound. */
  readonly schemes: readonly string[];
}

const NO_CONSTRAINTS: ChainConstraints = { rsaBits: 0, ecdsaBits: 0, schemes: [] };

/** The schemes of each key type that a constraint can name, without their hash. */
const KEY_TYPES: Readonly<Record<string, readonly string[]>> = {
  pubkey: ['rsa/pss-', 'rsa-', 'ecdsa-', 'ed25519', 'ed448'],
  rsa: ['rsa/pss-', 'rsa-'],
  'rsa/pss': ['rsa/pss-'],
  ecdsa: ['ecdsa-'],
  ed25519: ['ed25519'],
  ed448: ['ed448'],
  dsa: ['ikev1-dss'],
};
const STRONG_HASHES = ['sha256', 'sha384', 'sha512'];
const HASHES = [...STRONG_HASHES, 'sha1', 'identity'];

/**
 * `psk`, `pubkey`, `xauth-pam`, `eap-mschapv2`; `rsa-3072-ecdsa-256-sha256-sha384` constrains keys and hashes, and
 * what follows `ike:` the signatures of IKE alone. Without an `ike:` part the other constraints hold for both.
 * `pubkey-encryption` and `pubkey-encryption-revised` are methods of IKEv1 that charon does not have.
 */
export const authenticationMethod: ValueType<AuthenticationMethod> = {
  name: 'pubkey, psk, rsa…, ecdsa…, ed25519, ed448, dsa, ike:…, eap…, xauth…, pubkey-encryption…',
  read(value) {
    const lower = value.toLowerCase();
    if (lower === 'psk' || lower === 'never') return { method: lower, schemes: [], chain: NO_CONSTRAINTS };
    const encryption = /^(pubkey-encryption(?:-revised)?)(?::(.*))?$/.exec(lower);
    if (encryption !== null) return encryptionMethod(encryption[1] as EncryptionName, encryption[2]);
    const other = /^(xauth|eap)(?:-([^:]+))?(?::(.*))?$/.exec(lower);
    if (other !== null) {
      const [, method, variant, constraints] = other;
      return {
        method: method as 'xauth' | 'eap',
        ...(variant === undefined ? {} : { variant }),
        schemes: [],
        chain: constraints === undefined ? NO_CONSTRAINTS : readConstraints(constraints).chain,
      };
    }
    return { method: 'pubkey', ...readConstraints(lower) };
  },
};

type EncryptionName = 'pubkey-encryption' | 'pubkey-encryption-revised';

/** A peer that makes SKEYID as no RFC says. */
export const UNHASHED_SKEYID = 'unhashed-skeyid';

function encryptionMethod(method: EncryptionName, variant: string | undefined): AuthenticationMethod {
  if (variant !== undefined && variant !== UNHASHED_SKEYID)
    throw new Unfit(
      `"${variant}" is no way to do public key encryption`,
      `leave it out, or use ${UNHASHED_SKEYID} for a peer that does not hash the nonces`,
      method.length + 1,
    );
  return { method, ...(variant === undefined ? {} : { variant }), schemes: [], chain: NO_CONSTRAINTS };
}

interface ConstraintSet {
  readonly types: Set<string>;
  readonly hashes: Set<string>;
}

function readConstraints(value: string): Pick<AuthenticationMethod, 'schemes' | 'chain'> {
  const ike: ConstraintSet = { types: new Set(), hashes: new Set() };
  const chain: ConstraintSet = { types: new Set(), hashes: new Set() };
  const bits = { rsa: 0, ecdsa: 0 };
  let set = chain;
  let sized: 'rsa' | 'ecdsa' | undefined;
  let offset = 0;
  for (const word of value.split('-')) {
    const isIke = word.startsWith('ike:');
    const token = isIke ? word.slice('ike:'.length) : word;
    if (Object.hasOwn(KEY_TYPES, token)) {
      set = isIke ? ike : chain;
      set.types.add(token);
      sized = token === 'rsa' || token === 'rsa/pss' ? 'rsa' : token === 'ecdsa' ? 'ecdsa' : undefined;
    } else if (HASHES.includes(token)) {
      if (isIke) set = ike;
      set.hashes.add(token);
    } else if (/^\d{3,5}$/.test(token) && sized !== undefined) {
      if (set === chain) bits[sized] = Number(token);
      sized = undefined;
    } else throw unknownWord(token, offset + word.length - token.length);
    offset += word.length + 1;
  }
  if (ike.types.size === 0 && chain.types.size === 0)
    throw new Unfit('it names no method and no type of key');
  const used = ike.types.size > 0 || ike.hashes.size > 0 ? ike : chain;
  return {
    schemes: schemesOf(used),
    chain: {
      rsaBits: bits.rsa,
      ecdsaBits: bits.ecdsa,
      schemes: chain.hashes.size === 0 ? [] : schemesOf(chain),
    },
  };
}

/** Scheme names of the registry for every combination of key type and hash; none when nothing narrows them. */
function schemesOf({ types, hashes }: ConstraintSet): string[] {
  if (types.size === 1 && types.has('pubkey') && hashes.size === 0) return [];
  const wanted = hashes.size === 0 ? STRONG_HASHES : [...hashes];
  const names = [...(types.size === 0 ? ['pubkey'] : types)].flatMap(type => KEY_TYPES[type] ?? []);
  const schemes = names.flatMap(name => {
    if (name.endsWith('-')) return wanted.map(hash => `${name}${hash}`);
    return hashes.size === 0 || hashes.has('identity') || !types.has('pubkey') ? [name] : [];
  });
  return [...new Set(schemes)].filter(name => schemeByName(name) !== undefined);
}

function unknownWord(word: string, offset: number): Unfit {
  const meant = nearest(word, [
    'psk',
    'eap',
    'xauth',
    'pubkey-encryption',
    ...Object.keys(KEY_TYPES),
    ...HASHES,
  ]);
  return new Unfit(
    `"${word}" is no method, type of key, size or hash`,
    meant === undefined ? undefined : `did you mean "${meant}"?`,
    offset,
  );
}
