import type { Generation, GenerationEvent } from '../../core/generation.js';
import { candidatesOf } from '../../core/merge-chunks.js';
import { promptBlocked } from './finish.mapper.js';

type Step = IteratorResult<GenerationEvent, void>;

/**
 * The generation, unless its first event says that the prompt was blocked: then it is read to its end, and
 * SAFETY_BLOCKED is thrown while there still is a status to say so.
 */
export async function unlessPromptBlocked({ head, events }: Generation): Promise<Generation> {
  const source = events[Symbol.asyncIterator]();
  let first: Step | undefined = await source.next();
  if (saysBlocked(first)) {
    for (let step = first; step.done !== true; step = await source.next())
      if (step.value.type === 'finish') throw promptBlocked(step.value);
  }
  const iterator: AsyncIterator<GenerationEvent, void> = {
    next: () => {
      if (first === undefined) return source.next();
      const step = first;
      first = undefined;
      return Promise.resolve(step);
    },
    return: () => source.return?.() ?? Promise.resolve({ done: true, value: undefined }),
  };
  return { head, events: { [Symbol.asyncIterator]: () => iterator } };
}

function saysBlocked(step: Step): boolean {
  if (step.done === true || step.value.type !== 'chunk') return false;
  const { value } = step.value;
  return typeof value.promptFeedback?.blockReason === 'string' && candidatesOf(value).length === 0;
}
