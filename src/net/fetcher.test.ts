import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { openFetcher } from './fetcher.ts';

const PLENTY = { limit: 1000, timeout: 20_000 } as const;

/** A server for one test, which is told its own address. */
async function served(listener: RequestListener, action: (base: string) => Promise<void>): Promise<void> {
  const server = createServer(listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    await action(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('what is there is got, and a question posted', async () => {
  const heard: unknown[] = [];
  await served(
    (request, response) => {
      const parts: Buffer[] = [];
      request.on('data', part => parts.push(part));
      request.on('end', () => {
        const { authorization, cookie } = request.headers;
        heard.push([
          request.method,
          request.headers['content-type'],
          `${Buffer.concat(parts)}`,
          authorization,
          cookie,
        ]);
        response.end('answer');
      });
    },
    async base => {
      const fetcher = openFetcher();
      assert.equal(`${await fetcher({ uri: `${base}/a`, ...PLENTY })}`, 'answer');
      assert.equal(`${await fetcher({ uri: `${base}/b`, body: Buffer.from('ask'), ...PLENTY })}`, 'answer');
    },
  );
  assert.deepEqual(heard, [
    ['GET', undefined, '', undefined, undefined],
    ['POST', 'application/ocsp-request', 'ask', undefined, undefined],
  ]);
});

test('a few redirections are followed, for what is got alone', async () => {
  await served(
    (request, response) => {
      const left = Number(request.url?.slice(1));
      if (left === 0) response.end('there');
      else response.writeHead(302, { location: left === 9 ? 'file:///etc/hostname' : `/${left - 1}` }).end();
    },
    async base => {
      const fetcher = openFetcher();
      assert.equal(`${await fetcher({ uri: `${base}/3`, ...PLENTY })}`, 'there');
      await assert.rejects(fetcher({ uri: `${base}/4`, ...PLENTY }), /redirected more than 3 times/);
      await assert.rejects(fetcher({ uri: `${base}/9`, ...PLENTY }), /file: is not fetched here/);
      await assert.rejects(
        fetcher({ uri: `${base}/1`, body: new Uint8Array(1), ...PLENTY }),
        /HTTP status 302/,
      );
    },
  );
});

test('what is longer than it may be, whatever its header says, is given up', async () => {
  await served(
    (_request, response) => {
      response.write(Buffer.alloc(600));
      response.write(Buffer.alloc(600));
    },
    async base => {
      await assert.rejects(openFetcher()({ uri: base, ...PLENTY }), /more than 1000 octets/);
    },
  );
});

test('a server that says nothing, not all, or no', async () => {
  await served(
    (request, response) => {
      if (request.url === '/none') return;
      if (request.url === '/half') response.writeHead(200, { 'content-length': 9 }).write('half');
      else response.writeHead(404).end();
    },
    async base => {
      const fetcher = openFetcher();
      const brief = { limit: 1000, timeout: 50 };
      await assert.rejects(fetcher({ uri: `${base}/none`, ...brief }), /no answer came within 0.1 s/);
      await assert.rejects(fetcher({ uri: `${base}/half`, ...brief }), /no answer came within 0.1 s/);
      await assert.rejects(fetcher({ uri: `${base}/gone`, ...PLENTY }), /HTTP status 404/);
    },
  );
  await assert.rejects(openFetcher()({ uri: 'http://127.0.0.1:1/', ...PLENTY }), /ECONNREFUSED/);
});

for (const [uri, says] of [
  ['ldap://127.0.0.1/', /ldap: is not fetched here/],
  ['ftp://127.0.0.1/', /ftp: is not fetched here/],
  ['http://user:pass@127.0.0.1/', /user name/],
  ['nonsense', /Invalid URL/],
  ['file:///nowhere/at.crl', /ENOENT/],
] as const)
  test(`not asked: ${uri}`, () => assert.rejects(openFetcher()({ uri, ...PLENTY }), says));

test('a file is read whole, or not at all', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'cygnet-fetch-'));
  try {
    const file = join(folder, 'a.crl');
    writeFileSync(file, 'list');
    const uri = pathToFileURL(file).href;
    assert.equal(`${await openFetcher()({ uri, ...PLENTY })}`, 'list');
    await assert.rejects(openFetcher()({ uri, limit: 3, timeout: 1000 }), /more than 3 octets/);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('who wants the same at the same time shares it, and a few run at once', async () => {
  let running = 0;
  let most = 0;
  let count = 0;
  await served(
    (_request, response) => {
      count++;
      most = Math.max(most, ++running);
      setImmediate(() => {
        running--;
        response.end('x');
      });
    },
    async base => {
      const fetcher = openFetcher();
      const all = Array.from({ length: 60 }, (_, i) => fetcher({ uri: `${base}/${i % 30}`, ...PLENTY }));
      await Promise.all(all);
      assert.equal(count, 30);
      assert.ok(most <= 8);
      const flood = Array.from({ length: 100 }, (_, i) => fetcher({ uri: `${base}/f${i}`, ...PLENTY }));
      const settled = await Promise.allSettled(flood);
      assert.equal(settled.filter(({ status }) => status === 'rejected').length, 28);
    },
  );
});
