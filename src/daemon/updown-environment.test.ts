import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childStatus, ikeStatus } from '../../test/status.ts';
import type { ChildSaStatus, IkeSaStatus, Updown } from '../ike/output.ts';
import { ip } from '../lib/ip.ts';
import { parseSelector } from '../policy/selector-text.ts';
import type { TrafficSelector } from '../policy/traffic-selector.ts';
import { updownEnvironments } from './updown-environment.ts';

const IKE = ikeStatus({
  connection: 'site',
  path: { local: { address: ip('10.9.0.1'), port: 4500 }, remote: { address: ip('10.9.0.2'), port: 4501 } },
  localId: 'alice.lab',
  remoteId: 'C=CH, O=Lab, CN=bob',
  natRemote: true,
});

const CHILD = childStatus({});

function told(
  localTs: string,
  remoteTs: string,
  change: {
    ike?: Partial<IkeSaStatus>;
    child?: Partial<ChildSaStatus>;
    updown?: Partial<Updown>;
    up?: boolean;
  } = {},
) {
  const selectors = (text: string) => text.split(' ').map(one => parseSelector(one) as TrafficSelector);
  return updownEnvironments(
    {
      up: change.up ?? true,
      ike: { ...IKE, ...change.ike },
      child: { ...CHILD, ...change.child },
      device: 'eth0',
    },
    {
      command: 'true',
      hostAccess: false,
      localTs: selectors(localTs),
      remoteTs: selectors(remoteTs),
      ...change.updown,
    },
  );
}

test('a plain tunnel between networks: what charon tells, nothing else', () => {
  assert.deepEqual(told('10.1.0.0/16', '10.2.0.0/24'), [
    {
      PLUTO_VERSION: '1.1',
      PLUTO_VERB: 'up-client',
      PLUTO_CONNECTION: 'net',
      PLUTO_INTERFACE: 'eth0',
      PLUTO_REQID: '5',
      PLUTO_PROTO: 'esp',
      PLUTO_UNIQUEID: '7',
      PLUTO_ME: '10.9.0.1',
      PLUTO_MY_ID: 'alice.lab',
      PLUTO_MY_CLIENT: '10.1.0.0/16',
      PLUTO_MY_PORT: '0',
      PLUTO_MY_PROTOCOL: '0',
      PLUTO_PEER: '10.9.0.2',
      PLUTO_PEER_ID: 'C=CH, O=Lab, CN=bob',
      PLUTO_PEER_CLIENT: '10.2.0.0/24',
      PLUTO_PEER_PORT: '0',
      PLUTO_PEER_PROTOCOL: '0',
    },
  ]);
});

test('the verb says up or down, client or host, and IPv6', () => {
  const verbs = [
    told('10.9.0.1', '10.2.0.0/24'),
    told('10.9.0.1', '10.2.0.0/24', { up: false }),
    told('2001:db8::/64', '2001:db8:2::/64'),
    told('10.9.0.0/24', '10.2.0.0/24', { up: false }),
  ].map(([first]) => first?.['PLUTO_VERB']);
  assert.deepEqual(verbs, ['up-host', 'down-host', 'up-client-v6', 'down-client']);
  const v6 = {
    local: { address: ip('2001:db8::1'), port: 500 },
    remote: { address: ip('2001:db8::2'), port: 500 },
  };
  const [host] = told('2001:db8::1', '2001:db8:2::/64', { ike: { path: v6 } });
  assert.equal(host?.['PLUTO_VERB'], 'up-host-v6');
});

test('one call for each pair that can carry traffic', () => {
  const pairs = told('10.1.0.0/24 10.3.0.0/24[tcp/80] 2001:db8::/64', '10.2.0.0/24[udp] 2001:db8:2::/64').map(
    environment => [environment['PLUTO_MY_CLIENT'], environment['PLUTO_PEER_CLIENT']],
  );
  assert.deepEqual(pairs, [
    ['10.1.0.0/24', '10.2.0.0/24'],
    ['2001:db8::/64', '2001:db8:2::/64'],
  ]);
});

test('a range is told as the network around it', () => {
  const clients = ['10.2.0.1-10.2.0.9', '0.0.0.0/0', '2001:db8::1', '10.255.255.255-11.0.0.0'].map(remote => {
    const local = remote.includes(':') ? '::/0' : '0.0.0.0/0';
    return told(local, remote)[0]?.['PLUTO_PEER_CLIENT'];
  });
  assert.deepEqual(clients, ['10.2.0.0/28', '0.0.0.0/0', '2001:db8::1/128', '10.0.0.0/7']);
});

