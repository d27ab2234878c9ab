import type { Openssl } from '../../sys/openssl.ts';
import { type EncryptionAlgorithm, encryptionOf } from '../encr/registry.ts';
import { integrityOf } from '../integ/registry.ts';
import type { PacketCipher, PacketCipherSpec, PacketOptions } from '../provider.ts';
import { type CipherSizes, cipherSizes } from '../sizes.ts';
import { opensslAead } from './openssl-aead.ts';
import { BareCipher, EncryptThenMac } from './openssl-encrypt-then-mac.ts';
import { Hmac } from './openssl-hmac.ts';
import { countedIv, type IvSource, randomIv } from './openssl-iv.ts';
import type { Protection } from './openssl-protection.ts';

/**
 * Packet protection on OpenSSL's own functions: contexts are kept from packet to packet, and nothing is allocated.
 * Undefined for algorithms that are not known, or that have no function here (XCBC, CMAC, GMAC).
 */
export function opensslPacketCipher(
  openssl: Openssl,
  spec: PacketCipherSpec,
  random: (length: number) => Uint8Array,
): PacketCipher | undefined {
  const sizes = cipherSizes(spec.encryption, spec.keyLength, spec.integrity);
  if (sizes === undefined) return undefined;
  if (spec.encryptionKey.length !== sizes.encryptionKey || spec.integrityKey.length !== sizes.integrityKey)
    throw new RangeError('key material of a wrong length');
  const protection = protectionOf(openssl, spec, sizes);
  return (
    protection && new OpensslPacketCipher(sizes, protection, ivSource(spec.encryption, sizes.iv, random))
  );
}

class OpensslPacketCipher implements PacketCipher {
  readonly ivLength: number;
  readonly icvLength: number;
  readonly blockLength: number;
  readonly #protection: Protection;
  readonly #freshIv: IvSource;
  #wiped = false;

  constructor(sizes: CipherSizes, protection: Protection, freshIv: IvSource) {
    this.ivLength = sizes.iv;
    this.icvLength = sizes.icv;
    this.blockLength = sizes.block;
    this.#protection = protection;
    this.#freshIv = freshIv;
  }

  seal(packet: Uint8Array, ivOffset: number, options?: PacketOptions): void {
    if (this.#wiped) throw new Error('a packet cipher was used after its keys were wiped');
    if (!this.#fits(packet, ivOffset))
      throw new RangeError('the packet has no room for IV, whole blocks and ICV');
    const iv = options?.iv;
    if (iv === undefined) this.#freshIv(packet, ivOffset);
    else if (iv.length === this.ivLength) packet.set(iv, ivOffset);
    else throw new RangeError(`an IV of ${iv.length} octets, ${this.ivLength} wanted`);
    this.#protection.seal(packet, ivOffset, options?.esnHigh);
  }

  open(packet: Uint8Array, ivOffset: number, options?: PacketOptions): boolean {
    if (this.#wiped || !this.#fits(packet, ivOffset)) return false;
    return this.#protection.open(packet, ivOffset, options?.esnHigh);
  }

  wipe(): void {
    if (this.#wiped) return;
    this.#wiped = true;
    this.#protection.wipe();
  }

  /** The native code trusts these lengths. */
  #fits(packet: Uint8Array, ivOffset: number): boolean {
    const text = packet.length - this.icvLength - this.ivLength - ivOffset;
    return Number.isInteger(ivOffset) && ivOffset >= 0 && text >= 0 && text % this.blockLength === 0;
  }
}

function protectionOf(openssl: Openssl, spec: PacketCipherSpec, sizes: CipherSizes): Protection | undefined {
  const encryption = encryptionOf(spec.encryption);
  const integrity = integrityOf(spec.integrity);
  const material = spec.encryptionKey.reveal();
  const keyLength = material.length - (encryption?.salt ?? 0);
  const [key, salt] = [material.subarray(0, keyLength), material.subarray(keyLength)];
  if (encryption !== undefined && isCombined(encryption)) return opensslAead(openssl, encryption, key, salt);
  if (integrity?.primitive.kind !== 'hmac') return undefined;
  const bare = encryption === undefined || encryption.mode === 'null';
  const cipher = bare ? undefined : BareCipher.create(openssl, encryption, key, salt);
  if (!bare && cipher === undefined) return undefined;
  const hmac = Hmac.create(openssl, integrity.primitive.hash, spec.integrityKey.reveal());
  return hmac && new EncryptThenMac(openssl, cipher, hmac, sizes);
}

/** Camellia has no CCM in OpenSSL: fetching it fails, and the portable cipher composes it. */
function isCombined({ mode }: EncryptionAlgorithm): boolean {
  return mode === 'gcm' || mode === 'ccm' || mode === 'poly1305';
}

function ivSource(encryption: number, length: number, random: (length: number) => Uint8Array): IvSource {
  if (length === 0) return () => undefined;
  return encryptionOf(encryption)?.mode === 'cbc' ? randomIv(length, random) : countedIv(random);
}
