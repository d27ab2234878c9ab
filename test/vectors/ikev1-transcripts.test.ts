import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { phaseTwoIv, skeyidPsk, v1Hash } from '../../src/crypto/keymat-v1.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { parseProposals } from '../../src/crypto/proposal.ts';
import type { CbcCipher, CryptoProvider } from '../../src/crypto/provider.ts';
import { Engine } from '../../src/engine/engine.ts';
import { V1ExchangeType, V1PayloadType } from '../../src/iana/ikev1.ts';
import { Encr, Integ, KeMethod } from '../../src/iana/transforms.ts';
import type { Answer, IkeEvent, Output } from '../../src/ike/output.ts';
import type { Host } from '../../src/ike/session.ts';
import { HASH_1, type HashRule } from '../../src/ikev1/hash-rule.ts';
import { IsakmpKeys } from '../../src/ikev1/isakmp-keys.ts';
import { seal } from '../../src/ikev1/protection.ts';
import { equal, fromHex, toHex } from '../../src/lib/bytes.ts';
import { ip } from '../../src/lib/ip.ts';
import { Secret } from '../../src/lib/secret.ts';
import { utf8 } from '../../src/lib/text.ts';
import { type Identity, parseIdentity } from '../../src/policy/identity.ts';
import type { Path } from '../../src/policy/sa.ts';
import { decodeHeader } from '../../src/wire/header.ts';
import { decodeV1Message, decodeV1Payloads, encodeV1Body } from '../../src/wire/v1/message.ts';
import type { V1Payload } from '../../src/wire/v1/payload.ts';
import { dataPath, withoutData } from '../data.ts';
import { ALL_FEATURES } from '../sim/back-end.ts';
import { child, connection, sharedKey, subnet } from '../sim/configuration.ts';
import { find } from '../sim/scripted-peer-v1.ts';

/* Whole exchanges that were recorded between others: with their cookies, nonces and keys we say the same, to the octet. */

const RECORD = 'vectors/transcripts/ikev1-rub-nds.json';
const inner = nodeProvider();

interface Transcript {
  readonly name: string;
  readonly psk: string;
  readonly gxy: string;
  readonly cipherKey: string;
  readonly messages: readonly { readonly dir: 'I' | 'R'; readonly hex: string }[];
  readonly quickModePlain: readonly string[];
}

/** A transcript, read. */
interface Run {
  readonly psk: string;
  readonly gxy: Uint8Array;
  readonly messages: readonly Uint8Array[];
  /** The messages of phase 1, in the clear or decrypted. */
  readonly offer: readonly V1Payload[];
  readonly initiator: readonly V1Payload[];
  readonly responder: readonly V1Payload[];
  readonly quick: readonly (readonly V1Payload[])[];
  readonly cipher: CbcCipher;
}

function octets(text: string): Uint8Array {
  const read = fromHex(text);
  assert.ok(read !== undefined);
  return read;
}

function runOf(name: string): Run {
  const { transcripts } = JSON.parse(readFileSync(dataPath(RECORD), 'utf8')) as { transcripts: Transcript[] };
  const transcript = transcripts.find(one => one.name === name);
  assert.ok(transcript !== undefined);
  const messages = transcript.messages.map(({ hex }) => octets(hex));
  const isAggressive = messages[0]?.[18] === V1ExchangeType.AGGRESSIVE;
  const clear = (at: number): readonly V1Payload[] =>
    decodeV1Message(messages[at] ?? new Uint8Array()).payloads;
  const cipher = inner.cbcCipher(Encr.ENCR_AES_CBC, octets(transcript.cipherKey));
  assert.ok(cipher !== undefined);
  return {
    psk: transcript.psk,
    gxy: octets(transcript.gxy),
    messages,
    offer: clear(0),
    initiator: clear(isAggressive ? 0 : 2),
    responder: clear(isAggressive ? 1 : 3),
    quick: transcript.quickModePlain.map(text => decodeV1Payloads(V1PayloadType.HASH, octets(text)).payloads),
    cipher,
  };
}

