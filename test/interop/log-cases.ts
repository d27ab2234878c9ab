import type { Section } from './swanctl.ts';

/** What a case has done: `alice` is the daemon whose log is compared. */
export interface Stage {
  order(on: 'alice' | 'bob', ...args: string[]): Promise<void>;
  wait(ms: number): Promise<unknown>;
  /** Until alice has said that so many times: what goes on by itself takes its time. */
  told(line: RegExp, times: number): Promise<void>;
  /** Whether bob hears nothing any more. */
  cut(yes: boolean): Promise<void>;
}

export interface LogCase {
  readonly connection: Section;
  readonly child?: Section;
  readonly alice?: Section;
  readonly bob?: Section;
  readonly aliceChild?: Section;
  readonly bobChild?: Section;
  readonly act: (stage: Stage) => Promise<void>;
  /** Messages go in parts, of which the two need not make the same number. */
  readonly parts?: true;
  /** Requests are sent again, also where nobody is short of time. */
  readonly repeats?: true;
  /** Lines that only one of the two has, and why. */
  readonly excused?: { readonly [daemon in 'cygnet' | 'charon']?: readonly Excuse[] };
}

interface Excuse {
  readonly line: RegExp;
  readonly why: string;
}

const V2 = { version: '2', proposals: 'aes256-sha256-ecp256' };
const V1 = { version: '1', proposals: 'aes128-sha1-modp2048' };
const QUICK = { esp_proposals: 'aes128-sha1-modp2048' };
const CERTS = {
  alice: {
    local: { auth: 'pubkey', certs: 'alice.crt', id: 'alice.lab' },
    remote: { auth: 'pubkey', id: 'bob.lab', cacerts: 'ca.crt' },
  },
  bob: {
    local: { auth: 'pubkey', certs: 'bob.crt', id: 'bob.lab' },
    remote: { auth: 'pubkey', id: 'alice.lab', cacerts: 'ca.crt' },
  },
};

const upDown =
  (name: string, who: 'alice' | 'bob', ender: 'alice' | 'bob' = who) =>
  async ({ order }: Stage) => {
    await order(who, '--initiate', '--child', `net-${name}`);
    await order(ender, '--terminate', '--ike', name);
  };
const up =
  (name: string, who: 'alice' | 'bob') =>
  async ({ order }: Stage) => {
    await order(who, '--initiate', '--child', `net-${name}`, '--timeout', '15');
  };

function both(
  name: string,
  spec: Omit<LogCase, 'act'>,
  act: (name: string, who: 'alice' | 'bob') => LogCase['act'],
): Record<string, LogCase> {
  return {
    [`${name}i`]: { ...spec, act: act(`${name}i`, 'alice') },
    [`${name}r`]: { ...spec, act: act(`${name}r`, 'bob') },
  };
}

/** One side says no more, or makes no SA that could say it: a stranger who is refused leaves no state. */
const LEFT_OUT: ReadonlySet<string> = new Set(['kemr', 'reauthi', 'vipsr', 'poolr', 'vips1r', 'wrong1r']);

/** In IKEv1 these come at other places. */
const ELSEWHERE = (line: RegExp): Pick<LogCase, 'excused'> => {
  const excuse = [{ line, why: 'said before the SA is established, or after' }];
  return { excused: { cygnet: excuse, charon: excuse } };
};

