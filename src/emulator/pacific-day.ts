const DAY_MS = 86_400_000;
/** Offsets change on the hour only. */
const SLOT_MS = 900_000;

const format = new Intl.DateTimeFormat('en-US', {
  timeZone: 'America/Los_Angeles',
  timeZoneName: 'longOffset',
});

let slot = -1;
let slotOffsetMs = 0;

/** Number of the day that it is in Los Angeles, counted from the epoch. */
export function pacificDay(wallMs: number): number {
  return Math.floor((wallMs + offsetMs(wallMs)) / DAY_MS);
}

/** Until midnight in Los Angeles, when Google's day limits start anew. */
export function msToPacificMidnight(wallMs: number): number {
  const localMidnight = (pacificDay(wallMs) + 1) * DAY_MS;
  const guess = localMidnight - offsetMs(wallMs);
  // The clocks may change before midnight.
  return localMidnight - offsetMs(guess) - wallMs;
}

function offsetMs(wallMs: number): number {
  const wanted = Math.floor(wallMs / SLOT_MS);
  if (wanted !== slot) {
    slot = wanted;
    const name = format.formatToParts(wallMs).find((part) => part.type === 'timeZoneName')?.value ?? '';
    const [, hours = '-08'] = /GMT([+-]\d\d)/.exec(name) ?? [];
    slotOffsetMs = Number(hours) * 3_600_000;
  }
  return slotOffsetMs;
}
