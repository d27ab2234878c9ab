import { IpcompTransform, V1ProtocolId } from '../iana/ikev1.ts';
import { readU16, writeU16 } from '../lib/bytes.ts';
import type { ChildConfig } from '../policy/connection.ts';
import { crossesFamilies } from '../policy/narrowing.ts';
import type { BackendFeatures, Path } from '../policy/sa.ts';
import type { V1Attribute, V1Proposal, V1Transform } from '../wire/v1/payload.ts';
import type { PeerFacts } from './isakmp-sa.ts';

/*
 * Compression of packets (RFC 3173): a proposal for IPComp that has the number of one for ESP or AH goes with it, and
 * the two are taken together or not at all (RFC 2408 §4.2). Its SPI is the CPI under which its sender takes packets.
 */

/** What a peer proposes beside ESP or AH. */
export interface Compressing {
  readonly cpi: number;
  /** As it came, for the answer. */
  readonly transform: V1Transform;
}

/** CPIs below are of well-known algorithms or reserved (RFC 3173 §3.3). */
const FIRST_CPI = 256;

/** Why `config` gets no compression; undefined where it does. Translated addresses would have to be translated inside too. */
export function withoutCompression(
  config: ChildConfig,
  features: BackendFeatures,
  { encapsulate }: PeerFacts,
  path: Path,
): string | undefined {
  if (config.ipcomp !== true) return 'this child is not to be compressed';
  if (features.ipcomp !== true) return 'the IPsec back end has no compression';
  if (encapsulate) return 'there is no compression through a NAT';
  if (crossesFamilies(config, path)) return 'there is no compression of one family of addresses in the other';
  return config.mode === 'beet' ? 'BEET mode has no compression' : undefined;
}

/** The proposal for DEFLATE that goes with the one of the same number. */
export function compressionOffer(
  number: number,
  cpi: number,
  attributes: readonly V1Attribute[],
): V1Proposal {
  return compressionAnswer(number, cpi, { number: 1, id: IpcompTransform.IPCOMP_DEFLATE, attributes });
}

/** As `compressionOffer`, with the transform that was chosen. */
export function compressionAnswer(number: number, cpi: number, transform: V1Transform): V1Proposal {
  const spi = new Uint8Array(2);
  writeU16(spi, 0, cpi);
  return { number, protocol: V1ProtocolId.PROTO_IPCOMP, spi, transforms: [transform] };
}

/** What a proposal for IPComp is to us: undefined where it has no DEFLATE, or no CPI that can be. */
export function compressingIn({ protocol, spi, transforms }: V1Proposal): Compressing | undefined {
  if (protocol !== V1ProtocolId.PROTO_IPCOMP) return undefined;
  const transform = transforms.find(({ id }) => id === IpcompTransform.IPCOMP_DEFLATE);
  // Some fill it up to the size that all other SPIs have (RFC 3173 §4.1).
  if (transform === undefined || (spi.length !== 2 && spi.length !== 4)) return undefined;
  const cpi = readU16(spi, spi.length - 2);
  return cpi < FIRST_CPI || spi.subarray(0, -2).some(octet => octet !== 0) ? undefined : { cpi, transform };
}
