import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type {
  QuotaBucket,
  QuotaLimits,
  QuotaSnapshot,
  QuotaTarget,
  QuotaUse,
  Reservation,
} from '../../../src/quota/quota-ledger.port.js';
import { ENGINES, type LedgerUnderTest, TARGET } from './engines.js';
import { QuotaModel } from './quota-model.js';

const TARGETS: readonly QuotaTarget[] = [TARGET, { ...TARGET, location: 'europe-west4' }];
const MIDNIGHTS = ['2026-03-07T20:00:00Z', '2026-10-31T19:00:00Z', '2026-12-31T12:00:00Z'].map(Date.parse);

const use: fc.Arbitrary<QuotaUse> = fc.record({
  requests: fc.nat(2),
  inputTokens: fc.oneof(fc.nat(40), fc.nat(400)),
  images: fc.nat(2),
  nanoUsd: fc.nat(9),
});
const limits: fc.Arbitrary<QuotaLimits> = fc.record(
  {
    requestsPerMinute: fc.constantFrom(0, 3, 5),
    inputTokensPerMinute: fc.constantFrom(1, 60, 100, 300),
    imagesPerMinute: fc.constantFrom(2, 4),
    nanoUsdPerTenMinutes: fc.constantFrom(10, 25),
    requestsPerDay: fc.constantFrom(8, 12),
    inputTokensPerDay: fc.constantFrom(200, 900),
    concurrentCalls: fc.constantFrom(0, 2, 4),
  },
  { requiredKeys: [] },
);
const target = fc.nat(1);
const pick = fc.nat(30);
const time = fc.oneof(
  fc.nat(900),
  fc.integer({ min: 500, max: 20_000 }),
  fc.integer({ min: 40_000, max: 90_000 }),
  fc.integer({ min: 100_000, max: 30_000_000 }),
);

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      target,
      use,
      limits,
      ttlMs: fc.constantFrom(400, 9_000, 20_000, 500_000),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      pick,
      actual: fc.oneof(
        use,
        fc.record({ inputTokens: fc.integer({ min: 100, max: 1_500 }) }),
        fc.constant({}),
      ),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), pick }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('again' as const), pick }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('record' as const), target, use, limits, ageMs: time }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('block' as const),
      target,
      bucket: fc.constantFrom<QuotaBucket | 'target'>('target', 'requestsPerMinute', 'concurrentCalls'),
      forMs: fc.constantFrom(0, 700, 61_000),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('wait' as const), byMs: time }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

describe.each(ENGINES)('any trace, in $name', (engine) => {
  beforeAll(() => engine.start());
  afterAll(() => engine.stop());

  it('is answered as by a list of what happened', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...MIDNIGHTS),
        fc.array(step, { minLength: 1, maxLength: 60, size: 'max' }),
        async (wallMs, steps) => {
          const run = new Run(await engine.open(wallMs), new QuotaModel(wallMs));
          for (const each of steps) await run.take(each);
        },
      ),
      // One over a network takes longer.
      { numRuns: engine.name === 'memory' ? 300 : 60 },
    );
  }, 120_000);
});

/** Takes the steps of a trace, in the ledger and in the model, and compares. */
class Run {
  readonly #asked: Reservation[] = [];

  constructor(
    private readonly test: LedgerUnderTest,
    private readonly model: QuotaModel,
  ) {}

  async take(step: Step): Promise<void> {
    const { ledger } = this.test;
    switch (step.do) {
      case 'reserve': {
        const { use: estimate, limits, ttlMs } = step;
        await this.#reserve(this.#asking(step.target, estimate, limits, ttlMs));
        break;
      }
      case 'record': {
        const asked = this.#asking(step.target, step.use, step.limits, 9_000);
        await ledger.record(asked, step.ageMs);
        this.model.record(asked, step.ageMs);
        break;
      }
      case 'again':
        if (this.#picked(step.pick)) await this.#reserve(this.#picked(step.pick)!);
        break;
      case 'settle': {
        const asked = this.#picked(step.pick);
        if (asked)
          expect(await ledger.settle(asked, step.actual)).toBe(this.model.settle(asked, step.actual));
        break;
      }
      case 'release': {
        const asked = this.#picked(step.pick);
        if (asked) expect(await ledger.release(asked)).toBe(this.model.release(asked));
        break;
      }
      case 'block':
        await ledger.block(TARGETS[step.target]!, step.bucket, step.forMs, 'told so');
        this.model.block(TARGETS[step.target]!, step.bucket, step.forMs, 'told so');
        break;
      case 'wait':
        await this.test.advance(step.byMs);
        this.model.advance(step.byMs);
    }
    for (const target of TARGETS)
      expect(live(await ledger.snapshot(target))).toEqual(live(this.model.snapshot(target)));
  }

  async #reserve(asked: Reservation): Promise<void> {
    expect(await this.test.ledger.reserve(asked)).toEqual(this.model.reserve(asked));
  }

  #asking(target: number, estimate: QuotaUse, limits: QuotaLimits, ttlMs: number): Reservation {
    const asked = { id: `c${this.#asked.length}`, target: TARGETS[target]!, estimate, limits, ttlMs };
    this.#asked.push(asked);
    return asked;
  }

  /** Counted from the latest, which is what calls settle. */
  #picked(back: number): Reservation | undefined {
    return this.#asked.at(-1 - back);
  }
}

/** What is left when everything of which nothing is left is gone: an engine may forget that. */
function live({ buckets, marks, openReservations }: QuotaSnapshot) {
  return {
    buckets: Object.fromEntries(
      Object.entries(buckets).filter(([, { used, debt }]) => used !== 0 || debt !== 0),
    ),
    marks: marks.toSorted((one, other) => one.bucket.localeCompare(other.bucket)),
    openReservations,
  };
}
