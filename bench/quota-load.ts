import { setTimeout as delay } from 'node:timers/promises';
import { TEAMS } from './quota-limits.ts';

/** Classes of traffic with their deadlines, a third of the calls each. */
export const DEADLINES_MS = { interactive: 30_000, standard: 60_000, batch: 120_000 } as const;
export type Priority = keyof typeof DEADLINES_MS;
export const PRIORITIES = Object.keys(DEADLINES_MS) as readonly Priority[];

/** One call of a load, the same in every scenario. */
export interface PlannedCall {
  /** When it is made, after the start. */
  readonly dueMs: number;
  readonly priority: Priority;
  readonly team: string;
  /** Input tokens, as the emulator counts them. */
  readonly tokens: number;
  readonly prompt: string;
}

/** How a call ended: the reason of a refusal, or `answered`; `waiting` where the run was over before. */
export interface CallEnd {
  readonly call: PlannedCall;
  readonly outcome: string;
  readonly tookMs: number;
}

/** What has become of a load until now. */
export interface Progress {
  offered: number;
  answered: number;
  refused: number;
}

const FEWEST_TOKENS = 20;
const MOST_TOKENS = 2_000;
const CHARACTERS_PER_TOKEN = 4;
const WORDS =
  'rivers carry water from the hills to the sea and every town along them keeps a book of floods '.repeat(90);

/** Random numbers from 0 to 1, the same for the same seed. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Mean input tokens of a call. */
export const MEAN_TOKENS = (MOST_TOKENS - FEWEST_TOKENS) / Math.log(MOST_TOKENS / FEWEST_TOKENS);

/** Calls that arrive by chance (a Poisson process); small prompts are more frequent than large ones (log-uniform). */
export function plannedLoad(perMinute: number, minutes: number, seed: number): PlannedCall[] {
  const random = seeded(seed);
  const pick = <T>(values: readonly T[]): T => values[Math.floor(random() * values.length)] as T;
  const calls: PlannedCall[] = [];
  const endMs = minutes * 60_000;
  for (let dueMs = 0; ;) {
    dueMs += (-Math.log(1 - random()) * 60_000) / perMinute;
    if (dueMs >= endMs) return calls;
    const tokens = Math.round(FEWEST_TOKENS * (MOST_TOKENS / FEWEST_TOKENS) ** random());
    // Every prompt is another: neither a cache nor a call under way may answer it.
    const prompt = `${calls.length} ${WORDS}`.slice(0, tokens * CHARACTERS_PER_TOKEN);
    calls.push({ dueMs, priority: pick(PRIORITIES), team: pick(TEAMS), tokens, prompt });
  }
}

/** Makes one call and tells how it ended. Rejects only when it was aborted. */
export type Caller = (call: PlannedCall, signal: AbortSignal) => Promise<string>;

/** Makes every call when it is due, whatever becomes of the others, and leaves those that wait when the run is over. */
export async function openLoop(
  calls: readonly PlannedCall[],
  caller: Caller,
  { minutes, progress }: { minutes: number; progress: Progress },
): Promise<CallEnd[]> {
  const startedMs = performance.now();
  const sinceStartMs = (): number => performance.now() - startedMs;
  const over = new AbortController();
  const one = async (call: PlannedCall): Promise<CallEnd> => {
    const sentMs = sinceStartMs();
    progress.offered += 1;
    const outcome = await caller(call, over.signal).catch((thrown: unknown) => {
      if (over.signal.aborted) return 'waiting';
      return `no answer: ${thrown instanceof Error ? thrown.message : typeof thrown}`;
    });
    if (outcome === 'answered') progress.answered += 1;
    else progress.refused += 1;
    return { call, outcome, tookMs: sinceStartMs() - sentMs };
  };
  const ends: Promise<CallEnd>[] = [];
  for (const call of calls) {
    const earlyMs = call.dueMs - sinceStartMs();
    if (earlyMs > 0) await delay(earlyMs);
    ends.push(one(call));
  }
  await delay(Math.max(0, minutes * 60_000 - sinceStartMs()));
  over.abort();
  return Promise.all(ends);
}
