import { IpsecAttribute, OakleyAttribute, OakleyLifeType } from '../iana/ikev1.ts';
import { type Duration, SECOND } from '../lib/time.ts';
import type { ChildConfig, Connection } from '../policy/connection.ts';
import type { ChildTimes } from '../policy/lifetimes.ts';
import { attributeNumber } from '../wire/v1/attribute.ts';
import type { V1Attribute } from '../wire/v1/payload.ts';

/** How long an SA may live, as its negotiation says it; what is absent was not said. */
export interface Life {
  readonly seconds?: number;
  readonly kilobytes?: number;
}

/** The numbers of the two attributes: they differ between the phases (RFC 2409 appendix A, RFC 2407 §4.5). */
interface LifeAttributes {
  readonly type: number;
  readonly duration: number;
}

export const PHASE_ONE_LIFE: LifeAttributes = {
  type: OakleyAttribute.LIFE_TYPE,
  duration: OakleyAttribute.LIFE_DURATION,
};

export const PHASE_TWO_LIFE: LifeAttributes = {
  type: IpsecAttribute.SA_LIFE_TYPE,
  duration: IpsecAttribute.SA_LIFE_DURATION,
};

/** What an IPsec SA has where nothing is said (RFC 2407 §4.5). */
const DEFAULT_CHILD_SECONDS = 28_800;
/** What an ISAKMP SA is given where nothing is configured: the RFC leaves it open, peers want to read a number. */
const DEFAULT_PHASE_ONE_SECONDS = 86_400;
/** Where a lifetime comes from the protocol alone, the SA is renewed when this much of it is over. */
const RENEWED_AFTER = 0.9;
const KILOBYTE = 1024n;
/** What four octets hold. */
const LONGEST = 0xffff_ffff;

/** The life that attributes speak of: a duration belongs to the type before it; of several the shortest counts. */
export function lifeIn(attributes: readonly V1Attribute[], numbers: LifeAttributes): Life {
  let type: number | undefined;
  let life: Life = {};
  for (const attribute of attributes) {
    const value = attributeNumber(attribute);
    if (attribute.type === numbers.type) type = value;
    else if (attribute.type === numbers.duration && value !== undefined && value > 0) {
      if (type === OakleyLifeType.SECONDS) life = shorter(life, { seconds: value });
      else if (type === OakleyLifeType.KILOBYTES) life = shorter(life, { kilobytes: value });
      type = undefined;
    }
  }
  return life;
}

/** The attributes that say it. */
export function lifeAttributes(
  { seconds, kilobytes }: Life,
  numbers: LifeAttributes,
): readonly V1Attribute[] {
  const pair = (type: number, value: number): readonly V1Attribute[] => [
    { type: numbers.type, value: type },
    { type: numbers.duration, value: value <= 0xffff ? value : fourOctets(Math.min(value, LONGEST)) },
  ];
  return [
    ...(seconds === undefined ? [] : pair(OakleyLifeType.SECONDS, seconds)),
    ...(kilobytes === undefined ? [] : pair(OakleyLifeType.KILOBYTES, kilobytes)),
  ];
}

/** In each unit the smaller; what only one says, holds. */
function shorter(a: Life, b: Life): Life {
  const seconds = smaller(a.seconds, b.seconds);
  const kilobytes = smaller(a.kilobytes, b.kilobytes);
  return {
    ...(seconds === undefined ? {} : { seconds }),
    ...(kilobytes === undefined ? {} : { kilobytes }),
  };
}

/** Whether `a` ends before `b`, in a unit that both speak of. */
export function endsBefore(a: Life, b: Life): boolean {
  return (
    (a.seconds !== undefined && b.seconds !== undefined && a.seconds < b.seconds) ||
    (a.kilobytes !== undefined && b.kilobytes !== undefined && a.kilobytes < b.kilobytes)
  );
}

/** What we propose for the ISAKMP SA: the moment at which we should give it up ourselves. */
export function phaseOneLife({ rekeyTime, reauthTime, overTime }: Connection): Life {
  const renewed = [rekeyTime, reauthTime].filter(time => time > 0);
  if (renewed.length === 0) return { seconds: DEFAULT_PHASE_ONE_SECONDS };
  return { seconds: wholeSeconds(Math.min(...renewed) + overTime) };
}

/**
 * When an ISAKMP SA of the agreed life is made anew, and when it ends. An ISAKMP SA has no rekeying but to be made
 * anew, so `rekeyTime` means that too.
 */
