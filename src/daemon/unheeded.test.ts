import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationFrom } from '../config/index.ts';
import { nodeProvider } from '../crypto/node/provider.ts';
import { userspaceFeatures } from '../ipsec/userspace/features.ts';
import { unheededTeller } from './unheeded.ts';

const AUTH = { local: { auth: 'psk' }, remote: { auth: 'psk' } };

test('what a back end cannot heed is named once when it is loaded', () => {
  const { connections } = configurationFrom(
    {
      connections: {
        gw: {
          ...AUTH,
          children: {
            plain: {},
            idle: { copy_dscp: 'in', priority: '7', mark_out: '5', if_id_in: '3' },
            card: { hw_offload: 'auto', ipcomp: 'yes' },
            cards: { hw_offload: 'packet', interface: 'eth0' },
            ah: { ah_proposals: 'sha256', mode: 'beet' },
            lan: { mode: 'pass', start_action: 'trap' },
          },
        },
        tcp: { ...AUTH, tcp: 'yes' },
        either: { ...AUTH, tcp: 'fallback' },
      },
    },
    nodeProvider(),
  );
  const told: string[] = [];
  const features = userspaceFeatures(['tunnel', 'transport']);
  const transport = { name: 'sys', port: 500, natPort: 4500 } as const;
  const tell = unheededTeller({ name: 'userspace', features }, transport, text => void told.push(text));
  tell(connections);
  tell(connections);
  assert.deepEqual(told, [
    'priority, copy_dscp of gw/idle has no effect with the userspace back end',
    'gw/idle cannot come up: the userspace back end has no mark_out, if_id_in',
    'ipcomp of gw/card has no effect with the userspace back end',
    'gw/cards cannot come up: the userspace back end has no interface, hw_offload',
    'gw/ah cannot come up: beet mode is not to be had with the userspace back end',
    'gw/ah cannot come up: AH is not to be had with the userspace back end',
  ]);
  const { tcp: _, ...kernel } = features;
  const byUdp: string[] = [];
  unheededTeller(
    { name: 'kernel', features: kernel },
    transport,
    text => void byUdp.push(text),
  )(connections.filter(({ name }) => name !== 'gw'));
  assert.deepEqual(byUdp, [
    'tcp cannot come up: the kernel back end carries no ESP over TCP here',
    'tcp of either has no effect: the kernel back end carries no ESP over TCP here',
  ]);
  const all: string[] = [];
  const everything = {
    ...features,
    modes: ['tunnel', 'beet'],
    protocols: ['esp', 'ah'],
    kernelOptions: true,
    ipcomp: true,
  } as const;
  unheededTeller(
    { name: 'kernel', features: everything },
    transport,
    text => void all.push(text),
  )(connections);
  assert.deepEqual(all, []);
});

test('what a transport cannot do is named: ports that it has not, marks on a stream', () => {
  const { connections } = configurationFrom(
    {
      connections: {
        plain: { ...AUTH, local_port: '500', dscp: '000000' },
        own: { ...AUTH, local_port: '1500' },
        nat: { ...AUTH, local_port: '4500', remote_port: '4500', dscp: '101110' },
        marked: { ...AUTH, local_port: '4500' },
        other: { ...AUTH, local_port: '1501' },
        stream: { ...AUTH, dscp: '001010', tcp: 'fallback' },
      },
    },
    nodeProvider(),
  );
  const features = userspaceFeatures(['tunnel']);
  const told = (name: 'sys' | 'node'): readonly string[] => {
    const found: string[] = [];
    const tell = unheededTeller(
      { name: 'userspace', features },
      { name, port: 1500, natPort: 4500 },
      text => void found.push(text),
    );
    tell(connections);
    tell(connections);
    return found;
  };
  const sys = told('sys');
  assert.deepEqual(
    sys.map(text => text.split(/[:;]/)[0]),
    ['marked', 'other', 'dscp of stream has no effect on messages over TCP'],
  );
  assert.match(sys[0] ?? '', /port 4500 bear a marker that port 500 does not expect; set remote_port/);
  assert.match(
    sys[1] ?? '',
    /nothing is sent from port 1501: the daemon has the ports 1500 and 4500; .*--port 1501/,
  );
  const node = told('node');
  assert.equal(node.filter(text => /^dscp of (nat|stream) .* portable transport/.test(text)).length, 2);
});
