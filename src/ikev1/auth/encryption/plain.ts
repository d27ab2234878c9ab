import { OakleyAuthMethod, V1PayloadType } from '../../../iana/ikev1.ts';
import { first } from '../../flow.ts';
import { encryptionMethod } from './method.ts';
import { bodyOf, hidden, hiddenId, hiddenNonce, identityOf, malformedShare, type Veil } from './veil.ts';

/*
 *   HDR, KE, [ HASH(1), ] <IDii_b>PubKey_r, <Ni_b>PubKey_r     -->
 *                              <--  HDR, KE, <IDir_b>PubKey_i, <Nr_b>PubKey_i                     RFC 2409 §5.2
 */

const veil: Veil = {
  share(parties, { publicValue, nonce, id }) {
    const named = parties.namedTarget;
    return [
      { type: V1PayloadType.KE, data: publicValue },
      ...(named === undefined ? [] : [{ type: V1PayloadType.HASH, data: named }]),
      ...(id === undefined ? [] : [hidden(V1PayloadType.ID, parties.encrypt(bodyOf(id), 'an identity'))]),
      hidden(V1PayloadType.NONCE, parties.encrypt(nonce, 'a nonce')),
    ];
  },

  arrange: (_, own, others) => [...own, ...others],

  readShare(parties, message) {
    const ke = first(message, V1PayloadType.KE);
    const id = first(message, V1PayloadType.ID);
    const nonce = first(message, V1PayloadType.NONCE);
    if (ke === undefined || id === undefined || nonce === undefined)
      throw malformedShare('lacks a public value, an identity or a nonce');
    parties.decryptBy(first(message, V1PayloadType.HASH)?.data);
    const said = hiddenId(parties.decrypt(bodyOf(id)));
    const share = { publicValue: ke.data.slice(), nonce: hiddenNonce(parties, nonce.data), id: said };
    parties.meet(identityOf(said));
    return share;
  },
};

/** Nonces and identities, each encrypted to the other's public key. */
export const publicKeyEncryption = encryptionMethod(
  'pubkey-encryption',
  OakleyAuthMethod.RSA_ENCRYPTION,
  veil,
);
