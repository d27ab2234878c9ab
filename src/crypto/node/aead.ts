import { type CipherCCMTypes, createCipheriv, createDecipheriv, type KeyObject } from 'node:crypto';

/** One AEAD under one key: text in, text and tag out. The portable shape that packet ciphers are made of. */
export interface Aead {
  /** The ciphertext and its tag. */
  seal(nonce: Uint8Array, aad: Uint8Array, text: Uint8Array): { text: Uint8Array; tag: Uint8Array };
  /** The text, or undefined when the tag is wrong. */
  open(nonce: Uint8Array, aad: Uint8Array, text: Uint8Array, tag: Uint8Array): Uint8Array | undefined;
}

/** AES-GCM, ChaCha20-Poly1305 and AES-CCM of OpenSSL; `name` is its name of them. */
export function opensslAead(name: string, key: KeyObject, tagLength: number): Aead {
  // OpenSSL's CCM must know the length beforehand; for the others the option is ignored. The types know GCM and CCM apart.
  const cipher = name as CipherCCMTypes;
  return {
    seal(nonce, aad, text) {
      const sealing = createCipheriv(cipher, key, nonce, { authTagLength: tagLength });
      sealing.setAAD(aad, { plaintextLength: text.length });
      const sealed = sealing.update(text);
      sealing.final();
      return { text: sealed, tag: sealing.getAuthTag() };
    },
    open(nonce, aad, text, tag) {
      try {
        const opening = createDecipheriv(cipher, key, nonce, { authTagLength: tagLength });
        opening.setAuthTag(tag);
        opening.setAAD(aad, { plaintextLength: text.length });
        const opened = opening.update(text);
        opening.final();
        return opened;
      } catch {
        return undefined;
      }
    },
  };
}
