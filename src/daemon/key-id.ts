import type { CryptoProvider, PublicKey } from '../crypto/provider.ts';
import { toHex } from '../lib/bytes.ts';
import { readDer, Tag } from '../pki/der.ts';

/** The number of a key as charon tells it: SHA-1 of the key's own octets within its SubjectPublicKeyInfo, in hex. */
export function keyId({ spki }: PublicKey, provider: CryptoProvider): string {
  const info = readDer(spki, Tag.SEQUENCE, 'public key');
  info.element('public key: algorithm');
  return toHex(provider.hash('sha1', info.bitOctets('public key')));
}
