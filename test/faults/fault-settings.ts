/** Runs of each fault that make a long run: then what is counted in thousands is as well. */
const LONG_RUNS = 10;

/** Everything that is drawn at random follows from it; FAULT_SEED repeats a run. */
export const SEED = numbered('FAULT_SEED', 1);

/** Runs of each fault and kind of call. */
export const RUNS = numbered('FAULT_RUNS', 2);

/** Whether the suites run in their long form. */
export const LONG = RUNS >= LONG_RUNS;

function numbered(name: string, otherwise: number): number {
  const given = process.env[name];
  if (given === undefined || given === '') return otherwise;
  const value = Number(given);
  if (!Number.isInteger(value) || value < 0) throw new TypeError(`${name} is no whole number: ${given}`);
  return value;
}
