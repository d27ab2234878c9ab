import { toHex } from '../lib/bytes.ts';
import type { IpAddress } from '../lib/ip.ts';
import { formatIp } from '../lib/ip.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import type { Endpoint, Path } from '../policy/sa.ts';
import type { Listening } from './transport.ts';

/** Who opens a connection shows this soon that it speaks IKE. */
export const PREFIX_MS = 5000;
/** Who does not take a connection within this time is not there. */
export const CONNECT_MS = 10_000;

/** One TCP connection and the messages in it (RFC 9329). */
export interface Stream {
  readonly path: Path;
  /** We opened it. */
  readonly isOurs: boolean;
  /** On the clock of `performance.now`. */
  readonly openedAt: number;
  /** Messages of IKE come without marker, those of ESP SPI first. `broke` is called once, when the connection is gone for whatever reason. */
  listen(heard: (octets: Uint8Array, kind: 'ike' | 'esp') => void, broke: () => void): void;
  /** Who does not take what it is sent loses packets first, then the connection. */
  write(message: Uint8Array, kind: 'ike' | 'esp'): void;
  /** Sends what waits, and closes. */
  end(): void;
}

/** Opens streams, and takes those that peers open. */
export interface StreamOpener {
  /** `failed` is told why there is no listening there. */
  listen(
    where: Listening,
    accepted: (stream: Stream) => void,
    failed: (failure: Failure) => void,
  ): StreamListener;
  /** From `local` unless that is all zero. Rejects with Failed (`peer/silent`). */
  connect(local: IpAddress, remote: Endpoint): Promise<Stream>;
}

export interface StreamListener {
  close(): Promise<void>;
}

/** Paths with the same key go by the same connection. */
export function pathKey({ local, remote }: Path): string {
  const text = ({ address, port }: Endpoint): string => `${toHex(address)}:${port}`;
  return `${text(local)} ${text(remote)}`;
}

/** Why there is no connection. */
export function unreachable({ address, port }: Endpoint, code: string): Failed {
  return new Failed({
    code: 'peer/silent',
    summary: `no TCP connection to ${formatIp(address)} port ${port}: ${code}`,
    remedy: 'see that the peer takes IKE over TCP on this port, and that nothing between stops it',
  });
}
