import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProtocolId, TransformType } from '../iana/ikev2.ts';
import type { Protocol } from './algorithm.ts';
import {
  type AcceptedProposal,
  confirmProposal,
  type OfferedProposal,
  type ProposalMismatch,
  parseProposals,
  selectProposal,
} from './proposal.ts';

const PROTOCOLS = { ike: ProtocolId.IKE, esp: ProtocolId.ESP, ah: ProtocolId.AH };
const OURS = { preferOurs: true };
const THEIRS = { preferOurs: false };

/** What a peer sends that is configured so; numbered from 1. */
function offer(text: string, protocol: Protocol): OfferedProposal[] {
  return parseProposals(text, protocol).map(({ transforms }, i) => ({
    number: i + 1,
    protocol: PROTOCOLS[protocol],
    transforms,
  }));
}

function bare(
  protocol: number,
  ...transforms: readonly (readonly [number, number, number?])[]
): OfferedProposal {
  return {
    number: 1,
    protocol,
    transforms: transforms.map(([type, id, keyLength]) =>
      keyLength === undefined ? { type, id } : { type, id, keyLength },
    ),
  };
}

function accepted(result: AcceptedProposal | ProposalMismatch): AcceptedProposal {
  assert.equal(result.kind, 'accepted', result.kind === 'mismatch' ? result.reason : '');
  return result as AcceptedProposal;
}

function mismatch(result: AcceptedProposal | ProposalMismatch): ProposalMismatch {
  assert.equal(result.kind, 'mismatch', result.kind === 'accepted' ? result.text : '');
  return result as ProposalMismatch;
}

test('one algorithm of each type, as both sides allow', () => {
  const configured = parseProposals('aes256-aes128-sha512-sha256-modp3072-x25519', 'ike');
  const result = accepted(selectProposal(configured, offer('aes128-sha256-prfsha256-x25519', 'ike'), OURS));
  assert.equal(result.text, 'aes128-sha256-prfsha256-x25519');
  assert.deepEqual(
    [result.encryption, result.keyLength, result.integrity, result.prf, result.keyExchange],
    [12, 128, 12, 5, 31],
  );
  assert.equal(result.number, 1);
  assert.equal(result.configured, configured[0]);
  assert.equal(result.transforms.length, 4);
});

test('preference is whose it is said to be, of proposals and of transforms', () => {
  const configured = parseProposals('aes256gcm16-prfsha256-ecp384-x25519, aes128-sha256-x25519', 'ike');
  const peer = offer('aes128-sha256-x25519, aes256gcm16-prfsha256-x25519-ecp384', 'ike');
  const ours = accepted(selectProposal(configured, peer, OURS));
  assert.deepEqual([ours.number, ours.text], [2, 'aes256gcm16-prfsha256-ecp384']);
  const theirs = accepted(selectProposal(configured, peer, THEIRS));
  assert.deepEqual([theirs.number, theirs.text], [1, 'aes128-sha256-prfsha256-x25519']);
  const only = peer.slice(1);
  assert.equal(accepted(selectProposal(configured, only, THEIRS)).text, 'aes256gcm16-prfsha256-x25519');
});

test('key lengths must be the same, absent ones too', () => {
  const configured = parseProposals('aes256gcm16', 'esp');
  for (const keyLength of [undefined, 128, 192, 0]) {
    const cipher: [number, number, number?] = keyLength === undefined ? [1, 20] : [1, 20, keyLength];
    const peer = bare(ProtocolId.ESP, cipher, [5, 0]);
    assert.equal(mismatch(selectProposal(configured, [peer], OURS)).type, TransformType.ENCR);
  }
  assert.ok(accepted(selectProposal(configured, [bare(ProtocolId.ESP, [1, 20, 256], [5, 0])], OURS)));
});

