import { checked, type Libc } from './libc.ts';
import { allocate, setPointer } from './memory.ts';

const SOL_SOCKET = 1;
const SO_ATTACH_REUSEPORT_CBPF = 51;

/** Classic BPF (linux/filter.h): code, jump when true, jump when false, operand. */
type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number];

const LOAD_WORD = 0x20;
const JUMP_IF_EQUAL = 0x15;
const MODULO = 0x94;
const ADD = 0x04;
const RETURN_CONSTANT = 0x06;
const RETURN_ACCUMULATOR = 0x16;

/**
 * Which of the sockets on a port gets a datagram: the program sees the UDP payload and answers with the socket's
 * number in order of binding. A load beyond the end, as on a keepalive, ends it with 0.
 */
function steeringProgram(shards: number): readonly Instruction[] {
  return [
    [LOAD_WORD, 0, 0, 0],
    [JUMP_IF_EQUAL, 0, 1, 0],
    [RETURN_CONSTANT, 0, 0, 0],
    [MODULO, 0, 0, shards],
    [ADD, 0, 0, 1],
    [RETURN_ACCUMULATOR, 0, 0, 0],
  ];
}

/** Attaches the program to all sockets that share the port of `fd`. Throws SystemFailure. */
export function attachSteering(libc: Libc, fd: number, shards: number): void {
  const program = steeringProgram(shards);
  const filter = allocate(program.length * 8);
  program.forEach(([code, jumpTrue, jumpFalse, operand], i) => {
    filter.words[2 * i] = code | (jumpTrue << 16) | (jumpFalse << 24);
    filter.words[2 * i + 1] = operand;
  });
  // struct sock_fprog: number of instructions (2), padding, pointer.
  const descriptor = allocate(16);
  descriptor.words[0] = program.length;
  setPointer(descriptor.words, 8, filter.address);
  const result = libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, descriptor.address, 16);
  checked(libc, result, 'setsockopt SO_ATTACH_REUSEPORT_CBPF');
}