export function phaseOneTimes(
  connection: Connection,
  life: Life,
  fraction: number,
): { readonly reauth: Duration; readonly expire: Duration } {
  const { rekeyTime, reauthTime, randTime } = connection;
  const renewed = [rekeyTime, reauthTime].filter(time => time > 0);
  // A responder takes what it is offered, and still ends the SA when it is meant to.
  const { seconds } = shorter(life, renewed.length === 0 ? {} : phaseOneLife(connection));
  const expire = (seconds ?? DEFAULT_PHASE_ONE_SECONDS) * SECOND;
  const wanted = renewed.length === 0 ? expire * RENEWED_AFTER : Math.min(...renewed) - randTime * fraction;
  return { reauth: Math.max(SECOND, Math.min(wanted, expire * RENEWED_AFTER)), expire };
}

/** What we propose for a child. Without a configured lifetime nothing: then eight hours are meant. */
export function childLife({ lifeTime, lifeBytes }: ChildConfig): Life {
  return {
    ...(lifeTime > 0 ? { seconds: wholeSeconds(lifeTime) } : {}),
    ...(lifeBytes > 0n ? { kilobytes: kilobytesOf(lifeBytes) } : {}),
  };
}

/** What an initiator's child may live: as was agreed, and less where the responder says so (RFC 2407 §4.6.3.1), never more. */
export function reduced(config: ChildConfig, agreed: Life, responders: Life): Life {
  const isUnsaid = agreed.seconds === undefined && childLife(config).seconds === undefined;
  return shorter(isUnsaid ? { ...agreed, seconds: DEFAULT_CHILD_SECONDS } : agreed, responders);
}

/** The limits of a child that both ends keep: those configured, less where the agreed life is shorter, in the same proportion. */
export type ChildLimits = Omit<ChildTimes, 'randPackets'>;

export function childLimits(config: ChildConfig, agreed: Life): ChildLimits {
  const { rekeyTime, lifeTime, randTime, rekeyBytes, lifeBytes, rekeyPackets, lifePackets } = config;
  const own = childLife(config);
  const said = agreed.seconds ?? (own.seconds === undefined ? DEFAULT_CHILD_SECONDS : undefined);
  const times =
    said === undefined || (own.seconds !== undefined && said >= own.seconds)
      ? { rekeyTime, lifeTime, randTime }
      : scaled(said * SECOND, { rekeyTime, lifeTime, randTime });
  const { kilobytes } = agreed;
  const bytes =
    kilobytes === undefined || (own.kilobytes !== undefined && kilobytes >= own.kilobytes)
      ? { rekeyBytes, lifeBytes }
      : {
          lifeBytes: BigInt(kilobytes) * KILOBYTE,
          rekeyBytes: (BigInt(kilobytes) * KILOBYTE * BigInt(Math.round(RENEWED_AFTER * 100))) / 100n,
          randBytes: (BigInt(kilobytes) * KILOBYTE * BigInt(Math.round((1 - RENEWED_AFTER) * 100))) / 100n,
        };
  return { ...times, ...bytes, rekeyPackets, lifePackets };
}

function scaled(
  lifeTime: Duration,
  own: { readonly rekeyTime: Duration; readonly lifeTime: Duration; readonly randTime: Duration },
): Pick<ChildLimits, 'rekeyTime' | 'lifeTime' | 'randTime'> {
  if (own.lifeTime === 0) {
    // Never was configured; a time of our own that lies before the end still holds.
    const rekeyTime = own.rekeyTime > 0 ? own.rekeyTime : lifeTime;
    return { lifeTime, rekeyTime: Math.min(rekeyTime, lifeTime * RENEWED_AFTER), randTime: own.randTime };
  }
  const part = lifeTime / own.lifeTime;
  return { lifeTime, rekeyTime: own.rekeyTime * part, randTime: own.randTime * part };
}

function smaller(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}

function wholeSeconds(time: Duration): number {
  return Math.max(1, Math.ceil(time / SECOND));
}

function kilobytesOf(bytes: bigint): number {
  const kilobytes = (bytes + KILOBYTE - 1n) / KILOBYTE;
  return kilobytes > BigInt(LONGEST) ? LONGEST : Number(kilobytes);
}

function fourOctets(value: number): Uint8Array {
  const octets = new Uint8Array(4);
  new DataView(octets.buffer).setUint32(0, value);
  return octets;
}
