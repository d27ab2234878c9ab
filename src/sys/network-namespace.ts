import { checked, type Libc } from './libc.ts';

const CLONE_NEWNET = 0x4000_0000;
const O_RDONLY = 0;
const O_CLOEXEC = 0o2000000;

/**
 * Gives this thread a network namespace of its own, with nothing in it but a loopback interface that is down. Other
 * threads stay where they are; sockets belong to the namespace in which they were made. Needs CAP_SYS_ADMIN.
 */
export function newNetwork(libc: Libc): void {
  checked(libc, libc.unshare(CLONE_NEWNET), 'unshare network');
}

/** Moves this thread into the namespace at `path` (`/run/netns/NAME`, `/proc/PID/ns/net`). Needs CAP_SYS_ADMIN. */
export function enterNetwork(libc: Libc, path: string): void {
  const fd = checked(libc, libc.open(path, O_RDONLY | O_CLOEXEC), `open ${path}`);
  try {
    checked(libc, libc.setns(fd, CLONE_NEWNET), `setns ${path}`);
  } finally {
    libc.close(fd);
  }
}
