import { formatIp, type IpAddress } from '../lib/ip.ts';
import { Failed, type Failure } from '../policy/failure.ts';
import type { Path } from '../policy/sa.ts';

/** Why a port could not be opened, told so that it can be mended. `code` is the errno's name. */
export function bindFailure(
  code: string,
  address: IpAddress,
  port: number,
  option: '--port' | '--nat-port',
  transport: 'UDP' | 'TCP' = 'UDP',
): Failed {
  const place = `${transport} port ${port} on ${formatIp(address)}`;
  const list = transport === 'UDP' ? 'ss -ulpn' : 'ss -tlpn';
  switch (code) {
    case 'EADDRINUSE':
      return new Failed({
        code: 'local/port-in-use',
        summary: `${place} is held by another program`,
        remedy: `stop the other IKE daemon (\`${list} sport = :${port}\` names it), or choose another port with ${option}`,
      });
    case 'EACCES':
    case 'EPERM':
      return new Failed({
        code: 'local/no-privilege',
        summary: `opening ${place} is not permitted`,
        remedy: `run as root or with CAP_NET_BIND_SERVICE, or choose a port from 1024 on with ${option}`,
      });
    case 'EADDRNOTAVAIL':
    case 'EAFNOSUPPORT':
      return new Failed({
        code: 'local/address',
        summary: `${formatIp(address)} is not an address of this host (${code})`,
        remedy: 'listen on an address that an interface has, or on all of them',
      });
    default:
      return new Failed({ code: 'local/address', summary: `${place} cannot be opened: ${code}` });
  }
}

/** Why a datagram did not go out. */
export function sendFailure(code: string, path: Path): Failure {
  const summary = `nothing can be sent to ${formatIp(path.remote.address)} port ${path.remote.port}: ${code}`;
  return { code: 'local/address', summary };
}
