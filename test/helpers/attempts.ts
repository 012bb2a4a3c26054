import type { GenerationEvent } from '../../src/core/generation.js';
import type { Attempt } from '../../src/core/provider.js';

/** A valid attempt with a signal of its own and ample time. */
export function attemptFixture(overrides: Partial<Attempt> = {}): Attempt {
  return {
    operation: 'generate',
    stream: false,
    model: 'some-model',
    request: { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] },
    timeouts: { firstEventMs: 10_000, idleGapMs: 10_000, totalMs: 60_000 },
    signal: new AbortController().signal,
    ...overrides,
  };
}

/** Everything that an answer delivers. */
export async function eventsFrom(
  answer: Promise<AsyncIterable<GenerationEvent>>,
): Promise<GenerationEvent[]> {
  const events: GenerationEvent[] = [];
  for await (const event of await answer) events.push(event);
  return events;
}
