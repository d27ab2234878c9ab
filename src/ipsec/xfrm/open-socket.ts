import { SystemFailure } from '../../sys/failure.ts';
import type { NetlinkSocket } from '../../sys/netlink/socket.ts';
import type { SystemCalls } from '../../sys/system-calls.ts';

/** The netlink port by which one daemon of ours keeps others in its network namespace from taking its SAs for leftovers. */
const PORT = 0x4359_4745;

/** `isOnly`: no other daemon of ours is alive in the network namespace. Throws SystemFailure. */
export function openSocket(calls: SystemCalls): { readonly socket: NetlinkSocket; readonly isOnly: boolean } {
  try {
    return { socket: calls.netlink('xfrm', PORT), isOnly: true };
  } catch (error) {
    if (!(error instanceof SystemFailure && error.code === 'EADDRINUSE')) throw error;
    return { socket: calls.netlink('xfrm'), isOnly: false };
  }
}