const ALL: Readonly<Record<string, LogCase>> = {
  ...both('psk', { connection: V2 }, (n, w) => upDown(n, w)),
  ...both('pskx', { connection: V2 }, (n, w) => upDown(n, w, w === 'alice' ? 'bob' : 'alice')),
  ...both('cert', { connection: V2, parts: true, ...CERTS }, (n, w) => upDown(n, w)),
  ...both(
    'noprop',
    {
      repeats: true,
      excused: {
        cygnet: [
          {
            line: /retransmit|peer not responding/,
            why: 'nobody vouches for the refusal: the request is sent once more',
          },
          { line: /\[NET\]|parsed IKE_SA_INIT response/, why: 'so there is one more' },
        ],
        charon: [{ line: /\[NET\]|parsed IKE_SA_INIT response/, why: 'so there is one less' }],
      },
      connection: { version: '2' },
      alice: { proposals: 'aes128-sha1-modp2048' },
      bob: { proposals: 'aes256-sha256-ecp256' },
    },
    up,
  ),
  ...both('wrong', { connection: V2 }, up),
  ...both('ts', { connection: V2, child: { local_ts: '10.7.0.1/32' } }, up),
  ...both(
    'espno',
    {
      connection: V2,
      aliceChild: { esp_proposals: 'aes128-sha1' },
      bobChild: { esp_proposals: 'aes256-sha256' },
    },
    up,
  ),
  ...both('ident', { connection: V2, bob: { local: { auth: 'psk', id: 'other.lab' } } }, up),
  ...both(
    'kem',
    {
      connection: { version: '2' },
      alice: { proposals: 'aes256-sha256-ecp256-modp2048' },
      bob: { proposals: 'aes256-sha256-modp2048-ecp256' },
    },
    (n, w) => upDown(n, w),
  ),
  ...both('rekey', { connection: V2 }, (n, w) => async ({ order, told }) => {
    await order('alice', '--initiate', '--child', `net-${n}`);
    await order(w, '--rekey', '--child', `net-${n}`);
    await told(/CHILD_SA closed/, 1);
    await order(w, '--rekey', '--ike', n);
    await told(/IKE_SA deleted/, 1);
    await order(w, '--terminate', '--child', `net-${n}`);
    await order(w, '--terminate', '--ike', n);
  }),
  ...both('reauth', { connection: V2 }, (n, w) => async ({ order, told }) => {
    await order('alice', '--initiate', '--child', `net-${n}`);
    await order(w, '--rekey', '--ike', n, '--reauth');
    await told(/CHILD_SA .* established/, 2);
    await order('alice', '--terminate', '--ike', n);
  }),
  ...both('two', { connection: V2 }, (n, w) => async ({ order }) => {
    await order(w, '--initiate', '--child', `net-${n}`);
    await order(w, '--initiate', '--child', `more-${n}`);
    await order(w, '--initiate', '--child', `net-${n}`);
    await order(w, '--terminate', '--child', `more-${n}`);
    await order(w, '--terminate', '--ike', n);
  }),
  ...both('natt', { connection: { ...V2, encap: 'yes' } }, (n, w) => upDown(n, w)),
  ...both(
    'vips',
    {
      connection: V2,
      alice: { vips: '0.0.0.0' },
      bob: { pools: 'p1' },
      aliceChild: { local_ts: 'dynamic' },
      bobChild: { remote_ts: 'dynamic' },
    },
    n => upDown(n, 'alice'),
  ),
  ...both(
    'pool',
    {
      connection: V2,
      alice: { pools: 'p1' },
      bob: { vips: '0.0.0.0' },
      aliceChild: { remote_ts: 'dynamic' },
      bobChild: { local_ts: 'dynamic' },
    },
    n => upDown(n, 'bob'),
  ),
  poolagain: {
    connection: V2,
    alice: { pools: 'p1' },
    bob: { vips: '0.0.0.0' },
    aliceChild: { remote_ts: 'dynamic' },
    bobChild: { local_ts: 'dynamic' },
    act: async ({ order }) => {
      for (let time = 0; time < 2; time++) {
        await order('bob', '--initiate', '--child', 'net-poolagain');
        await order('alice', '--terminate', '--ike', 'poolagain');
      }
    },
  },
  pool1i: {
    connection: V1,
    alice: { pools: 'p1' },
    bob: { vips: '0.0.0.0' },
    aliceChild: { remote_ts: 'dynamic', ...QUICK },
    bobChild: { local_ts: 'dynamic', ...QUICK },
    act: upDown('pool1i', 'bob'),
  },
  ...both(
    'quickno',
    {
      connection: V1,
      aliceChild: { esp_proposals: 'aes128-sha1' },
      bobChild: { esp_proposals: 'aes256-sha256' },
    },
    up,
  ),
  alone: {
    connection: V2,
    act: async ({ order }) => {
      await order('alice', '--initiate', '--ike', 'alone');
      await order('alice', '--list-sas');
      await order('alice', '--initiate', '--child', 'net-alone');
      await order('alice', '--terminate', '--ike', 'alone');
    },
  },
  dpd: {
    repeats: true,
    connection: V2,
    alice: { dpd_delay: '2s' },
    act: async ({ order, wait, told, cut }) => {
      await order('alice', '--initiate', '--child', 'net-dpd');
      await told(/parsed INFORMATIONAL response/, 1);
      await cut(true);
      await wait(25_000);
    },
  },
  silent: {
    repeats: true,
    connection: V2,
    act: async ({ order, cut }) => {
      await cut(true);
      await order('alice', '--initiate', '--child', 'net-silent');
      await cut(false);
    },
  },
  ...both('main', { connection: V1, child: QUICK }, (n, w) => upDown(n, w)),
  ...both(
    'maincert',
    {
      connection: V1,
      parts: true,
      child: QUICK,
      ...CERTS,
      ...ELSEWHERE(/sending end entity cert|received cert request/),
    },
    (n, w) => upDown(n, w),
  ),
  ...both(
    'xauth',
    {
      connection: V1,
      child: QUICK,
      alice: { 'local-user': { auth: 'xauth', xauth_id: 'carol' } },
      bob: { 'remote-user': { auth: 'xauth' } },
    },
    n => upDown(n, 'alice'),
  ),
  ...both(
    'xauths',
    {
      connection: V1,
      child: QUICK,
      bob: { 'local-user': { auth: 'xauth', xauth_id: 'carol' } },
      alice: { 'remote-user': { auth: 'xauth' } },
    },
    n => upDown(n, 'bob'),
  ),
  ...both(
    'vips1',
    {
      ...ELSEWHERE(/installing new virtual IP/),
      connection: V1,
      alice: { vips: '0.0.0.0' },
      bob: { pools: 'p1' },
      aliceChild: { local_ts: 'dynamic', ...QUICK },
      bobChild: { remote_ts: 'dynamic', ...QUICK },
    },
    n => upDown(n, 'alice'),
  ),
  ...both(
    'wrong1',
    {
      repeats: true,
      connection: V1,
      child: QUICK,
      excused: {
        cygnet: [
          {
            line: /DELETE|deleting|INFORMATIONAL_V1|\[NET\]/,
            why: 'the peer is told that nothing comes of it',
          },
        ],
        charon: [{ line: /\[NET\]/, why: 'it is not told' }],
      },
    },
    up,
  ),
};

