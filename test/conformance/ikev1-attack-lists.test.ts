import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { dataPath, withoutData } from '../data.ts';

/*
 * The two lists of what an IKE daemon must survive, row by row: where it is shown that IKEv1 does, or why IKEv1 has
 * nothing of it. A row that is missing here fails, and so does a test that is no longer there.
 */

/** A file below the project, and what stands in the title of a test in it. */
type Shown = readonly [file: string, title: string];
/** By tests; or a reason why IKEv1 is not concerned. */
type Row = readonly Shown[] | string;

const TWO = 'IKEv2 alone has this';
const EAP = 'EAP and what it carries are not part of IKEv1';
const NO_WINDOW = 'IKEv1 has no window: each exchange has a Message ID drawn at random';

const SURVIVE = 'test/scenarios/ikev1-must-survive.test.ts';
const CATALOGUE = 'test/scenarios/ikev1-catalogue.test.ts';
const HOSTILE = 'test/scenarios/ikev1-hostile.test.ts';
const PHASE_ONE = 'test/scenarios/ikev1-phase-one.test.ts';
const QUICK = 'test/scenarios/ikev1-quick-mode.test.ts';
const LIVENESS = 'test/scenarios/ikev1-liveness.test.ts';
const REAUTH = 'test/scenarios/ikev1-reauth.test.ts';
const NAT = 'test/scenarios/ikev1-nat.test.ts';
const FRAGMENTS = 'test/scenarios/ikev1-fragmentation.test.ts';
const XAUTH = 'test/scenarios/ikev1-xauth.test.ts';
const NOISE = 'test/scenarios/ikev1-authentic-noise.test.ts';
const SELECTION = 'src/ikev1/selection.test.ts';
const WIRE_FRAGMENTS = 'src/wire/v1/fragments.test.ts';
const MESSAGE = 'src/wire/v1/message.test.ts';
const FUZZ = 'test/fuzz/wire-v1.test.ts';
const TRANSACTIONS = 'test/scenarios/ikev1-hostile-transactions.test.ts';
const MODE_CONFIG = 'test/scenarios/ikev1-mode-config.test.ts';
const ORACLE = 'test/scenarios/ikev1-no-oracle.test.ts';
const KE = 'src/crypto/ke/key-exchange.test.ts';
const CHAIN = 'src/pki/chain.test.ts';
const NAMES = 'src/pki/name.test.ts';
const CERTIFICATE = 'src/pki/certificate.test.ts';
const SIGNATURES = 'test/vectors/wycheproof-signatures.test.ts';
const PARTS = 'src/engine/engine-parts.test.ts';

const IN_THE_CLEAR: Shown = [HOSTILE, 'in the clear nothing is heeded, nor answered'];
const WRONG_HASH: Shown = [HOSTILE, 'nothing is heeded, nor answered; other exchanges go on'];
const ONE_ANSWER: Shown = [
  HOSTILE,
  'the first message has one answer, not much larger, and none by the clock',
];
const ALL_AGAIN: Shown = [HOSTILE, 'everything again, from the first to the last: nothing new'];
const OURS_AGAIN: Shown = [HOSTILE, 'our own messages turned round are not the peer speaking'];
const NEVER_ENDS: Shown = [HOSTILE, 'a peer that never ends what it begins fills nothing up'];
const MAIN_AT_AN_SA: Shown = [HOSTILE, 'main mode packets that name an established SA leave it alone'];
const COMMIT: Shown = [
  'test/scenarios/ikev1-commit-bit.test.ts',
  'what is forged, or is not CONNECTED, says nothing; and nothing waits for ever',
];
const LATE_ANSWERS: Shown = [PARTS, 'asks: an answer nobody waits for is undone'];
const OTHER_ID: Shown = [PHASE_ONE, 'the peer is somebody else than was to answer'];

/** By the row's number: a title that begins with it. */
function survives(id: string): readonly Shown[] {
  return [[SURVIVE, id]];
}

function caught(id: string): readonly Shown[] {
  return [[CATALOGUE, id]];
}

