import { SystemFailure } from './failure.ts';
import { checked, type Libc } from './libc.ts';
import { addressOf } from './memory.ts';

export const AF_UNIX = 1;
export const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const MSG_NOSIGNAL = 0x4000;
/** Octets of sun_path. */
const PATH_ROOM = 108;
const ENAMETOOLONG = 36;

/** A datagram socket of the UNIX domain that is connected to one place: node has streams alone. */
export interface UnixDatagram {
  /** One datagram, without waiting. Throws SystemFailure. */
  send(text: string): void;
  close(): void;
}

/** `path` is one of the file system, or of the abstract names where it begins with `@`. Throws SystemFailure. */
export function openUnixDatagram(libc: Libc, path: string): UnixDatagram {
  const fd = checked(libc, libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), 'socket');
  try {
    const address = unixAddress(path);
    checked(libc, libc.connect(fd, addressOf(address), address.length), `connect ${path}`);
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  return {
    send: text => {
      const octets = new TextEncoder().encode(text);
      checked(libc, libc.send(fd, addressOf(octets), octets.length, MSG_NOSIGNAL), 'send');
    },
    close: () => void libc.close(fd),
  };
}

/** A sockaddr_un (unix(7)): an abstract name begins with a zero octet and has none at its end. */
export function unixAddress(path: string): Uint8Array {
  const name = new TextEncoder().encode(path);
  const isAbstract = path.startsWith('@');
  const length = name.length + (isAbstract ? 0 : 1);
  if (name.length === 0 || length > PATH_ROOM) throw new SystemFailure(ENAMETOOLONG, `address ${path}`);
  const address = new Uint8Array(2 + length);
  address[0] = AF_UNIX;
  address.set(name, 2);
  if (isAbstract) address[2] = 0;
  return address;
}
