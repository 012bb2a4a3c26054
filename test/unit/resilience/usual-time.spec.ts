import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { AnswerTimes, UsualTime } from '../../../src/resilience/usual-time.js';

type Answer = readonly [tokens: number, tookMs: number];

function round(answers: readonly Answer[], times = 1): AnswerTimes {
  const made = new AnswerTimes();
  for (let time = 0; time < times; time += 1)
    for (const [tokens, tookMs] of answers) made.observe(tokens, tookMs);
  return made;
}
function seen(answers: readonly Answer[], times = 100): UsualTime {
  const usual = new UsualTime();
  usual.learn(round(answers, times), 1);
  return usual;
}

describe('UsualTime', () => {
  it('says nothing before enough was seen', () => {
    const usual = seen([[10, 100]], 49);
    expect(usual.ofMs(10)).toBeUndefined();
    usual.learn(round([[10, 100]], 9), 1);
    expect(usual.ofMs(10)).toBeCloseTo(100);
  });

  it('tells what comes with length from what does not', () => {
    const usual = seen([
      [0, 300],
      [100, 1_300],
      [1_000, 10_300],
    ]);
    expect(usual.ofMs(500)).toBeCloseTo(5_300, 0);
  });

  it('takes the mean where length says nothing, or the opposite', () => {
    expect(seen([[10, 100]]).ofMs(3)).toBeCloseTo(100);
    const odd = seen([
      [10, 900],
      [1_000, 100],
    ]);
    expect(odd.ofMs(10)).toBeCloseTo(500, -1);
    expect(odd.ofMs(900)).toBeCloseTo(500, -1);
  });

  it('says nothing of answers longer than any that was seen', () => {
    expect(seen([[10, 100]]).ofMs(11)).toBeUndefined();
  });

  it('follows a lasting change, and hardly one that is given little weight', () => {
    const usual = seen([[10, 100]]);
    for (let more = 0; more < 10; more += 1) usual.learn(round([[10, 1_000]], 100), 0.05);
    expect(usual.ofMs(10)).toBeLessThan(450);
    for (let more = 0; more < 500; more += 1) usual.learn(round([[10, 1_000]], 100), 1);
    expect(usual.ofMs(10)).toBeGreaterThan(980);
  });

  it('is a time, whatever was seen', () => {
    const answer = fc.tuple(fc.nat(1_000_000), fc.double({ min: 0, max: 600_000, noNaN: true }));
    fc.assert(
      fc.property(
        fc.array(answer, { minLength: 60, maxLength: 200 }),
        fc.nat(1_000_000),
        (answers, tokens) => {
          expect(seen(answers, 1).ofMs(tokens) ?? 0).toBeGreaterThanOrEqual(0);
        },
      ),
    );
  });
});