test('a key length where none may be makes the transform another one', () => {
  const configured = parseProposals('chacha20poly1305', 'esp');
  assert.ok(accepted(selectProposal(configured, [bare(ProtocolId.ESP, [1, 28], [5, 0])], OURS)));
  mismatch(selectProposal(configured, [bare(ProtocolId.ESP, [1, 28, 256], [5, 0])], OURS));
});

test('an attribute that nobody knows spoils its transform, not its neighbours (RFC 7296 §3.3.6)', () => {
  const configured = parseProposals('aes256gcm16-aes128gcm16', 'esp');
  const strange = { type: 1, id: 20, keyLength: 256, attributes: [{ type: 99, value: new Uint8Array(2) }] };
  const plain = { type: 1, id: 20, keyLength: 128 };
  const peer = { number: 1, protocol: ProtocolId.ESP, transforms: [strange, plain, { type: 5, id: 0 }] };
  assert.equal(accepted(selectProposal(configured, [peer], OURS)).text, 'aes128gcm16');
  mismatch(selectProposal(configured, [{ ...peer, transforms: [strange, { type: 5, id: 0 }] }], OURS));
});

test('a transform type that nobody knows spoils its proposal, not the others (RFC 7296 §3.3.6)', () => {
  const configured = parseProposals('aes128gcm16', 'esp');
  const strange = bare(ProtocolId.ESP, [1, 20, 128], [5, 0], [13, 1]);
  const { type, theirs, reason } = mismatch(selectProposal(configured, [strange], OURS));
  assert.equal(type, 13);
  assert.deepEqual(theirs, ['type13:1']);
  assert.match(reason, /KWA/);
  const result = selectProposal(
    configured,
    [strange, { ...bare(ProtocolId.ESP, [1, 20, 128]), number: 2 }],
    OURS,
  );
  assert.equal(accepted(result).number, 2);
  // A PRF has no place in ESP
  mismatch(selectProposal(configured, [bare(ProtocolId.ESP, [1, 20, 128], [2, 5], [5, 0])], OURS));
});

test('with an AEAD integrity NONE is as good as none, and is answered when it was sent', () => {
  const configured = parseProposals('aes128gcm16', 'esp');
  const silent = accepted(selectProposal(configured, [bare(ProtocolId.ESP, [1, 20, 128], [5, 0])], OURS));
  assert.deepEqual(
    silent.transforms.map(({ type }) => type),
    [1, 5],
  );
  const explicit = accepted(
    selectProposal(configured, [bare(ProtocolId.ESP, [1, 20, 128], [3, 0], [5, 0])], OURS),
  );
  assert.deepEqual(
    explicit.transforms.map(({ type, id }) => [type, id]),
    [
      [1, 20],
      [3, 0],
      [5, 0],
    ],
  );
  assert.equal(explicit.integrity, 0);
  // Some peers list algorithms there
  const noise = accepted(
    selectProposal(configured, [bare(ProtocolId.ESP, [1, 20, 128], [3, 12], [5, 0])], OURS),
  );
  assert.deepEqual(
    noise.transforms.map(({ type }) => type),
    [1, 5],
  );
  // A proposal of both kinds, which should have been two
  const mixed = bare(ProtocolId.ESP, [1, 12, 128], [1, 20, 128], [3, 12], [3, 0], [5, 0]);
  assert.equal(accepted(selectProposal(configured, [mixed], THEIRS)).text, 'aes128gcm16');
});

test('without an AEAD integrity is needed', () => {
  const configured = parseProposals('aes128-sha256', 'esp');
  for (const peer of [
    bare(ProtocolId.ESP, [1, 12, 128], [5, 0]),
    bare(ProtocolId.ESP, [1, 12, 128], [3, 0], [5, 0]),
    bare(ProtocolId.ESP, [1, 12, 128], [3, 2], [5, 0]),
  ]) {
    assert.equal(mismatch(selectProposal(configured, [peer], OURS)).type, TransformType.INTEG);
  }
});

