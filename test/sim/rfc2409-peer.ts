import assert from 'node:assert/strict';
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createECDH,
  createHash,
  createHmac,
  getDiffieHellman,
  type KeyObject,
  privateDecrypt,
  publicEncrypt,
  randomBytes,
} from 'node:crypto';

/*
 * Phase 1 by public key encryption, written from RFC 2408 and RFC 2409 alone: Buffers and node:crypto, and nothing of
 * what it is to test. It is one end; `transmit` is how its datagrams leave, `receive` is called with those that come.
 */

/** Payload types of RFC 2408 §3.1, and NAT-D of RFC 3947. */
export const PAYLOAD = {
  SA: 1,
  KE: 4,
  ID: 5,
  CERT: 6,
  HASH: 8,
  NONCE: 10,
  NOTIFY: 11,
  DELETE: 12,
  VID: 13,
  NAT_D: 20,
} as const;
const EXCHANGE = { main: 2, aggressive: 4, informational: 5 } as const;
const ENCRYPTED = 1;

/** One payload: its type, and its body without the generic header. */
export type Piece = readonly [type: number, body: Buffer];

export interface PeerSetup {
  readonly method: 4 | 5;
  readonly mode: 'main' | 'aggressive';
  readonly cipher: 'aes-128-cbc' | 'aes-256-cbc' | 'des-ede3-cbc';
  readonly hash: 'md5' | 'sha1' | 'sha256' | 'sha512';
  readonly group: 2 | 14 | 19;
  /** What it decrypts with. */
  readonly privateKey: KeyObject;
  /** What it encrypts to, and the certificate that HASH(1) names, if any. */
  readonly theirKey: KeyObject;
  readonly theirCertificate?: Buffer;
  /** Sent along, which the revised method allows an initiator. */
  readonly ownCertificate?: Buffer;
  /** Body of its ID payload. */
  readonly id: Buffer;
  /** RFC 3947, with the addresses that NAT-D hashes are made of: destination, source. */
  readonly natD?: readonly [Buffer, Buffer];
  /** SKEYID without the hash around the nonces. */
  readonly unhashed?: boolean;
  readonly transmit: (datagram: Buffer) => void;
}

/** How its share differs from what it should be. */
export interface Oddity {
  /** In place of the nonce, the identity and the public value, before they are encrypted. */
  readonly nonce?: Buffer;
  readonly id?: Buffer;
  readonly publicValue?: Buffer;
  /** Done to all payloads of the message. */
  readonly pieces?: (pieces: readonly Piece[]) => readonly Piece[];
  /** Done to HASH_I. */
  readonly proof?: (proof: Buffer) => Buffer;
}

interface Half {
  readonly publicValue: Buffer;
  readonly secret: (peer: Buffer) => Buffer;
}

interface Side {
  readonly publicValue: Buffer;
  readonly nonce: Buffer;
  readonly id: Buffer;
}

interface Keys {
  readonly skeyid: Buffer;
  readonly skeyidA: Buffer;
  readonly cipherKey: Buffer;
}

const HASH_NUMBER = { md5: 1, sha1: 2, sha256: 4, sha512: 6 } as const;
const CIPHER = {
  'aes-128-cbc': { number: 7, keyBits: 128, key: 16, block: 16 },
  'aes-256-cbc': { number: 7, keyBits: 256, key: 32, block: 16 },
  'des-ede3-cbc': { number: 5, keyBits: undefined, key: 24, block: 8 },
} as const;

export class Rfc2409Peer {
  readonly setup: PeerSetup;
  odd: Oddity = {};
  /** So many messages in the clear it goes on from; what comes after them it keeps for the test. */
  heeds = Number.POSITIVE_INFINITY;
  /** Both proofs were right. */
  established = false;
  /** Payloads of messages that came in the clear, by their order; and the datagrams of all. */
  readonly clear: (readonly Piece[])[] = [];
  readonly datagrams: Buffer[] = [];
  /** What the other end calls itself, once decrypted. */
  theirId: Buffer | undefined;
  /** Bodies of CERT payloads that came with the share, decrypted. */
  readonly certificates: Buffer[] = [];
  #initiator = false;
  #ckyI: Buffer = Buffer.alloc(8);
  #ckyR: Buffer = Buffer.alloc(8);
  #saBody: Buffer = Buffer.alloc(0);
  #half: Half | undefined;
  #ours: Side | undefined;
  #theirs: Side | undefined;
  #keys: Keys | undefined;
  #iv: Buffer = Buffer.alloc(0);

