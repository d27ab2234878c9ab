/**
 * Milliseconds since the Unix epoch on a clock that never runs backwards. The core reads no clock:
 * every way in takes the instant, and the simulator turns it at will.
 */
export type Instant = number;

/** A length of time in milliseconds. */
export type Duration = number;

export const SECOND: Duration = 1000;
export const MINUTE: Duration = 60 * SECOND;
export const HOUR: Duration = 60 * MINUTE;
