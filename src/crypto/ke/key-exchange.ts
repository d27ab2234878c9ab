import { CryptoFailure, type CryptoProvider, type KeyExchangePrimitive } from '../provider.ts';
import { checkNotZero, checkPublicValue } from './public-value.ts';
import { type KeyExchangeAlgorithm, keyExchangeRow } from './registry.ts';

/** A key exchange method, ready for use. Lengths in octets. */
export interface KeyExchange extends KeyExchangePrimitive {
  /** Transform ID, as it stands in KE payloads. */
  readonly id: number;
  /** As proposals name it. */
  readonly keyword: string;
  /** Of the initiator's Key Exchange Data, and of the responder's: they differ with a KEM. */
  readonly publicLength: number;
  readonly responseLength: number;
  readonly secretLength: number;
  /** Whether it is a KEM: then only the initiator has a key pair. */
  readonly kem: boolean;
}

type ExchangeRow = Pick<
  KeyExchangeAlgorithm,
  'id' | 'keywords' | 'primitive' | 'publicLength' | 'responseLength' | 'secretLength'
>;

/**
 * The method of a KE transform ID; undefined when it is not known or the provider lacks it. Public values are
 * those of the KE payload: MODP as long as the prime, ECP x‖y, ML-KEM encapsulation key and ciphertext. Values of
 * a wrong length, off the curve or outside the group make CryptoFailure (RFC 6989 §2, RFC 8031 §5, FIPS 203 §7).
 */
export function keyExchangeOf(provider: CryptoProvider, method: number): KeyExchange | undefined {
  const row = keyExchangeRow(method);
  return row === undefined ? undefined : exchangeBy(provider, row);
}

/** As `keyExchangeOf`, of a row that need not be in the registry. */
export function exchangeBy(provider: CryptoProvider, row: ExchangeRow): KeyExchange | undefined {
  const primitive = provider.keyExchange(row.primitive);
  if (primitive === undefined) return undefined;
  const keyword = row.keywords[0];
  const kem = row.primitive.kind === 'mlkem';
  const checkLength = (value: Uint8Array, length: number): void => {
    if (value.length !== length) {
      throw new CryptoFailure(`${keyword}: public value of ${value.length} octets, ${length} wanted`);
    }
  };
  return {
    id: row.id,
    keyword,
    publicLength: row.publicLength,
    responseLength: row.responseLength,
    secretLength: row.secretLength,
    kem,
    initiate() {
      const half = primitive.initiate();
      return {
        publicValue: half.publicValue,
        finish(peer) {
          checkLength(peer, row.responseLength);
          if (!kem) checkPublicValue(row.primitive, peer);
          const secret = half.finish(peer);
          if (row.primitive.kind === 'montgomery') checkNotZero(secret.reveal());
          return secret;
        },
      };
    },
    respond(peer) {
      checkLength(peer, row.publicLength);
      checkPublicValue(row.primitive, peer);
      const answer = primitive.respond(peer);
      if (row.primitive.kind === 'montgomery') checkNotZero(answer.sharedSecret.reveal());
      return answer;
    },
  };
}
