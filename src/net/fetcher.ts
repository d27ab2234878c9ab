import { open } from 'node:fs/promises';
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { fileURLToPath } from 'node:url';

/** What is to be had, and from where. */
interface Fetch {
  /** `http:`, `https:`, or `file:` without a body. */
  readonly uri: string;
  /** An OCSP request to post; absent: the octets that are there. */
  readonly body?: Uint8Array;
  /** Octets that an answer may have at most, and milliseconds until it is there whole. */
  readonly limit: number;
  readonly timeout: number;
}

/** Gets octets from elsewhere. Rejects with an Error whose message says why there are none. */
export type Fetcher = (wanted: Fetch) => Promise<Uint8Array>;

/** Fetches that run at a time, and that wait for their turn: certificates of peers set them off. */
const MOST_RUNNING = 8;
const MOST_WAITING = 64;
const MOST_REDIRECTS = 3;

/**
 * Fetches by HTTP/1.1, each over a connection of its own, without credentials, cookies or proxies. Who wants at the same time what is
 * being fetched already shares it. Waiting for a turn counts as waiting for the answer.
 */
export function openFetcher(): Fetcher {
  const shared = new Map<string, Promise<Uint8Array>>();
  const queue: (() => void)[] = [];
  let running = 0;
  const turn = async (signal: AbortSignal): Promise<void> => {
    if (running >= MOST_RUNNING) {
      if (queue.length >= MOST_WAITING) throw new Error('too many fetches are waiting already');
      await new Promise<void>((resolve, reject) => {
        const go = (): void => resolve();
        queue.push(go);
        signal.addEventListener('abort', () => {
          const place = queue.indexOf(go);
          if (place >= 0) queue.splice(place, 1);
          reject(signal.reason);
        });
      });
    } else running++;
  };
  const run = async (wanted: Fetch): Promise<Uint8Array> => {
    const late = new Error(`no answer came within ${Math.round(wanted.timeout / 100) / 10} s`);
    const control = new AbortController();
    const timer = setTimeout(() => control.abort(late), wanted.timeout);
    try {
      await turn(control.signal);
      try {
        return await fetchOne(wanted, control.signal);
      } catch (error) {
        throw control.signal.aborted ? late : new Error(reasonOf(error));
      } finally {
        const next = queue.shift();
        if (next === undefined) running--;
        else next();
      }
    } finally {
      clearTimeout(timer);
    }
  };
  return wanted => {
    if (wanted.body !== undefined) return run(wanted);
    const key = `${wanted.limit} ${wanted.uri}`;
    const under = shared.get(key);
    if (under !== undefined) return under;
    const fresh = run(wanted).finally(() => shared.delete(key));
    shared.set(key, fresh);
    return fresh;
  };
}

async function fetchOne({ uri, body, limit }: Fetch, signal: AbortSignal): Promise<Uint8Array> {
  let url = new URL(uri);
  if (url.protocol === 'file:' && body === undefined) return readFile(url, limit);
  for (let redirects = 0; ; redirects++) {
    if (url.protocol !== 'http:' && url.protocol !== 'https:')
      throw new Error(`${url.protocol} is not fetched here`);
    if (url.username !== '' || url.password !== '')
      throw new Error('an address with a user name is not asked');
    const answer = await exchange(url, body, signal);
    const location = answer.headers.location;
    const status = answer.statusCode ?? 0;
    if (status >= 300 && status < 400 && location !== undefined && body === undefined) {
      answer.destroy();
      if (redirects === MOST_REDIRECTS) throw new Error(`it is redirected more than ${MOST_REDIRECTS} times`);
      url = new URL(location, url);
      continue;
    }
    if (status !== 200) {
      answer.destroy();
      throw new Error(`HTTP status ${status}`);
    }
    return collect(answer, limit);
  }
}

function exchange(url: URL, body: Uint8Array | undefined, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const begin: typeof httpRequest = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request: ClientRequest = begin(
      url,
      {
        agent: false,
        signal,
        method: body === undefined ? 'GET' : 'POST',
        headers: {
          connection: 'close',
          ...(body !== undefined && {
            'content-type': 'application/ocsp-request',
            'content-length': body.length,
            accept: 'application/ocsp-response',
          }),
        },
      },
      resolve,
    );
    request.on('error', reject);
    request.end(body);
  });
}

/** What comes is counted, whatever the header says of it. */
async function collect(answer: IncomingMessage, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for await (const part of answer as AsyncIterable<Uint8Array>) {
    length += part.length;
    if (length > limit) throw new Error(`the answer has more than ${limit} octets`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

async function readFile(url: URL, limit: number): Promise<Uint8Array> {
  const file = await open(fileURLToPath(url));
  try {
    const { size } = await file.stat();
    if (size > limit) throw new Error(`the file has more than ${limit} octets`);
    const octets = Buffer.alloc(size);
    const { bytesRead } = await file.read(octets, 0, size, 0);
    return octets.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as NodeJS.ErrnoException;
  // Where a name has several addresses there is one error for all, which says nothing itself.
  return error.message !== '' ? error.message : (code ?? error.name);
}
