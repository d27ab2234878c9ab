import { nameOf } from '../../iana/name.ts';
import { Encr, Integ } from '../../iana/transforms.ts';
import { Failed } from '../../policy/failure.ts';
import type { DirectionKeys, IpsecAlgorithms } from '../../policy/sa.ts';
import type { NetlinkWriter } from '../../sys/netlink/writer.ts';
import { Attribute } from './numbers.ts';

/** The kernel crypto API's names. Keys of AEADs and of CTR have the salt or nonce behind them, as they are derived. */
const AEAD: Readonly<Record<number, { readonly name: string; readonly icv: number }>> = {
  [Encr.ENCR_AES_GCM_8]: { name: 'rfc4106(gcm(aes))', icv: 64 },
  [Encr.ENCR_AES_GCM_12]: { name: 'rfc4106(gcm(aes))', icv: 96 },
  [Encr.ENCR_AES_GCM_16]: { name: 'rfc4106(gcm(aes))', icv: 128 },
  [Encr.ENCR_AES_CCM_8]: { name: 'rfc4309(ccm(aes))', icv: 64 },
  [Encr.ENCR_AES_CCM_12]: { name: 'rfc4309(ccm(aes))', icv: 96 },
  [Encr.ENCR_AES_CCM_16]: { name: 'rfc4309(ccm(aes))', icv: 128 },
  [Encr.ENCR_NULL_AUTH_AES_GMAC]: { name: 'rfc4543(gcm(aes))', icv: 128 },
  [Encr.ENCR_CHACHA20_POLY1305]: { name: 'rfc7539esp(chacha20,poly1305)', icv: 128 },
};

const CIPHER: Readonly<Record<number, string>> = {
  [Encr.ENCR_NULL]: 'ecb(cipher_null)',
  [Encr.ENCR_DES]: 'cbc(des)',
  [Encr.ENCR_3DES]: 'cbc(des3_ede)',
  [Encr.ENCR_AES_CBC]: 'cbc(aes)',
  [Encr.ENCR_AES_CTR]: 'rfc3686(ctr(aes))',
  [Encr.ENCR_CAMELLIA_CBC]: 'cbc(camellia)',
};

/** A draft's SHA-256 cut to 96 bits, by its private number. */
const HMAC_SHA2_256_96 = 1025;

const INTEGRITY: Readonly<Record<number, { readonly name: string; readonly icv: number }>> = {
  [Integ.AUTH_HMAC_MD5_96]: { name: 'hmac(md5)', icv: 96 },
  [Integ.AUTH_HMAC_MD5_128]: { name: 'hmac(md5)', icv: 128 },
  [Integ.AUTH_HMAC_SHA1_96]: { name: 'hmac(sha1)', icv: 96 },
  [Integ.AUTH_HMAC_SHA1_160]: { name: 'hmac(sha1)', icv: 160 },
  [Integ.AUTH_HMAC_SHA2_256_128]: { name: 'hmac(sha256)', icv: 128 },
  [HMAC_SHA2_256_96]: { name: 'hmac(sha256)', icv: 96 },
  [Integ.AUTH_HMAC_SHA2_384_192]: { name: 'hmac(sha384)', icv: 192 },
  [Integ.AUTH_HMAC_SHA2_512_256]: { name: 'hmac(sha512)', icv: 256 },
  [Integ.AUTH_AES_XCBC_96]: { name: 'xcbc(aes)', icv: 96 },
  [Integ.AUTH_AES_CMAC_96]: { name: 'cmac(aes)', icv: 96 },
};

const NAME = 64;

/** Writes the algorithms of one direction with their keys. Throws Failed for such as the kernel has no name of. */
export function writeAlgorithms(
  writer: NetlinkWriter,
  { encryption, integrity }: IpsecAlgorithms,
  keys: DirectionKeys,
): void {
  const aead = AEAD[encryption];
  if (aead !== undefined) {
    writer.nested(Attribute.ALG_AEAD, inner => {
      writeName(inner, aead.name);
      inner
        .u32(8 * keys.encryption.length)
        .u32(aead.icv)
        .bytes(keys.encryption.reveal());
    });
    return;
  }
  const cipher = CIPHER[encryption];
  if (encryption !== 0 && cipher === undefined) throw unsupported(nameOf(Encr, encryption));
  if (cipher !== undefined) {
    writer.nested(Attribute.ALG_CRYPT, inner => {
      writeName(inner, cipher);
      inner.u32(8 * keys.encryption.length).bytes(keys.encryption.reveal());
    });
  }
  const mac = INTEGRITY[integrity];
  if (mac === undefined) throw unsupported(nameOf(Integ, integrity));
  writer.nested(Attribute.ALG_AUTH_TRUNC, inner => {
    writeName(inner, mac.name);
    inner
      .u32(8 * keys.integrity.length)
      .u32(mac.icv)
      .bytes(keys.integrity.reveal());
  });
}

/** The kernel takes the algorithm of IPComp by its name alone (RFC 2394). */
export function writeCompression(writer: NetlinkWriter): void {
  writer.nested(Attribute.ALG_COMP, inner => {
    writeName(inner, 'deflate');
    inner.u32(0);
  });
}

function writeName(writer: NetlinkWriter, name: string): void {
  const octets = new TextEncoder().encode(name);
  writer.bytes(octets).zeros(NAME - octets.length);
}

function unsupported(name: string): Failed {
  return new Failed({
    code: 'local/unsupported',
    summary: `the kernel has no ${name} for IPsec`,
    remedy: 'leave the algorithm out of esp_proposals or ah_proposals, or use the back end in user space',
  });
}