const ROWS: Readonly<Record<string, Row>> = {
  R001: [[HOSTILE, 'the first message again, octet by octet: one answer each, the same, and one SA']],
  R002: [ONE_ANSWER],
  R003: survives('R003'),
  R004: survives('R004'),
  R005: survives('R005'),
  R006: survives('R006'),
  R007: [[HOSTILE, 'a first message again: the same answer, one SA; later, from an end that is done']],
  R008: NO_WINDOW,
  R009: NO_WINDOW,
  R010: NO_WINDOW,
  R011: [[QUICK, 'both ends rekey at once']],
  R012: NO_WINDOW,
  R013: [[HOSTILE, 'the same Message ID with another content begins nothing']],
  R014: [NEVER_ENDS],
  R015: [ALL_AGAIN],
  R016: TWO,
  R017: [IN_THE_CLEAR, [LIVENESS, 'somebody who says in the clear that the SA is gone has the peer asked']],
  R018: 'what ICMP says does not reach the protocol: it is reported, and nothing follows (net/transport.test.ts)',
  R019: [
    [SURVIVE, 'R019'],
    [HOSTILE, 'exchanges without an SA are not answered'],
  ],
  R020: [IN_THE_CLEAR],
  R021: [[PHASE_ONE, 'a forged refusal does not keep an honest answer from being heard']],
  R022: [[HOSTILE, 'garbage under encryption does not disturb phase 1, nor the IVs'], WRONG_HASH],
  R023: [[HOSTILE, 'a wrong proof and nothing else: no SA, and the shared key is named']],
  R024: TWO,
  R025: survives('R025'),
  R026: TWO,
  R027: survives('R027'),
  R028: survives('R028'),
  R029: survives('R029'),
  R030: TWO,
  R031: [[HOSTILE, 'notifies nobody knows are passed over']],
  R032: [[HOSTILE, 'nothing comes of it, and the SA stays']],
  R033: 'IKEv1 has no cookies to ask for: what counts is R047',
  R034: TWO,
  R035: TWO,
  R036: TWO,
  R037: TWO,
  R038: TWO,
  R039: survives('R039'),
  R040: survives('R040'),
  R041: survives('R041'),
  R042: [[HOSTILE, 'garbage under encryption does not disturb phase 1, nor the IVs']],
  R043: [
    [SURVIVE, 'R043'],
    [CHAIN, 'a heap of authorities of one name costs a bounded number of verifications'],
  ],
  R044: [
    [HOSTILE, 'fragments for no SA are not kept'],
    [WIRE_FRAGMENTS, 'limits hold: fragments and octets'],
  ],
  R045: TWO,
  R046: [NEVER_ENDS],
  R047: survives('R047'),
  R048: [ONE_ANSWER],
  R049: [ONE_ANSWER],
  R050: [[PARTS, 'paths that nothing is answered along']],
  R051: [[HOSTILE, 'answers that hold our own values do not make an SA with ourselves'], OURS_AGAIN],
  R052: survives('R052'),
  R053: [[HOSTILE, 'a first message with ']],
  R054: [[HOSTILE, 'a first message with ']],
  R055: survives('R055'),
  R056: survives('R056'),
  R057: [[HOSTILE, 'nonces of impossible lengths do not go through']],
  R058: [[HOSTILE, ' ends phase 1, twice in a row']],
  R059: TWO,
  R060: TWO,
  R061: [
    [HOSTILE, ' ends phase 1, twice in a row'],
    [KE, 'the value must be a point of the curve'],
  ],
  R062: TWO,
  R063: [
    [HOSTILE, 'an answer with '],
    [HOSTILE, ': no child, and the SA stays'],
  ],
  R064: [
    [SURVIVE, 'R064'],
    [CATALOGUE, 'C066'],
  ],
  R065: [[SELECTION, 'the work grows with the sum of both lists']],
  R066: [
    [QUICK, 'a responder takes a part of its networks'],
    [QUICK, 'an answer with more than was asked for is no answer'],
  ],
  R067: survives('R067'),
  R068: TWO,
  R069: [[HOSTILE, 'a wrong proof is told and waited past: the right one still counts']],
  R070: 'the hash of a signature is that of the method, or of phase 1: no list of them is sent',
  R071: [[PHASE_ONE, 'a certificate that does not speak for the identity']],
  R072: [[XAUTH, 'one end wants a user, the other knows of none: they have no method in common']],
  R073: EAP,
  R074: TWO,
  R075: [
    [HOSTILE, 'INITIAL-CONTACT late is no lever'],
    [REAUTH, 'INITIAL-CONTACT: what the peer had with us before is gone at once'],
  ],
  R076: [[REAUTH, 'an end that has lost all it had says so, and the old SA goes']],
  R077: [[QUICK, 'both ends rekey at once']],
  R078: [[REAUTH, 'both ends make it anew at once']],
  R079: TWO,
  R080: TWO,
  R081: TWO,
  R082: [[QUICK, 'message of quick mode is lost, however often: no half of an SA is left behind']],
  R083: survives('R083'),
  R084: [[HOSTILE, 'Deletes of what there is not, and of cookies that are not these, do nothing']],
  R085: [[QUICK, ': nothing is left anywhere']],
  R086: TWO,
  R087: survives('R087'),
  R088: survives('R088'),
  R089: [
    [SURVIVE, 'R089'],
    [NAT, 'nobody follows a replay, from wherever it comes'],
  ],
  R090: TWO,
  R091: [[WIRE_FRAGMENTS, 'numbers after the last, and a second last, are passed over']],
  R092: survives('R092'),
  R093: [[FRAGMENTS, 'a whole message of fragments that no key fits is not heeded']],
  R094: [
    [FRAGMENTS, 'fragments out of order, doubled and lost'],
    [FRAGMENTS, 'what never becomes whole is forgotten'],
  ],
  R095: survives('R095'),
  R096: [['src/net/encapsulation.test.ts', 'the first four octets tell IKE from ESP']],
  R097: TWO,
  R098: [IN_THE_CLEAR],
  R099: [[LIVENESS, 'the peer is answered, each question once, whatever number it begins with']],
  R100: [[HOSTILE, 'the same Message ID with another content begins nothing'], ALL_AGAIN],
  R101: [
    [HOSTILE, 'the third message is lost: the second comes again'],
    [HOSTILE, 'the third message doubled, or wrong first: one SA'],
  ],
  R102: [COMMIT],
  R103: [
    [HOSTILE, 'an identity in the clear is not heeded'],
    [PHASE_ONE, 'aggressive mode with a shared key is refused unless its option allows it'],
  ],
  R104: [
    [SURVIVE, 'R104'],
    [XAUTH, 'quick mode before the server knows that XAUTH is done is dropped'],
  ],
  R105: [WRONG_HASH],
  R106: [
    [NOISE, 'messages that are authentic and wounded'],
    ['test/fuzz/engine-v1.test.ts', 'each message wounded on its way'],
  ],
  R107: [LATE_ANSWERS],
  R108: [[SELECTION, 'the work grows with the sum of both lists']],
  R109: 'both versions take time as an argument: the clock is the daemon’s',
  R110: [['src/net/transport.test.ts', 'what cannot be sent is reported and does not throw']],
  R111: survives('R111'),
  R112: [
    [REAUTH, 'taken down while it is made anew: nothing is left'],
    [XAUTH, 'terminated while the user is awaited'],
  ],
  R113: survives('R113'),
  R114: 'test/scenarios/soak.test.ts runs what both versions share; C126 has the flood of IKEv1',

  C001: caught('C001'),
  C002: caught('C002'),
  C003: caught('C003'),
  C004: caught('C004'),
  C005: caught('C005'),
  C006: caught('C006'),
  C007: [
    [HOSTILE, 'mode: each octet of the first message changed in turn'],
    [FUZZ, 'wounded IKEv1 messages'],
  ],
  C008: [
    [CATALOGUE, 'C008'],
    [SURVIVE, 'C008'],
  ],
  C009: caught('C009'),
  C010: [
    [CATALOGUE, 'C010'],
    [SURVIVE, 'C010'],
  ],
  C011: caught('C011'),
  C012: [
    ['test/vectors/captures-ikev1.test.ts', 'every IKEv1 message'],
    [CATALOGUE, 'C012'],
  ],
  C013: [[HOSTILE, 'a first message that no connection fits leaves nothing behind']],
  C014: [[HOSTILE, 'exchanges without an SA are not answered']],
  C015: TWO,
  C016: TWO,
  C017: TWO,
  C018: TWO,
  C019: caught('C019'),
  C020: caught('C019'),
  C021: caught('C021'),
  C022: TWO,
  C023: TWO,
  C024: [[PHASE_ONE, 'IKEv1 is not answered where no connection asks for it']],
  C025: TWO,
  C026: TWO,
  C027: [[NAMES, 'is no name']],
  C028: [
    [CATALOGUE, 'C028'],
    [NAMES, 'a malformed name equals nothing, not even itself'],
  ],
  C029: caught('C029'),
  C030: survives('C030'),
  C031: survives('C031'),
  C032: TWO,
  C033: TWO,
  C034: TWO,
  C035: TWO,
  C036: [
    [
      HOSTILE,
      'aggressive mode with only some of its payloads is not answered, nor by the cookie of a refusal',
    ],
  ],
  C037: TWO,
  C038: [[HOSTILE, 'an identity that is a name (CVE-2023-38711)']],
  C039: [[HOSTILE, 'a Delete of the ISAKMP SA acts once, and nothing else in its message does']],
  C040: [[PHASE_ONE, 'no key at all: nothing is sent']],
  C041: [[HOSTILE, 'a Delete of the ISAKMP SA acts once']],
  C042: TWO,
  C043: [[QUICK, 'message of quick mode is lost, however often']],
  C044: [MAIN_AT_AN_SA],
  C045: [[HOSTILE, 'aggressive mode with only some of its payloads is not answered']],
  C046: [IN_THE_CLEAR],
  C047: [WRONG_HASH, [HOSTILE, 'without a HASH nothing is heeded']],
  C048: [WRONG_HASH],
  C049: [LATE_ANSWERS],
  C050: [[WIRE_FRAGMENTS, 'what is stored is a copy']],
  C051: survives('C051'),
  C052: caught('C052'),
  C053: TWO,
  C054: [[HOSTILE, 'fragments for no SA are not kept']],
  C055: [[WIRE_FRAGMENTS, 'limits hold: fragments and octets']],
  C056: caught('C056'),
  C057: caught('C057'),
  C058: [[FUZZ, 'wounded and shuffled fragments never hold more than allowed']],
  C059: [
    [
      WIRE_FRAGMENTS,
      'a retransmitted fragment, the last one too, neither counts twice nor shuts out the rest',
    ],
  ],
  C060: [
    [CATALOGUE, 'C060'],
    [MESSAGE, 'a fragment stands alone'],
  ],
  C061: [[FRAGMENTS, 'what fits into one packet is not made a fragment']],
  C062: [[HOSTILE, ' ends phase 1, twice in a row']],
  C063: [
    [HOSTILE, ' ends phase 1, twice in a row'],
    [KE, 'MODP: 1 < y < p − 1'],
  ],
  C064: caught('C064'),
  C065: [[KE, 'values of a wrong length are refused by every method']],
  C066: caught('C066'),
  C067: EAP,
  C068: [
    [CATALOGUE, 'C068'],
    [KE, 'MODP with a subgroup: y must be of it'],
  ],
  C069: [[KE, 'ECP: the value must be a point of the curve']],
  C070: caught('C070'),
  C071: caught('C071'),
  C072: TWO,
  C073: caught('C073'),
  C074: caught('C074'),
  C075: 'what the platform lacks is known at the start, for both versions (crypto/registries.test.ts)',
  C076: 'a platform that lacks an algorithm ends the exchange: IsakmpKeys and keyExchangeOf refuse by a Failure',
  C077: caught('C077'),
  C078: 'AES-GCM is for ESP alone in IKEv1 (test/vectors/esp-transforms.test.ts)',
  C079: caught('C079'),
  C080: caught('C080'),
  C081: caught('C081'),
  C082: caught('C082'),
  C083: caught('C083'),
  C084: caught('C084'),
  C085: [
    [CATALOGUE, 'C085'],
    [SIGNATURES, 'PSS with other parameters'],
  ],
  C086: [[CHAIN, 'broken hashes and short keys are refused']],
  C087: caught('C087'),
  C088: caught('C088'),
  C089: caught('C089'),
  C090: [['src/pki/public-key.test.ts', 'is refused before it is used']],
  C091: [[SIGNATURES, 'PSS with other parameters']],
  C092: [['src/pki/signature-algorithm.test.ts', 'is refused']],
  C093: [[ORACLE, 'no ciphertext is told from another']],
  C094: [[PHASE_ONE, 'a certificate that does not speak for the identity']],
  C095: [OTHER_ID],
  C096: [[CHAIN, 'directory names are constrained whatever their string types']],
  C097: [[ORACLE, 'no ciphertext is told from another']],
  C098: [['src/policy/secret-strength.test.ts', 'a key that can be guessed']],
  C099: [[PHASE_ONE, 'aggressive mode with a shared key is refused unless its option allows it']],
  C100: EAP,
  C101: EAP,
  C102: EAP,
  C103: EAP,
  C104: EAP,
  C105: EAP,
  C106: EAP,
  C107: EAP,
  C108: [[TRANSACTIONS, 'a name that looks like broken ASN.1']],
  C109: [
    [MODE_CONFIG, 'its texts cannot move the cursor'],
    [TRANSACTIONS, 'a thousand addresses and name servers'],
  ],
  C110: [
    [TRANSACTIONS, 'a name for printf'],
    ['src/daemon/updown.test.ts', 'the shell reads the configured command alone'],
  ],
  C111: [
    [CERTIFICATE, 'refused: '],
    ['src/pki/calendar.test.ts', 'is no UTCTime of RFC 5280'],
  ],
  C112: [[CERTIFICATE, 'a certificate with any octets changed is read or Malformed']],
  C113: [
    [CERTIFICATE, 'refused: '],
    ['src/pki/certificate-cache.test.ts', 'goes when there is no room'],
  ],
  C114: 'nothing is fetched on behalf of a certificate, in either version',
  C115: [['src/pki/public-key.test.ts', 'is refused before it is used']],
  C116: [[CERTIFICATE, 'a certificate with any octets changed is read or Malformed']],
  C117: [[CHAIN, 'what the peer sends is never trusted by itself']],
  C118: [[CHAIN, 'authorities that certify each other in a ring are no path']],
  C119: [['src/pki/calendar.test.ts', 'is an instant']],
  C120: [[HOSTILE, 'answers that hold our own values do not make an SA with ourselves'], OURS_AGAIN],
  C121: survives('R040'),
  C122: [OTHER_ID],
  C123: TWO,
  C124: 'routes are the same for both versions: what is installed follows the traffic selectors',
  C125: [ONE_ANSWER, [SURVIVE, 'C125']],
  C126: caught('C126'),
  C127: caught('C127'),
  C128: survives('C128'),
  C129: [[SELECTION, 'the work grows with the sum of both lists']],
  C130: caught('C130'),
  C131: caught('C131'),
  C132: caught('C132'),
  C133: survives('R040'),
  C134: caught('C134'),
  C135: 'control sockets know nothing of versions (test/fuzz/vici.test.ts)',
  C136: 'files are opened by who runs the daemon, for both versions',
  C137: survives('C137'),
  C138: caught('C138'),
  C139: caught('C139'),
  C140: caught('C140'),
  C141: [[MESSAGE, 'a decrypted message ends with its last payload; any padding follows']],
  C142: 'IKEv1 has no number for an ISAKMP SA without encryption',
  C143: EAP,
  C144: EAP,
  C145: [[FUZZ, 'wounded decrypted messages are read or refused']],
  C146: caught('C146'),
  C147: [[NOISE, 'messages that are authentic and wounded']],
};

