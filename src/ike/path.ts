import { equal } from '../lib/bytes.ts';
import type { Path } from '../policy/sa.ts';
import type { EngineSettings } from './output.ts';

/** The ports of IKE (RFC 7296 §2). */
const IKE_PORT = 500;
const NAT_PORT = 4500;

/**
 * Where a conversation goes on once there is a NAT: the port where ESP in UDP goes too (RFC 7296 §2.23, RFC 3947 §4). A
 * peer on a port of its own is there already, and so is TCP.
 */
export function floated(path: Path, settings: Pick<EngineSettings, 'port' | 'natPort'>): Path {
  const { local, remote } = path;
  if (path.tcp === true || local.port === settings.natPort) return path;
  const port =
    remote.port === IKE_PORT ? NAT_PORT : remote.port === settings.port ? settings.natPort : remote.port;
  return { local: { ...local, port: settings.natPort }, remote: { ...remote, port } };
}

/** Whether both lead from the same address and port to the same, by the same transport. */
export function samePath(a: Path, b: Path): boolean {
  return (
    a.tcp === b.tcp &&
    a.remote.port === b.remote.port &&
    a.local.port === b.local.port &&
    equal(a.remote.address, b.remote.address) &&
    equal(a.local.address, b.local.address)
  );
}