/** Cookies and nonces come in this order; what is drawn besides, for other things, from elsewhere. */
function scripted(run: Run, role: 'initiator' | 'responder', randoms: readonly Uint8Array[]): CryptoProvider {
  const queue = [...randoms];
  const side = role === 'initiator' ? run.initiator : run.responder;
  return {
    ...delegating(inner),
    random: length => (length < SHORTEST ? undefined : queue.shift()) ?? inner.random(length),
    keyExchange: () => ({
      initiate: () => ({
        publicValue: find(side, V1PayloadType.KE).data,
        finish: () => new Secret(run.gxy.slice()),
      }),
      respond: () => ({
        publicValue: find(side, V1PayloadType.KE).data,
        sharedSecret: new Secret(run.gxy.slice()),
      }),
    }),
  };
}

/** All methods of a provider, bound to it. */
function delegating(provider: CryptoProvider): CryptoProvider {
  return new Proxy(provider, {
    ownKeys: target => [...Object.keys(target), ...Object.getOwnPropertyNames(Object.getPrototypeOf(target))],
    getOwnPropertyDescriptor: (target, key) => ({
      configurable: true,
      enumerable: key !== 'constructor',
      value: Reflect.get(target, key),
    }),
    get: (target, key) => {
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** Of a cookie, in octets. */
const SHORTEST = 8;

const INITIATOR = { address: ip('10.0.3.1'), port: 500 };
const RESPONDER = { address: ip('10.0.3.10'), port: 500 };

/** An engine at one end of a transcript, and what it sends. */
class End {
  readonly sent: Uint8Array[] = [];
  readonly events: IkeEvent[] = [];
  readonly engine: Engine;
  readonly #path: Path;
  readonly #spi: number;

  constructor(run: Run, provider: CryptoProvider, role: 'initiator' | 'responder', spi: number) {
    const [local, remote] = role === 'initiator' ? [INITIATOR, RESPONDER] : [RESPONDER, INITIATOR];
    this.#path = { local, remote };
    this.#spi = spi;
    const identity = (address: Uint8Array): Identity => parseIdentity([...address].join('.'));
    const made = connection('a', 'b');
    this.engine = new Engine({
      provider,
      features: ALL_FEATURES,
      credentials: sharedKey(run.psk),
      settings: { allowAggressivePsk: true },
      connections: [
        {
          ...made,
          version: 1,
          unique: 'never',
          aggressive: run.messages[0]?.[18] === V1ExchangeType.AGGRESSIVE,
          proposals: parseProposals('aes128-sha1-modp1024', 'ike'),
          local: made.local.map(round => ({ ...round, id: identity(local.address) })),
          remote: made.remote.map(round => ({
            ...round,
            id: { kind: 'exact', identity: identity(remote.address) },
          })),
          children: [
            child({
              proposals: parseProposals('aes128-sha1', 'esp'),
              // What was asked for, all there is, was narrowed to these.
              localTs: [subnet('10.1.0.0/24')],
              remoteTs: [subnet('10.0.3.1/32')],
            }),
          ],
        },
      ],
    });
  }

  initiate(): void {
    this.#perform(this.engine.initiate({ connection: 'site', child: 'net' }, 0).outputs);
  }

  receive(datagram: Uint8Array | undefined): void {
    assert.ok(datagram !== undefined);
    this.#perform(this.engine.receive(datagram.slice(), this.#path, 0));
  }

  #perform(outputs: readonly Output[]): void {
    for (const output of outputs) {
      if (output.kind === 'transmit') this.sent.push(output.datagram.slice());
      else if (output.kind === 'event') this.events.push(output.event);
      else if (output.kind === 'ask')
        this.#perform(this.engine.answer(output.id, this.#answer(output.question.kind), 0));
    }
  }

  #answer(question: string): Answer {
    if (question === 'resolve') return { kind: 'path', path: this.#path };
    return question === 'allocate-spi' ? { kind: 'spi', spi: this.#spi } : { kind: 'done' };
  }
}

function cookieOf(message: Uint8Array | undefined, at: 0 | 8): Uint8Array {
  assert.ok(message !== undefined);
  return message.slice(at, at + 8);
}

function nonceOf(payloads: readonly V1Payload[]): Uint8Array {
  return find(payloads, V1PayloadType.NONCE).data;
}

/** Of a message of quick mode, without its SA: that has more than one lawful form. */
function besidesSa(payloads: readonly V1Payload[]): readonly V1Payload[] {
  return payloads.filter(({ type }) => type !== V1PayloadType.SA && type !== V1PayloadType.HASH);
}

/** The payloads of an answer in quick mode, by the keys of the transcript. */
function quickAnswer({ cipher }: Run, request: Uint8Array, answer: Uint8Array): readonly V1Payload[] {
  const text = cipher.decrypt(request.slice(-16), answer.subarray(28));
  return decodeV1Payloads(decodeHeader(answer).nextPayload, text).payloads;
}

const spiOf = (payloads: readonly V1Payload[]): number => {
  const spi = find(payloads, V1PayloadType.SA).proposals[0]?.spi ?? new Uint8Array(4);
  return new DataView(spi.buffer, spi.byteOffset, 4).getUint32(0);
};

describe('recorded exchanges of IKEv1', { skip: withoutData(RECORD) }, () => {
  test('main mode, as the responder', () => {
    const run = runOf('testMainModePSKHandshake');
    const [mi1, mr1, mi2, mr2, mi3, mr3, qm1] = run.messages;
    const [, second] = run.quick;
    assert.ok(second !== undefined && mi3 !== undefined && mr3 !== undefined && qm1 !== undefined);
    const randoms = [cookieOf(mr1, 8), nonceOf(run.responder), nonceOf(second)];
    const end = new End(run, scripted(run, 'responder', randoms), 'responder', spiOf(second));
    end.receive(mi1);
    end.receive(mi2);
    end.receive(mi3);
    const [, fourth, sixth] = end.sent;
    assert.equal(toHex(fourth ?? new Uint8Array()), toHex(mr2 ?? new Uint8Array()));
    assert.equal(toHex(sixth ?? new Uint8Array()), toHex(mr3));
    assert.equal(end.events.filter(({ kind }) => kind === 'ike-up').length, 1);
    end.receive(qm1);
    const answer = end.sent[3];
    assert.ok(answer !== undefined);
    const ours = quickAnswer(run, qm1, answer);
    assert.deepEqual(besidesSa(ours), besidesSa(second));
    assert.equal(spiOf(ours), spiOf(second));
  });

  test('main mode, as the initiator', () => {
    const run = runOf('testMainModePSKHandshake');
    const [mi1, mr1, mi2, mr2, mi3, mr3] = run.messages;
    const recorded = encodeV1Body(find(run.offer, V1PayloadType.SA));
    const randoms = [cookieOf(mi1, 0), nonceOf(run.initiator)];
    const provider = scripted(run, 'initiator', randoms);
    let ours: Uint8Array | undefined;
    // An offer has no one form: where ours is hashed, the recorded one is meant.
    const hmac: CryptoProvider['hmac'] = (name, key, ...parts) =>
      provider.hmac(
        name,
        key,
        ...parts.map(part => (ours !== undefined && equal(part, ours) ? recorded : part)),
      );
    const end = new End(run, { ...provider, hmac }, 'initiator', 0x1000);
    end.initiate();
    ours = find(decodeV1Message(end.sent[0] ?? new Uint8Array()).payloads, V1PayloadType.SA).body?.slice();
    end.receive(mr1);
    end.receive(mr2);
    end.receive(mr3);
    assert.deepEqual(
      end.sent.slice(1, 3).map(toHex),
      [mi2, mi3].map(one => toHex(one ?? new Uint8Array())),
    );
    assert.equal(end.events.filter(({ kind }) => kind === 'ike-up').length, 1);
  });

  test('aggressive mode, as the responder', () => {
    const run = runOf('testAggressiveModePSKHandshake');
    const [ai1, ar1, ai2, qm1] = run.messages;
    const [, second] = run.quick;
    assert.ok(second !== undefined && ar1 !== undefined && qm1 !== undefined);
    const randoms = [cookieOf(ar1, 8), nonceOf(run.responder), nonceOf(second)];
    const end = new End(run, scripted(run, 'responder', randoms), 'responder', spiOf(second));
    end.receive(ai1);
    const [answer] = end.sent;
    assert.ok(answer !== undefined);
    const ours = decodeV1Message(answer).payloads;
    for (const type of [V1PayloadType.KE, V1PayloadType.NONCE, V1PayloadType.ID, V1PayloadType.HASH] as const)
      assert.deepEqual(find(ours, type), find(run.responder, type));
    end.receive(ai2);
    assert.equal(end.events.filter(({ kind }) => kind === 'ike-up').length, 1);
    end.receive(qm1);
    const quick = end.sent.at(-1);
    assert.ok(quick !== undefined);
    assert.deepEqual(besidesSa(quickAnswer(run, qm1, quick)), besidesSa(second));
  });

  for (const name of ['testMainModePSKHandshake', 'testAggressiveModePSKHandshake']) {
    test(`${name}: the messages of quick mode, sealed`, () => {
      const run = runOf(name);
      const recorded = run.messages.slice(-3);
      const [first, second, third] = run.quick;
      assert.ok(first !== undefined && second !== undefined && third !== undefined);
      const keys = keysOf(run);
      const phaseOne = run.messages.slice(0, -3).filter(message => ((message[19] ?? 0) & 1) !== 0);
      const lastBlock = phaseOne.at(-1)?.slice(-16) ?? keys.firstIv;
      const header = decodeHeader(recorded[0] ?? new Uint8Array());
      const [ni, nr] = [nonceOf(first), nonceOf(second)];
      const rules: readonly HashRule[] = [HASH_1, { number: 2, ni }, { number: 3, ni, nr }];
      let iv = phaseTwoIv(keys.hash, lastBlock, header.messageId, 16);
      for (const [i, payloads] of [first, second, third].entries()) {
        const hash = rules[i];
        assert.ok(hash !== undefined);
        const { datagram, nextIv } = seal(
          { ...header, flags: 0 },
          { payloads: payloads.slice(1), hash },
          keys,
          () => iv,
        );
        assert.equal(toHex(datagram), toHex(recorded[i] ?? new Uint8Array()));
        assert.ok(nextIv !== undefined);
        iv = nextIv;
      }
    });
  }
});

function keysOf(run: Run): IsakmpKeys {
  const header = decodeHeader(run.messages[1] ?? new Uint8Array());
  const cookies = { initiator: header.initiatorSpi, responder: header.responderSpi };
  const nonces = { initiator: nonceOf(run.initiator), responder: nonceOf(run.responder) };
  const accepted = {
    encryption: Encr.ENCR_AES_CBC,
    keyLength: 128,
    prf: 2,
    integrity: Integ.AUTH_HMAC_SHA1_96,
    keyExchange: KeMethod.MODP1024,
  };
  return new IsakmpKeys(
    { provider: inner } as Host,
    skeyidPsk(v1Hash(inner, 'sha1'), utf8(run.psk), nonces),
    {
      suite: { accepted, hash: 'sha1', text: '' } as unknown as ConstructorParameters<
        typeof IsakmpKeys
      >[2]['suite'],
      sharedSecret: run.gxy,
      cookies,
      initiatorPublic: find(run.initiator, V1PayloadType.KE).data,
      responderPublic: find(run.responder, V1PayloadType.KE).data,
    },
  );
}
