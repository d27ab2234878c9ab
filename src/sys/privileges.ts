import { SystemFailure } from './failure.ts';
import { checked, type Libc } from './libc.ts';
import { allocate } from './memory.ts';

/** Whom the process becomes, and what it may still do. */
export interface LesserUser {
  readonly uid: number;
  readonly gid: number;
  /** Capabilities that stay, by number (capabilities(7)). */
  readonly keep: readonly number[];
}

/** Interfaces, routes, IPsec. */
export const CAP_NET_ADMIN = 12;
/** Ports below 1024. */
export const CAP_NET_BIND_SERVICE = 10;
export const CAP_NET_RAW = 13;

const PR_SET_KEEPCAPS = 8;
const PR_SET_NO_NEW_PRIVS = 38;
const PR_CAP_AMBIENT = 47;
const PR_CAP_AMBIENT_RAISE = 2;
/** _LINUX_CAPABILITY_VERSION_3: two words for each set. */
const CAPABILITY_VERSION = 0x2008_0522;
/** capset(2) has no wrapper in musl: its number by architecture. */
const SYS_CAPSET: Readonly<Record<string, number>> = { x64: 126, arm64: 91 };
const ENOSYS = 38;

/**
 * Gives up the superuser for good and keeps a few capabilities. All threads change user and lose theirs, but what is
 * kept is kept by this one and those it starts from now on: whatever other threads need is opened here first. Programs
 * that this thread starts have them too (the ambient set, capabilities(7)), for scripts that set routes. Throws
 * SystemFailure; the process should end then, since it is neither one nor the other.
 */
export function becomeLesserUser(libc: Libc, user: LesserUser): void {
  const { uid, gid, keep } = user;
  checked(libc, libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0), 'prctl PR_SET_KEEPCAPS');
  // Node's own calls reach every thread, which the system calls alone do not.
  process.setgroups?.([]);
  process.setgid?.(gid);
  process.setuid?.(uid);
  setCapabilities(libc, keep);
  for (const capability of keep)
    checked(libc, libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0), 'prctl PR_CAP_AMBIENT');
  checked(libc, libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 'prctl PR_SET_NO_NEW_PRIVS');
}

/** Exactly these: effective, permitted and inheritable. */
function setCapabilities(libc: Libc, keep: readonly number[]): void {
  const number = SYS_CAPSET[process.arch];
  if (number === undefined) throw new SystemFailure(ENOSYS, 'capset');
  const header = allocate(8);
  header.words[0] = CAPABILITY_VERSION;
  // Effective, permitted, inheritable: for capabilities 0 … 31, then for 32 … 63.
  const sets = allocate(24);
  for (const capability of keep) {
    const word = capability < 32 ? 0 : 3;
    const bit = 1 << (capability & 31);
    sets.words[word] = (sets.words[word] as number) | bit;
    sets.words[word + 1] = (sets.words[word + 1] as number) | bit;
    sets.words[word + 2] = (sets.words[word + 2] as number) | bit;
  }
  checked(libc, libc.syscall(number, header.address, sets.address), 'capset');
}
