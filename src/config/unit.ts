const UNITS: readonly (readonly [suffix: string, unit: string])[] = [
  ['PerMillionTokens', 'USD per million tokens'],
  ['NanoUsd', 'billionths of a USD'],
  ['Usd', 'USD'],
  ['Ms', 'milliseconds'],
  ['Bytes', 'bytes'],
  ['Tokens', 'tokens'],
];

/** Unit that the name of a field carries, in words; undefined where it carries none. */
export function unitOf(name: string): string | undefined {
  return UNITS.find(([suffix]) => name.endsWith(suffix))?.[1];
}
