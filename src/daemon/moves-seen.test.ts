import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IkeEvent } from '../ike/output.ts';
import { ip } from '../lib/ip.ts';
import type { Path } from '../policy/sa.ts';
import { MovesSeen } from './moves-seen.ts';

function path(local: string, remote: string, port = 4500): Path {
  return { local: { address: ip(local), port: 4500 }, remote: { address: ip(remote), port } };
}

test('each end that is elsewhere is counted for its connection', () => {
  const moves = new MovesSeen();
  const move = (connection: string, from: Path, to: Path): void =>
    moves.note({ kind: 'ike-update', at: 0, from, ike: { connection, path: to } } as IkeEvent);
  const here = path('192.0.2.1', '192.0.2.2');
  move('one', here, path('192.0.2.11', '192.0.2.2'));
  move('one', here, path('192.0.2.12', '192.0.2.3'));
  move('two', here, path('192.0.2.1', '192.0.2.2', 4501));
  moves.note({ kind: 'log', at: 0, level: 'info', group: 'ike', text: '' });
  assert.deepEqual(moves.counts, [
    { connection: 'one', end: 'local', count: 2 },
    { connection: 'one', end: 'remote', count: 1 },
    { connection: 'two', end: 'remote', count: 1 },
  ]);
});
