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
      },
    },
    nodeProvider(),
  );
  const told: string[] = [];
  const features = userspaceFeatures(['tunnel', 'transport']);
  const tell = unheededTeller({ name: 'userspace', features }, text => void told.push(text));
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
  const all: string[] = [];
  const everything = {
    ...features,
    modes: ['tunnel', 'beet'],
    protocols: ['esp', 'ah'],
    kernelOptions: true,
    ipcomp: true,
  } as const;
  unheededTeller({ name: 'kernel', features: everything }, text => void all.push(text))(connections);
  assert.deepEqual(all, []);
});
