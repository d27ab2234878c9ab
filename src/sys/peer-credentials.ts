import type { Socket } from 'node:net';
import type { Libc } from './libc.ts';
import { allocate } from './memory.ts';

/** Who is at the other end of a socket of the UNIX domain, as it was when it connected. */
export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;

/** Undefined on sockets of other kinds. */
export function peerCredentials(libc: Libc, fd: number): PeerCredentials | undefined {
  const { words, address } = allocate(16);
  // The length stands behind the three numbers.
  words[3] = 12;
  if (libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, address, address + 12) < 0) return undefined;
  const [pid, uid, gid] = words as unknown as readonly [number, number, number];
  return pid === 0 ? undefined : { pid, uid, gid };
}

/** Node keeps it to itself; undefined once the socket is closed. */
export function descriptorOf(socket: Socket): number | undefined {
  const { _handle: handle } = socket as unknown as { readonly _handle?: { readonly fd?: number } | null };
  const fd = handle?.fd;
  return fd === undefined || fd < 0 ? undefined : fd;
}