  constructor(setup: PeerSetup) {
    this.setup = setup;
  }

  /** Sends the first message. */
  begin(): void {
    this.#restart(true);
    this.#ckyI = randomBytes(8);
    this.#ckyR = Buffer.alloc(8);
    this.#saBody = this.#offer();
    const offer: Piece = [PAYLOAD.SA, this.#saBody];
    if (this.setup.mode === 'main') this.#send([offer, ...this.#vendorIds()]);
    else this.#send([offer, ...this.#share()]);
  }

  /** A datagram of the other end. */
  receive(datagram: Buffer): void {
    this.datagrams.push(datagram);
    const first = datagram[16] as number;
    const flags = datagram[19] as number;
    const exchange = datagram[18] as number;
    if ((flags & ENCRYPTED) !== 0) {
      if (exchange === EXCHANGE[this.setup.mode] && this.heeds === Number.POSITIVE_INFINITY)
        this.#receiveEncrypted(first, datagram.subarray(28));
      return;
    }
    const pieces = unchained(first, datagram.subarray(28));
    this.clear.push(pieces);
    if (this.#initiator) this.#ckyR = datagram.subarray(8, 16);
    if (exchange === EXCHANGE[this.setup.mode] && this.clear.length <= this.heeds)
      this.#receiveClear(datagram, pieces);
  }

  /** The next message of phase 1 as somebody without the keys can make it: nobody can read it, or its proof is wrong. */
  guess(): void {
    if (this.setup.mode === 'aggressive') this.#send([[PAYLOAD.HASH, this.#hash(randomBytes(8))]]);
    else this.setup.transmit(this.#message(PAYLOAD.HASH, randomBytes(48), EXCHANGE.main, u32(0), ENCRYPTED));
  }

  /** Deletes the ISAKMP SA under its keys (RFC 2408 §3.15, RFC 2409 §5.7). */
  deleteSa(): void {
    const { skeyidA } = this.#made;
    const messageId = randomBytes(4);
    const body = Buffer.concat([u32(1), Buffer.of(1, 16, 0, 1), this.#ckyI, this.#ckyR]);
    const del = chained([[PAYLOAD.DELETE, body]]);
    const hash = this.#prf(skeyidA, messageId, del);
    const { block } = CIPHER[this.setup.cipher];
    const iv = this.#hash(this.#iv, messageId).subarray(0, block);
    const text = chained([
      [PAYLOAD.HASH, hash],
      [PAYLOAD.DELETE, body],
    ]);
    this.setup.transmit(
      this.#message(PAYLOAD.HASH, this.#encrypt(iv, text), EXCHANGE.informational, messageId),
    );
  }

  #restart(initiator: boolean): void {
    this.#initiator = initiator;
    this.established = false;
    this.#half = this.#ours = this.#theirs = this.#keys = this.theirId = undefined;
    this.clear.length = this.datagrams.length = this.certificates.length = 0;
  }

  #receiveClear(datagram: Buffer, pieces: readonly Piece[]): void {
    const [sa] = bodies(pieces, PAYLOAD.SA);
    const begins = sa !== undefined && datagram.subarray(8, 16).equals(Buffer.alloc(8));
    if (begins) {
      this.#restart(false);
      this.clear.push(pieces);
      this.#ckyI = datagram.subarray(0, 8);
      this.#ckyR = randomBytes(8);
      this.#saBody = sa;
    }
    if (this.setup.mode === 'main') this.#nextOfMain(pieces, begins);
    else this.#nextOfAggressive(pieces, begins);
  }

  #nextOfMain(pieces: readonly Piece[], begins: boolean): void {
    if (begins) this.#send([[PAYLOAD.SA, this.#chosen()], ...this.#vendorIds()]);
    else if (bodies(pieces, PAYLOAD.SA).length > 0) this.#send(this.#share());
    else if (this.#initiator) {
      this.#read(pieces);
      this.#agree();
      this.#sendEncrypted([[PAYLOAD.HASH, this.#ownProof()]]);
    } else {
      this.#read(pieces);
      this.#send(this.#share());
      this.#agree();
    }
  }

  #nextOfAggressive(pieces: readonly Piece[], begins: boolean): void {
    if (begins) {
      this.#read(pieces);
      const share = this.#share();
      this.#agree();
      this.#send([[PAYLOAD.SA, this.#chosen()], ...share, [PAYLOAD.HASH, this.#ownProof()]]);
      return;
    }
    if (this.#initiator) {
      this.#read(pieces);
      this.#agree();
    }
    const proof = bodies(pieces, PAYLOAD.HASH).at(-1);
    assert.ok(proof?.equals(this.#proofOf(!this.#initiator)), 'the proof does not fit');
    if (this.#initiator) this.#send([[PAYLOAD.HASH, this.#ownProof()]]);
    this.established = true;
  }

  #receiveEncrypted(first: number, ciphertext: Buffer): void {
    const { cipher } = this.setup;
    const { block } = CIPHER[cipher];
    const decipher = createDecipheriv(cipher, this.#made.cipherKey, this.#iv).setAutoPadding(false);
    const text = Buffer.concat([decipher.update(ciphertext), decipher.final()]);
    this.#iv = Buffer.from(ciphertext.subarray(-block));
    const [proof] = bodies(unchained(first, text), PAYLOAD.HASH);
    assert.ok(proof?.equals(this.#proofOf(!this.#initiator)), 'the proof does not fit');
    if (!this.#initiator && this.setup.mode === 'main')
      this.#sendEncrypted([[PAYLOAD.HASH, this.#ownProof()]]);
    this.established = true;
  }

  // ── the share (RFC 2409 §5.2, §5.3) ──

  #share(): readonly Piece[] {
    const { method, id, theirCertificate, ownCertificate } = this.setup;
    this.#half = diffieHellman(this.setup.group);
    const { odd } = this;
    this.#ours = {
      publicValue: odd.publicValue ?? this.#half.publicValue,
      nonce: odd.nonce ?? randomBytes(20),
      id: odd.id ?? id,
    };
    const named: readonly Piece[] =
      this.#initiator && theirCertificate !== undefined ? [[PAYLOAD.HASH, this.#hash(theirCertificate)]] : [];
    const certificates = this.#initiator && ownCertificate !== undefined ? [ownCertificate] : [];
    const pieces = method === 4 ? this.#sharePlainly(named) : this.#shareRevised(named, certificates);
    return odd.pieces?.(pieces) ?? pieces;
  }

  #sharePlainly(named: readonly Piece[]): readonly Piece[] {
    const { publicValue, nonce, id } = this.#own;
    return [
      [PAYLOAD.KE, publicValue],
      ...named,
      [PAYLOAD.ID, this.#encryptTo(id)],
      [PAYLOAD.NONCE, this.#encryptTo(nonce)],
    ];
  }

  #shareRevised(named: readonly Piece[], certificates: readonly Buffer[]): readonly Piece[] {
    const { publicValue, nonce, id } = this.#own;
    const { natD, cipher } = this.setup;
    const { block } = CIPHER[cipher];
    const key = this.#ephemeral(nonce, this.#initiator ? this.#ckyI : this.#ckyR);
    let iv: Buffer = Buffer.alloc(block);
    const seal = (type: number, body: Buffer): Piece => {
      const fill = block - (body.length % block);
      const padding = Buffer.alloc(fill);
      padding[fill - 1] = fill - 1;
      const sealer = createCipheriv(cipher, key, iv).setAutoPadding(false);
      const sealed = Buffer.concat([sealer.update(Buffer.concat([body, padding])), sealer.final()]);
      iv = Buffer.from(sealed.subarray(-block));
      return [type, sealed];
    };
    return [
      ...named,
      [PAYLOAD.NONCE, this.#encryptTo(nonce)],
      seal(PAYLOAD.KE, publicValue),
      seal(PAYLOAD.ID, id),
      ...certificates.map(der => seal(PAYLOAD.CERT, Buffer.concat([Buffer.of(4), der]))),
      ...(natD ?? []).map(address => seal(PAYLOAD.NAT_D, this.#hash(this.#ckyI, this.#ckyR, address))),
    ];
  }

  #read(pieces: readonly Piece[]): void {
    const { method } = this.setup;
    const [encrypted] = bodies(pieces, PAYLOAD.NONCE);
    assert.ok(encrypted !== undefined, 'no nonce');
    const nonce = this.#decryptOwn(encrypted);
    if (method === 4) {
      const [publicValue] = bodies(pieces, PAYLOAD.KE);
      const [id] = bodies(pieces, PAYLOAD.ID);
      assert.ok(publicValue !== undefined && id !== undefined);
      this.#theirs = { publicValue, nonce, id: this.#decryptOwn(id) };
    } else this.#theirs = this.#readRevised(pieces, nonce);
    this.theirId = this.#theirs.id;
  }

  #readRevised(pieces: readonly Piece[], nonce: Buffer): Side {
    const { cipher } = this.setup;
    const { block } = CIPHER[cipher];
    const key = this.#ephemeral(nonce, this.#initiator ? this.#ckyR : this.#ckyI);
    const at = pieces.findIndex(([type]) => type === PAYLOAD.NONCE);
    if (this.setup.mode === 'main')
      assert.equal(at, pieces[0]?.[0] === PAYLOAD.HASH ? 1 : 0, 'the nonce is not first');
    let iv: Buffer = Buffer.alloc(block);
    const found = new Map<number, Buffer>();
    for (const [type, body] of pieces.slice(at + 1)) {
      if (type === PAYLOAD.HASH) continue;
      assert.equal(body.length % block, 0, `payload ${type} is not encrypted`);
      const opener = createDecipheriv(cipher, key, iv).setAutoPadding(false);
      const text = Buffer.concat([opener.update(body), opener.final()]);
      iv = body.subarray(-block);
      const zeros = text[text.length - 1] as number;
      const end = text.length - 1 - zeros;
      assert.ok(
        zeros < block && text.subarray(end, -1).every(octet => octet === 0),
        `padding of payload ${type}`,
      );
      if (type === PAYLOAD.CERT) this.certificates.push(text.subarray(0, end));
      else found.set(type, text.subarray(0, end));
    }
    const [publicValue, id] = [found.get(PAYLOAD.KE), found.get(PAYLOAD.ID)];
    assert.ok(publicValue !== undefined && id !== undefined, 'no public value or identity behind the nonce');
    return { publicValue, nonce, id };
  }

  #encryptTo(text: Buffer): Buffer {
    return publicEncrypt({ key: this.setup.theirKey, padding: constants.RSA_PKCS1_PADDING }, text);
  }

  #decryptOwn(text: Buffer): Buffer {
    return privateDecrypt({ key: this.setup.privateKey, padding: constants.RSA_PKCS1_PADDING }, text);
  }

  /** Ke_i, Ke_r: from Ne = prf(nonce, cookie), stretched as appendix B has it. */
  #ephemeral(nonce: Buffer, cookie: Buffer): Buffer {
    return this.#stretched(this.#prf(nonce, cookie));
  }

  // ── keys and proofs (RFC 2409 §5, appendix B) ──

  #agree(): void {
    const { block } = CIPHER[this.setup.cipher];
    const { initiator, responder } = this.#sides;
    const secret = this.#begun.secret(this.#met.publicValue);
    const nonces = Buffer.concat([initiator.nonce, responder.nonce]);
    const cookies = [this.#ckyI, this.#ckyR];
    const skeyid = this.#prf(this.setup.unhashed === true ? nonces : this.#hash(nonces), ...cookies);
    const skeyidD = this.#prf(skeyid, secret, ...cookies, Buffer.of(0));
    const skeyidA = this.#prf(skeyid, skeyidD, secret, ...cookies, Buffer.of(1));
    const skeyidE = this.#prf(skeyid, skeyidA, secret, ...cookies, Buffer.of(2));
    this.#keys = { skeyid, skeyidA, cipherKey: this.#stretched(skeyidE) };
    this.#iv = this.#hash(initiator.publicValue, responder.publicValue).subarray(0, block);
  }

  #stretched(start: Buffer): Buffer {
    const { key } = CIPHER[this.setup.cipher];
    if (start.length >= key) return start.subarray(0, key);
    const blocks: Buffer[] = [];
    while (Buffer.concat(blocks).length < key) blocks.push(this.#prf(start, blocks.at(-1) ?? Buffer.of(0)));
    return Buffer.concat(blocks).subarray(0, key);
  }

  #ownProof(): Buffer {
    const proof = this.#proofOf(this.#initiator);
    return this.odd.proof?.(proof) ?? proof;
  }

  #proofOf(initiators: boolean): Buffer {
    const { initiator: i, responder: r } = this.#sides;
    const { skeyid } = this.#made;
    return initiators
      ? this.#prf(skeyid, i.publicValue, r.publicValue, this.#ckyI, this.#ckyR, this.#saBody, i.id)
      : this.#prf(skeyid, r.publicValue, i.publicValue, this.#ckyR, this.#ckyI, this.#saBody, r.id);
  }

  #prf(key: Buffer, ...parts: readonly Buffer[]): Buffer {
    return createHmac(this.setup.hash, key).update(Buffer.concat(parts)).digest();
  }

