import { equal } from '../lib/bytes.ts';
import type { IpAddress } from '../lib/ip.ts';
import type { Duration } from '../lib/time.ts';
import type { KernelConfig } from './kernel-config.ts';
import type { DirectionKeys, IpsecAlgorithms, IpsecMode } from './sa.ts';
import type { TrafficSelector } from './traffic-selector.ts';

/** A pair of SAs whose keys a person gives: nothing is negotiated, and nobody replaces them (RFC 4301 §4.5.1). */
export interface ManualSa {
  readonly name: string;
  readonly protocol: 'esp' | 'ah';
  readonly mode: IpsecMode;
  readonly algorithms: IpsecAlgorithms;
  /** In keywords, such as `aes256-sha256`. */
  readonly proposal: string;
  readonly local: IpAddress;
  readonly remote: IpAddress;
  /** ESP in UDP; without `localPort` from the port that the daemon has for it. */
  readonly encap: boolean;
  readonly localPort?: number;
  readonly remotePort: number;
  readonly spiIn: number;
  readonly spiOut: number;
  readonly keysIn: DirectionKeys;
  readonly keysOut: DirectionKeys;
  readonly localTs: readonly TrafficSelector[];
  readonly remoteTs: readonly TrafficSelector[];
  readonly replayWindow: number;
  readonly tfcPadding: number;
  /** 0: the daemon chooses one. */
  readonly reqid: number;
  /** 0 is never. */
  readonly lifeTime: Duration;
  readonly lifeBytes: bigint;
  readonly lifePackets: bigint;
  readonly kernel?: KernelConfig;
}

/** Whether two sets of keys are the same octets. */
export function sameKeys(a: DirectionKeys, b: DirectionKeys): boolean {
  return (
    equal(a.encryption.reveal(), b.encryption.reveal()) && equal(a.integrity.reveal(), b.integrity.reveal())
  );
}