test('ports: one, a range, and type and code of ICMP', () => {
  const ports = (localTs: string, remoteTs: string) =>
    told(localTs, remoteTs).map(environment => [
      environment['PLUTO_MY_PORT'],
      environment['PLUTO_PEER_PORT'],
    ]);
  assert.deepEqual(ports('10.1.0.0/24[tcp/80]', '10.2.0.0/24[tcp/1024-2047]'), [['80', '1024:2047']]);
  assert.deepEqual(ports('10.1.0.0/24[icmp/3/1]', '10.2.0.0/24[icmp]'), [['3', '1']]);
  assert.deepEqual(ports('10.1.0.0/24[icmp]', '10.2.0.0/24[icmp/8/0]'), [['8', '0']]);
});

test('marks, interfaces, encapsulation and host access are there where they are', () => {
  const [environment] = told('10.1.0.0/24', '10.2.0.0/24', {
    child: {
      udpEncapsulation: true,
      kernel: {
        markIn: { value: 5, mask: 0xff },
        markOut: { value: 0, mask: 0 },
        interfaceIn: 17,
        interfaceOut: 18,
      },
    },
    updown: { hostAccess: true },
  });
  const { PLUTO_MARK_IN, PLUTO_MARK_OUT, PLUTO_IF_ID_IN, PLUTO_IF_ID_OUT, PLUTO_UDP_ENC, PLUTO_HOST_ACCESS } =
    environment ?? {};
  assert.deepEqual(
    [PLUTO_MARK_IN, PLUTO_MARK_OUT, PLUTO_IF_ID_IN, PLUTO_IF_ID_OUT, PLUTO_UDP_ENC, PLUTO_HOST_ACCESS],
    ['5/0x000000ff', undefined, '17', '18', '4501', '1'],
  );
});

test('virtual IPs and name servers are counted by family', () => {
  const [environment = {}] = told('10.1.0.0/24', '10.2.0.0/24', {
    ike: {
      localVips: ['2001:db8::7', '10.3.0.7'],
      remoteVips: ['10.4.0.7', '10.4.0.8'],
      received: [
        { kind: 'dns', value: '10.2.0.53' },
        { kind: 'domain', value: 'lab' },
        { kind: 'dns', value: '10.2.0.54' },
      ],
    },
  });
  assert.deepEqual(
    Object.entries(environment).filter(([name]) => /SOURCEIP|DNS/.test(name)),
    [
      ['PLUTO_MY_SOURCEIP', '2001:db8::7'],
      ['PLUTO_MY_SOURCEIP4_1', '10.3.0.7'],
      ['PLUTO_MY_SOURCEIP6_1', '2001:db8::7'],
      ['PLUTO_PEER_SOURCEIP', '10.4.0.7'],
      ['PLUTO_PEER_SOURCEIP4_1', '10.4.0.7'],
      ['PLUTO_PEER_SOURCEIP4_2', '10.4.0.8'],
      ['PLUTO_DNS4_1', '10.2.0.53'],
      ['PLUTO_DNS4_2', '10.2.0.54'],
    ],
  );
});

test('the user of XAUTH is told, as little to be trusted as any name of a peer', () => {
  assert.equal(told('10.1.0.0/24', '10.2.0.0/24')[0]?.['PLUTO_XAUTH_ID'], undefined);
  const [environment] = told('10.1.0.0/24', '10.2.0.0/24', { ike: { remoteXauthId: 'carol\n' } });
  assert.equal(environment?.['PLUTO_XAUTH_ID'], 'carol?');
});

test('identities cannot end a line, a variable or a shell', () => {
  const hostile = [
    ['a\nPLUTO_VERB=down-client', 'a?PLUTO_VERB=down-client'],
    ['a\0b', 'a?b'],
    ['() { :; }; reboot', '?) { :; }; reboot'],
    ['$(reboot)`reboot`\'"', '$(reboot)`reboot`\'"'],
    ['\u001b]0;owned\u0007', '?]0;owned?'],
    ['a'.repeat(5000), '?'],
  ] as const;
  for (const [remoteId, shown] of hostile)
    assert.equal(told('10.1.0.0/24', '10.2.0.0/24', { ike: { remoteId } })[0]?.['PLUTO_PEER_ID'], shown);
});
