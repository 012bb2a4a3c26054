const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;

const PACIFIC = new Intl.DateTimeFormat('en-US', {
  timeZone: 'America/Los_Angeles',
  hourCycle: 'h23',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
});

/** A calendar day in Los Angeles, of 23 to 25 hours. */
export interface PacificDay {
  /** Days of the calendar since 1970-01-01: the next day has the next number. */
  readonly number: number;
  /** Its midnight, in milliseconds since the Unix epoch. */
  readonly startMs: number;
  /** The next day's midnight. */
  readonly endMs: number;
}

let latest: PacificDay = { number: 0, startMs: 0, endMs: 0 };

/**
 * The day that it is in Los Angeles, where Google's daily quotas start anew at midnight; right on both days of
 * daylight saving. Source: vendor page on rate limits. Takes well under a microsecond as long as the day is the one
 * asked for last.
 */
export function pacificDay(wallMs: number): PacificDay {
  if (wallMs < latest.startMs || wallMs >= latest.endMs) {
    const { year, month, day } = pacific(wallMs);
    latest = pacificDayOf(Date.UTC(year, month - 1, day) / DAY_MS);
  }
  return latest;
}

/** The day of a number. */
export function pacificDayOf(number: number): PacificDay {
  return { number, startMs: midnightOf(number), endMs: midnightOf(number + 1) };
}

/** Milliseconds from a moment to the next midnight in Los Angeles. */
export function msUntilPacificMidnight(wallMs: number): number {
  return pacificDay(wallMs).endMs - wallMs;
}

function midnightOf(number: number): number {
  // Midnight there is 07:00 UTC in summer and 08:00 UTC in winter.
  const inSummerMs = number * DAY_MS + 7 * HOUR_MS;
  return pacific(inSummerMs).hour === 0 ? inSummerMs : inSummerMs + HOUR_MS;
}

function pacific(wallMs: number): Readonly<Record<'year' | 'month' | 'day' | 'hour', number>> {
  const fields = { year: 0, month: 0, day: 0, hour: 0 };
  for (const { type, value } of PACIFIC.formatToParts(wallMs)) {
    if (type in fields) fields[type as keyof typeof fields] = Number(value);
  }
  return fields;
}
