import { parseProposals } from '../src/crypto/proposal.ts';
import { ExchangeType, PayloadType } from '../src/iana/ikev2.ts';
import { NotifyStatus } from '../src/iana/notify.ts';
import { decodeMessage, encodeMessage, type Payload } from '../src/wire/index.ts';
import { microseconds, type Row } from './row.ts';

/** Decoding and encoding of an IKE_SA_INIT request as it is usually sent. */
export function benchWire(): Row[] {
  const notify = (notifyType: number, octets: number): Payload => ({
    type: PayloadType.Notify,
    protocol: 0,
    spi: new Uint8Array(0),
    notifyType,
    data: new Uint8Array(octets).fill(7),
  });
  const proposals = parseProposals(
    'aes256-aes128-sha256-sha384-prfsha256-prfsha384-ecp256-x25519-modp2048,aes256gcm16-aes128gcm16-prfsha256-x25519-ecp256',
    'ike',
  );
  const payloads: Payload[] = [
    {
      type: PayloadType.SA,
      proposals: proposals.map((proposal, i) => ({
        number: i + 1,
        protocol: 1,
        spi: new Uint8Array(0),
        transforms: proposal.transforms,
      })),
    },
    { type: PayloadType.KE, method: 31, data: new Uint8Array(32).fill(1) },
    { type: PayloadType.Nonce, data: new Uint8Array(32).fill(2) },
    notify(NotifyStatus.NAT_DETECTION_SOURCE_IP, 20),
    notify(NotifyStatus.NAT_DETECTION_DESTINATION_IP, 20),
    notify(NotifyStatus.IKEV2_FRAGMENTATION_SUPPORTED, 0),
    notify(NotifyStatus.SIGNATURE_HASH_ALGORITHMS, 8),
  ];
  const header = {
    initiatorSpi: 1n,
    responderSpi: 0n,
    exchangeType: ExchangeType.IKE_SA_INIT,
    flags: 0x08,
    messageId: 0,
  };
  const datagram = encodeMessage(header, payloads);
  const decode = microseconds(() => decodeMessage(datagram));
  const encode = microseconds(() => encodeMessage(header, payloads));
  const copy = microseconds(() => datagram.slice());
  return [
    {
      name: `decode IKE_SA_INIT, ${datagram.length} octets`,
      value: decode,
      unit: 'µs',
      ratio: decode / copy,
      baseline: 'copying it',
      target: '< 20 µs',
      met: decode < 20,
    },
    { name: 'encode it', value: encode, unit: 'µs', ratio: encode / copy, baseline: 'copying it' },
    { name: 'decoded a second', value: 1e6 / decode, unit: '' },
  ];
}
