import { equal } from '../lib/bytes.ts';
import { type IpAddress, isUnspecified, isV4 } from '../lib/ip.ts';
import type { Path } from '../policy/sa.ts';

/** Whether an answer may be sent along `path`: to one host and port, and not to ourselves. */
export function isUsable({ local, remote }: Path): boolean {
  if (remote.port === 0 || isMulticast(remote.address) || isUnspecified(remote.address)) return false;
  return !(remote.port === local.port && equal(remote.address, local.address));
}

function isMulticast(address: IpAddress): boolean {
  const first = address[0] as number;
  // Class E holds the limited broadcast address, and nobody else.
  return isV4(address) ? first >= 224 : first === 0xff;
}
