import { type ModpGroup, plainNumber } from '../crypto/ke/private-group.ts';
import { Malformed } from '../lib/reader.ts';
import { DerReader, Tag } from './der.ts';
import { readDhBlocks } from './pem.ts';

/** A file this large holds no group of use. */
const MOST_OCTETS = 16_384;

/**
 * DHParameter ::= SEQUENCE { prime INTEGER, base INTEGER, privateValueLength INTEGER OPTIONAL } (PKCS #3 §9), in DER or in
 * PEM. Throws Malformed.
 */
export function readDhParameters(file: Uint8Array): ModpGroup {
  if (file.length > MOST_OCTETS) throw new Malformed(`DH parameters: ${file.length} octets`, 0);
  const [der] = readDhBlocks(file);
  const outer = new DerReader(der as Uint8Array);
  const sequence = outer.enter(Tag.SEQUENCE, 'DH parameters');
  outer.end('DH parameters');
  const [prime, generator] = ['DH prime', 'DH generator'].map(what => sequence.integer(what));
  if (!sequence.done) sequence.integer('DH private length');
  sequence.end('DH parameters');
  for (const number of [prime, generator])
    if (number === undefined || (number[0] as number) >= 0x80)
      throw new Malformed('DH parameters: a number below zero', 0);
  return { prime: plainNumber(prime as Uint8Array), generator: plainNumber(generator as Uint8Array) };
}
