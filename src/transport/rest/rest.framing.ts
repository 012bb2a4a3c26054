import type { Call } from '../../core/call.js';
import { NO_USAGE } from '../../core/usage.js';
import type { Generation } from '../../core/generation.js';
import type { StreamFraming } from '../http/answer-stream.js';
import { assertAnswered, deltasOf, doneOf } from '../shared/answers.js';
import { problemOf } from './rest.surface.js';

/** Server-sent events of the REST surface: `delta` as it comes, then one `done` or one `error`. */
export function restFraming(call: Call, { head }: Generation): StreamFraming {
  return {
    contentType: 'text/event-stream',
    opening: '',
    closing: '',
    event(event) {
      if (event.type === 'chunk')
        return deltasOf(event.value)
          .map((delta) => frame('delta', delta))
          .join('');
      assertAnswered(event);
      return frame('done', doneOf(call.id, head, event));
    },
    failure: (error) => {
      const usage = error.usage ?? NO_USAGE;
      return frame('error', { ...problemOf(error, call.id), ...(usage.totalTokens > 0 ? { usage } : {}) });
    },
  };
}

function frame(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