const LISTS = ['specs/must-survive.tsv', 'specs/attack-catalogue.tsv'] as const;

for (const list of LISTS)
  test(`${list}: every row is shown, or does not concern IKEv1`, { skip: withoutData(list) }, () => {
    const [, ...lines] = readFileSync(dataPath(list), 'utf8').trim().split('\n');
    const ids = lines.map(line => line.split('\t')[0] ?? '');
    assert.ok(ids.length > 100);
    assert.deepEqual(
      ids.filter(id => !(id in ROWS)),
      [],
      'rows that nobody has looked at',
    );
  });

test('what is said to show a row is there', () => {
  const texts = new Map<string, string>();
  const textOf = (file: string): string => {
    const text = texts.get(file) ?? readFileSync(resolve(import.meta.dirname, '../..', file), 'utf8');
    texts.set(file, text);
    return text;
  };
  const missing = Object.entries(ROWS).flatMap(([id, row]) =>
    typeof row === 'string'
      ? []
      : row
          .filter(([file, title]) => !textOf(file).includes(title))
          .map(([file, title]) => `${id}: ${file}: ${title}`),
  );
  assert.deepEqual(missing, []);
  assert.ok(Object.values(ROWS).every(row => row.length > 0));
});

test('the rows that name IKEv1 are shown, not explained away', { skip: withoutData(LISTS[0]) }, () => {
  const named = LISTS.flatMap(list =>
    readFileSync(dataPath(list), 'utf8')
      .split('\n')
      .filter(line => /IKEv1|isakmpd|racoon|Aggressive|Main Mode|Quick Mode|ISAKMP/.test(line))
      .map(line => line.split('\t')[0] ?? ''),
  );
  assert.ok(named.length > 20);
  assert.deepEqual(
    named.filter(id => typeof ROWS[id] === 'string'),
    [],
  );
});
