import { readFileSync } from 'node:fs';
import { CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_NET_RAW } from './privileges.ts';

/** Which of the privileges that IPsec needs this thread has (capabilities(7), the effective set). */
export interface Capabilities {
  /** Interfaces, routes, policies, TUN. */
  readonly netAdmin: boolean;
  readonly netRaw: boolean;
  /** Ports below 1024. */
  readonly netBindService: boolean;
}

const NONE: Capabilities = { netAdmin: false, netRaw: false, netBindService: false };

/** Read from /proc, so without any native code; none of them where there is no /proc. */
export function capabilities(): Capabilities {
  try {
    return parseCapabilities(readFileSync('/proc/thread-self/status', 'utf8'));
  } catch {
    return NONE;
  }
}

/** From the text of /proc/…/status. */
export function parseCapabilities(status: string): Capabilities {
  const mask = /^CapEff:\s*([0-9a-f]{1,16})$/m.exec(status)?.[1];
  if (mask === undefined) return NONE;
  const effective = BigInt(`0x${mask}`);
  const has = (capability: number): boolean => ((effective >> BigInt(capability)) & 1n) === 1n;
  return {
    netAdmin: has(CAP_NET_ADMIN),
    netRaw: has(CAP_NET_RAW),
    netBindService: has(CAP_NET_BIND_SERVICE),
  };
}
