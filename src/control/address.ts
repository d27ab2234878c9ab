import { Failed } from '../policy/failure.ts';

/** Where the control protocol is spoken: a socket in the file system, or a port of this host alone. */
export type ControlAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export const DEFAULT_CONTROL = '/run/cygnet.vici';

/**
 * Reads `/path`, `unix:///path`, `tcp://127.0.0.1:4502` or `tcp://[::1]:4502` (port 0: any that is free). Throws
 * Failed for other forms, and for hosts other than this one: the protocol knows neither encryption nor passwords.
 */
export function parseControlAddress(text: string): ControlAddress {
  const path = text.startsWith('unix://') ? text.slice('unix://'.length) : text;
  if (!path.includes('://')) {
    if (path === '' || path.includes('\0')) throw unfit(text, 'the path is empty');
    // sun_path of Linux holds 107 octets and a terminator.
    if (Buffer.byteLength(path) > 107) throw unfit(text, 'a socket path may have 107 octets at most');
    return { kind: 'unix', path };
  }
  const match = /^tcp:\/\/(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]|localhost):(\d{1,5})$/.exec(text);
  if (match === null) throw unfit(text, 'it is neither a path nor tcp:// with a loopback address and a port');
  const port = Number(match[2]);
  if (port > 65535) throw unfit(text, 'ports end at 65535');
  return { kind: 'tcp', host: (match[1] as string).replace(/^\[|\]$/g, ''), port };
}

export function formatControlAddress(address: ControlAddress): string {
  if (address.kind === 'unix') return address.path;
  return `tcp://${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
}

function unfit(text: string, why: string): Failed {
  return new Failed({
    code: 'config/invalid-value',
    summary: `"${text}" cannot be a control socket: ${why}`,
    remedy: `use a path such as ${DEFAULT_CONTROL}, or tcp://127.0.0.1:4502`,
  });
}
