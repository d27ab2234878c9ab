import { Encr } from '../../iana/transforms.ts';
import { type Algorithm, byId } from '../algorithm.ts';

/** Encryption algorithms: ENCR transforms (RFC 8247 §2.1, RFC 8221 §5). All sizes in octets, key lengths in bits. */
export interface EncryptionAlgorithm extends Algorithm {
  readonly cipher: 'aes' | 'camellia' | 'chacha20' | '3des' | 'des' | 'null';
  readonly mode: 'cbc' | 'ctr' | 'gcm' | 'ccm' | 'poly1305' | 'gmac' | 'null';
  /** Proposal keywords of each key length, the canonical one first; key lengths in order of preference. */
  readonly keywords: readonly KeywordsOfLength[];
  /** Whether the Key Length attribute is sent: algorithms of one key length have none (RFC 7296 §3.3.5). */
  readonly keyLengthAttribute: boolean;
  /** Salt or nonce that the key derivation yields behind the cipher key. */
  readonly salt: number;
  readonly iv: number;
  /** Nonzero exactly on algorithms with authentication of their own. */
  readonly icv: number;
  /** The text must be a multiple of this. */
  readonly block: number;
}

interface KeywordsOfLength {
  readonly keyLength: number;
  readonly names: readonly [string, ...string[]];
}

/** The row of a transform ID, or undefined for an algorithm that is not known here. */
export function encryptionOf(id: number): EncryptionAlgorithm | undefined {
  return index.get(id);
}

/** Whether `id` is an algorithm with authentication of its own, which takes no integrity transform (RFC 5282 §8). */
export function isAead(id: number): boolean {
  return (index.get(id)?.icv ?? 0) > 0;
}

/** AES and Camellia keys, best first: 192 bits last, since hardly anybody offers them alone. */
const LENGTHS = [256, 128, 192] as const;

/** `aes` and `gcm16`, `gcm128` make `aes256gcm16`, `aes256gcm128` and so on; `bare` also names 128 bits. */
function sized(cipher: string, modes: readonly [string, ...string[]], bare?: string): KeywordsOfLength[] {
  return LENGTHS.map(keyLength => {
    const [canonical, ...aliases] = modes.map(mode => `${cipher}${keyLength}${mode}`);
    const names: [string, ...string[]] = [canonical as string, ...aliases];
    if (keyLength === 128 && bare !== undefined) names.push(bare);
    return { keyLength, names };
  });
}

const AES = { cipher: 'aes', strength: 256, keyLengthAttribute: true } as const;
const GCM = { ...AES, mode: 'gcm', uses: ['ike', 'esp'], salt: 4, iv: 8, block: 1 } as const;
const CCM = { ...AES, mode: 'ccm', uses: ['ike', 'esp'], salt: 3, iv: 8, block: 1 } as const;
const CAMELLIA = { cipher: 'camellia', strength: 256, keyLengthAttribute: true } as const;
const CAMELLIA_CCM = { ...CAMELLIA, mode: 'ccm', uses: ['esp'], salt: 3, iv: 8, block: 1 } as const;

