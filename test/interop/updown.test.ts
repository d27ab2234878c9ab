import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { Lab, until } from './lab.ts';
import { Scene } from './scene.ts';
import { both, type Section, set } from './swanctl.ts';

/** Adds each call's variables to a file as a line of JSON. */
const RECORDER = `#!/usr/bin/env python3
import json, os, sys
told = {name: value for name, value in os.environ.items() if name.startswith("PLUTO_")}
print("recorded " + told["PLUTO_VERB"])
open(sys.argv[1], "a").write(json.dumps(told) + "\\n")
`;

type Call = Readonly<Record<string, string>>;

const files = new Lab();
before(() => {
  writeFileSync(files.path('record'), RECORDER);
  chmodSync(files.path('record'), 0o755);
});
after(() => files.close());

const CASES: readonly { readonly name: string; readonly local: string; readonly remote: string }[] = [
  { name: 'networks', local: '10.1.0.0/24', remote: '10.2.0.0/24' },
  { name: 'a port and a range', local: '10.1.0.1[tcp/80]', remote: '10.2.0.1-10.2.0.9[tcp]' },
  { name: 'icmp', local: '10.1.0.1[icmp/2048]', remote: '10.2.0.1[icmp]' },
  { name: 'virtual IP', local: 'dynamic', remote: '10.2.0.0/24' },
  { name: 'several networks', local: '10.1.0.1, 10.1.0.2', remote: '10.2.0.1, 10.2.0.2' },
];

/** cygnet asks for one, charon gives it. */
const VIRTUAL_IP = {
  alice: [set('connections.lab.vips', '0.0.0.0')],
  bob: [
    set('connections.lab.pools', 'rw'),
    set('pools.rw.addrs', '10.77.0.0/24'),
    set('pools.rw.dns', '10.2.0.53'),
  ],
};

describe('updown programs are told what charon tells the same program', () => {
  for (const version of ['1', '2'] as const) {
    for (const { name, local, remote } of CASES) {
      // Quick mode of charon speaks of one pair alone.
      if (version === '1' && name.startsWith('several')) continue;
      test(`IKEv${version}, ${name}`, async () => {
        const record = (who: string): string => files.path(`${version}-${name.replaceAll(' ', '-')}-${who}`);
        const told = (who: string): readonly Call[] =>
          existsSync(record(who))
            ? readFileSync(record(who), 'utf8')
                .trim()
                .split('\n')
                .map(line => JSON.parse(line) as Call)
            : [];
        const child = 'connections.lab.children.net';
        const change = (who: 'alice' | 'bob'): ((configuration: Section) => Section) =>
          both(
            set('connections.lab.version', version),
            set(`${child}.local_ts`, who === 'alice' ? local : remote),
            set(`${child}.remote_ts`, who === 'alice' ? remote : local),
            set(`${child}.updown`, `${files.path('record')} ${record(who)}`),
            ...(name === 'virtual IP' ? VIRTUAL_IP[who] : []),
            set(`${child}.hostaccess`, name === 'networks' ? 'yes' : 'no'),
          );
        await using there = await Scene.open({
          ike: 'aes128-sha256-x25519',
          esp: 'aes128gcm16',
          alice: change('alice'),
          bob: change('bob'),
        });
        const calls = name.startsWith('several') ? 4 : 1;
        const bothTold = (count: number) =>
          until(`both are told ${count} times`, () =>
            ['alice', 'bob'].every(who => told(who).length === count),
          );
        await there.up('initiator');
        await bothTold(calls);
        await there.rekey('cygnet', 'child');
        // IKEv1 keeps the old one for as long as it would have lived.
        await there.untilBoth(
          'the rekeyed child stands',
          list => /net: #2, reqid \d+, INSTALLED/.test(list) && (version === '1' || !/net: #1/.test(list)),
        );
        await there.down('cygnet');
        await bothTold(2 * calls);
        if (name === 'virtual IP') {
          const { PLUTO_DNS4_1: dns, PLUTO_MY_SOURCEIP: own } = told('alice')[0] ?? {};
          assert.deepEqual([dns, own], ['10.2.0.53', '10.77.0.1']);
        }
        assert.deepEqual(comparable(told('alice')), comparable(told('bob').map(mirrored)));
        assert.match(there.cygnet.log, /updown: recorded up-/);
        assert.match(there.charon.log, /updown: recorded up-/);
      });
    }
  }
});

/** What the other end is told of the same SA: ours is there the peer's. */
function mirrored(call: Call): Call {
  const swapped = Object.entries(call).map(([name, value]) => {
    if (name === 'PLUTO_ME') return ['PLUTO_PEER', value];
    if (name === 'PLUTO_PEER') return ['PLUTO_ME', value];
    // Type and code of ICMP have the same place at both ends.
    if (call['PLUTO_MY_PROTOCOL'] === '1' && name.endsWith('_PORT')) return [name, value];
    return [name.replace(/_(MY|PEER)_/, (_, side: string) => (side === 'MY' ? '_PEER_' : '_MY_')), value];
  });
  return Object.fromEntries(swapped) as Call;
}

/** Without each host's own numbers and interfaces, and what one was told alone, in an order that does not matter. */
function comparable(calls: readonly Call[]): readonly Call[] {
  return calls
    .map(
      ({
        PLUTO_UNIQUEID: uniqueid,
        PLUTO_REQID: reqid,
        PLUTO_INTERFACE: device,
        PLUTO_DNS4_1: _,
        ...rest
      }) => {
        assert.match(`${uniqueid} ${reqid} ${device}`, /^\d+ \d+ w\d+[ab]$/);
        return Object.fromEntries(Object.entries(rest).sort(([a], [b]) => a.localeCompare(b)));
      },
    )
    .sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}
