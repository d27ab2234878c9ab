import { CERTIFICATE, LOCAL, REMOTE } from './schema/authentication.ts';
import { CHILD } from './schema/child.ts';
import { CONNECTION } from './schema/connection.ts';
import { AUTHORITY, OWNER, PASSPHRASE, SHARED_SECRET, TOKEN } from './schema/credentials.ts';
import { MANUAL } from './schema/manual.ts';
import { NUMBERED, POOL } from './schema/pool.ts';
import type { Key, Table } from './schema.ts';

type Json = { readonly [word: string]: unknown };

/** What a YAML configuration may hold, as a JSON Schema (2020-12) for editors, drawn from the same tables. */
export function configurationSchema(): Json {
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'cygnet configuration',
    description: 'The sections of swanctl.conf as mappings.',
    type: 'object',
    properties: {
      connections: named(connection(), 'Peers, or kinds of peers, by name.'),
      secrets: {
        ...section({}, 'Shared secrets, and passphrases of key files.'),
        patternProperties: {
          '^(ike|eap|xauth|ntlm|ppk)': section(SHARED_SECRET, 'A shared secret.', { '^id': OWNER }),
          '^(private|rsa|ecdsa|pkcs8|pkcs12)': section(PASSPHRASE, 'The passphrase of a file.'),
          '^token': section(TOKEN, 'The PIN of a token.'),
        },
      },
      pools: named(section(POOL, 'Addresses for peers.', { '^[0-9]+$': NUMBERED }), 'Pools by name.'),
      authorities: named(section(AUTHORITY, 'An authority besides those in x509ca.'), 'Authorities by name.'),
      manual: named(section(MANUAL, 'SAs with keys that are given.'), 'Manual SAs by name.'),
    },
    patternProperties: { '^x-': { description: 'Holds what others take over with `<<: *anchor`.' } },
    additionalProperties: false,
  };
}

function connection(): Json {
  const certificates = (name: string): Readonly<Record<string, Json>> => ({
    [`^${name}(?!s$|_)`]: section(CERTIFICATE, 'One certificate.'),
  });
  const round = (table: Table, use: string, names: readonly string[]): Json => {
    const plain = section(table, use);
    return { ...plain, patternProperties: Object.assign({}, ...names.map(certificates)) };
  };
  const body = section(CONNECTION, 'One peer, or a kind of peers.');
  return {
    ...body,
    properties: {
      ...(body['properties'] as Json),
      children: named(section(CHILD, 'One Child SA.'), 'Child SAs by name.'),
    },
    patternProperties: {
      '^local(?!_(addrs|port)$)': round(LOCAL, 'How this side proves who it is.', ['cert']),
      '^remote(?!_(addrs|port)$)': round(REMOTE, 'What is asked of the peer.', ['cert', 'cacert']),
    },
  };
}

/** A mapping of names to sections of one kind. */
function named(inner: Json, description: string): Json {
  return { type: ['object', 'null'], description, additionalProperties: inner };
}

function section(table: Table, description: string, patterns: Table = {}): Json {
  const schemasOf = (keys: Table): Json =>
    Object.fromEntries(Object.entries(keys).map(([name, key]) => [name, schemaOf(key)]));
  const merge = { '<<': { description: 'Takes over the keys of another mapping.' } };
  return {
    type: ['object', 'null'],
    description,
    properties: { ...merge, ...schemasOf(table) },
    ...(Object.keys(patterns).length === 0 ? {} : { patternProperties: schemasOf(patterns) }),
    additionalProperties: false,
  };
}

const SUPPORT = {
  yes: '',
  ignored: ' It has no effect here yet.',
  refused: ' It is refused: it is not there yet.',
};

function schemaOf(key: Key<unknown>): Json {
  const standard = key.default === '' ? 'none' : key.default;
  const description = `${key.use} ${key.typeName}; default: ${standard}.${SUPPORT[key.support]}`;
  const one = key.json ?? { type: ['string', 'number', 'boolean'] };
  if (!key.isList) return { description, anyOf: [one, { type: 'null' }] };
  // Between commas as in swanctl.conf, or as a list.
  return { description, anyOf: [one, { type: ['string', 'null'] }, { type: 'array', items: one }] };
}
