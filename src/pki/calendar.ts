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

/** An instant from the content of a UTCTime or GeneralizedTime that is one for `isTime`. */
export function decodeTime(octets: Uint8Array, general: boolean, from = 0): Instant {
  const zulu = from + (general ? 14 : 12);
  const field = (at: number): number => twoDigits(octets, at);
  const seconds = (field(zulu - 6) * 60 + field(zulu - 4)) * 60 + field(zulu - 2);
  return (
    daysFromEpoch(yearIn(octets, general, from), field(zulu - 10), field(zulu - 8)) * DAY + seconds * 1000
  );
}

/**
 * Whether the octets from `from` to `to` are the content of a UTCTime or GeneralizedTime in the form of RFC 5280 §4.1.2.5:
 * lists have more times than anybody wants to know.
 */
export function isTime(octets: Uint8Array, general: boolean, from = 0, to = octets.length): boolean {
  const zulu = from + (general ? 14 : 12);
  if (to !== zulu + 1 || octets[zulu] !== 0x5a) return false;
  const month = twoDigits(octets, zulu - 10);
  const day = twoDigits(octets, zulu - 8);
  if (month < 1 || month > 12 || day < 1 || day > (DAYS[month - 1] as number)) return false;
  const year = yearIn(octets, general, from);
  if (year < 0 || (day === 29 && month === 2 && !isLeap(year))) return false;
  const hour = twoDigits(octets, zulu - 6);
  const minute = twoDigits(octets, zulu - 4);
  const second = twoDigits(octets, zulu - 2);
  return (hour | minute | second) >= 0 && hour <= 23 && minute <= 59 && second <= 59;
}

function isLeap(year: number): boolean {
  return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
}

/** Negative where there are no digits. */
function yearIn(octets: Uint8Array, general: boolean, from: number): number {
  const first = twoDigits(octets, from);
  if (!general) return first + (first >= 50 ? 1900 : first >= 0 ? 2000 : 0);
  const last = twoDigits(octets, from + 2);
  return first < 0 || last < 0 ? -1 : 100 * first + last;
}

/** The number that the digits at `at` and behind it make; −1 where they are none. */
function twoDigits(octets: Uint8Array, at: number): number {
  const tens = (octets[at] as number) - 0x30;
  const ones = (octets[at + 1] as number) - 0x30;
  return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : 10 * tens + ones;
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
