import type { Collected } from '../../core/combinators.js';
import type { FinishEvent, Head } from '../../core/generation.js';
import { answerOf } from '../shared/answers.js';

/** JSON of stored answers behind their ids; it lives as long as they do, as their events are the same at each hit. */
const texts = new WeakMap<FinishEvent, string>();

/** An answer as JSON. That of a stored one is made once: only its id differs from call to call. */
export function answerText(id: string, head: Head, collected: Collected): string {
  if (head.cache !== 'hit') return JSON.stringify(answerOf(id, head, collected));
  const { finish } = collected;
  let rest = texts.get(finish);
  if (rest === undefined) {
    const { id: _id, ...others } = answerOf(id, head, collected);
    rest = JSON.stringify(others).slice(1);
    texts.set(finish, rest);
  }
  return `{"id":${JSON.stringify(id)},${rest}`;
}
