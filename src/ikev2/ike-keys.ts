import type { IkeSaKeys } from '../crypto/keymat-v2.ts';
import type { AcceptedProposal } from '../crypto/proposal.ts';
import type { PacketCipher } from '../crypto/provider.ts';
import type { Host } from '../ike/session.ts';
import { toHex } from '../lib/bytes.ts';
import type { Secret } from '../lib/secret.ts';
import { Failed } from '../policy/failure.ts';
import type { IkeKeys, Role } from './ike-sa.ts';

/**
 * Turns the derived keys of an IKE SA (RFC 7296 §2.14, §2.18) into what its messages are protected with; the rest
 * of `derived`, SK_p, stays the caller's; SK_e and SK_a are wiped. `role` is ours in the new SA.
 */
export function ikeKeys(
  host: Host,
  chosen: AcceptedProposal,
  role: Role,
  spis: { readonly initiator: bigint; readonly responder: bigint },
  derived: IkeSaKeys,
): IkeKeys {
  const { encryption, keyLength, integrity } = chosen;
  const { skEi, skEr, skAi, skAr } = derived;
  if (host.settings.saveKeys) {
    host.event({
      kind: 'ike-keys',
      keys: {
        version: 2,
        initiatorSpi: spis.initiator,
        responderSpi: spis.responder,
        encryption,
        keyLength,
        integrity,
        skEi: toHex(skEi.reveal()),
        skEr: toHex(skEr.reveal()),
        skAi: toHex(skAi.reveal()),
        skAr: toHex(skAr.reveal()),
      },
    });
  }
  const cipher = (encryptionKey: Secret, integrityKey: Secret): PacketCipher => {
    const made = host.provider.packetCipher({
      encryption,
      keyLength,
      integrity,
      encryptionKey,
      integrityKey,
    });
    if (made === undefined)
      throw new Failed({ code: 'local/unsupported', summary: `this platform lacks ${chosen.text}` });
    return made;
  };
  try {
    const fromInitiator = cipher(skEi, skAi);
    const fromResponder = cipher(skEr, skAr);
    return {
      proposal: chosen.text,
      prf: chosen.prf,
      keMethod: chosen.keyExchange,
      skD: derived.skD,
      outgoing: role === 'initiator' ? fromInitiator : fromResponder,
      incoming: role === 'initiator' ? fromResponder : fromInitiator,
    };
  } finally {
    // The ciphers have them now.
    for (const secret of [skEi, skEr, skAi, skAr]) secret.wipe();
  }
}
