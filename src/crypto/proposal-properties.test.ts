import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ProtocolId } from '../iana/ikev2.ts';
import {
  confirmProposal,
  formatTransforms,
  type OfferedProposal,
  type Proposal,
  parseProposals,
  selectProposal,
} from './proposal.ts';

/** Proposals that two administrators might write: a few keywords of each kind, in any order. */
const some = (...keywords: readonly string[]) => fc.shuffledSubarray([...keywords], { minLength: 1 });
const optional = (...keywords: readonly string[]) => fc.shuffledSubarray([...keywords]);
const sets = (...parts: readonly fc.Arbitrary<string[]>[]): fc.Arbitrary<string> =>
  fc.tuple(...parts).map(lists => lists.flat().join('-'));

const exchange = some('x25519', 'ecp256', 'modp2048', 'mlkem768');
const additional = optional('ke1_mlkem768', 'ke1_none', 'ke2_x25519', 'ke2_none', 'ke4_ecp256');
const ike = fc.oneof(
  sets(some('aes128', 'aes256', '3des'), some('sha1', 'sha256'), exchange, additional),
  sets(
    some('aes128gcm16', 'aes256gcm16', 'chacha20poly1305'),
    some('prfsha256', 'prfsha512'),
    exchange,
    additional,
  ),
);
const esp = fc.oneof(
  sets(
    some('aes128', 'aes256', 'null'),
    some('sha1', 'sha256'),
    optional('x25519', 'none'),
    optional('esn', 'noesn'),
  ),
  sets(
    some('aes128gcm16', 'aes256gcm16', 'aes128gmac'),
    optional('x25519', 'none', 'ecp256'),
    optional('esn', 'noesn'),
  ),
);
const proposals = (protocol: 'ike' | 'esp', text: fc.Arbitrary<string>): fc.Arbitrary<Proposal[]> =>
  fc.array(text, { minLength: 1 }).map(list => parseProposals(list.join(','), protocol));

const RUNS = { numRuns: 150, seed: 7296 };

test('what a proposal is written as reads back as the same', () => {
  for (const [protocol, text] of [
    ['ike', ike],
    ['esp', esp],
  ] as const) {
    fc.assert(
      fc.property(proposals(protocol, text), list => {
        for (const { transforms } of list) {
          const [again] = parseProposals(formatTransforms(transforms), protocol);
          assert.deepEqual(formatTransforms(again?.transforms ?? []), formatTransforms(transforms));
        }
      }),
      RUNS,
    );
  }
});

test('what a responder chooses both sides allow, and the initiator takes it', () => {
  let chosen = 0;
  for (const [protocol, text] of [
    ['ike', ike],
    ['esp', esp],
  ] as const) {
    fc.assert(
      fc.property(
        proposals(protocol, text),
        proposals(protocol, text),
        fc.boolean(),
        (ours, theirs, preferOurs) => {
          const number = protocol === 'ike' ? ProtocolId.IKE : ProtocolId.ESP;
          const offered: OfferedProposal[] = theirs.map(({ transforms }, i) => ({
            number: i + 1,
            protocol: number,
            transforms,
          }));
          const result = selectProposal(ours, offered, { preferOurs });
          if (result.kind === 'mismatch') {
            assert.ok(result.reason.length > 0);
            return;
          }
          chosen++;
          const { transforms } = offered[result.number - 1] as OfferedProposal;
          const types = new Set(transforms.map(({ type }) => type));
          assert.deepEqual(new Set(result.transforms.map(({ type }) => type)), types);
          assert.equal(result.transforms.length, types.size);
          for (const { type, id, keyLength } of result.transforms) {
            assert.ok(transforms.some(t => t.type === type && t.id === id && t.keyLength === keyLength));
          }
          const answer = [{ number: result.number, protocol: number, transforms: result.transforms }];
          const confirmed = confirmProposal(theirs, answer);
          assert.equal(confirmed.kind, 'accepted');
          assert.equal(confirmed.kind === 'accepted' && confirmed.text, result.text);
        },
      ),
      RUNS,
    );
  }
  assert.ok(chosen > 50, `${chosen} pairs met`);
});
