import type { PrivateKey, PublicKey } from '../crypto/provider.ts';
import { equal } from '../lib/bytes.ts';
import type { Secret } from '../lib/secret.ts';
import type { Identity } from './identity.ts';
import { ANY_MATCH, matchIdentities, NO_MATCH } from './identity-match.ts';

/** The secrets and trust anchors an engine may use. Plain data: the configuration fills it, a reload replaces it. */
export interface Credentials {
  readonly shared: readonly SharedKey[];
  readonly privateKeys: readonly PrivateKey[];
  /** Trusted authorities, DER. */
  readonly authorities: readonly Uint8Array[];
  /** Further certificates that may stand in a chain, DER. */
  readonly certificates: readonly Uint8Array[];
  /** Revocation lists, DER. */
  readonly crls: readonly Uint8Array[];
  /** Where authorities tell of revocation, besides what certificates say. */
  readonly authorityUris?: readonly AuthorityUris[];
}

export interface AuthorityUris {
  /** Certificate of the authority, DER. */
  readonly authority: Uint8Array;
  readonly crlUris: readonly string[];
  readonly ocspUris: readonly string[];
}

export interface SharedKey {
  readonly name: string;
  readonly use: 'ike' | 'eap' | 'xauth' | 'ntlm' | 'ppk';
  readonly secret: Secret;
  /** Whose key it is; empty fits everybody. */
  readonly owners: readonly Identity[];
}

/**
 * The shared key that fits a pair of identities best: first by how well an owner fits the remote identity, then the
 * local one, then by its place in the list. A key that has owners but neither of the two is none. An identity
 * that is not known yet is left out.
 */
export function findSharedKey(
  credentials: Credentials,
  localId: Identity | undefined,
  remoteId: Identity | undefined,
  use: SharedKey['use'] = 'ike',
): SharedKey | undefined {
  let best: { readonly key: SharedKey; readonly local: number; readonly remote: number } | undefined;
  for (const key of credentials.shared) {
    if (key.use !== use) continue;
    const local = ownership(key, localId);
    const remote = ownership(key, remoteId);
    if (key.owners.length > 0 && local === NO_MATCH && remote === NO_MATCH) continue;
    if (best === undefined || remote > best.remote || (remote === best.remote && local > best.local)) {
      best = { key, local, remote };
    }
  }
  return best?.key;
}

/** The private key that belongs to a public key. */
export function findPrivateKey(credentials: Credentials, publicKey: PublicKey): PrivateKey | undefined {
  return credentials.privateKeys.find(
    key => key.type === publicKey.type && equal(key.publicKey.spki, publicKey.spki),
  );
}

function ownership(key: SharedKey, identity: Identity | undefined): number {
  if (identity === undefined) return NO_MATCH;
  if (key.owners.length === 0) return ANY_MATCH;
  return key.owners.reduce((best, owner) => Math.max(best, matchIdentities(owner, identity)), NO_MATCH);
}