  #hash(...parts: readonly Buffer[]): Buffer {
    return createHash(this.setup.hash).update(Buffer.concat(parts)).digest();
  }

  get #sides(): { readonly initiator: Side; readonly responder: Side } {
    const [ours, theirs] = [this.#own, this.#met];
    return this.#initiator ? { initiator: ours, responder: theirs } : { initiator: theirs, responder: ours };
  }

  get #own(): Side {
    assert.ok(this.#ours !== undefined);
    return this.#ours;
  }

  get #met(): Side {
    assert.ok(this.#theirs !== undefined);
    return this.#theirs;
  }

  get #begun(): Half {
    assert.ok(this.#half !== undefined);
    return this.#half;
  }

  get #made(): Keys {
    assert.ok(this.#keys !== undefined, 'a message under keys before there are any');
    return this.#keys;
  }

  // ── messages (RFC 2408 §3) ──

  #send(pieces: readonly Piece[]): void {
    this.setup.transmit(this.#message(pieces[0]?.[0] ?? 0, chained(pieces), EXCHANGE[this.setup.mode]));
  }

  #sendEncrypted(pieces: readonly Piece[]): void {
    const body = this.#encrypt(this.#iv, chained(pieces));
    this.#iv = Buffer.from(body.subarray(-CIPHER[this.setup.cipher].block));
    this.setup.transmit(
      this.#message(pieces[0]?.[0] ?? 0, body, EXCHANGE[this.setup.mode], u32(0), ENCRYPTED),
    );
  }

  #encrypt(iv: Buffer, text: Buffer): Buffer {
    const { cipher } = this.setup;
    const { block } = CIPHER[cipher];
    const padded = Buffer.concat([text, Buffer.alloc((block - (text.length % block)) % block)]);
    const sealer = createCipheriv(cipher, this.#made.cipherKey, iv).setAutoPadding(false);
    return Buffer.concat([sealer.update(padded), sealer.final()]);
  }

  #message(
    first: number,
    body: Buffer,
    exchange: number,
    messageId: Buffer = u32(0),
    flags = exchange === EXCHANGE.informational ? ENCRYPTED : 0,
  ): Buffer {
    const isFirst = this.#initiator && this.#keys === undefined && this.clear.length === 0;
    const responder = isFirst ? Buffer.alloc(8) : this.#ckyR;
    const fields = Buffer.of(first, 0x10, exchange, flags);
    return Buffer.concat([this.#ckyI, responder, fields, messageId, u32(28 + body.length), body]);
  }

  /** Body of an SA payload with one transform. */
  #offer(): Buffer {
    return saBody([this.#attributes()]);
  }

  /** Of the transforms that were offered the one that is meant here, as it came. */
  #chosen(): Buffer {
    const wanted = this.#attributes().filter(([type]) => type < 11 || type === 14);
    const transform = transformsOf(this.#saBody).find(attributes =>
      wanted.every(([type, value]) => attributes.some(([t, v]) => t === type && v === value)),
    );
    assert.ok(transform !== undefined, 'what is meant here was not offered');
    return saBody([transform]);
  }

  #attributes(): readonly (readonly [type: number, value: number])[] {
    const { number, keyBits } = CIPHER[this.setup.cipher];
    return [
      [1, number],
      ...(keyBits === undefined ? [] : [[14, keyBits] as const]),
      [2, HASH_NUMBER[this.setup.hash]],
      [3, this.setup.method],
      [4, this.setup.group],
    ];
  }

  #vendorIds(): readonly Piece[] {
    return this.setup.natD === undefined
      ? []
      : [[PAYLOAD.VID, createHash('md5').update('RFC 3947').digest()]];
  }
}

