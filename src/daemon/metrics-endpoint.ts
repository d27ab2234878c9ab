import { createServer, type Server } from 'node:http';
import { EXPOSITION_TYPE, exposition } from '../control/exposition.ts';
import type { Family } from '../control/metrics.ts';
import { Failed } from '../policy/failure.ts';

/** Scrapers are few; whoever comes beside them waits or goes. */
const CONNECTIONS = 32;
const PATIENCE = 5000;

/** Answers `GET /metrics` on a loopback address, and nothing else. */
export class MetricsEndpoint {
  readonly #server: Server;
  readonly address: string;

  private constructor(server: Server, address: string) {
    this.#server = server;
    this.address = address;
  }

  /** `where` is `127.0.0.1:9100`, `[::1]:9100` or `localhost:9100`; port 0 takes any. Throws Failed. */
  static async listen(where: string, collect: () => Promise<readonly Family[]>): Promise<MetricsEndpoint> {
    const { host, port } = parse(where);
    const server = createServer(
      { requestTimeout: PATIENCE, headersTimeout: PATIENCE, maxHeaderSize: 8192 },
      (request, response) => {
        const path = request.url?.split('?', 1)[0];
        if (request.method !== 'GET' && request.method !== 'HEAD') {
          response.writeHead(405, { allow: 'GET, HEAD' }).end();
          return;
        }
        if (path !== '/metrics') {
          response.writeHead(404).end();
          return;
        }
        collect().then(
          families => {
            response.writeHead(200, { 'content-type': EXPOSITION_TYPE }).end(exposition(families));
          },
          () => {
            response.writeHead(500).end();
          },
        );
      },
    );
    server.maxConnections = CONNECTIONS;
    await new Promise<void>((resolve, reject) => {
      server.once('error', error => reject(refusal(where, error)));
      server.listen(port, host, resolve);
    });
    const bound = server.address();
    const actual = typeof bound === 'object' && bound !== null ? bound.port : port;
    return new MetricsEndpoint(server, `${host.includes(':') ? `[${host}]` : host}:${actual}`);
  }

  async close(): Promise<void> {
    await new Promise<void>(resolve => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

function parse(where: string): { readonly host: string; readonly port: number } {
  const match = /^(127\.\d{1,3}\.\d{1,3}\.\d{1,3}|\[::1\]|localhost):(\d{1,5})$/.exec(where);
  const port = Number(match?.[2]);
  if (match === null || port > 65_535) {
    throw new Failed({
      code: 'config/invalid-value',
      summary: `metrics cannot be had at "${where}": it is no loopback address with a port`,
      remedy: 'use 127.0.0.1:9100, and a proxy with authentication where others shall read them',
    });
  }
  return { host: (match[1] as string).replace(/^\[|\]$/g, ''), port };
}

function refusal(where: string, error: Error): Failed {
  const inUse = 'code' in error && error.code === 'EADDRINUSE';
  return new Failed({
    code: inUse ? 'local/port-in-use' : 'local/address',
    summary: inUse
      ? `another program already listens at ${where}`
      : `cannot listen at ${where}: ${error.message}`,
    remedy: 'name another address with --metrics',
  });
}
