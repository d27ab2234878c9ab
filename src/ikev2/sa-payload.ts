import type { Proposal } from '../crypto/proposal.ts';
import { PayloadType, ProtocolId } from '../iana/ikev2.ts';
import { EMPTY, readU32, readU64, u64, writeU32 } from '../lib/bytes.ts';
import type { SaPayload, WireProposal } from '../wire/v2/payload.ts';

const PROTOCOLS = { ike: ProtocolId.IKE, esp: ProtocolId.ESP, ah: ProtocolId.AH } as const;

/** An SA payload that offers `proposals` in their order, numbered from 1, all with the same SPI (RFC 7296 §3.3.1). */
export function offerOf(proposals: readonly Proposal[], spi: Uint8Array): SaPayload {
  return {
    type: PayloadType.SA,
    proposals: proposals.map(({ protocol, transforms }, index) => ({
      number: index + 1,
      protocol: PROTOCOLS[protocol],
      spi,
      transforms,
    })),
  };
}

/** The SA payload that answers with the one chosen proposal. */
export function choiceOf(
  chosen: Pick<WireProposal, 'number' | 'transforms'> & { readonly protocol: Proposal['protocol'] },
  spi: Uint8Array,
): SaPayload {
  const { number, protocol, transforms } = chosen;
  return { type: PayloadType.SA, proposals: [{ number, protocol: PROTOCOLS[protocol], spi, transforms }] };
}

/** No SPI: in IKE_SA_INIT the header has it. */
export const NO_SPI: Uint8Array = EMPTY;

/** An SPI of an IKE SA in proposals that rekey it: eight octets, not zero; undefined where it is none. */
export function ikeSpiOf(spi: Uint8Array): bigint | undefined {
  if (spi.length !== 8) return undefined;
  return readU64(spi, 0) || undefined;
}

export function ikeSpiOctets(spi: bigint): Uint8Array {
  return u64(spi);
}

/** An SPI of ESP or AH: four octets; 0 to 255 are reserved (RFC 4303 §2.1). Undefined where it is none. */
export function childSpiOf(spi: Uint8Array): number | undefined {
  if (spi.length !== 4) return undefined;
  const value = readU32(spi, 0);
  return value > 255 ? value : undefined;
}

export function childSpiOctets(spi: number): Uint8Array {
  const octets = new Uint8Array(4);
  writeU32(octets, 0, spi);
  return octets;
}
