import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../lib/ip.ts';
import { noConnection, unknownName } from './config-failures.ts';
import type { Connection } from './connection.ts';
import { parseIdentity } from './identity.ts';
import { parseIdentityPattern } from './identity-match.ts';
import { matchConnections, mismatchedConnections, type PeerQuery } from './peer-match.ts';

function connection(
  name: string,
  options: { remote?: string; local?: string; id?: string; own?: string; version?: 0 | 1 | 2 },
): Connection {
  return {
    name,
    version: options.version ?? 0,
    localAddresses: options.local === undefined ? [] : [options.local],
    remoteAddresses: options.remote === undefined ? [] : [options.remote],
    local: [options.own === undefined ? {} : { id: parseIdentity(options.own) }],
    remote: [{ id: parseIdentityPattern(options.id ?? '%any') }],
  } as unknown as Connection;
}

const query: PeerQuery = { version: 2, local: ip('192.0.2.1'), remote: ip('198.51.100.7') };

const names = (connections: readonly Connection[], asked: PeerQuery): string[] =>
  matchConnections(connections, asked).map(match => match.connection.name);

test('the narrower address list comes first, and order decides between equals', () => {
  const all = [
    connection('any', {}),
    connection('net', { remote: '198.51.100.0/24' }),
    connection('host', { remote: '198.51.100.7' }),
    connection('other', { remote: '203.0.113.1' }),
    connection('any2', {}),
    connection('host-local', { remote: '198.51.100.7', local: '192.0.2.1' }),
  ];
  assert.deepEqual(names(all, query), ['host-local', 'host', 'net', 'any', 'any2']);
});

test('the version must be allowed', () => {
  const all = [connection('v1', { version: 1 }), connection('v2', { version: 2 }), connection('both', {})];
  assert.deepEqual(names(all, query), ['v2', 'both']);
  assert.deepEqual(names(all, { ...query, version: 1 }), ['v1', 'both']);
});

test('once the peer has said who it is, that decides before its address', () => {
  const all = [
    connection('host', { remote: '198.51.100.7' }),
    connection('wild', { id: '*.example.org' }),
    connection('exact', { id: 'moon.example.org' }),
    connection('other', { id: 'sun.example.org' }),
  ];
  const asked = { ...query, remoteId: parseIdentity('moon.example.org') };
  assert.deepEqual(names(all, asked), ['exact', 'wild', 'host']);
  assert.deepEqual(names(all, query), ['host', 'wild', 'exact', 'other']);
});

test('whom the peer wants to talk to decides last, and must fit', () => {
  const all = [
    connection('whoever', {}),
    connection('sun', { own: 'sun.lab' }),
    connection('moon', { own: 'moon.lab' }),
  ];
  assert.deepEqual(names(all, { ...query, localId: parseIdentity('moon.lab') }), ['moon', 'whoever']);
  assert.deepEqual(names(all, { ...query, localId: { type: 2, data: Uint8Array.of(0x2a) } }), ['whoever']);
});

const misfits = [
  connection('far', { remote: '203.0.113.0/24', version: 1, id: 'sun' }),
  connection('near', { remote: '198.51.100.0/24', id: 'sun', own: 'gate' }),
];
const asked: PeerQuery = { ...query, remoteId: parseIdentity('moon'), localId: parseIdentity('gate') };

test('what keeps each connection from fitting is told, the nearest first', () => {
  assert.deepEqual(
    mismatchedConnections(misfits, asked).map(({ connection, differs }) => [connection.name, differs]),
    [
      ['near', ['remote identity']],
      ['far', ['version', 'remote address', 'remote identity']],
    ],
  );
});

test('the failure names the nearest connection and what to change in it', () => {
  const failure = noConnection(misfits, asked);
  assert.equal(failure.code, 'config/no-connection');
  assert.equal(failure.summary, 'no connection fits a peer at 198.51.100.7 that is moon');
  assert.deepEqual(failure.ours, [
    'near: remote.id sun is not moon',
    'far: it is for IKEv1, the peer speaks IKEv2; remote_addrs 203.0.113.0/24 is not 198.51.100.7; remote.id sun is not moon',
  ]);
  assert.deepEqual(failure.theirs, ['IKEv2 from 198.51.100.7 to 192.0.2.1', 'is moon', 'asks for gate']);
  assert.equal(failure.nearest, 'near, which differs in remote identity');
  assert.equal(failure.remedy, 'set remote.id of near to fit, or change it at the peer');
});

test('with nothing configured the remedy is to configure something', () => {
  assert.deepEqual(noConnection([], query).remedy, 'configure a connection for this peer');
});

test('local differences are told too', () => {
  const local = [connection('a', { local: '10.0.0.1', own: 'sun' })];
  assert.deepEqual(noConnection(local, asked).ours, [
    'a: local_addrs 10.0.0.1 is not 192.0.2.1; local.id sun is not gate, which the peer asks for',
  ]);
});

test('an unknown name is told with the known ones', () => {
  const failure = unknownName('child', 'nett', ['net', 'dmz']);
  assert.deepEqual(
    [failure.code, failure.ours, failure.remedy],
    ['config/unknown-name', ['net', 'dmz'], 'use one of net, dmz'],
  );
});