test('sequence numbers: absent is noesn, and what was not sent is not answered', () => {
  const both = parseProposals('aes128gcm16-esn-noesn', 'esp');
  const absent = accepted(selectProposal(both, [bare(ProtocolId.ESP, [1, 20, 128])], OURS));
  assert.equal(absent.esn, false);
  assert.deepEqual(
    absent.transforms.map(({ type }) => type),
    [1],
  );
  const esn = accepted(selectProposal(both, [bare(ProtocolId.ESP, [1, 20, 128], [5, 0], [5, 1])], OURS));
  assert.equal(esn.esn, true);
  const only = parseProposals('aes128gcm16-esn', 'esp');
  const failed = mismatch(selectProposal(only, [bare(ProtocolId.ESP, [1, 20, 128])], OURS));
  assert.deepEqual([failed.type, failed.ours, failed.theirs], [TransformType.SN, ['esn'], ['noesn']]);
});

test('PFS: a key exchange must be on both sides or optional', () => {
  const without = parseProposals('aes128gcm16', 'esp');
  const withPfs = parseProposals('aes128gcm16-x25519', 'esp');
  const optional = parseProposals('aes128gcm16-x25519-none', 'esp');
  const peer = (text: string) => offer(text, 'esp');
  assert.equal(mismatch(selectProposal(without, peer('aes128gcm16-x25519'), OURS)).type, TransformType.KE);
  const missing = mismatch(selectProposal(withPfs, peer('aes128gcm16'), OURS));
  assert.deepEqual([missing.ours, missing.theirs], [['x25519'], ['none']]);
  assert.equal(accepted(selectProposal(optional, peer('aes128gcm16'), OURS)).keyExchange, 0);
  assert.equal(accepted(selectProposal(optional, peer('aes128gcm16-x25519'), OURS)).keyExchange, 31);
  const none = accepted(selectProposal(without, peer('aes128gcm16-x25519-none'), OURS));
  assert.equal(none.keyExchange, 0);
  assert.deepEqual(
    none.transforms.find(({ type }) => type === TransformType.KE),
    { type: 4, id: 0 },
  );
});

test('an IKE SA has no key exchange NONE', () => {
  const configured = parseProposals('aes128-sha256-x25519', 'ike');
  for (const exchange of [[], [[4, 0]]] as const) {
    const peer = bare(ProtocolId.IKE, [1, 12, 128], [2, 5], [3, 12], ...exchange);
    assert.equal(mismatch(selectProposal(configured, [peer], OURS)).type, TransformType.KE);
  }
});

test('a child made in IKE_AUTH is matched without key exchanges', () => {
  const configured = parseProposals('aes128gcm16-x25519', 'esp');
  const options = { preferOurs: true, withoutKeyExchange: true };
  assert.equal(accepted(selectProposal(configured, offer('aes128gcm16', 'esp'), options)).keyExchange, 0);
  const result = accepted(selectProposal(configured, offer('aes128gcm16-modp1024', 'esp'), options));
  assert.deepEqual(
    result.transforms.map(({ type }) => type),
    [1, 5],
  );
});

test('additional key exchanges: one each, in order, NONE skipped', () => {
  const configured = parseProposals('aes256gcm16-prfsha256-x25519-ke1_mlkem768-ke3_ecp384-ke3_none', 'ike');
  const peer = offer('aes256gcm16-prfsha256-x25519-ke3_none-ke1_mlkem512-ke1_mlkem768', 'ike');
  const result = accepted(selectProposal(configured, peer, OURS));
  assert.deepEqual(result.additionalKeyExchanges, [36]);
  assert.equal(result.transforms.filter(({ type }) => type > 5).length, 2);
  const classic = offer('aes256gcm16-prfsha256-x25519', 'ike');
  const failed = mismatch(selectProposal(configured, classic, OURS));
  assert.deepEqual(
    [failed.type, failed.ours, failed.theirs],
    [TransformType.ADDKE1, ['ke1_mlkem768'], ['ke1_none']],
  );
});

