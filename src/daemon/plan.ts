import { isDeepStrictEqual } from 'node:util';
import type { IkeSaStatus } from '../ike/output.ts';
import { compare, equal } from '../lib/bytes.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { Base, LiveConfiguration } from './live-configuration.ts';

/**
 * What becomes of one connection, or of one child of it, when another configuration takes over:
 * `add`, it was not there; `change`, it differs in what live SAs do not depend on, and these stay as they are;
 * `rekey`, live SAs are made anew as now configured, the old ones going when the new ones stand; `drop`, it is gone,
 * and its live SAs with it.
 */
export interface Step {
  readonly action: 'add' | 'change' | 'rekey' | 'replace' | 'drop';
  readonly connection: string;
  readonly child?: string;
  /** `connection` is the name of a manual SA, which is made anew (`replace`) whatever differs in it. */
  readonly manual?: true;
  /** The settings that differ, by their keys. */
  readonly keys: readonly string[];
  /** Numbers of the live SAs that are made anew or dropped: Child SAs where a child is named and dropped, else IKE SAs. */
  readonly sas: readonly number[];
}

/** A field of the model, its key in swanctl.conf, and whether SAs that live were made by it. */
type Keys<T> = { readonly [K in keyof T]-?: readonly [key: string, made: boolean] };

const CONNECTION_KEYS: Keys<Omit<Connection, 'name' | 'children'>> = {
  version: ['version', true],
  localAddresses: ['local_addrs', true],
  remoteAddresses: ['remote_addrs', true],
  localPort: ['local_port', true],
  remotePort: ['remote_port', true],
  proposals: ['proposals', true],
  local: ['local', true],
  remote: ['remote', true],
  encap: ['encap', true],
  aggressive: ['aggressive', true],
  vips: ['vips', true],
  pools: ['pools', false],
  ppk: ['ppk_id', true],
  fragmentation: ['fragmentation', false],
  mobike: ['mobike', true],
  dscp: ['dscp', false],
  tcp: ['tcp', true],
  childless: ['childless', false],
  sendCertreq: ['send_certreq', false],
  ocsp: ['ocsp', false],
  sendCert: ['send_cert', false],
  unique: ['unique', false],
  keyingTries: ['keyingtries', false],
  dpdDelay: ['dpd_delay', true],
  dpdTimeout: ['dpd_timeout', true],
  rekeyTime: ['rekey_time', true],
  reauthTime: ['reauth_time', true],
  overTime: ['over_time', true],
  randTime: ['rand_time', false],
  pull: ['pull', false],
  newGroup: ['new_group', true],
  interfaces: ['if_id_in, if_id_out', true],
};

const CHILD_KEYS: Keys<Omit<ChildConfig, 'name'>> = {
  protocol: ['ah_proposals', true],
  proposals: ['esp_proposals', true],
  localTs: ['local_ts', true],
  remoteTs: ['remote_ts', true],
  mode: ['mode', true],
  rekeyTime: ['rekey_time', true],
  lifeTime: ['life_time', true],
  randTime: ['rand_time', false],
  rekeyBytes: ['rekey_bytes', true],
  lifeBytes: ['life_bytes', true],
  randBytes: ['rand_bytes', false],
  rekeyPackets: ['rekey_packets', true],
  lifePackets: ['life_packets', true],
  randPackets: ['rand_packets', false],
  startAction: ['start_action', false],
  closeAction: ['close_action', true],
  dpdAction: ['dpd_action', true],
  replayWindow: ['replay_window', true],
  tfcPadding: ['tfc_padding', true],
  reqid: ['reqid', true],
  updown: ['updown', true],
  hostAccess: ['hostaccess', true],
  inactivity: ['inactivity', true],
  ipcomp: ['ipcomp', true],
  kernel: ['marks, if_id, priority, copy_…', true],
};

