import assert from 'node:assert/strict';
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import {
  bodies,
  chained,
  diffieHellman,
  PAYLOAD,
  type Piece,
  saBody,
  transformsOf,
  u32,
  unchained,
} from './rfc2409-peer.ts';

/*
 * A responder of hybrid authentication that signs by DSS and asks for a user (draft-ietf-ipsec-isakmp-hybrid-auth,
 * draft-beaulieu-ike-xauth), main mode with AES-128, SHA-256 and the 256-bit random ECP group. It is built on node:crypto
 * and Buffers alone, its signatures on arithmetic alone.
 */

export interface DssServerSetup {
  readonly key: KeyObject;
  readonly certificate: Buffer;
  /** Body of its ID payload. */
  readonly id: Buffer;
  readonly transmit: (datagram: Buffer) => void;
  /** Done to the signature, r and s side by side. */
  readonly mangle?: (signature: Buffer) => Buffer;
}

const HYBRID_INIT_DSS = 64_223;
const SIG = 9;
const ATTRIBUTES = 14;
const MAIN = 2;
const TRANSACTION = 6;
const SUITE: readonly (readonly [number, number])[] = [
  [1, 7],
  [14, 128],
  [2, 4],
  [3, HYBRID_INIT_DSS],
  [4, 19],
];
const NAME = 16_521;
const PASSWORD = 16_522;
const STATUS = 16_527;

export class DssServer {
  readonly setup: DssServerSetup;
  /** Methods that were offered, of the last first message. */
  offered: readonly number[] = [];
  /** What the user gave, once it did. */
  user: { readonly name: string; readonly password: string } | undefined;
  #cookies: readonly [Buffer, Buffer] = [Buffer.alloc(8), Buffer.alloc(8)];
  #sa: Buffer = Buffer.alloc(0);
  #public: readonly [Buffer, Buffer] = [Buffer.alloc(0), Buffer.alloc(0)];
  #skeyid: Buffer = Buffer.alloc(0);
  #skeyidA: Buffer = Buffer.alloc(0);
  #key: Buffer = Buffer.alloc(16);
  /** Next IV of each exchange. */
  readonly #ivs = new Map<string, Buffer>();

  constructor(setup: DssServerSetup) {
    this.setup = setup;
  }

  receive(datagram: Buffer): void {
    const [first, exchange, flags] = [datagram[16], datagram[18], datagram[19]] as [number, number, number];
    const messageId = datagram.subarray(20, 24);
    const body = datagram.subarray(28);
    if (exchange === MAIN && flags === 0) this.#answer(datagram, unchained(first, body));
    else if (exchange === MAIN || exchange === TRANSACTION) {
      const pieces = unchained(first, this.#open(messageId, body));
      if (exchange === MAIN) this.#prove(pieces);
      else this.#ask(pieces);
    }
  }

  #answer(datagram: Buffer, pieces: readonly Piece[]): void {
    const [sa] = bodies(pieces, PAYLOAD.SA);
    if (sa !== undefined) {
      this.#sa = sa;
      this.#ivs.clear();
      this.user = undefined;
      this.#cookies = [Buffer.from(datagram.subarray(0, 8)), randomBytes(8)];
      const transforms = transformsOf(sa);
      this.offered = transforms.flatMap(list => list.flatMap(([type, value]) => (type === 3 ? [value] : [])));
      const chosen = transforms.find(list =>
        SUITE.every(([type, value]) => list.some(([t, v]) => t === type && v === value)),
      );
      if (chosen !== undefined)
        this.#send(MAIN, u32(0), [
          [PAYLOAD.SA, saBody([chosen])],
          [PAYLOAD.VID, Buffer.from('09002689dfd6b712', 'hex')],
        ]);
      return;
    }
    const [theirs] = bodies(pieces, PAYLOAD.KE);
    const [ni] = bodies(pieces, PAYLOAD.NONCE);
    assert.ok(theirs !== undefined && ni !== undefined);
    const half = diffieHellman(19);
    const nr = randomBytes(16);
    this.#public = [theirs, half.publicValue];
    this.#send(MAIN, u32(0), [
      [PAYLOAD.KE, half.publicValue],
      [PAYLOAD.NONCE, nr],
    ]);
    const secret = half.secret(theirs);
    this.#skeyid = prf(Buffer.concat([ni, nr]), secret);
    const d = prf(this.#skeyid, secret, ...this.#cookies, Buffer.of(0));
    this.#skeyidA = prf(this.#skeyid, d, secret, ...this.#cookies, Buffer.of(1));
    this.#key = prf(this.#skeyid, this.#skeyidA, secret, ...this.#cookies, Buffer.of(2)).subarray(0, 16);
    this.#ivs.set('00000000', hash(...this.#public).subarray(0, 16));
  }

  /** CERT and SIG_R over HASH_R, which DSS makes by SHA-1; then the question. */
  #prove(pieces: readonly Piece[]): void {
    const { key, certificate, id, mangle } = this.setup;
    const [theirId] = bodies(pieces, PAYLOAD.ID);
    const [proof] = bodies(pieces, PAYLOAD.HASH);
    assert.ok(theirId !== undefined);
    const [i, r] = this.#public;
    const [ckyI, ckyR] = this.#cookies;
    const expected = prf(this.#skeyid, i, r, ckyI, ckyR, this.#sa, theirId);
    assert.ok(proof?.equals(expected), 'HASH_I does not fit');
    const covered = createHmac('sha1', this.#skeyid)
      .update(Buffer.concat([r, i, ckyR, ckyI, this.#sa, id]))
      .digest();
    const signature = signDss(key, covered);
    this.#send(MAIN, u32(0), [
      [PAYLOAD.ID, id],
      [PAYLOAD.CERT, Buffer.concat([Buffer.of(4), certificate])],
      [SIG, mangle?.(signature) ?? signature],
    ]);
    this.#transact(1, [long(NAME, Buffer.alloc(0)), long(PASSWORD, Buffer.alloc(0))]);
  }

  #ask(pieces: readonly Piece[]): void {
    const [attributes] = bodies(pieces, ATTRIBUTES);
    if (attributes?.[0] !== 2) return;
    const found = new Map<number, string>();
    for (let at = 4; at < attributes.length; ) {
      const length = attributes.readUInt16BE(at + 2);
      found.set(attributes.readUInt16BE(at), attributes.toString('utf8', at + 4, at + 4 + length));
      at += 4 + length;
    }
    this.user = { name: found.get(NAME) ?? '', password: found.get(PASSWORD) ?? '' };
    this.#transact(3, [Buffer.from([(0x8000 | STATUS) >> 8, STATUS & 0xff, 0, 1])]);
  }

  #transact(type: number, attributes: readonly Buffer[]): void {
    const messageId = randomBytes(4);
    const body = Buffer.concat([Buffer.of(type, 0, 0, 7), ...attributes]);
    const covered = prf(this.#skeyidA, messageId, chained([[ATTRIBUTES, body]]));
    this.#send(TRANSACTION, messageId, [
      [PAYLOAD.HASH, covered],
      [ATTRIBUTES, body],
    ]);
  }

  #send(exchange: number, messageId: Buffer, pieces: readonly Piece[]): void {
    const name = messageId.toString('hex');
    const encrypted = exchange !== MAIN || this.#ivs.has(name);
    const text = chained(pieces);
    const body = encrypted ? this.#seal(messageId, text) : text;
    const fields = Buffer.of(pieces[0]?.[0] ?? 0, 0x10, exchange, encrypted ? 1 : 0);
    this.setup.transmit(Buffer.concat([...this.#cookies, fields, messageId, u32(28 + body.length), body]));
  }

  #seal(messageId: Buffer, text: Buffer): Buffer {
    const padded = Buffer.concat([text, Buffer.alloc((16 - (text.length % 16)) % 16)]);
    const cipher = createCipheriv('aes-128-cbc', this.#key, this.#ivOf(messageId)).setAutoPadding(false);
    const body = Buffer.concat([cipher.update(padded), cipher.final()]);
    this.#ivs.set(messageId.toString('hex'), body.subarray(-16));
    return body;
  }

  #open(messageId: Buffer, body: Buffer): Buffer {
    const cipher = createDecipheriv('aes-128-cbc', this.#key, this.#ivOf(messageId)).setAutoPadding(false);
    this.#ivs.set(messageId.toString('hex'), Buffer.from(body.subarray(-16)));
    return Buffer.concat([cipher.update(body), cipher.final()]);
  }

  #ivOf(messageId: Buffer): Buffer {
    const first = this.#ivs.get('00000000') ?? Buffer.alloc(16);
    return this.#ivs.get(messageId.toString('hex')) ?? hash(first, messageId).subarray(0, 16);
  }
}

