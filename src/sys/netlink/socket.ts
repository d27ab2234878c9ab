import { Malformed } from '../../lib/reader.ts';
import { SystemFailure } from '../failure.ts';
import { checked, type Libc } from '../libc.ts';
import { addressOf, allocate, type Memory } from '../memory.ts';
import type { Native } from '../native.ts';
import { type Watch, watch } from '../watch.ts';
import {
  encodeMessage,
  type NetlinkMessage,
  NLM_F_ACK,
  NLM_F_DUMP,
  NLM_F_DUMP_INTR,
  NLM_F_REQUEST,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_NOOP,
  readDone,
  readError,
  readMessages,
} from './message.ts';

export type NetlinkProtocol = 'route' | 'xfrm';

export interface NetlinkRequest {
  readonly type: number;
  /** Beyond REQUEST and ACK: CREATE, EXCL, REPLACE. */
  readonly flags?: number;
  readonly body: Uint8Array;
}

const PROTOCOL: Readonly<Record<NetlinkProtocol, number>> = { route: 0, xfrm: 6 };

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_RCVTIMEO = 20;
const SO_RCVBUFFORCE = 33;
const SOL_NETLINK = 270;
const NETLINK_ADD_MEMBERSHIP = 1;
const NETLINK_CAP_ACK = 10;
const NETLINK_EXT_ACK = 11;
const NETLINK_GET_STRICT_CHK = 12;
const MSG_TRUNC = 0x20;

const EINTR = 4;
const EAGAIN = 11;
const EBADMSG = 74;
const EMSGSIZE = 90;
const ENOBUFS = 105;
const ETIMEDOUT = 110;

/** The kernel answers within the call that asks; this only keeps a defect from hanging the process. */
const ANSWER_WITHIN_SECONDS = 5;
const BUFFER = 256 * 1024;
/** What a dump may amount to, and how often it is repeated when the kernel's picture changed meanwhile. */
const DUMP_LIMIT = 64 * 1024 * 1024;
const DUMP_TRIES = 5;
/** A burst of expiring SAs must fit. */
const EVENT_BUFFER = 8 * 1024 * 1024;

/** Asks the kernel and waits for its answer, which it gives within the call. */
export class NetlinkSocket {
  readonly #libc: Libc;
  readonly #fd: number;
  readonly #buffer: Memory = allocate(BUFFER);
  readonly #name: NetlinkProtocol;
  #sequence = 0;
  #closed = false;

