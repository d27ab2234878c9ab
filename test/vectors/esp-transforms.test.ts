import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ENCRYPTION } from '../../src/crypto/encr/registry.ts';
import { INTEGRITY } from '../../src/crypto/integ/registry.ts';
import { nodeProvider } from '../../src/crypto/node/provider.ts';
import type { PacketCipher } from '../../src/crypto/provider.ts';
import { cipherSizes } from '../../src/crypto/sizes.ts';
import { InboundEsp } from '../../src/esp/inbound.ts';
import { OutboundEsp } from '../../src/esp/outbound.ts';
import { Secret } from '../../src/lib/secret.ts';

const provider = nodeProvider();
const SUBSPACE = 2 ** 32;

interface Suite {
  readonly name: string;
  readonly encryption: number;
  readonly keyLength: number;
  readonly integrity: number;
}

/** Every encryption algorithm for ESP with every key length; those without an ICV of their own with every integrity algorithm. */
function* suites(): Generator<Suite> {
  for (const encryption of ENCRYPTION.filter(({ uses }) => uses.includes('esp'))) {
    for (const { keyLength, names } of encryption.keywords) {
      const suite = { name: names[0], encryption: encryption.id, keyLength };
      if (encryption.icv > 0) yield { ...suite, integrity: 0 };
      else
        for (const integrity of INTEGRITY.filter(({ uses }) => uses.includes('esp')))
          yield { ...suite, name: `${suite.name}-${integrity.name}`, integrity: integrity.id };
    }
  }
}

function cipherOf({ encryption, keyLength, integrity }: Suite, octet: number): PacketCipher | undefined {
  const sizes = cipherSizes(encryption, keyLength, integrity);
  assert.ok(sizes, 'sizes are known');
  return provider.packetCipher({
    encryption,
    keyLength,
    integrity,
    encryptionKey: new Secret(Uint8Array.from({ length: sizes.encryptionKey }, (_, i) => octet + 3 * i)),
    integrityKey: new Secret(Uint8Array.from({ length: sizes.integrityKey }, (_, i) => octet + 7 * i)),
  });
}

const text = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => (11 * i + 3) & 0xff);

describe('every ESP transform', () => {
  for (const suite of suites()) {
    test(suite.name, t => {
      const sealing = cipherOf(suite, 1);
      const opening = cipherOf(suite, 1);
      const other = cipherOf(suite, 2);
      if (sealing === undefined || opening === undefined || other === undefined) {
        t.skip('this provider lacks it');
        return;
      }
      for (const esn of [false, true]) {
        const out = new OutboundEsp({ spi: 0x1000, cipher: sealing, esn, sequence: esn ? SUBSPACE - 3 : 0 });
        const into = new InboundEsp({ spi: 0x1000, cipher: opening, esn, replayWindow: 64 });
        const stranger = new InboundEsp({ spi: 0x1000, cipher: other, esn, replayWindow: 64 });
        if (esn) for (const side of [into, stranger]) side.window.accept(SUBSPACE - 3);
        for (const length of [0, 1, 20, 37, 64, 1400]) {
          const packet = new Uint8Array(out.sealedLength(length));
          packet.set(text(length), out.headerLength);
          assert.equal(out.seal(packet, 0, length, 4), packet.length);
          assert.equal((packet.length - 8 - sealing.ivLength - sealing.icvLength) % 4, 0);

          const forged = packet.slice();
          const at = 4 + ((length * 7) % (packet.length - 4));
          forged[at] = (forged[at] as number) ^ 0x40;
          const before = forged.slice();
          assert.ok(
            ['integrity', 'late'].includes(into.open(forged) as string),
            `octet ${at} of ${packet.length}`,
          );
          assert.deepEqual(forged, before, 'nothing was changed');
          assert.equal(stranger.open(packet.slice()), 'integrity');

          const opened = into.open(packet);
          assert.ok(typeof opened === 'object', `${length} octets: ${String(opened)}`);
          assert.equal(opened.nextHeader, 4);
          assert.deepEqual(packet.slice(opened.offset, opened.offset + opened.length), text(length));
        }
      }
    });
  }
});
