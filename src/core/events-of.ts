import type { GenerationEvent } from './generation.js';

/** Events that are all known already. */
export function eventsOf(events: readonly GenerationEvent[]): AsyncIterable<GenerationEvent> {
  let at = 0;
  const iterator: AsyncIterator<GenerationEvent, void> = {
    next: () => {
      const value = events[at++];
      return Promise.resolve(value === undefined ? { done: true, value } : { done: false, value });
    },
    return: () => {
      at = events.length;
      return Promise.resolve({ done: true, value: undefined });
    },
  };
  return { [Symbol.asyncIterator]: () => iterator };
}
