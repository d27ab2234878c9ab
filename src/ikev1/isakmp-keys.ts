import {
  hash1,
  hash2,
  hash3,
  type PhaseOneKeys,
  phaseOneCipherKey,
  phaseOneIv,
  phaseOneKeys,
  phaseTwoIv,
  type V1Hash,
  v1Hash,
} from '../crypto/keymat-v1.ts';
import type { Spis } from '../crypto/keymat-v2.ts';
import type { CbcCipher } from '../crypto/provider.ts';
import { cipherKeyLength } from '../crypto/sizes.ts';
import type { IkeKeyRecord } from '../ike/output.ts';
import type { Host } from '../ike/session.ts';
import { toHex } from '../lib/bytes.ts';
import type { Secret } from '../lib/secret.ts';
import { Failed } from '../policy/failure.ts';
import type { HashRule } from './hash-rule.ts';
import type { PhaseOneSuite } from './phase-one-proposal.ts';

/** What the keys of an ISAKMP SA come from. */
export interface KeyMaterial {
  readonly suite: PhaseOneSuite;
  /** Of the peers' key exchange. */
  readonly sharedSecret: Uint8Array;
  readonly cookies: Spis;
  readonly initiatorPublic: Uint8Array;
  readonly responderPublic: Uint8Array;
}

/** The keys of an ISAKMP SA (RFC 2409 §5, appendix B) as they are used from then on. */
export class IsakmpKeys {
  readonly suite: PhaseOneSuite;
  readonly hash: V1Hash;
  readonly cipher: CbcCipher;
  /** IV of the first message of phase 1 that is encrypted. */
  readonly firstIv: Uint8Array;
  readonly #keys: PhaseOneKeys;
  readonly #cipherKey: Secret;
  readonly #cookies: Spis;

  /** Takes `skeyid` over. Throws Failed where the platform lacks the cipher. */
  constructor(host: Host, skeyid: Secret, material: KeyMaterial) {
    const { suite, sharedSecret, cookies, initiatorPublic, responderPublic } = material;
    const { accepted } = suite;
    this.suite = suite;
    this.hash = v1Hash(host.provider, suite.hash);
    this.#keys = phaseOneKeys(this.hash, skeyid, sharedSecret, cookies);
    const length = cipherKeyLength(accepted.encryption, accepted.keyLength) ?? 0;
    this.#cipherKey = phaseOneCipherKey(this.hash, this.#keys.skeyidE, length);
    const cipher = host.provider.cbcCipher(accepted.encryption, this.#cipherKey.reveal());
    if (cipher === undefined)
      throw new Failed({ code: 'local/unsupported', summary: `this platform lacks ${suite.text}` });
    this.cipher = cipher;
    this.firstIv = phaseOneIv(this.hash, initiatorPublic, responderPublic, cipher.blockLength);
    this.#cookies = cookies;
  }

  /** For HASH_I and HASH_R. */
  get skeyid(): Secret {
    return this.#keys.skeyid;
  }

  /** For the keys of children. */
  get skeyidD(): Secret {
    return this.#keys.skeyidD;
  }

  /** IV of the first message of an exchange after phase 1, whose last block was `lastBlock`. */
  ivFor(messageId: number, lastBlock: Uint8Array): Uint8Array {
    return phaseTwoIv(this.hash, lastBlock, messageId, this.cipher.blockLength);
  }

  /** The HASH that stands in front of `rest`. */
  hashOf(rule: HashRule, messageId: number, rest: Uint8Array): Uint8Array {
    const { skeyidA } = this.#keys;
    switch (rule.number) {
      case 1:
        return hash1(this.hash, skeyidA, messageId, rest);
      case 2:
        return hash2(this.hash, skeyidA, messageId, rule.ni, rest);
      case 3:
        return hash3(this.hash, skeyidA, messageId, { initiator: rule.ni, responder: rule.nr });
    }
  }

  /** For a decryption table. */
  record(): IkeKeyRecord {
    const { accepted } = this.suite;
    return {
      version: 1,
      initiatorSpi: this.#cookies.initiator,
      responderSpi: this.#cookies.responder,
      encryption: accepted.encryption,
      keyLength: accepted.keyLength,
      integrity: 0,
      skEi: toHex(this.#cipherKey.reveal()),
      skEr: '',
      skAi: '',
      skAr: '',
    };
  }

  /** Overwrites them: no message can be read or made any more. */
  wipe(): void {
    const { skeyid, skeyidD, skeyidA, skeyidE } = this.#keys;
    for (const secret of [skeyid, skeyidD, skeyidA, skeyidE, this.#cipherKey]) secret.wipe();
  }
}
