import { describe, expect, it } from '@jest/globals';
import { compose, type Next, type Policy } from '../../../src/core/policy.js';
import { callFixture, finishFixture, generationOf } from '../../helpers/calls.js';

const traced = (name: string, trace: string[]): Policy => ({
  name,
  apply: async (call, next) => {
    trace.push(`${name} in`);
    const generation = await next({ ...call, id: `${call.id}>${name}` });
    trace.push(`${name} out`);
    return generation;
  },
});

const innermost: Next = () => Promise.resolve(generationOf([]));

describe('compose', () => {
  it('runs the first policy outermost and hands on what each passes', async () => {
    const trace: string[] = [];
    const answer = generationOf([finishFixture()]);
    const path = compose([traced('a', trace), traced('b', trace)], (call) => {
      trace.push(call.id);
      return Promise.resolve(answer);
    });
    expect(await path(callFixture({ id: 'call' }))).toBe(answer);
    expect(trace).toEqual(['a in', 'b in', 'call>a>b', 'b out', 'a out']);
  });

  it('is the innermost step alone when there are no policies', () => {
    expect(compose([], innermost)).toBe(innermost);
  });
});