function long(type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.of(type >> 8, type & 0xff, 0, value.length), value]);
}

function prf(key: Buffer, ...parts: readonly Buffer[]): Buffer {
  return createHmac('sha256', key).update(Buffer.concat(parts)).digest();
}

function hash(...parts: readonly Buffer[]): Buffer {
  return createHash('sha256').update(Buffer.concat(parts)).digest();
}

/** r and s of 20 octets each (FIPS 186-4 §4.6), by a key whose q has 160 bits. */
export function signDss(key: KeyObject, digest: Buffer): Buffer {
  const { p, q, g, x } = numbersOf(key);
  const z = BigInt(`0x${digest.toString('hex')}`);
  for (;;) {
    const k = (BigInt(`0x${randomBytes(28).toString('hex')}`) % (q - 1n)) + 1n;
    const r = power(g, k, p) % q;
    const s = (power(k, q - 2n, q) * (z + x * r)) % q;
    if (r !== 0n && s !== 0n)
      return Buffer.from(`${r.toString(16).padStart(40, '0')}${s.toString(16).padStart(40, '0')}`, 'hex');
  }
}

/** Of PKCS #8: SEQUENCE { version, SEQUENCE { OID, SEQUENCE { p, q, g } }, OCTET STRING { x } }. */
function numbersOf(key: KeyObject): Record<'p' | 'q' | 'g' | 'x', bigint> {
  const der = key.export({ format: 'der', type: 'pkcs8' });
  const found: bigint[] = [];
  const walk = (from: number, to: number): void => {
    for (let at = from; at < to; ) {
      const long = (der[at + 1] as number) & 0x80;
      const count = long === 0 ? 0 : (der[at + 1] as number) & 0x7f;
      const length = count === 0 ? (der[at + 1] as number) : der.readUIntBE(at + 2, count);
      const start = at + 2 + count;
      if (der[at] === 0x30 || der[at] === 0x04) walk(start, start + length);
      else if (der[at] === 0x02) found.push(BigInt(`0x${der.toString('hex', start, start + length)}`));
      at = start + length;
    }
  };
  walk(0, der.length);
  const [, p = 0n, q = 0n, g = 0n, x = 0n] = found;
  return { p, q, g, x };
}

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  for (const bit of exponent.toString(2)) {
    result = (result * result) % modulus;
    if (bit === '1') result = (result * base) % modulus;
  }
  return result;
}
