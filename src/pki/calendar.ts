import type { Instant } from '../lib/time.ts';

/** `2031-05-09 12:00:00Z`, for people to read. */
export function formatInstant(instant: Instant): string {
  const days = Math.floor(instant / DAY);
  const seconds = Math.floor((instant - days * DAY) / 1000);
  const { year, month, day } = dateOf(days);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60].map(two).join(':');
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)} ${time}Z`;
}

const DAY = 86_400_000;
const DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

/** An instant from the content of a UTCTime or GeneralizedTime in the form of RFC 5280 §4.1.2.5; undefined for any other. */
export function decodeTime(octets: Uint8Array, general: boolean): Instant | undefined {
  const digits = general ? 14 : 12;
  if (octets.length !== digits + 1 || octets[digits] !== 0x5a) return undefined;
  const pairs: number[] = [];
  for (let i = 0; i < digits; i += 2) {
    const tens = (octets[i] as number) - 0x30;
    const ones = (octets[i + 1] as number) - 0x30;
    if (tens < 0 || tens > 9 || ones < 0 || ones > 9) return undefined;
    pairs.push(10 * tens + ones);
  }
  if (!general) pairs.unshift((pairs[0] as number) >= 50 ? 19 : 20);
  const [century, years, month, day, hour, minute, second] = pairs as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const year = 100 * century + years;
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const length = month === 2 && !leap ? 28 : (DAYS[month - 1] ?? 0);
  if (day < 1 || day > length || hour > 23 || minute > 59 || second > 59) return undefined;
  return daysFromEpoch(year, month, day) * DAY + ((hour * 60 + minute) * 60 + second) * 1000;
}

/** Days from 1970-01-01 in the Gregorian calendar, counted in eras of 400 years that begin on 1 March. */
function daysFromEpoch(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - 400 * era;
  const dayOfYear = Math.floor((153 * ((month + 9) % 12) + 2) / 5) + day - 1;
  const dayOfEra = 365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return 146_097 * era + dayOfEra - 719_468;
}

function dateOf(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - 146_097 * era;
  const yearOfEra = Math.floor(
    (dayOfEra -
      Math.floor(dayOfEra / 1460) +
      Math.floor(dayOfEra / 36_524) -
      Math.floor(dayOfEra / 146_096)) /
      365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: 400 * era + yearOfEra + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
}
