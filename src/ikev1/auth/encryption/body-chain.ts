import { revisedCipherKey, type V1Hash } from '../../../crypto/keymat-v1.ts';
import type { CbcCipher, CryptoProvider } from '../../../crypto/provider.ts';
import { cipherKeyLength } from '../../../crypto/sizes.ts';
import { Failed } from '../../../policy/failure.ts';
import type { PhaseOneSuite } from '../../phase-one-proposal.ts';

/** What Ke_i or Ke_r is made from: one side's nonce, decrypted, and its cookie. */
interface BodyKey {
  readonly provider: CryptoProvider;
  readonly hash: V1Hash;
  readonly suite: PhaseOneSuite;
  readonly nonce: Uint8Array;
  readonly cookie: bigint;
}

/** The payload bodies behind one side's nonce, encrypted one after the other (RFC 2409 §5.3). */
export class BodyChain {
  readonly #cipher: CbcCipher;
  #iv: Uint8Array;

  /** Throws Failed where the platform lacks the cipher. */
  constructor({ provider, hash, suite, nonce, cookie }: BodyKey) {
    const { encryption, keyLength } = suite.accepted;
    const key = revisedCipherKey(hash, nonce, cookie, cipherKeyLength(encryption, keyLength) ?? 0);
    const cipher = provider.cbcCipher(encryption, key.reveal());
    key.wipe();
    if (cipher === undefined)
      throw new Failed({ code: 'local/unsupported', summary: `this platform lacks ${suite.text}` });
    this.#cipher = cipher;
    this.#iv = new Uint8Array(cipher.blockLength);
  }

  /** The next body, encrypted. There is always padding: zeros, and then how many. */
  seal(body: Uint8Array): Uint8Array {
    const { blockLength } = this.#cipher;
    const zeros = blockLength - 1 - (body.length % blockLength);
    const text = new Uint8Array(body.length + zeros + 1);
    text.set(body);
    text[text.length - 1] = zeros;
    const sealed = this.#cipher.encrypt(this.#iv, text);
    text.fill(0);
    this.#iv = sealed.slice(-blockLength);
    return sealed;
  }

  /** The inverse; undefined where it was not sealed with this key. The caller must not let that show. */
  open(sealed: Uint8Array): Uint8Array | undefined {
    const { blockLength } = this.#cipher;
    if (sealed.length === 0 || sealed.length % blockLength !== 0) return undefined;
    const text = this.#cipher.decrypt(this.#iv, sealed);
    this.#iv = sealed.slice(-blockLength);
    const zeros = text[text.length - 1] as number;
    const end = text.length - 1 - zeros;
    if (zeros >= blockLength) return undefined;
    return text.subarray(end, -1).some(octet => octet !== 0) ? undefined : text.slice(0, end);
  }
}
