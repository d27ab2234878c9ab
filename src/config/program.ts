import type { CryptoProvider } from '../crypto/provider.ts';
import { utf8 } from '../lib/text.ts';
import type { Connection } from '../policy/connection.ts';
import type { Credentials } from '../policy/credentials.ts';
import type { ManualSa } from '../policy/manual-sa.ts';
import type { Pool } from '../policy/pool.ts';
import {
  certificatesFrom,
  connectionFromTree,
  manualSaFromTree,
  poolFromTree,
  privateKeysFrom,
  sharedKeyFromTree,
} from './inline.ts';
import type { ConfigurationWarning } from './report.ts';
import type { PlainTree } from './section.ts';

/** What a program says in place of a swanctl directory. Octets may be PEM or DER; text is PEM. */
export interface ProgramConfiguration {
  /** Connections by name, with the keys of swanctl.conf; certificates stand in place of the names of their files. */
  readonly connections: Readonly<Record<string, PlainTree>>;
  /** Pre-shared keys and whose they are; without owners, everybody's. */
  readonly secrets?: readonly { readonly secret: string | Uint8Array; readonly owners?: readonly string[] }[];
  readonly privateKeys?: readonly (string | Uint8Array)[];
  /** Authorities to trust. */
  readonly authorities?: readonly (string | Uint8Array)[];
  /** Further certificates that may stand in a chain. */
  readonly certificates?: readonly (string | Uint8Array)[];
  /** Pools of virtual IPs by name, with the keys of swanctl.conf. */
  readonly pools?: Readonly<Record<string, PlainTree>>;
  /** SAs with given keys by name, with the keys of the section `manual`. */
  readonly manual?: Readonly<Record<string, PlainTree>>;
}

/** Reads a program's configuration. Throws ConfigurationFailure, which names the path of each value that is wrong. */
export function configurationFrom(
  {
    connections,
    secrets = [],
    privateKeys = [],
    authorities = [],
    certificates = [],
    pools = {},
    manual = {},
  }: ProgramConfiguration,
  provider: CryptoProvider,
): {
  readonly connections: readonly Connection[];
  readonly credentials: Credentials;
  readonly pools: readonly Pool[];
  readonly manual: readonly ManualSa[];
  readonly warnings: readonly ConfigurationWarning[];
} {
  const inline = Object.entries(connections).map(([name, tree]) => connectionFromTree(name, tree, provider));
  const keyed = Object.entries(manual).map(([name, tree]) => manualSaFromTree(name, tree));
  return {
    connections: inline.map(({ connection }) => connection),
    credentials: {
      shared: secrets.map(({ secret, owners = [] }) =>
        sharedKeyFromTree({ type: 'ike', data: secret, owners }),
      ),
      privateKeys: privateKeys.flatMap(key => privateKeysFrom(octets(key), provider)),
      authorities: [
        ...authorities.flatMap(one => certificatesFrom(octets(one), provider)),
        ...inline.flatMap(one => one.authorities),
      ],
      certificates: [
        ...certificates.flatMap(one => certificatesFrom(octets(one), provider)),
        ...inline.flatMap(one => one.certificates),
      ],
      crls: [],
    },
    pools: Object.entries(pools).map(([name, tree]) => poolFromTree(name, tree)),
    manual: keyed.map(({ sa }) => sa),
    warnings: [...inline, ...keyed].flatMap(({ warnings }) => warnings),
  };
}

function octets(value: string | Uint8Array): Uint8Array {
  return typeof value === 'string' ? utf8(value) : value;
}
