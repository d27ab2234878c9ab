import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { textOf, ViciClient } from '../../src/control/index.ts';
import { certificates } from './certificates.ts';
import { Charon } from './charon.ts';
import { DropIn } from './drop-in.ts';
import { Lab, mustRun, run, until } from './lab.ts';
import { LOG_CASES, type LogCase, logConfiguration, type Stage } from './log-cases.ts';

/*
 * What cygnet and charon say in their logs while the same is done to each, by itself and by a charon as peer: the same
 * lines, at the same levels, about the same SAs, save what docs/guide/drop-in.md lists. alice is what is compared.
 */

/** One side: what is compared, its peer, and the peer's namespace. */
interface Pair {
  readonly alice: Charon | DropIn;
  readonly bob: Charon;
  readonly namespace: string;
}

describe('the log has the lines of charon', () => {
  const lab = new Lab();
  let ours: Pair;
  let theirs: Pair;

  before(async () => {
    const set = await certificates(lab.path('set'), 'rsa', 1);
    const [left, right] = await lab.hosts('a', 'b');
    const [otherLeft, otherRight] = await lab.hosts('c', 'd');
    const alice = new DropIn(lab, left, 'cygnet');
    const reference = new Charon(lab, otherLeft, 'reference');
    ours = { alice, bob: new Charon(lab, right, 'peer'), namespace: right };
    theirs = { alice: reference, bob: new Charon(lab, otherRight, 'otherpeer'), namespace: otherRight };
    alice.configure(logConfiguration('alice'), set);
    await Promise.all([
      alice.start({ settings: 'retransmit_timeout = 1.0\n retransmit_tries = 3' }),
      reference.start(logConfiguration('alice'), { certificates: set, who: 'alice' }),
      ours.bob.start(logConfiguration('bob'), { certificates: set, who: 'bob' }),
      theirs.bob.start(logConfiguration('bob'), { certificates: set, who: 'bob' }),
    ]);
    const { code, stdout, stderr } = await alice.swanctl('--load-all', '--noprompt');
    assert.equal(code, 0, stdout + stderr);
  });
  after(() => lab.close());

  for (const [name, one] of Object.entries(LOG_CASES)) {
    if (process.env['ONLY'] !== undefined && !process.env['ONLY'].split(',').includes(name)) continue;
    test(name, { timeout: 120_000 }, async () => {
      const [cygnet, charon] = await Promise.all([
        undisturbed(ours, name, one),
        undisturbed(theirs, name, one),
      ]);
      const said = comparable(cygnet, 'cygnet', one);
      let expected = comparable(charon, 'charon', one);
      // Several threads of charon's hand its lines to a client, and overtake each other now and then.
      for (let again = 0; again < 3 && isShuffled(said, expected); again++)
        expected = comparable(await undisturbed(theirs, name, one), 'charon', one);
      assert.deepEqual(told(said), told(expected));
      assert.deepEqual(said.toSorted(), expected.toSorted());
    });
  }
});

/** As `recorded`, where no daemon was so short of time that the other asked again. */
async function undisturbed(pair: Pair, name: string, one: LogCase): Promise<readonly string[]> {
  for (let again = 0; ; again++) {
    const lines = await recorded(pair, name, one);
    const isDisturbed = one.repeats !== true && lines.some(line => line.includes('retransmit'));
    if (!isDisturbed || again === 3) return lines;
  }
}

/** The lines of alice's log while `act` goes on: `[GROUP] level: text`, and `about NAME` where they are of an SA. */
async function recorded(pair: Pair, name: string, { act }: LogCase): Promise<readonly string[]> {
  const lines: string[] = [];
  const client = await ViciClient.connect(pair.alice.uri);
  try {
    await client.subscribe('log', message => {
      const about = textOf(message, 'ikesa-name');
      const head = `[${textOf(message, 'group')}] ${textOf(message, 'level')}`;
      lines.push(`${head}${about === undefined ? '' : ' about an SA'}: ${textOf(message, 'msg')}`);
    });
    await act(stageOf(pair, lines));
    await quiet(lines);
  } finally {
    client.close();
    await cut(pair, false);
    for (const daemon of [pair.alice, pair.bob])
      await daemon.swanctl('--terminate', '--ike', name, '--force', '--timeout', '3');
  }
  await until('all SAs are gone', async () => (await pair.alice.swanctl('--list-sas')).stdout.trim() === '');
  return lines;
}

function stageOf(pair: Pair, lines: readonly string[]): Stage {
  return {
    async order(on, ...args) {
      await pair[on].swanctl(...args);
      await quiet(lines);
    },
    wait: milliseconds => pause(milliseconds),
    async told(line, times) {
      await until(
        `${line} is told ${times} times`,
        () => lines.filter(one => line.test(one)).length >= times,
        20_000,
      );
      await quiet(lines);
    },
    cut: yes => cut(pair, yes),
  };
}

/** Nothing more is said. */
async function quiet(lines: readonly string[]): Promise<void> {
  for (let before = -1; before !== lines.length; await pause(250)) before = lines.length;
}

