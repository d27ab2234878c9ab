import type { PrivateKey } from '../crypto/provider.ts';
import type { Secret } from '../lib/secret.ts';
import type { Identity } from './identity.ts';

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
}

export interface SharedKey {
  readonly name: string;
  readonly use: 'ike' | 'eap' | 'xauth' | 'ntlm' | 'ppk';
  readonly secret: Secret;
  /** Whose key it is; empty fits everybody. */
  readonly owners: readonly Identity[];
}
