import assert from 'node:assert/strict';
import { request } from 'node:http';
import { test } from 'node:test';
import { Failed } from '../policy/failure.ts';
import { MetricsEndpoint } from './metrics-endpoint.ts';

function fetched(address: string, path: string, method = 'GET'): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const [host, port] = address.split(':');
    request({ host, port, path, method, agent: false }, response => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', part => {
        text += part;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
    })
      .on('error', reject)
      .end();
  });
}

test('metrics are answered, and nothing else', async () => {
  let broken = false;
  const endpoint = await MetricsEndpoint.listen('127.0.0.1:0', async () => {
    if (broken) throw new Error('broken');
    return [{ name: 'up', help: 'Up.', type: 'gauge', samples: [{ labels: {}, value: 1 }] }];
  });
  try {
    assert.deepEqual(await fetched(endpoint.address, '/metrics'), {
      status: 200,
      text: '# HELP up Up.\n# TYPE up gauge\nup 1\n',
    });
    assert.equal((await fetched(endpoint.address, '/metrics?x=1')).status, 200);
    assert.equal((await fetched(endpoint.address, '/')).status, 404);
    assert.equal((await fetched(endpoint.address, '/metrics', 'POST')).status, 405);
    broken = true;
    assert.equal((await fetched(endpoint.address, '/metrics')).status, 500);
    await assert.rejects(
      MetricsEndpoint.listen(endpoint.address, async () => []),
      (error: unknown) => error instanceof Failed && error.failure.code === 'local/port-in-use',
    );
  } finally {
    await endpoint.close();
  }
});

test('no address but loopback will do', async () => {
  for (const where of ['0.0.0.0:9100', '192.0.2.1:9100', ':9100', '127.0.0.1', '127.0.0.1:70000', '[::]:1'])
    await assert.rejects(
      MetricsEndpoint.listen(where, async () => []),
      (error: unknown) => error instanceof Failed && error.failure.code === 'config/invalid-value',
      where,
    );
});
