import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';

/**
 * Peers from Debian's packages that are unpacked and not installed: libreswan's conflicts with strongSwan's, and
 * OpenIKED's starts a daemon. What they link to has to be installed (see .ci/run).
 */
export type UnpackedPeer = 'libreswan' | 'openiked';

const CACHE = resolve(import.meta.dirname, '../../node_modules/.cache/cygnet-peers');
const PEERS: readonly UnpackedPeer[] = ['libreswan', 'openiked'];

/** Root of the files of a package. */
export function unpacked(peer: UnpackedPeer): string {
  return join(CACHE, peer);
}

/** For the `skip` option of a test: false where the peer is there, otherwise the reason; in CI it has to be there. */
export function without(peer: UnpackedPeer): string | false {
  if (existsSync(unpacked(peer)) || process.env['CI'] !== undefined) return false;
  return `${peer} could not be brought: apt-get download ${peer}`;
}

/** Brings those that are missing. Throws where that does not succeed. */
export function bringPeers(): void {
  for (const peer of PEERS.filter(name => !existsSync(unpacked(name)))) {
    const fresh = join(CACHE, `${peer}.fresh`);
    rmSync(fresh, { recursive: true, force: true });
    mkdirSync(fresh, { recursive: true });
    const shell = (command: string) =>
      execFileSync('sh', ['-c', command], { cwd: fresh, stdio: ['ignore', 'pipe', 'pipe'] });
    shell(`apt-get download ${peer} && dpkg -x ${peer}_*.deb . && rm ${peer}_*.deb`);
    renameSync(fresh, unpacked(peer));
  }
}