test('additional key exchanges are unknown where IKE_INTERMEDIATE was not agreed on', () => {
  const configured = parseProposals('aes256gcm16-prfsha256-x25519-ke1_mlkem768-ke1_none', 'ike');
  const options = { preferOurs: true, additionalKeyExchanges: false };
  const hybrid = offer('aes256gcm16-prfsha256-x25519-ke1_mlkem768', 'ike');
  assert.equal(mismatch(selectProposal(configured, hybrid, options)).type, TransformType.ADDKE1);
  assert.ok(accepted(selectProposal(configured, offer('aes256gcm16-prfsha256-x25519', 'ike'), options)));
});

test('no key exchange is chosen twice (RFC 9370)', () => {
  const configured = parseProposals(
    'aes256gcm16-prfsha256-x25519-ecp256-ke1_x25519-ke1_mlkem768-ke2_x25519',
    'ike',
  );
  const all = accepted(selectProposal(configured, offer(configured[0]?.text ?? '', 'ike'), OURS));
  assert.deepEqual([all.keyExchange, all.additionalKeyExchanges], [19, [36, 31]]);
  const twice = offer('aes256gcm16-prfsha256-x25519-ke1_x25519', 'ike');
  const { reason } = mismatch(selectProposal(parseProposals(configured[0]?.text ?? '', 'ike'), twice, OURS));
  assert.ok(reason.length > 0);
  const same = parseProposals('aes256gcm16-prfsha256-x25519-ke1_x25519', 'ike');
  assert.match(mismatch(selectProposal(same, twice, OURS)).reason, /all different/);
});

test('a peer that lists everything everywhere costs little', () => {
  const types = [4, 6, 7, 8, 9, 10, 11, 12];
  const everything = types.flatMap(type => Array.from({ length: 37 }, (_, id) => ({ type, id: id + 1 })));
  const base = [
    { type: 1, id: 20, keyLength: 128 },
    { type: 2, id: 5 },
  ];
  const keywords = ['x25519', 'ecp256', 'ecp384', 'ecp521', 'modp2048', 'modp3072', 'mlkem512', 'mlkem768'];
  const lists = [1, 2, 3, 4, 5, 6].flatMap(i => keywords.map(keyword => `ke${i}_${keyword}`));
  const text = `aes128gcm16-prfsha256-${keywords.join('-')}-${lists.join('-')}-ke7_x25519`;
  const peer = { number: 1, protocol: 1, transforms: [...base, ...everything] };
  const result = accepted(selectProposal(parseProposals(text, 'ike'), [peer], OURS));
  assert.equal(new Set([result.keyExchange, ...result.additionalKeyExchanges]).size, 8);
});

test('a mismatch tells of the pair that came nearest', () => {
  const configured = parseProposals(
    'aes256gcm16-prfsha384-ecp384, aes128-aes256-sha256-modp2048-modp3072',
    'ike',
  );
  const peer = offer('3des-md5-modp1024, aes128-sha256-modp1024', 'ike');
  const failed = mismatch(selectProposal(configured, peer, OURS));
  assert.equal(failed.number, 2);
  assert.equal(failed.type, TransformType.KE);
  assert.deepEqual(failed.ours, ['modp2048', 'modp3072']);
  assert.deepEqual(failed.theirs, ['modp1024']);
  assert.equal(failed.reason, 'the peer offers modp1024; this connection allows modp2048, modp3072');
});

test('the sentence stays short however much the peer lists', () => {
  const many = Array.from({ length: 255 }, (_, i) => ({ type: 4, id: 1000 + i }));
  const base = [
    { type: 1, id: 12, keyLength: 128 },
    { type: 2, id: 5 },
    { type: 3, id: 12 },
  ];
  const peer = { number: 1, protocol: 1, transforms: [...base, ...many] };
  const failed = mismatch(selectProposal(parseProposals('aes128-sha256-x25519', 'ike'), [peer], OURS));
  assert.equal(failed.theirs.length, 255);
  assert.ok(failed.reason.length < 200 && failed.reason.includes('and 243 more'), failed.reason);
});

