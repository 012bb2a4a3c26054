import { describe, expect, it } from '@jest/globals';
import { collect, primed, settled } from '../../../src/core/combinators.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { Generation, GenerationEvent } from '../../../src/core/generation.js';
import type { Policy } from '../../../src/core/policy.js';
import { finishFixture, generationOf } from '../../helpers/calls.js';
import {
  checkPolicy,
  POLICY_PROPERTIES,
  policyProperties,
  type PolicyProperty,
  type PolicyTraits,
} from '../../helpers/policy-properties.js';

const policy = (apply: Policy['apply']) => (): Policy => ({ name: 'test', apply });

/** An answer whose events are rewritten by `change`. */
function mapped(
  generation: Generation,
  change: (source: AsyncIterator<GenerationEvent>) => object,
): Generation {
  const source = generation.events[Symbol.asyncIterator]();
  const iterator = {
    next: () => source.next(),
    return: () => source.return?.(),
    ...change(source),
  } as AsyncIterator<GenerationEvent>;
  return { head: generation.head, events: { [Symbol.asyncIterator]: () => iterator } };
}

async function* through(events: AsyncIterable<GenerationEvent>): AsyncGenerator<GenerationEvent, void> {
  yield* events;
}

const twice: Policy['apply'] = async (call, next) => {
  try {
    return await next(call);
  } catch {
    return next(call);
  }
};

const done = Promise.resolve({ done: true as const, value: undefined });

policyProperties(
  'an identity',
  policy((call, next) => next(call)),
);
policyProperties(
  'an observer',
  policy(async (call, next) => settled(await next({ ...call, deadlineMs: 1 }), () => undefined)),
);
policyProperties(
  'a primer under a signal of its own',
  policy(async (call, next) => primed(await next({ ...call, signal: AbortSignal.any([call.signal]) }))),
);
policyProperties(
  'an answerer',
  policy(() => Promise.resolve(generationOf([finishFixture()]))),
);
policyProperties(
  'a refuser',
  policy(() => Promise.reject(new GatewayError('RATE_LIMITED', 'Wait.'))),
);
policyProperties('a second try', policy(twice), { mayCallNextAgain: true });
policyProperties(
  'a reader that buffers',
  policy(async (call, next) => {
    const { chunks, finish } = await collect(await next(call));
    return generationOf([...chunks.slice(1), finish]);
  }),
  { mayChangeAnswer: true },
);

interface Broken {
  readonly what: string;
  readonly breaks: PolicyProperty;
  readonly apply: Policy['apply'];
  readonly traits?: PolicyTraits;
}

