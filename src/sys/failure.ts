import { getSystemErrorName } from 'node:util';

/** A system call said no. `code` is the symbolic errno (`EADDRINUSE`), `call` what was tried (`bind 0.0.0.0:500`). */
export class SystemFailure extends Error {
  readonly code: string;
  readonly errno: number;
  readonly call: string;
  /** What the kernel said beyond the number: the extended acknowledgement of netlink. */
  readonly detail: string | undefined;

  constructor(errno: number, call: string, detail?: string) {
    const code = errnoName(errno);
    super(`${call}: ${code}${detail === undefined ? '' : ` (${detail})`}`);
    this.name = 'SystemFailure';
    this.code = code;
    this.errno = errno;
    this.call = call;
    this.detail = detail;
  }
}

/** `EADDRINUSE` for 98; the number itself where it has no name. */
export function errnoName(errno: number): string {
  if (!Number.isInteger(errno) || errno <= 0) return `errno ${errno}`;
  const name = getSystemErrorName(-errno);
  return name.startsWith('Unknown') ? `errno ${errno}` : name;
}