async function cut({ namespace }: Pair, yes: boolean): Promise<void> {
  const nft = (what: string) => ['netns', 'exec', namespace, 'nft', what];
  const table =
    'add table inet cut; add chain inet cut in { type filter hook input priority 0; policy drop; }';
  if (yes) await mustRun('ip', nft(table));
  else await run('ip', nft('delete table inet cut'));
}

/** What of a log must be the same, numbers of the moment taken out. */
function comparable(lines: readonly string[], of: 'cygnet' | 'charon', one: LogCase): readonly string[] {
  const excused = [...EXCUSED[of], ...(one.excused?.[of] ?? [])];
  const shaped = lines
    .filter(line => !excused.some(({ line: what }) => what.test(line)))
    .map(line => (/(generating|parsed) /.test(line) ? payloads(shape(line)) : shape(line)));
  if (one.parts !== true) return shaped;
  return shaped.filter(line => !/\[NET\]|fragment|FRAG\(|EF\(/.test(line));
}

/** What is said in words, in its order: messages come when they come. */
function told(lines: readonly string[]): readonly string[] {
  return lines.filter(line => !/^\[(NET|ENC)\]/.test(line));
}

/** The same was said, in another order. */
function isShuffled(said: readonly string[], expected: readonly string[]): boolean {
  return (
    !isDeepStrictEqual(told(said), told(expected)) && isDeepStrictEqual(said.toSorted(), expected.toSorted())
  );
}

function shape(line: string): string {
  return (
    line
      .replace(/\b[0-9a-f]{8}_([io])/g, 'SPI_$1')
      .replace(/(SPI )[0-9a-f]{8}\b/g, '$1SPI')
      .replace(/\((\d+) bytes/g, '(N bytes')
      .replace(/((?:QUICK_MODE|INFORMATIONAL_V1|TRANSACTION) \w+ )\d+/g, '$1N')
      .replace(/\b([a-z]+\d?[a-z]*)\[\d+\]/g, '$1[N]')
      .replace(/\{\d+\}/g, '{N}')
      .replace(/reqid \d+/g, 'reqid N')
      // Which of its schemes is used for a key is each one's choice.
      .replace(/RSA_EMSA_P(SS|KCS1)_SHA2_\d+(_SALT_\d+)?/, 'RSA_EMSA')
      .replace(/tried \d+ shared keys?/, 'tried N shared keys')
      .replace(/\b\d+s$/, 'Ns')
  );
}

/** The payloads of a message in no order, without what one of the two does not know or need not say. */
function payloads(line: string): string {
  const [, head = '', inside = ''] = /^(.*) \[ (.*)\]$/.exec(line) ?? [];
  // Which attributes are asked for is a matter of taste; the peer gives what it has.
  const words = new Set(inside.replace(/CPRQ\([^)]*\)/, 'CPRQ').match(/[^\s(]+(\([^)]*\))?/g));
  return `${head} [ ${[...words]
    .filter(word => !RIDERS.has(word))
    .toSorted()
    .join(' ')} ]`;
}

/** What rides along. `V`: IKEv1 tells of features by vendor IDs, and there are more or fewer. */
const RIDERS: ReadonlySet<string> = new Set([
  'V',
  'CERTREQ',
  'N(HASH_ALG)',
  'N(REDIR_SUP)',
  'N(CHDLESS_SUP)',
  'N(MULT_AUTH)',
  'N(EAP_ONLY)',
  'N(MSG_ID_SYN_SUP)',
  'N(MOBIKE_SUP)',
  'N(NO_ADD_ADDR)',
  'N(ADD_4_ADDR)',
]);

const EXCUSED = {
  charon: [
    { line: /sending cert request for/, why: 'where nobody signs cygnet asks for no certificate' },
    { line: /(in|remov)\w*ing DNS server/, why: 'name servers are written on request' },
    { line: /\[JOB\]/, why: 'its own jobs' },
    {
      line: /checking certificate status|certificate status is not available/,
      why: 'nothing names a place to ask',
    },
    { line: /queueing TRANSACTION request|detected rekeying of/, why: 'its own tasks' },
    {
      line: /message parsing failed|ignore malformed|processing failed|decrypt/,
      why: 'cygnet says it once, at the end',
    },
    { line: /received retransmit of request/, why: 'as often as the peer repeats itself' },
    { line: /(sending|received) issuer cert/, why: 'named by the peer it is not sent' },
    { line: /peer supports MOBIKE/, why: 'said of peers who are refused too' },
  ],
  cygnet: [
    { line: /sending cert request for/, why: 'where nobody signs charon asks all the same' },
    { line: /(sending|received) issuer cert/, why: 'the whole chain goes along, asked for by name or not' },
    { line: /peer supports MOBIKE/, why: 'said of peers who are not refused' },
    { line: /received retransmit of request/, why: 'as often as the peer repeats itself' },
    { line: /nobody vouches for that/, why: 'a refusal that may be forged is not believed at once' },
    {
      line: /the peer, asked to be|holds another secret|no connection fits|does not allow|no answer from|'.*' failed: |allows none of our/,
      why: 'the reason, in words of its own, besides',
    },
  ],
} as const;
