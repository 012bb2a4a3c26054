import type { Row } from './measures.ts';

/** Median of the rounds, with the smallest and the largest. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Every measure of every way. */
export type Summary = Readonly<Record<string, Readonly<Record<string, Spread>>>>;

/** The first way is the direct one; what the others add to its latencies is taken within each round. */
export function summary(rows: ReadonlyMap<string, readonly Row[]>): Summary {
  const [direct = []] = rows.values();
  return Object.fromEntries(
    [...rows].map(([name, rounds]) => {
      const measures = Object.keys(rounds[0] ?? {});
      const own = measures.map(
        (measure) => [measure, spread(rounds.map((row) => row[measure] ?? 0))] as const,
      );
      const added = measures
        .filter((measure) => rounds !== direct && /^(?:p\d|first|1 MB)/.test(measure))
        .map((measure) => {
          const differences = rounds.map(
            (row, round) => (row[measure] ?? 0) - (direct[round]?.[measure] ?? 0),
          );
          return [`added ${measure}`, spread(differences)] as const;
        });
      return [name, Object.fromEntries([...own, ...added])];
    }),
  );
}

/** Prints one line for each measure and one column for each way: median (min to max). */
export function printTable(table: Summary): void {
  const ways = Object.keys(table);
  const measures = [...new Set(ways.flatMap((way) => Object.keys(table[way] ?? {})))];
  const cells = [
    ['median (min to max)', ...ways],
    ...measures.map((measure) => [measure, ...ways.map((way) => cell(table[way]?.[measure]))]),
  ];
  printColumns(cells);
}

/** Prints rows of cells, each column as wide as its widest. */
export function printColumns(cells: readonly (readonly string[])[]): void {
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
  const digits = Math.abs(value.median) >= 20 ? 0 : 2;
  const shown = (number: number): string => number.toFixed(digits);
  return value.min === value.max
    ? shown(value.median)
    : `${shown(value.median)} (${shown(value.min)} to ${shown(value.max)})`;
}
