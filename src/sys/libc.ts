import { SystemFailure } from './failure.ts';
import { native } from './native.ts';

/**
 * The C library's functions as they are: pointers are addresses (`memory.ts`), a result below zero is a failure whose
 * number `errno` holds until the next call. `checked` turns it into a SystemFailure.
 */
export interface Libc {
  errno(): number;
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: number, length: number): number;
  connect(fd: number, address: number, length: number): number;
  listen(fd: number, backlog: number): number;
  accept4(fd: number, address: number, length: number, flags: number): number;
  getsockname(fd: number, address: number, length: number): number;
  getpeername(fd: number, address: number, length: number): number;
  setsockopt(fd: number, level: number, option: number, value: number, length: number): number;
  getsockopt(fd: number, level: number, option: number, value: number, length: number): number;
  send(fd: number, data: number, length: number, flags: number): number;
  recv(fd: number, data: number, length: number, flags: number): number;
  sendmmsg(fd: number, headers: number, count: number, flags: number): number;
  recvmmsg(fd: number, headers: number, count: number, flags: number, timeout: number): number;
  open(path: string, flags: number): number;
  read(fd: number, data: number, length: number): number;
  write(fd: number, data: number, length: number): number;
  close(fd: number): number;
  ioctl(fd: number, request: number, argument: number): number;
  poll(descriptors: number, count: number, timeoutMs: number): number;
  eventfd(initial: number, flags: number): number;
  unshare(flags: number): number;
  setns(fd: number, type: number): number;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  /** Two arguments are all that is needed here. */
  syscall(number: number, a: number, b: number): number;
}

/** Function names with their result and parameter types, for the FFI. Both supported ABIs pass the variadic ones alike. */
const PROTOTYPES: Readonly<Record<keyof Omit<Libc, 'errno'>, readonly [string, readonly string[]]>> = {
  socket: ['int', ['int', 'int', 'int']],
  bind: ['int', ['int', 'uintptr_t', 'uint32_t']],
  connect: ['int', ['int', 'uintptr_t', 'uint32_t']],
  listen: ['int', ['int', 'int']],
  accept4: ['int', ['int', 'uintptr_t', 'uintptr_t', 'int']],
  getsockname: ['int', ['int', 'uintptr_t', 'uintptr_t']],
  getpeername: ['int', ['int', 'uintptr_t', 'uintptr_t']],
  setsockopt: ['int', ['int', 'int', 'int', 'uintptr_t', 'uint32_t']],
  getsockopt: ['int', ['int', 'int', 'int', 'uintptr_t', 'uintptr_t']],
  send: ['intptr_t', ['int', 'uintptr_t', 'size_t', 'int']],
  recv: ['intptr_t', ['int', 'uintptr_t', 'size_t', 'int']],
  sendmmsg: ['int', ['int', 'uintptr_t', 'uint32_t', 'int']],
  recvmmsg: ['int', ['int', 'uintptr_t', 'uint32_t', 'int', 'uintptr_t']],
  open: ['int', ['str', 'int']],
  read: ['intptr_t', ['int', 'uintptr_t', 'size_t']],
  write: ['intptr_t', ['int', 'uintptr_t', 'size_t']],
  close: ['int', ['int']],
  ioctl: ['int', ['int', 'unsigned long', 'uintptr_t']],
  poll: ['int', ['uintptr_t', 'unsigned long', 'int']],
  eventfd: ['int', ['uint32_t', 'int']],
  unshare: ['int', ['int']],
  setns: ['int', ['int', 'int']],
  prctl: ['int', ['int', 'unsigned long', 'unsigned long', 'unsigned long', 'unsigned long']],
  syscall: ['long', ['long', 'uintptr_t', 'uintptr_t']],
};

let found: { readonly libc: Libc | undefined } | undefined;

/** The C library of this process, bound once a thread; undefined where `native` is. */
export function libc(): Libc | undefined {
  found ??= { libc: bindAll() };
  return found.libc;
}

/** `result`, or a SystemFailure of `call` where it is negative. */
export function checked(libc: Libc, result: number, call: string): number {
  if (result < 0) throw new SystemFailure(libc.errno(), call);
  return result;
}

function bindAll(): Libc | undefined {
  const door = native();
  if (door === undefined) return undefined;
  try {
    const functions = Object.entries(PROTOTYPES).map(([name, [result, parameters]]) => [
      name,
      door.symbols.func(name, result, [...parameters]),
    ]);
    return { errno: door.koffi.errno, ...Object.fromEntries(functions) } as Libc;
  } catch {
    return undefined;
  }
}
