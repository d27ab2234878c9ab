import { NotifyStatus } from '../../iana/notify.ts';
import { Failed, type Failure } from '../../policy/failure.ts';
import { formatIdentityPattern } from '../../policy/identity-match.ts';
import { hasPpk, ownPpk } from '../../policy/ppk.ts';
import { findNotify, notify } from '../flow.ts';
import type { Circumstances, Extension } from './extension.ts';

/** USE_PPK (RFC 8784 §3): a post-quantum pre-shared key is to go into the keys. What IKE_AUTH has to do with it is in `ppk.ts`. */
export const ppk: Extension = {
  name: 'post-quantum pre-shared key',
  rfc: 'RFC 8784',

  offer(slot, circumstances) {
    const { host, peer } = circumstances;
    if (slot === 'init-request' && canBegin(circumstances)) return [notify(NotifyStatus.USE_PPK)];
    // Which connection it is, and so which PPK, shows in IKE_AUTH.
    if (slot === 'init-response' && peer.ppk && hasPpk(host.credentials))
      return [notify(NotifyStatus.USE_PPK)];
    return [];
  },

  heed(slot, payloads, circumstances) {
    const said = findNotify({ payloads }, NotifyStatus.USE_PPK) !== undefined;
    const { host, connection, peer } = circumstances;
    if (slot === 'init-request') peer.ppk = said && hasPpk(host.credentials);
    if (slot === 'init-response') peer.ppk = said && ownPpk(host.credentials, connection.ppk) !== undefined;
  },

  obstacle(slot, payloads, { connection }): Failure | undefined {
    if (slot !== 'init-response' || connection.ppk?.required !== true) return undefined;
    if (findNotify({ payloads }, NotifyStatus.USE_PPK) !== undefined) return undefined;
    return {
      code: 'auth/ppk',
      summary: `${connection.name}: the peer uses no PPK, and ppk_required is yes`,
      ours: ['ppk_required = yes'],
      theirs: ['no USE_PPK'],
      remedy: 'give the peer the PPK, or set ppk_required = no here',
    };
  },
};

/** Throws Failed where a PPK is asked for that is not there: nothing is sent then. */
function canBegin({ host, connection }: Circumstances): boolean {
  if (ownPpk(host.credentials, connection.ppk) !== undefined) return true;
  if (connection.ppk?.required !== true) return false;
  const { id } = connection.ppk;
  const named = id === undefined ? 'none' : formatIdentityPattern(id);
  throw new Failed({
    code: 'auth/no-key',
    summary:
      id?.kind === 'exact'
        ? `${connection.name}: there is no PPK for ${named}, and ppk_required is yes`
        : `${connection.name}: ppk_id names ${named}, and as initiator one PPK must be named, for ppk_required is yes`,
    ours: host.credentials.shared.filter(({ use }) => use === 'ppk').map(({ name }) => name),
    remedy:
      id?.kind === 'exact'
        ? `add a secret to secrets { ppk… } with id = ${named}`
        : 'set ppk_id to the id of a secret in secrets { ppk… }',
  });
}