  /** `port`: one that nobody else of this protocol can have meanwhile in the network namespace (EADDRINUSE). */
  constructor(libc: Libc, protocol: NetlinkProtocol, port?: number) {
    this.#libc = libc;
    this.#name = protocol;
    this.#fd = open(libc, protocol, 0, port);
    const timeout = new Uint8Array(BigInt64Array.of(BigInt(ANSWER_WITHIN_SECONDS), 0n).buffer);
    checked(libc, setOption(libc, this.#fd, SOL_SOCKET, SO_RCVTIMEO, timeout), 'setsockopt SO_RCVTIMEO');
    // Comforts that older kernels lack: the kernel's words, short acknowledgements, filtered dumps.
    for (const option of [NETLINK_EXT_ACK, NETLINK_CAP_ACK, NETLINK_GET_STRICT_CHK])
      setOption(libc, this.#fd, SOL_NETLINK, option, int(1));
  }

  /** One request: what the kernel answered before its acknowledgement. Throws SystemFailure with the kernel's error. */
  request(request: NetlinkRequest): readonly NetlinkMessage[] {
    const sequence = this.#send(request, (request.flags ?? 0) | NLM_F_ACK);
    const answers: NetlinkMessage[] = [];
    for (;;) {
      for (const message of this.#receive()) {
        if (message.sequence !== sequence) continue;
        if (message.type !== NLMSG_ERROR) {
          answers.push(message);
          continue;
        }
        const { errno, detail } = understood(this.#call(request), () => readError(message));
        if (errno !== 0) throw new SystemFailure(errno, this.#call(request), detail);
        return answers;
      }
    }
  }

  /** All objects of a kind. Throws SystemFailure. */
  dump(request: NetlinkRequest): readonly NetlinkMessage[] {
    for (let tries = 1; ; tries++) {
      const { messages, consistent } = this.#dumpOnce(request);
      if (consistent || tries === DUMP_TRIES) return messages;
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#libc.close(this.#fd);
  }

  #dumpOnce(request: NetlinkRequest): { messages: NetlinkMessage[]; consistent: boolean } {
    const sequence = this.#send(request, (request.flags ?? 0) | NLM_F_DUMP);
    const messages: NetlinkMessage[] = [];
    let consistent = true;
    let octets = 0;
    for (;;) {
      for (const message of this.#receive()) {
        if (message.sequence !== sequence || message.type === NLMSG_NOOP) continue;
        if ((message.flags & NLM_F_DUMP_INTR) !== 0) consistent = false;
        const errno =
          message.type === NLMSG_ERROR
            ? understood(this.#call(request), () => readError(message)).errno
            : message.type === NLMSG_DONE
              ? understood(this.#call(request), () => readDone(message))
              : undefined;
        if (errno === 0) return { messages, consistent };
        if (errno !== undefined) throw new SystemFailure(errno, this.#call(request));
        octets += message.body.length;
        if (octets > DUMP_LIMIT) throw new SystemFailure(EMSGSIZE, this.#call(request));
        messages.push(message);
      }
    }
  }

  #send(request: NetlinkRequest, flags: number): number {
    this.#sequence = (this.#sequence + 1) >>> 0;
    const bytes = encodeMessage({
      type: request.type,
      flags: flags | NLM_F_REQUEST,
      sequence: this.#sequence,
      port: 0,
      body: request.body,
    });
    checked(this.#libc, this.#libc.send(this.#fd, addressOf(bytes), bytes.length, 0), this.#call(request));
    bytes.fill(0); // SAs carry keys
    return this.#sequence;
  }

  #receive(): readonly NetlinkMessage[] {
    const datagram = receive(this.#libc, this.#fd, this.#buffer);
    if (datagram === undefined) throw new SystemFailure(ETIMEDOUT, `netlink ${this.#name}`);
    try {
      return understood(`netlink ${this.#name}`, () => readMessages(datagram));
    } finally {
      datagram.fill(0); // dumps of SAs carry keys
    }
  }

  #call(request: NetlinkRequest): string {
    return `netlink ${this.#name} ${request.type}`;
  }
}

/** What `read` makes of the kernel's octets. Throws SystemFailure where they are not as they should be. */
export function understood<T>(call: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw new SystemFailure(EBADMSG, call, error.message);
  }
}

/** What the kernel tells without being asked. */
export interface NetlinkEvents {
  close(): void;
}

/**
 * Listens to multicast groups, from the event loop. `onOverrun` is called when messages were lost because more came
 * than fitted, or could not be read: the listener's picture is then to be made anew. Throws SystemFailure.
 */
export function netlinkEvents(
  native: Native,
  libc: Libc,
  protocol: NetlinkProtocol,
  groups: readonly number[],
  onMessage: (message: NetlinkMessage) => void,
  onOverrun: () => void,
): NetlinkEvents {
  const fd = open(libc, protocol, SOCK_NONBLOCK);
  let closed = false;
  let watching: Watch;
  try {
    if (setOption(libc, fd, SOL_SOCKET, SO_RCVBUFFORCE, int(EVENT_BUFFER)) < 0)
      setOption(libc, fd, SOL_SOCKET, SO_RCVBUF, int(EVENT_BUFFER));
    for (const group of groups)
      checked(
        libc,
        setOption(libc, fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, int(group)),
        `netlink group ${group}`,
      );
    const buffer = allocate(BUFFER);
    watching = watch(native, fd, () =>
      readEvents(
        libc,
        fd,
        buffer,
        message => {
          if (!closed) onMessage(message);
        },
        onOverrun,
        () => closed,
      ),
    );
  } catch (error) {
    libc.close(fd);
    throw error;
  }
  return {
    close: () => {
      if (closed) return;
      closed = true;
      watching.close();
      libc.close(fd);
    },
  };
}

/** Datagrams taken at one go, so that a flood cannot starve the event loop. */
const EVENTS_AT_ONCE = 64;

function readEvents(
  libc: Libc,
  fd: number,
  buffer: Memory,
  onMessage: (message: NetlinkMessage) => void,
  onOverrun: () => void,
  closed: () => boolean,
): void {
  for (let i = 0; i < EVENTS_AT_ONCE && !closed(); i++) {
    let datagram: Uint8Array | undefined;
    try {
      datagram = receive(libc, fd, buffer);
    } catch (error) {
      if (!(error instanceof SystemFailure && error.errno === ENOBUFS)) throw error;
      onOverrun();
      continue;
    }
    if (datagram === undefined) return;
    try {
      for (const message of readMessages(datagram)) onMessage(message);
    } catch (error) {
      // What cannot be read is as good as lost.
      if (!(error instanceof Malformed)) throw error;
      onOverrun();
    }
  }
}

/** One datagram as a view of the buffer; undefined when none came. */
function receive(libc: Libc, fd: number, buffer: Memory): Uint8Array | undefined {
  for (;;) {
    const length = libc.recv(fd, buffer.address, buffer.bytes.length, MSG_TRUNC);
    if (length > buffer.bytes.length) throw new SystemFailure(EMSGSIZE, 'recv netlink');
    if (length >= 0) return buffer.bytes.subarray(0, length);
    const errno = libc.errno();
    if (errno === EAGAIN) return undefined;
    if (errno !== EINTR) throw new SystemFailure(errno, 'recv netlink');
  }
}

/** Connected to the kernel (port 0), so that no other process can put messages in. */
function open(libc: Libc, protocol: NetlinkProtocol, flags: number, port?: number): number {
  const fd = checked(
    libc,
    libc.socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, PROTOCOL[protocol]),
    `socket netlink ${protocol}`,
  );
  const kernel = address(0);
  const own = address(port ?? 0);
  const isBound = port === undefined || libc.bind(fd, addressOf(own), own.length) >= 0;
  if (isBound && libc.connect(fd, addressOf(kernel), kernel.length) >= 0) return fd;
  const errno = libc.errno();
  libc.close(fd);
  throw new SystemFailure(errno, `${isBound ? 'connect' : 'bind'} netlink ${protocol}`);
}

/** struct sockaddr_nl */
function address(port: number): Uint8Array {
  const octets = new Uint8Array(12);
  octets[0] = AF_NETLINK;
  new DataView(octets.buffer).setUint32(4, port, true);
  return octets;
}

function setOption(libc: Libc, fd: number, level: number, option: number, value: Uint8Array): number {
  return libc.setsockopt(fd, level, option, addressOf(value), value.length);
}

function int(value: number): Uint8Array {
  return new Uint8Array(Int32Array.of(value).buffer);
}