export const ENCRYPTION: readonly EncryptionAlgorithm[] = [
  // RFC 4106 for ESP, RFC 5282 for IKE
  {
    ...GCM,
    id: Encr.ENCR_AES_GCM_16,
    name: 'ENCR_AES_GCM_16',
    keywords: sized('aes', ['gcm16', 'gcm128']),
    status: 'default',
    icv: 16,
  },
  // RFC 7634
  {
    id: Encr.ENCR_CHACHA20_POLY1305,
    name: 'ENCR_CHACHA20_POLY1305',
    cipher: 'chacha20',
    mode: 'poly1305',
    keywords: [{ keyLength: 256, names: ['chacha20poly1305'] }],
    keyLengthAttribute: false,
    uses: ['ike', 'esp'],
    status: 'default',
    strength: 256,
    salt: 4,
    iv: 8,
    icv: 16,
    block: 1,
  },
  // RFC 3602
  {
    ...AES,
    id: Encr.ENCR_AES_CBC,
    name: 'ENCR_AES_CBC',
    mode: 'cbc',
    keywords: sized('aes', [''], 'aes'),
    uses: ['ike', 'esp'],
    status: 'default',
    salt: 0,
    iv: 16,
    icv: 0,
    block: 16,
  },
  {
    ...GCM,
    id: Encr.ENCR_AES_GCM_12,
    name: 'ENCR_AES_GCM_12',
    keywords: sized('aes', ['gcm12', 'gcm96']),
    status: 'allowed',
    icv: 12,
  },
  // GCM with a tag of 64 bits loses strength as forgeries are tried (SP 800-38D appendix C)
  {
    ...GCM,
    id: Encr.ENCR_AES_GCM_8,
    name: 'ENCR_AES_GCM_8',
    keywords: sized('aes', ['gcm8', 'gcm64']),
    status: 'weak',
    icv: 8,
  },
  // RFC 4309
  {
    ...CCM,
    id: Encr.ENCR_AES_CCM_16,
    name: 'ENCR_AES_CCM_16',
    keywords: sized('aes', ['ccm16', 'ccm128']),
    status: 'allowed',
    icv: 16,
  },
  {
    ...CCM,
    id: Encr.ENCR_AES_CCM_12,
    name: 'ENCR_AES_CCM_12',
    keywords: sized('aes', ['ccm12', 'ccm96']),
    status: 'allowed',
    icv: 12,
  },
  {
    ...CCM,
    id: Encr.ENCR_AES_CCM_8,
    name: 'ENCR_AES_CCM_8',
    keywords: sized('aes', ['ccm8', 'ccm64']),
    status: 'allowed',
    icv: 8,
  },
  // RFC 3686 for ESP, RFC 5930 for IKE
  {
    ...AES,
    id: Encr.ENCR_AES_CTR,
    name: 'ENCR_AES_CTR',
    mode: 'ctr',
    keywords: sized('aes', ['ctr']),
    uses: ['ike', 'esp'],
    status: 'allowed',
    salt: 4,
    iv: 8,
    icv: 0,
    block: 1,
  },
  // RFC 4312; RFC 5529, whose CTR and CCM are for ESP alone in IANA's table
  {
    ...CAMELLIA,
    id: Encr.ENCR_CAMELLIA_CBC,
    name: 'ENCR_CAMELLIA_CBC',
    mode: 'cbc',
    keywords: sized('camellia', [''], 'camellia'),
    uses: ['ike', 'esp'],
    status: 'allowed',
    salt: 0,
    iv: 16,
    icv: 0,
    block: 16,
  },
  {
    ...CAMELLIA,
    id: Encr.ENCR_CAMELLIA_CTR,
    name: 'ENCR_CAMELLIA_CTR',
    mode: 'ctr',
    keywords: sized('camellia', ['ctr']),
    uses: ['esp'],
    status: 'allowed',
    salt: 4,
    iv: 8,
    icv: 0,
    block: 1,
  },
  {
    ...CAMELLIA_CCM,
    id: Encr.ENCR_CAMELLIA_CCM_16,
    name: 'ENCR_CAMELLIA_CCM_16',
    keywords: sized('camellia', ['ccm16', 'ccm128']),
    status: 'allowed',
    icv: 16,
  },
  {
    ...CAMELLIA_CCM,
    id: Encr.ENCR_CAMELLIA_CCM_12,
    name: 'ENCR_CAMELLIA_CCM_12',
    keywords: sized('camellia', ['ccm12', 'ccm96']),
    status: 'allowed',
    icv: 12,
  },
  {
    ...CAMELLIA_CCM,
    id: Encr.ENCR_CAMELLIA_CCM_8,
    name: 'ENCR_CAMELLIA_CCM_8',
    keywords: sized('camellia', ['ccm8', 'ccm64']),
    status: 'allowed',
    icv: 8,
  },
  // RFC 4543: authenticates and does not encrypt
  {
    ...AES,
    id: Encr.ENCR_NULL_AUTH_AES_GMAC,
    name: 'ENCR_NULL_AUTH_AES_GMAC',
    mode: 'gmac',
    keywords: sized('aes', ['gmac']),
    uses: ['esp'],
    status: 'allowed',
    salt: 4,
    iv: 8,
    icv: 16,
    block: 1,
  },
  // RFC 2410
  {
    id: Encr.ENCR_NULL,
    name: 'ENCR_NULL',
    cipher: 'null',
    mode: 'null',
    keywords: [{ keyLength: 0, names: ['null'] }],
    keyLengthAttribute: false,
    uses: ['esp'],
    status: 'allowed',
    strength: 0,
    salt: 0,
    iv: 0,
    icv: 0,
    block: 1,
  },
  // RFC 2451; a block of 64 bits (RFC 8221 §5)
  {
    id: Encr.ENCR_3DES,
    name: 'ENCR_3DES',
    cipher: '3des',
    mode: 'cbc',
    keywords: [{ keyLength: 192, names: ['3des'] }],
    keyLengthAttribute: false,
    uses: ['ike', 'esp'],
    status: 'weak',
    strength: 112,
    salt: 0,
    iv: 8,
    icv: 0,
    block: 8,
  },
  // RFC 2405
  {
    id: Encr.ENCR_DES,
    name: 'ENCR_DES',
    cipher: 'des',
    mode: 'cbc',
    keywords: [{ keyLength: 64, names: ['des'] }],
    keyLengthAttribute: false,
    uses: ['ike', 'esp'],
    status: 'weak',
    strength: 56,
    salt: 0,
    iv: 8,
    icv: 0,
    block: 8,
  },
];

const index = byId(ENCRYPTION);