export function saBody(transforms: readonly (readonly (readonly [number, number])[])[]): Buffer {
  const encoded = transforms.map((attributes, i) => {
    const list = Buffer.concat(
      attributes.map(([type, value]) => Buffer.concat([u16(0x8000 | type), u16(value)])),
    );
    const last = i === transforms.length - 1;
    return Buffer.concat([Buffer.of(last ? 0 : 3, 0), u16(8 + list.length), Buffer.of(i + 1, 1, 0, 0), list]);
  });
  const inner = Buffer.concat([Buffer.of(1, 1, 0, transforms.length), ...encoded]);
  return Buffer.concat([u32(1), u32(1), Buffer.of(0, 0), u16(4 + inner.length), inner]);
}

/** Attributes of each transform of the only proposal; those in the long form as numbers too, as far as they are small. */
export function transformsOf(sa: Buffer): readonly (readonly (readonly [number, number])[])[] {
  const found: (readonly (readonly [number, number])[])[] = [];
  const end = 8 + sa.readUInt16BE(10);
  for (let at = 16 + (sa[14] as number); at < end; at += sa.readUInt16BE(at + 2)) {
    const attributes: [number, number][] = [];
    const stop = at + sa.readUInt16BE(at + 2);
    for (let here = at + 8; here < stop; ) {
      const type = sa.readUInt16BE(here);
      const value = sa.readUInt16BE(here + 2);
      attributes.push(
        (type & 0x8000) !== 0 ? [type & 0x7fff, value] : [type, sa.readUIntBE(here + 4, value)],
      );
      here += 4 + ((type & 0x8000) !== 0 ? 0 : value);
    }
    found.push(attributes);
  }
  return found;
}

