import { announcedHashes } from '../../crypto/sign/registry.ts';
import { NotifyStatus } from '../../iana/notify.ts';
import { findNotify, notify } from '../flow.ts';
import type { Extension } from './extension.ts';

/** SIGNATURE_HASH_ALGORITHMS (RFC 7427 §4): which hashes a signature for us may be made over. */
export const signatureHashes: Extension = {
  name: 'signature hashes',
  rfc: 'RFC 7427',

  offer(slot, { connection, candidates = [connection], host }) {
    if (slot !== 'init-request' && slot !== 'init-response') return [];
    if (!host.settings.signatureAuthentication) return [];
    const rounds = candidates.flatMap(({ remote }) => remote.filter(({ method }) => method === 'pubkey'));
    const hashes = new Set(rounds.flatMap(({ schemes }) => announcedHashes(schemes)));
    if (hashes.size === 0) return [];
    return [notify(NotifyStatus.SIGNATURE_HASH_ALGORITHMS, numbers([...hashes]))];
  },

  heed(slot, payloads, { peer, host }) {
    if (slot !== 'init-request' && slot !== 'init-response') return;
    if (!host.settings.signatureAuthentication) return;
    const data = findNotify({ payloads }, NotifyStatus.SIGNATURE_HASH_ALGORITHMS)?.data;
    peer.signatureHashes =
      data === undefined
        ? []
        : Array.from(
            { length: data.length >> 1 },
            (_, i) => ((data[2 * i] as number) << 8) | (data[2 * i + 1] as number),
          );
  },
};

/** 16 bits each. */
function numbers(hashes: readonly number[]): Uint8Array {
  return Uint8Array.from(hashes.flatMap(hash => [hash >> 8, hash & 0xff]));
}
