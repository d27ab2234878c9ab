import { networkInterfaces } from 'node:os';
import { formatIp } from '../lib/ip.ts';
import { SystemFailure } from '../sys/failure.ts';
import type { Routing } from '../sys/routing/routing.ts';
import { systemCalls } from '../sys/system-calls.ts';

/** Changes come in bursts: an interface that goes up brings addresses and routes one by one. */
const SETTLE_MS = 100;
/** Where nobody tells. */
const LOOK_EVERY_MS = 5000;

/**
 * Calls `onChange` when the links or addresses of this host or the routes of its main table are others than before: paths may
 * have to move then (RFC 4555 §3.5). Told by the kernel where that can be had, otherwise by looking now and then. The
 * result ends it.
 *
 * @param routes false: whatever happens to them.
 */
export function watchNetwork(
  onChange: () => void,
  { routes = true }: { readonly routes?: boolean } = {},
): () => void {
  const routing = systemCalls()?.routing();
  if (routing === undefined) return lookNowAndThen(onChange);
  let before = pictureOf(routing, routes);
  let settling: NodeJS.Timeout | undefined;
  const end = routing.onChange(() => {
    settling ??= setTimeout(() => {
      settling = undefined;
      const now = pictureOf(routing, routes);
      if (now === before) return;
      before = now;
      onChange();
    }, SETTLE_MS);
  });
  return () => {
    clearTimeout(settling);
    end();
    routing.close();
  };
}

function lookNowAndThen(onChange: () => void): () => void {
  const look = (): string => JSON.stringify(networkInterfaces());
  let before = look();
  const timer = setInterval(() => {
    const now = look();
    if (now === before) return;
    before = now;
    onChange();
  }, LOOK_EVERY_MS);
  return () => clearInterval(timer);
}

/** What matters, as text; routes of our own tables do not. */
function pictureOf(routing: Routing, withRoutes: boolean): string {
  try {
    const addresses = routing
      .addresses()
      .filter(({ unusable }) => !unusable)
      .map(({ address, index }) => `${formatIp(address)}@${index}`);
    const routes = (withRoutes ? routing.routes() : []).map(
      ({ destination, prefix, index, gateway, metric }) =>
        [formatIp(destination), prefix, index, gateway && formatIp(gateway), metric].join(' '),
    );
    const links = routing.links().map(({ index, up }) => `${index} ${up}`);
    return [...addresses, ...routes, ...links].join('\n');
  } catch (error) {
    // More than can be looked at (a full table of the Internet): every change may be one that matters.
    if (error instanceof SystemFailure) return `${performance.now()}`;
    throw error;
  }
}