export function chained(pieces: readonly Piece[]): Buffer {
  return Buffer.concat(
    pieces.map(([, body], i) =>
      Buffer.concat([Buffer.of(pieces[i + 1]?.[0] ?? 0, 0), u16(4 + body.length), body]),
    ),
  );
}

export function unchained(first: number, octets: Buffer): readonly Piece[] {
  const pieces: Piece[] = [];
  let type = first;
  for (let at = 0; type !== 0; ) {
    const length = octets.readUInt16BE(at + 2);
    pieces.push([type, Buffer.from(octets.subarray(at + 4, at + length))]);
    type = octets[at] as number;
    at += length;
  }
  return pieces;
}

export function bodies(pieces: readonly Piece[], wanted: number): readonly Buffer[] {
  return pieces.flatMap(([type, body]) => (type === wanted ? [body] : []));
}

export function diffieHellman(group: PeerSetup['group']): Half {
  if (group === 19) {
    const half = createECDH('prime256v1');
    const publicValue = half.generateKeys().subarray(1);
    return { publicValue, secret: peer => half.computeSecret(Buffer.concat([Buffer.of(4), peer])) };
  }
  const half = getDiffieHellman(group === 14 ? 'modp14' : 'modp2');
  const length = half.getPrime().length;
  half.generateKeys();
  const full = (value: Buffer): Buffer => Buffer.concat([Buffer.alloc(length - value.length), value]);
  return { publicValue: full(half.getPublicKey()), secret: peer => full(half.computeSecret(peer)) };
}

export function u16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 0xff);
}

export function u32(value: number): Buffer {
  const octets = Buffer.alloc(4);
  octets.writeUInt32BE(value);
  return octets;
}
