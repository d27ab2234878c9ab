import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ip } from '../lib/ip.ts';
import { bindFailure, sendFailure } from './port-failure.ts';

test('each reason has its code, names port and address, and says what to do', () => {
  for (const [errno, code, remedy] of [
    ['EADDRINUSE', 'local/port-in-use', /ss -ulpn.*:500.*--port$/],
    ['EACCES', 'local/no-privilege', /CAP_NET_BIND_SERVICE.*--port$/],
    ['EPERM', 'local/no-privilege', /CAP_NET_BIND_SERVICE/],
    ['EADDRNOTAVAIL', 'local/address', /listen on an address/],
    ['EAFNOSUPPORT', 'local/address', /listen on an address/],
  ] as const) {
    const { failure } = bindFailure(errno, ip('192.0.2.1'), 500, '--port');
    assert.equal(failure.code, code);
    assert.match(failure.summary, /192\.0\.2\.1/);
    assert.match(failure.remedy ?? '', remedy);
  }
  const tcp = bindFailure('EADDRINUSE', ip('192.0.2.1'), 4500, '--nat-port', 'TCP').failure;
  assert.match(tcp.summary, /^TCP port 4500 on 192/);
  assert.match(tcp.remedy ?? '', /ss -tlpn.*:4500.*--nat-port$/);
  assert.match(bindFailure('ENOBUFS', ip('::1'), 4500, '--nat-port').failure.summary, /4500 on ::1.*ENOBUFS/);
});

test('what cannot be sent names the peer', () => {
  const path = {
    local: { address: ip('192.0.2.1'), port: 500 },
    remote: { address: ip('192.0.2.2'), port: 4500 },
  };
  assert.deepEqual(sendFailure('ENETUNREACH', path), {
    code: 'local/address',
    summary: 'nothing can be sent to 192.0.2.2 port 4500: ENETUNREACH',
  });
});