export const LOG_CASES: Readonly<Record<string, LogCase>> = Object.fromEntries(
  Object.entries(ALL).filter(([name]) => !LEFT_OUT.has(name)),
);

/** The directory of one side, with a connection for each case. */
export function logConfiguration(who: 'alice' | 'bob'): Section {
  const peer = who === 'alice' ? 'bob' : 'alice';
  const [net, other] = who === 'alice' ? ['10.1.0.1/32', '10.2.0.1/32'] : ['10.2.0.1/32', '10.1.0.1/32'];
  const [local_addrs, remote_addrs] = who === 'alice' ? ['10.9.0.1', '10.9.0.2'] : ['10.9.0.2', '10.9.0.1'];
  const connections = Object.entries(LOG_CASES).map(([name, one]) => {
    const child = {
      ...{ local_ts: net, remote_ts: other, esp_proposals: 'aes256gcm16-ecp256' },
      ...one.child,
      ...(who === 'alice' ? one.aliceChild : one.bobChild),
    };
    const connection = {
      local_addrs,
      remote_addrs,
      ...one.connection,
      local: { auth: 'psk', id: `${name}.${who}.lab` },
      remote: { auth: 'psk', id: `${name}.${peer}.lab` },
      ...one[who],
      children: {
        [`net-${name}`]: child,
        [`more-${name}`]: {
          ...child,
          local_ts: who === 'alice' ? '10.1.0.0/24' : '10.2.0.0/24',
          remote_ts: who === 'alice' ? '10.2.0.0/24' : '10.1.0.0/24',
        },
      },
    };
    return [name, connection] as const;
  });
  const wrong = Object.keys(LOG_CASES).filter(n => n.startsWith('wrong'));
  return {
    connections: Object.fromEntries(connections),
    secrets: {
      'ike-1': { secret: 'labsecret' },
      ...Object.fromEntries(
        wrong.map(n => [
          `ike-${n}`,
          { 'id-1': `${n}.alice.lab`, 'id-2': `${n}.bob.lab`, secret: `${who}wrong` },
        ]),
      ),
      'xauth-1': { id: 'carol', secret: 'Ar3etTnp' },
    },
    pools: { p1: { addrs: who === 'alice' ? '10.77.0.0/28' : '10.78.0.0/28', dns: '10.2.0.53' } },
  };
}
