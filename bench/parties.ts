import { withOpenssl } from '../src/crypto/node/openssl.ts';
import { nodeProvider } from '../src/crypto/node/provider.ts';
import type { CryptoProvider } from '../src/crypto/provider.ts';
import type { Connection } from '../src/policy/connection.ts';
import type { Credentials } from '../src/policy/credentials.ts';
import { issue, makeAuthority } from '../test/certificate-builder.ts';
import { child, connection, fqdn, mirrored, sharedKey } from '../test/sim/configuration.ts';

export interface Party {
  readonly connections: Connection[];
  readonly credentials: Credentials;
}

/** What both ends of a measured set-up are configured with, and what its crypto alone works on. */
export interface Parties {
  readonly provider: CryptoProvider;
  readonly initiator: Party;
  readonly responder: Party;
}

export function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the provider lacks a primitive');
  return value;
}

/** More SAs than these are not measured. */
const MOST = 10_100;

/** A connection for each IKE SA, since a second child of one connection would go on the IKE SA that stands. */
function numbered(one: Connection): Connection[] {
  return Array.from({ length: MOST }, (_, i) => ({ ...one, name: `site-${i}` }));
}

export function pskParties(): Parties {
  const provider = withOpenssl(nodeProvider());
  return {
    provider,
    initiator: { connections: numbered(connection('a.example', 'b.example')), credentials: sharedKey() },
    responder: {
      connections: [connection('b.example', 'a.example', { children: [mirrored(child())], unique: 'never' })],
      credentials: sharedKey(),
    },
  };
}

export function ecdsaParties(): Parties {
  const provider = withOpenssl(nodeProvider());
  const authority = makeAuthority({ key: 'p256' });
  const party = (own: string, other: string, children: Connection['children']): Party => {
    const { der, pkcs8 } = issue(authority, { key: 'p256', names: [`dns:${own}`] });
    return {
      connections: [
        connection(own, other, {
          children,
          unique: 'never',
          local: [{ method: 'pubkey', id: fqdn(own), certificates: [der], publicKeys: [], schemes: [] }],
          remote: [
            {
              method: 'pubkey',
              id: { kind: 'exact', identity: fqdn(other) },
              certificates: [],
              publicKeys: [],
              authorities: [],
              schemes: [],
              revocation: 'relaxed',
            },
          ],
        }),
      ],
      credentials: {
        shared: [],
        privateKeys: [provider.importPrivateKey(pkcs8)],
        authorities: [authority.der],
        certificates: [],
        crls: [],
      },
    };
  };
  const initiator = party('a.example', 'b.example', [child()]);
  return {
    provider,
    initiator: { ...initiator, connections: initiator.connections.flatMap(numbered) },
    responder: party('b.example', 'a.example', [mirrored(child())]),
  };
}