test('nothing to compare is a mismatch, too', () => {
  const configured = parseProposals('aes128gcm16', 'esp');
  const none = mismatch(selectProposal(configured, [], OURS));
  assert.deepEqual(
    [none.number, none.type, none.ours, none.theirs],
    [undefined, undefined, ['aes128gcm16'], []],
  );
  assert.equal(mismatch(selectProposal([], offer('aes128gcm16', 'esp'), OURS)).number, undefined);
  const ah = mismatch(selectProposal(configured, offer('sha256', 'ah'), OURS));
  assert.match(ah.reason, /not for ESP/);
  assert.ok(
    accepted(selectProposal(configured, [...offer('sha256', 'ah'), ...offer('aes128gcm16', 'esp')], THEIRS)),
  );
});

test('the initiator takes an answer that is one of its proposals, cut down to one of each type', () => {
  const sent = parseProposals('aes256gcm16-prfsha256-x25519, aes128-aes256-sha256-x25519-ecp256', 'ike');
  const answer = { ...bare(1, [1, 12, 256], [2, 5], [3, 12], [4, 19]), number: 2 };
  const result = accepted(confirmProposal(sent, [answer]));
  assert.deepEqual([result.number, result.text], [2, 'aes256-sha256-prfsha256-ecp256']);
});

test('the initiator refuses every other answer', () => {
  const sent = parseProposals('aes128-aes256-sha256-x25519-ecp256', 'ike');
  const good = bare(1, [1, 12, 128], [2, 5], [3, 12], [4, 31]);
  accepted(confirmProposal(sent, [good]));
  for (const [what, answer] of [
    ['no proposal', []],
    ['two proposals', [good, good]],
    ['number 0', [{ ...good, number: 0 }]],
    ['a number never sent', [{ ...good, number: 2 }]],
    ['another protocol', [{ ...good, protocol: 3 }]],
    ['two ciphers', [bare(1, [1, 12, 128], [1, 12, 256], [2, 5], [3, 12], [4, 31])]],
    ['a cipher never offered', [bare(1, [1, 12, 192], [2, 5], [3, 12], [4, 31])]],
    ['no PRF', [bare(1, [1, 12, 128], [3, 12], [4, 31])]],
    ['no integrity', [bare(1, [1, 12, 128], [2, 5], [4, 31])]],
    ['no key exchange', [bare(1, [1, 12, 128], [2, 5], [3, 12])]],
    ['an additional key exchange', [bare(1, [1, 12, 128], [2, 5], [3, 12], [4, 31], [6, 36])]],
    ['a type never offered', [bare(1, [1, 12, 128], [2, 5], [3, 12], [4, 31], [5, 0])]],
  ] as const) {
    assert.equal(confirmProposal(sent, answer).kind, 'mismatch', what);
  }
});

test('the initiator refuses integrity beside the AEAD that it offered alone', () => {
  const sent = parseProposals('aes128gcm16', 'esp');
  accepted(confirmProposal(sent, [bare(3, [1, 20, 128], [5, 0])]));
  accepted(confirmProposal(sent, [bare(3, [1, 20, 128], [3, 0], [5, 0])]));
  mismatch(confirmProposal(sent, [bare(3, [1, 20, 128], [3, 12], [5, 0])]));
});

test('the initiator of a child in IKE_AUTH sent no key exchange and takes none', () => {
  mismatch(confirmProposal(parseProposals('aes128gcm16', 'esp'), [bare(3, [1, 20, 128], [4, 31], [5, 0])]));
});

test('an initiator that did not hear of IKE_INTERMEDIATE takes no additional key exchange', () => {
  const sent = parseProposals('aes128gcm16-prfsha256-x25519-ke1_mlkem768', 'ike');
  const answer = [bare(1, [1, 20, 128], [2, 5], [4, 31], [6, 36])];
  accepted(confirmProposal(sent, answer, { additionalKeyExchanges: true }));
  mismatch(confirmProposal(sent, answer, { additionalKeyExchanges: false }));
});
