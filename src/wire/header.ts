import { readU32, readU64, writeU32, writeU64 } from '../lib/bytes.ts';
import { Malformed } from '../lib/reader.ts';

/** The 28 octets that begin every IKE message of either version (RFC 2408 §3.1, RFC 7296 §3.1). */
export interface Header {
  /** IKEv1: the initiator's cookie. */
  readonly initiatorSpi: bigint;
  /** Zero in the first message; IKEv1: the responder's cookie. */
  readonly responderSpi: bigint;
  readonly nextPayload: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  readonly exchangeType: number;
  /** The flags octet as it stands; which bit means what depends on the version. */
  readonly flags: number;
  readonly messageId: number;
  /** Of the whole message, header included, in octets. */
  readonly length: number;
}

export const HEADER_LENGTH = 28;

/** Flags of the IKEv2 header (RFC 7296 §3.1); those of IKEv1 are `V1HeaderFlag`. */
export const HeaderFlag = {
  /** Set by the original initiator of the IKE SA, in requests and responses alike. */
  INITIATOR: 0x08,
  /** The sender could speak a higher major version. */
  VERSION: 0x10,
  RESPONSE: 0x20,
} as const;

/**
 * What is wrong with a header: fewer than 28 octets; a Length field that is not the datagram's length; a
 * major version the decoder that was asked does not speak.
 */
export type HeaderFault = 'cut-short' | 'length' | 'version';

/** A header that cannot be gone on with; `fault` tells which way. */
export class HeaderMalformed extends Malformed {
  readonly fault: HeaderFault;

  constructor(fault: HeaderFault, message: string, offset: number) {
    super(message, offset);
    this.name = 'HeaderMalformed';
    this.fault = fault;
  }
}

//                      1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                       IKE SA Initiator's SPI                  |
// |                                                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                       IKE SA Responder's SPI                  |
// |                                                               |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |  Next Payload | MjVer | MnVer | Exchange Type |     Flags     |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                          Message ID                           |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
// |                            Length                             |
// +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

/**
 * The header of a message of any version: the first 28 octets have not changed since ISAKMP, and whoever is
 * to answer a version it does not speak needs them (RFC 7296 §2.5).
 *
 * @param datagram one whole IKE message, without the non-ESP marker of port 4500.
 * @throws HeaderMalformed with the fault `cut-short` or `length`. Nothing is ever sized by the Length field.
 */
export function decodeHeader(datagram: Uint8Array): Header {
  if (datagram.length < HEADER_LENGTH) {
    throw new HeaderMalformed(
      'cut-short',
      `IKE header: ${HEADER_LENGTH} octets wanted, ${datagram.length} there`,
      datagram.length,
    );
  }
  const length = readU32(datagram, 24);
  if (length !== datagram.length) {
    throw new HeaderMalformed(
      'length',
      `IKE header: Length is ${length}, the datagram has ${datagram.length}`,
      24,
    );
  }
  const version = datagram[17] as number;
  return {
    initiatorSpi: readU64(datagram, 0),
    responderSpi: readU64(datagram, 8),
    nextPayload: datagram[16] as number,
    majorVersion: version >> 4,
    minorVersion: version & 0x0f,
    exchangeType: datagram[18] as number,
    flags: datagram[19] as number,
    messageId: readU32(datagram, 20),
    length,
  };
}

/** Writes the 28 octets of `header` at the front of `out`, which must have room for them. */
export function encodeHeader(header: Header, out: Uint8Array): void {
  writeU64(out, 0, header.initiatorSpi);
  writeU64(out, 8, header.responderSpi);
  out[16] = header.nextPayload;
  out[17] = (header.majorVersion << 4) | header.minorVersion;
  out[18] = header.exchangeType;
  out[19] = header.flags;
  writeU32(out, 20, header.messageId);
  writeU32(out, 24, header.length);
}