const BROKEN: readonly Broken[] = [
  {
    what: 'drops the generation for an answer of its own',
    breaks: 'settles what next handed out exactly once',
    apply: async (call, next) => {
      await next(call);
      return generationOf([finishFixture()]);
    },
    traits: { mayChangeAnswer: true },
  },
  {
    what: 'reads one generation twice',
    breaks: 'settles what next handed out exactly once',
    apply: async (call, next) => {
      const generation = await next(call);
      return mapped(generation, () => generation.events[Symbol.asyncIterator]());
    },
  },
  {
    what: 'replaces the signal',
    breaks: 'hands the signal of the call down',
    apply: (call, next) => next({ ...call, signal: new AbortController().signal }),
  },
  {
    what: 'writes to the request',
    breaks: 'leaves the call as it was',
    apply: async (call, next) => {
      Object.assign(call.request, { labels: {} });
      return next(call);
    },
  },
  {
    what: 'passes a call with another record',
    breaks: 'leaves the call as it was',
    apply: (call, next) => next({ ...call, record: structuredClone(call.record) }),
  },
  {
    what: 'refuses with any error',
    breaks: 'leaves the call as it was',
    apply: () => Promise.reject(new Error('bug')),
  },
  {
    what: 'calls next twice',
    breaks: 'calls next at most once unless it says otherwise',
    apply: twice,
  },
  {
    what: 'drops the first event',
    breaks: 'passes the events on in order and unchanged unless it says otherwise',
    apply: async (call, next) => {
      const generation = await next(call);
      let first = true;
      return mapped(generation, (source) => ({
        next: async () => {
          if (first) await source.next();
          first = false;
          return source.next();
        },
      }));
    },
  },
  {
    what: 'rewrites chunks',
    breaks: 'passes the events on in order and unchanged unless it says otherwise',
    apply: async (call, next) =>
      mapped(await next(call), (source) => ({
        next: async () => {
          const step = await source.next();
          if (step.done === true || step.value.type === 'finish') return step;
          return { done: false, value: { type: 'chunk', value: {} } };
        },
      })),
  },
  {
    what: 'answers where next rejected',
    breaks: 'reports every failure below it unless it says otherwise',
    apply: (call, next) => next(call).catch(() => generationOf([finishFixture()])),
  },
  {
    what: 'makes a failure of the stream a finish',
    breaks: 'reports every failure below it unless it says otherwise',
    apply: async (call, next) =>
      mapped(await next(call), (source) => ({
        next: () => source.next().catch(() => ({ done: false, value: finishFixture() })),
      })),
  },
  {
    what: 'names another reason',
    breaks: 'reports every failure below it unless it says otherwise',
    apply: (call, next) =>
      next(call).catch(() => {
        throw new GatewayError('INTERNAL', 'Something.');
      }),
  },
  {
    what: 'fails a good answer at its end',
    breaks: 'reports every failure below it unless it says otherwise',
    apply: async (call, next) =>
      mapped(await next(call), (source) => ({
        next: async () => {
          const step = await source.next();
          if (step.value?.type === 'finish') throw new GatewayError('INTERNAL', 'No.');
          return step;
        },
      })),
  },
  {
    what: 'answers a caller who left while next was under way',
    breaks: 'reports that the caller left',
    apply: (call, next) => next(call).catch(() => generationOf([finishFixture()])),
    traits: { mayReplaceFailure: true },
  },
  {
    what: 'finishes a stream that its caller aborted',
    breaks: 'reports that the caller left',
    apply: async (call, next) =>
      mapped(await next(call), (source) => ({
        next: () =>
          source.next().catch((thrown: GatewayError) => {
            if (thrown.reason !== 'CANCELLED') throw thrown;
            return { done: false, value: finishFixture() };
          }),
      })),
    traits: { mayReplaceFailure: true },
  },
  {
    what: 'loses the return',
    breaks: 'lets the source go when the caller leaves',
    apply: async (call, next) => mapped(await next(call), () => ({ return: () => done })),
  },
  {
    what: 'wraps the events in a generator, which queues a return behind a pending event',
    breaks: 'lets the source go when the caller leaves',
    apply: async (call, next) => {
      const { head, events } = await next(call);
      return { head, events: through(events) };
    },
  },
  {
    what: 'ends silently on a failure',
    breaks: 'ends once, with one finish or one failure',
    apply: async (call, next) =>
      mapped(await next(call), (source) => ({ next: () => source.next().catch(() => done) })),
  },
  {
    what: 'sends the finish twice',
    breaks: 'ends once, with one finish or one failure',
    apply: async (call, next) =>
      mapped(await next(call), (source) => {
        let finish: IteratorResult<GenerationEvent> | undefined;
        const next = async () => {
          const step = await source.next();
          if (step.value?.type === 'finish') finish = step;
          return step.done === true && finish !== undefined ? finish : step;
        };
        return { next };
      }),
  },
];

describe('the suite of policies catches one that', () => {
  it.each(BROKEN)('$what', async ({ breaks, apply, traits }) => {
    await expect(checkPolicy(breaks, policy(apply), traits)).rejects.toThrow('Property failed');
  });

  it('never settles', async () => {
    const stuck = policy(() => new Promise(() => undefined));
    await expect(checkPolicy('ends once, with one finish or one failure', stuck)).rejects.toMatchObject({
      cause: { message: 'the policy never settles' },
    });
  });

  it('breaks any one of its properties', () => {
    expect(new Set(BROKEN.map(({ breaks }) => breaks))).toEqual(new Set(Object.keys(POLICY_PROPERTIES)));
  });
});
