import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import { schemeByName } from '../../src/crypto/sign/registry.ts';
import { MINUTE } from '../../src/lib/time.ts';
import { issue } from '../certificate-builder.ts';
import { connection } from '../sim/configuration.ts';
import { DssServer, signDss } from '../sim/dss-server.ts';
import { converse } from '../sim/encryption-v1.ts';
import { failureOf } from '../sim/failures.ts';
import { ADDRESS_A, ADDRESS_B, addEngine } from '../sim/pair.ts';
import { authority, certified, childV1, pairV1, V1 } from '../sim/pair-v1.ts';
import { Simulation } from '../sim/simulation.ts';
import { userEnds } from '../sim/user-v1.ts';

/* DSS (RFC 2409 §5.1): verified where a connection names it, and nothing is signed by it. */

const DSA = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 });
const SUN = issue(authority(), {
  subject: 'C=CH, O=Lab, CN=sun',
  names: ['dns:b.example.org'],
  key: DSA,
});
const SCHEME = schemeByName('ikev1-dss');

function withServer(schemes: readonly string[], mangle?: (signature: Buffer) => Buffer) {
  const ends = userEnds({ after: 'hybrid' });
  const sim = new Simulation();
  const one = { address: ADDRESS_A, port: 500 };
  const other = { address: ADDRESS_B, port: 500 };
  const [remote] = ends.a.remote ?? [];
  assert.ok(remote !== undefined);
  const a = addEngine(sim, 'a', ADDRESS_A, {
    connections: [
      connection('a', 'b', { ...V1, children: [childV1()], ...ends.a, remote: [{ ...remote, schemes }] }),
    ],
    credentials: ends.credentials.a,
    path: { local: one, remote: other },
  });
  const server = new DssServer({
    key: DSA.privateKey,
    certificate: Buffer.from(SUN.der),
    id: Buffer.concat([Buffer.of(2, 0, 0, 0), Buffer.from('b.example.org')]),
    transmit: datagram =>
      sim.network.send({ kind: 'ike', datagram: new Uint8Array(datagram) }, { local: other, remote: one }),
    ...(mangle === undefined ? {} : { mangle }),
  });
  sim.network.attach('b', ADDRESS_B, content => {
    if (content.kind === 'ike') server.receive(Buffer.from(content.datagram));
  });
  return { sim, a, server };
}

test('signatures that arithmetic alone made are verified, and wrong ones are not', () => {
  const provider = nodeProvider();
  const key = provider.importPublicKey(new Uint8Array(DSA.publicKey.export({ format: 'der', type: 'spki' })));
  assert.ok(SCHEME !== undefined);
  for (let i = 0; i < 8; i++) {
    const digest = Buffer.alloc(20, i);
    const signature = signDss(DSA.privateKey, digest);
    assert.ok(provider.verify(key, SCHEME, digest, signature));
    for (const at of [0, 19, 20, 39]) {
      const wrong = Buffer.from(signature);
      wrong[at] = (wrong[at] as number) ^ 1;
      assert.ok(!provider.verify(key, SCHEME, digest, wrong));
    }
    assert.ok(!provider.verify(key, SCHEME, Buffer.alloc(20, i + 1), signature));
    assert.ok(!provider.verify(key, SCHEME, digest, signature.subarray(0, 39)));
    assert.ok(!provider.verify(key, SCHEME, digest, Buffer.alloc(40)));
    assert.ok(!provider.verify(key, SCHEME, digest, Buffer.alloc(0)));
  }
});

test('a server that signs by DSS is believed where DSS is named', () => {
  const { sim, a, server } = withServer(['ikev1-dss']);
  a.initiate('site');
  converse(sim);
  assert.deepEqual(server.offered, [64_223]);
  assert.deepEqual(server.user, { name: 'carol', password: 'tango' });
  assert.deepEqual(
    a.status().map(({ state, remoteId }) => [state, remoteId]),
    [['ESTABLISHED', 'b.example.org']],
  );
});

test('DSS is not offered where it is not named', () => {
  const { sim, a, server } = withServer([]);
  a.initiate('site');
  converse(sim);
  assert.deepEqual([...new Set(server.offered)], [64_221]);
  assert.equal(server.user, undefined);
});

test('a signature that is wrong ends it before the user says anything, twice in a row', () => {
  const mangle = (signature: Buffer): Buffer => {
    const wrong = Buffer.from(signature);
    wrong[7] = (wrong[7] as number) ^ 0x10;
    return wrong;
  };
  const { sim, a, server } = withServer(['ikev1-dss'], mangle);
  for (let time = 0; time < 2; time++) {
    a.events.length = 0;
    a.initiate('site');
    converse(sim);
    sim.run(MINUTE);
    assert.equal(failureOf(a).code, 'auth/wrong-key');
    assert.equal(server.user, undefined);
    assert.deepEqual(a.status(), []);
  }
});

test('nothing is signed by a DSA key, twice in a row', () => {
  const { sim, a } = pairV1(certified({ name: 'moon', own: SUN }, { name: 'sun', own: SUN }));
  for (let time = 0; time < 2; time++) {
    a.events.length = 0;
    a.initiate('site', 'net');
    sim.quiet();
    assert.equal(failureOf(a).code, 'auth/method');
    assert.match(failureOf(a).summary, /nothing is signed by dsa keys/);
  }
});