/** What it means that `after` takes the place of `before`, with these IKE SAs up; by connection, unchanged ones left out. */
export function planOf(
  before: readonly Connection[],
  after: readonly Connection[],
  live: readonly IkeSaStatus[],
): readonly Step[] {
  const old = new Map(before.map(connection => [connection.name, connection]));
  const now = new Map(after.map(connection => [connection.name, connection]));
  const steps: Step[] = [];
  for (const connection of after) {
    const known = old.get(connection.name);
    if (known === undefined) steps.push({ action: 'add', connection: connection.name, keys: [], sas: [] });
    else steps.push(...changes(known, connection, ofConnection(live, connection.name)));
  }
  for (const { name } of before) {
    if (now.has(name)) continue;
    steps.push({
      action: 'drop',
      connection: name,
      keys: [],
      sas: ofConnection(live, name).map(({ id }) => id),
    });
  }
  return steps;
}

function ofConnection(live: readonly IkeSaStatus[], name: string): readonly IkeSaStatus[] {
  return live.filter(ike => ike.connection === name && ike.state !== 'DELETING' && ike.state !== 'REKEYED');
}

function changes(before: Connection, after: Connection, live: readonly IkeSaStatus[]): readonly Step[] {
  const { name } = after;
  const head = differing(CONNECTION_KEYS, before, after);
  const steps: Step[] = [];
  const all = live.map(({ id }) => id);
  // An IKE SA is made anew whole, so whatever differs in its children comes with it.
  const anew = head.made && all.length > 0;
  if (head.keys.length > 0)
    steps.push({
      action: anew ? 'rekey' : 'change',
      connection: name,
      keys: head.keys,
      sas: anew ? all : [],
    });
  for (const child of after.children) {
    const known = before.children.find(other => other.name === child.name);
    if (known === undefined) {
      steps.push({ action: 'add', connection: name, child: child.name, keys: [], sas: [] });
      continue;
    }
    const { keys, made } = differing(CHILD_KEYS, known, child);
    if (keys.length === 0) continue;
    const carrying = live.filter(({ children }) => children.some(sa => sa.name === child.name));
    const sas = made && !anew ? carrying.map(({ id }) => id) : [];
    steps.push({
      action: sas.length > 0 ? 'rekey' : 'change',
      connection: name,
      child: child.name,
      keys,
      sas,
    });
  }
  for (const child of before.children) {
    if (after.children.some(other => other.name === child.name)) continue;
    const sas = live.flatMap(({ children }) =>
      children.filter(sa => sa.name === child.name).map(({ id }) => id),
    );
    steps.push({ action: 'drop', connection: name, child: child.name, keys: [], sas });
  }
  return steps;
}

function differing<T>(
  keys: Readonly<Record<string, readonly [key: string, made: boolean]>>,
  before: T,
  after: T,
): { readonly keys: readonly string[]; readonly made: boolean } {
  const different = Object.entries(keys).filter(
    ([field]) => !isDeepStrictEqual(before[field as keyof T], after[field as keyof T]),
  );
  return { keys: different.map(([, [key]]) => key), made: different.some(([, [, made]]) => made) };
}

/** Whether secrets, keys or certificates differ: live SAs do not depend on them. */
export function credentialsDiffer(live: LiveConfiguration, { credentials }: Base): boolean {
  const now = live.credentials;
  const octetsOf = (list: readonly Uint8Array[]): readonly string[] =>
    list.map(octets => Buffer.from(octets).toString('base64')).sort();
  const parts = (from: Base['credentials']): readonly unknown[] => [
    from.shared
      .map(({ use, secret, owners }) => ({ use, owners, octets: octetsOf([secret.reveal()]) }))
      .sort((a, b) => JSON.stringify(a.octets).localeCompare(JSON.stringify(b.octets))),
    octetsOf(from.privateKeys.map(({ publicKey }) => publicKey.spki)),
    octetsOf(from.authorities),
    octetsOf(from.certificates),
    from.authorityUris ?? [],
  ];
  return !haveSameLists(now.crls, credentials.crls) || !isDeepStrictEqual(parts(now), parts(credentials));
}

/** Lists have megabytes: they are compared as they are. */
function haveSameLists(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  if (a.length !== b.length) return false;
  const [one, other] = [a, b].map(lists => [...lists].sort(compare)) as [Uint8Array[], Uint8Array[]];
  return one.every((list, i) => equal(list, other[i] as Uint8Array));
}
