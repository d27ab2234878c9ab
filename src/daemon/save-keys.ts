import { accessSync, appendFileSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Encr, Integ } from '../iana/transforms.ts';
import type { IkeEvent, IkeKeyRecord } from '../ike/output.ts';
import { toHex } from '../lib/bytes.ts';
import { formatIp, isV4 } from '../lib/ip.ts';
import { Failed } from '../policy/failure.ts';
import type { ChildSaParameters, DirectionKeys } from '../policy/sa.ts';

/**
 * Writes the tables from which Wireshark and tshark decrypt (`ikev2_decryption_table`, `ikev1_decryption_table`,
 * `esp_sa`), of the SAs that are made while it is told to: point WIRESHARK_CONFIG_DIR at the directory. Files are for
 * their owner alone.
 */
export class KeySaving {
  readonly #emitKeys: (on: boolean) => void;
  readonly #warn: (text: string) => void;
  #directory: string | undefined;

  /** `emitKeys` has the engine tell of keys, or no longer. */
  constructor(emitKeys: (on: boolean) => void, warn: (text: string) => void) {
    this.#emitKeys = emitKeys;
    this.#warn = warn;
  }

  /** Saves into `directory` from now on, which is made where there is none; without one nothing more is saved. Throws Failed. */
  into(directory: string | undefined): void {
    if (directory !== undefined) {
      try {
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        accessSync(directory, constants.W_OK);
      } catch (error) {
        throw new Failed({
          code: 'local/no-privilege',
          summary: `keys cannot be saved in ${directory}: ${(error as Error).message}`,
          remedy: 'name a directory that the user of the daemon may write to',
        });
      }
      this.#warn(`KEYS OF ALL SAs ARE WRITTEN TO ${directory}: whoever reads them reads the traffic`);
    } else if (this.#directory !== undefined) this.#warn('keys are no longer written to disk');
    this.#directory = directory;
    this.#emitKeys(directory !== undefined);
  }

  note(event: IkeEvent): void {
    if (this.#directory === undefined) return;
    if (event.kind === 'ike-keys') {
      const { keys } = event;
      if (keys.version === 1)
        this.#append('ikev1_decryption_table', [`${hex(keys.initiatorSpi)},${keys.skEi}`]);
      else this.#append('ikev2_decryption_table', [ikeLine(keys)]);
    }
    if (event.kind === 'child-keys' && event.sa.protocol === 'esp')
      this.#append('esp_sa', espLines(event.sa));
  }

  #append(file: string, lines: readonly string[]): void {
    try {
      appendFileSync(join(this.#directory ?? '', file), lines.map(line => `${line}\n`).join(''), {
        mode: 0o600,
      });
    } catch (error) {
      this.#warn(`keys cannot be saved any longer: ${(error as Error).message}`);
      this.into(undefined);
    }
  }
}

function ikeLine(keys: IkeKeyRecord): string {
  const cipher = ikeCipher(keys.encryption, keys.keyLength);
  const integrity = IKE_INTEGRITY[keys.integrity] ?? 'NONE [RFC4306]';
  return [
    hex(keys.initiatorSpi),
    hex(keys.responderSpi),
    keys.skEi,
    keys.skEr,
    `"${cipher}"`,
    keys.skAi,
    keys.skAr,
    `"${integrity}"`,
  ].join(',');
}

function hex(spi: bigint): string {
  return spi.toString(16).padStart(16, '0');
}

function ikeCipher(encryption: number, keyLength: number): string {
  const aead = AEAD[encryption];
  if (aead !== undefined) return `AES-${aead.mode}-${keyLength} with ${aead.icv} octet ICV [RFC5282]`;
  switch (encryption) {
    case Encr.ENCR_3DES:
      return '3DES [RFC2451]';
    case Encr.ENCR_AES_CBC:
      return `AES-CBC-${keyLength} [RFC3602]`;
    case Encr.ENCR_AES_CTR:
      return `AES-CTR-${keyLength} [RFC5930]`;
    default:
      return 'NULL [RFC2410]';
  }
}

const AEAD: Readonly<Record<number, { mode: string; icv: number }>> = {
  [Encr.ENCR_AES_CCM_8]: { mode: 'CCM', icv: 8 },
  [Encr.ENCR_AES_CCM_12]: { mode: 'CCM', icv: 12 },
  [Encr.ENCR_AES_CCM_16]: { mode: 'CCM', icv: 16 },
  [Encr.ENCR_AES_GCM_8]: { mode: 'GCM', icv: 8 },
  [Encr.ENCR_AES_GCM_12]: { mode: 'GCM', icv: 12 },
  [Encr.ENCR_AES_GCM_16]: { mode: 'GCM', icv: 16 },
};

const IKE_INTEGRITY: Readonly<Record<number, string>> = {
  [Integ.AUTH_HMAC_MD5_96]: 'HMAC_MD5_96 [RFC2403]',
  [Integ.AUTH_HMAC_SHA1_96]: 'HMAC_SHA1_96 [RFC2404]',
  [Integ.AUTH_HMAC_SHA2_256_128]: 'HMAC_SHA2_256_128 [RFC4868]',
  [Integ.AUTH_HMAC_SHA2_384_192]: 'HMAC_SHA2_384_192 [RFC4868]',
  [Integ.AUTH_HMAC_SHA2_512_256]: 'HMAC_SHA2_512_256 [RFC4868]',
};

const ESP_INTEGRITY: Readonly<Record<number, string>> = {
  [Integ.AUTH_HMAC_MD5_96]: 'HMAC-MD5-96 [RFC2403]',
  [Integ.AUTH_HMAC_SHA1_96]: 'HMAC-SHA-1-96 [RFC2404]',
  [Integ.AUTH_HMAC_SHA2_256_128]: 'HMAC-SHA-256-128 [RFC4868]',
  [Integ.AUTH_HMAC_SHA2_384_192]: 'HMAC-SHA-384-192 [RFC4868]',
  [Integ.AUTH_HMAC_SHA2_512_256]: 'HMAC-SHA-512-256 [RFC4868]',
};

const ESP_CIPHER: Readonly<Record<number, string>> = {
  [Encr.ENCR_NULL]: 'NULL',
  [Encr.ENCR_3DES]: 'TripleDES-CBC [RFC2451]',
  [Encr.ENCR_AES_CBC]: 'AES-CBC [RFC3602]',
  [Encr.ENCR_AES_CTR]: 'AES-CTR [RFC3686]',
  [Encr.ENCR_AES_GCM_8]: 'AES-GCM with 8 octet ICV [RFC4106]',
  [Encr.ENCR_AES_GCM_12]: 'AES-GCM with 12 octet ICV [RFC4106]',
  [Encr.ENCR_AES_GCM_16]: 'AES-GCM with 16 octet ICV [RFC4106]',
  [Encr.ENCR_CHACHA20_POLY1305]: 'ChaCha20 with Poly1305 [RFC7634]',
};

function espLines(sa: ChildSaParameters): string[] {
  const { local, remote } = sa.path;
  const family = isV4(local.address) ? 'IPv4' : 'IPv6';
  const line = (from: Uint8Array, to: Uint8Array, spi: number, keys: DirectionKeys): string =>
    [
      family,
      formatIp(from),
      formatIp(to),
      `0x${spi.toString(16).padStart(8, '0')}`,
      ESP_CIPHER[sa.algorithms.encryption] ?? 'NULL',
      key(keys.encryption.reveal()),
      ESP_INTEGRITY[sa.algorithms.integrity] ?? 'NULL',
      key(keys.integrity.reveal()),
    ]
      .map(field => `"${field}"`)
      .join(',');
  return [
    line(remote.address, local.address, sa.spiIn, sa.keysIn),
    line(local.address, remote.address, sa.spiOut, sa.keysOut),
  ];
}

function key(octets: Uint8Array): string {
  return octets.length === 0 ? '' : `0x${toHex(octets)}`;
}
