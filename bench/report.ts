/** What one round measured of one way. */
export interface Row {
  readonly callsPerSecond: number;
  readonly cpuUsPerCall: number;
  /** Latency of a whole answer with one caller. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly firstEventP50Ms: number;
  readonly firstEventP99Ms: number;
}

/** Median of the rounds, with the smallest and the largest. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** The measures of every way; for the gateway, latencies also as what it adds to going direct. */
export type Summary = Readonly<Record<string, Readonly<Record<string, Spread>>>>;

const LATENCIES = ['p50Ms', 'p99Ms', 'firstEventP50Ms', 'firstEventP99Ms'] as const;

/** The first way is the direct one. What is added is taken within each round, before the median. */
export function summary(rows: ReadonlyMap<string, readonly Row[]>): Summary {
  const [direct] = rows.values();
  return Object.fromEntries(
    [...rows].map(([name, rounds]) => {
      const own = (Object.keys(rounds[0] ?? {}) as (keyof Row)[]).map(
        (measure) => [measure, spread(rounds.map((row) => row[measure]))] as const,
      );
      const added = LATENCIES.map(
        (measure) =>
          [
            `added ${measure}`,
            spread(rounds.map((row, round) => row[measure] - (direct?.[round]?.[measure] ?? 0))),
          ] as const,
      );
      return [name, Object.fromEntries(rounds === direct ? own : [...own, ...added])];
    }),
  );
}

/** Prints one line for each measure and one column for each way. */
export function printTable(table: Summary): void {
  const ways = Object.keys(table);
  const measures = [...new Set(ways.flatMap((way) => Object.keys(table[way] ?? {})))];
  const cells = [
    ['', ...ways],
    ...measures.map((measure) => [measure, ...ways.map((way) => cell(table[way]?.[measure]))]),
  ];
  const widths =
    cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const row of cells)
    console.log(row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  '));
}

function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((left, right) => left - right);
  return { median: sorted[Math.floor(sorted.length / 2)] ?? 0, min: sorted[0] ?? 0, max: sorted.at(-1) ?? 0 };
}

function cell(value: Spread | undefined): string {
  if (value === undefined) return '';
  const digits = value.median >= 100 ? 0 : 2;
  return `${value.median.toFixed(digits)} (${value.min.toFixed(digits)} to ${value.max.toFixed(digits)})`;
}
