import { createPrivateKey } from 'node:crypto';
import { CryptoFailure, type CryptoProvider, type PrivateKey } from '../crypto/provider.ts';
import { Malformed } from '../lib/reader.ts';
import type { Secret } from '../lib/secret.ts';
import { DerReader, Tag } from '../pki/der.ts';
import { isDer, type PemBlock, readPem } from '../pki/pem.ts';

/** Why octets are no private key that can be used, and what would change that. */
export class UnusableKey extends Error {
  readonly remedy: string | undefined;

  constructor(message: string, remedy?: string) {
    super(message);
    this.name = 'UnusableKey';
    this.remedy = remedy;
  }
}

/**
 * The private keys of a file: PKCS #8 (also encrypted), PKCS #1 or SEC 1, one in DER or any number in PEM.
 * Throws UnusableKey.
 */
export function readPrivateKeys(
  octets: Uint8Array,
  passphrase: Secret | undefined,
  provider: CryptoProvider,
): readonly PrivateKey[] {
  if (isDer(octets)) {
    if (!isEncryptedInfo(octets)) return [importKey(octets, provider)];
    return [decrypt({ key: Buffer.from(octets), format: 'der', type: 'pkcs8' }, passphrase, provider)];
  }
  const blocks = keyBlocks(octets);
  return blocks.map(block => {
    if (!block.encrypted) return importKey(block.der, provider);
    return decrypt({ key: block.text, format: 'pem' }, passphrase, provider);
  });
}

function keyBlocks(octets: Uint8Array): readonly PemBlock[] {
  let blocks: readonly PemBlock[];
  try {
    blocks = readPem(new TextDecoder('latin1').decode(octets));
  } catch (error) {
    if (error instanceof Malformed) throw new UnusableKey(error.message);
    throw error;
  }
  if (blocks.some(({ label }) => label === 'OPENSSH PRIVATE KEY')) {
    throw new UnusableKey(
      'it is in the format of OpenSSH',
      'convert it with: ssh-keygen -p -m PKCS8 -f FILE',
    );
  }
  const keys = blocks.filter(({ label }) => label.endsWith('PRIVATE KEY'));
  if (keys.length === 0) throw new UnusableKey('it holds no private key, neither in DER nor in PEM');
  return keys;
}

/** EncryptedPrivateKeyInfo begins with an algorithm, where PrivateKeyInfo, PKCS #1 and SEC 1 begin with a version. */
function isEncryptedInfo(der: Uint8Array): boolean {
  return new DerReader(der).enter(Tag.SEQUENCE, 'private key').tag === Tag.SEQUENCE;
}

function importKey(der: Uint8Array, provider: CryptoProvider): PrivateKey {
  try {
    return provider.importPrivateKey(der);
  } catch (error) {
    if (error instanceof CryptoFailure) throw new UnusableKey(error.message);
    throw error;
  }
}

function decrypt(
  input: { readonly key: string | Buffer; readonly format: 'pem' | 'der'; readonly type?: 'pkcs8' },
  passphrase: Secret | undefined,
  provider: CryptoProvider,
): PrivateKey {
  if (passphrase === undefined) throw new UnusableKey('it is encrypted and there is no passphrase for it');
  let der: Buffer;
  try {
    der = createPrivateKey({ ...input, passphrase: Buffer.from(passphrase.reveal()) }).export({
      format: 'der',
      type: 'pkcs8',
    });
  } catch (error) {
    // A wrong passphrase in 256 decrypts to well-padded noise, which the decoder calls unsupported too.
    if (error instanceof Error && /^(?!.*DECODER).*unsupported/i.test(error.message)) {
      throw new UnusableKey(
        'it is encrypted in a way that OpenSSL no longer supports',
        'encrypt it anew with: openssl pkcs8 -topk8 -in FILE',
      );
    }
    throw new UnusableKey('the passphrase does not decrypt it', 'check the secret');
  }
  try {
    return importKey(der, provider);
  } finally {
    der.fill(0);
  }
}
