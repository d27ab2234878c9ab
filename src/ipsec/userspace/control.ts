import { Secret } from '../../lib/secret.ts';
import type { Instant } from '../../lib/time.ts';
import type { Failure } from '../../policy/failure.ts';
import type {
  BackendEvent,
  ChildSaParameters,
  ChildSaUsage,
  DirectionKeys,
  Path,
  StandingPolicy,
} from '../../policy/sa.ts';
import type { Refusal } from './data-plane.ts';

/** What the data plane's thread is started with. Descriptors are open already: the thread needs no privilege. */
export interface ThreadSetup {
  readonly tun: number;
  readonly sockets: readonly number[];
  readonly wakeup: number;
  /** The mark of what the sockets send: their packets are routed by it. */
  readonly mark?: number;
  /** One moment on both clocks: `now()` of the main thread, and the clock that all threads share. */
  readonly clock: { readonly instant: Instant; readonly hrtime: bigint };
}

/** What the main thread asks; answered in order, each by its number. */
export type Request =
  | { readonly kind: 'install'; readonly sa: PortableSa; readonly outbound: boolean }
  | { readonly kind: 'activate-outbound' | 'deactivate-outbound' | 'remove' | 'usage'; readonly id: number }
  | {
      readonly kind: 'update-path';
      readonly id: number;
      readonly path: Path;
      readonly udpEncapsulation: boolean;
    }
  | { readonly kind: 'add-policy'; readonly policy: StandingPolicy }
  | { readonly kind: 'remove-policy'; readonly id: number }
  | { readonly kind: 'drops' | 'remeasure' | 'stop' };

/** An ESP packet of a TCP connection, on its way from one thread to the other; its memory moves along. */
export interface StreamPacket {
  readonly packet: Uint8Array<ArrayBuffer>;
  readonly path: Path;
}

export interface Numbered {
  readonly number: number;
  readonly request: Request;
}

export type Answer =
  | { readonly kind: 'done' }
  /** Of SAs by number, the longest inner packets that this host could send by them, where that is known. */
  | { readonly kind: 'largest'; readonly largest: ReadonlyMap<number, number | undefined> }
  | { readonly kind: 'usage'; readonly usage: ChildSaUsage | undefined }
  | { readonly kind: 'drops'; readonly drops: ReadonlyMap<Refusal | 'unsendable', number> }
  | { readonly kind: 'failed'; readonly failure: Failure };

/** What the thread says: an answer, something that happened, or a packet for a TCP connection. */
export type Message =
  | { readonly kind: 'answer'; readonly number: number; readonly answer: Answer }
  | { readonly kind: 'event'; readonly event: BackendEvent }
  | { readonly kind: 'packet'; readonly packet: StreamPacket };

/** An SA whose keys are plain octets, since secrets cannot cross from thread to thread. */
export type PortableSa = Omit<ChildSaParameters, 'keysIn' | 'keysOut'> & {
  readonly keysIn: PortableKeys;
  readonly keysOut: PortableKeys;
};

interface PortableKeys {
  readonly encryption: Uint8Array<ArrayBuffer>;
  readonly integrity: Uint8Array<ArrayBuffer>;
}

/** The SA with copies of its keys, and the copies' memory, which moves to the other thread. */
export function portable(sa: ChildSaParameters): {
  readonly sa: PortableSa;
  readonly transfer: ArrayBuffer[];
} {
  const keysIn = copied(sa.keysIn);
  const keysOut = copied(sa.keysOut);
  const transfer = [keysIn, keysOut].flatMap(({ encryption, integrity }) => [
    encryption.buffer,
    integrity.buffer,
  ]);
  return { sa: { ...sa, keysIn, keysOut }, transfer };
}

/** The SA with keys as secrets again; they take the octets over. */
export function fromPortable(sa: PortableSa): ChildSaParameters {
  return { ...sa, keysIn: secret(sa.keysIn), keysOut: secret(sa.keysOut) };
}

function copied({ encryption, integrity }: DirectionKeys): PortableKeys {
  return { encryption: new Uint8Array(encryption.reveal()), integrity: new Uint8Array(integrity.reveal()) };
}

function secret({ encryption, integrity }: PortableKeys): DirectionKeys {
  return { encryption: new Secret(encryption), integrity: new Secret(integrity) };
}
