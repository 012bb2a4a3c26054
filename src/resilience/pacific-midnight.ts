const PACIFIC = new Intl.DateTimeFormat('en-US', {
  timeZone: 'America/Los_Angeles',
  hourCycle: 'h23',
  year: 'numeric',
  month: 'numeric',
  day: 'numeric',
  hour: 'numeric',
  minute: 'numeric',
  second: 'numeric',
});

/**
 * Milliseconds from a moment to the next midnight in Los Angeles, when Google's daily quotas start anew; right on
 * both days of daylight saving. Source: vendor page on rate limits.
 */
export function msUntilPacificMidnight(wallMs: number): number {
  const { year, month, day } = pacific(wallMs);
  // Midnight there is 07:00 UTC in summer and 08:00 UTC in winter.
  const inSummerMs = Date.UTC(year, month - 1, day + 1, 7);
  const midnightMs = pacific(inSummerMs).hour === 0 ? inSummerMs : inSummerMs + 3_600_000;
  return midnightMs - wallMs;
}

function pacific(wallMs: number): Readonly<Record<'year' | 'month' | 'day' | 'hour', number>> {
  const fields = { year: 0, month: 0, day: 0, hour: 0 };
  for (const { type, value } of PACIFIC.formatToParts(wallMs)) {
    if (type in fields) fields[type as keyof typeof fields] = Number(value);
  }
  return fields;
}
