import { describe, expect, it } from '@jest/globals';
import { collect } from '../../../src/core/combinators.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { Generation } from '../../../src/core/generation.js';
import { GeminiService } from '../../../src/gemini/gemini.service.js';
import type { Dispatcher } from '../../../src/routing/dispatcher.js';
import { cachedTask, cacheUnderTest } from '../../helpers/cache.js';
import {
  callFixture,
  chunkFixture,
  configFixture,
  finishFixture,
  generationOf,
} from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { structuredOutputPolicy } from '../../helpers/structured-output.js';
import { telemetryPolicy } from '../../helpers/telemetry.js';

const config = configFixture(...cachedTask());

function serviceOver(dispatch: () => Promise<Generation>): GeminiService {
  const clock = new ManualClock();
  const { policy } = cacheUnderTest(clock);
  const dispatcher = { dispatch } as unknown as Dispatcher;
  return new GeminiService(telemetryPolicy(clock), policy, structuredOutputPolicy(clock), dispatcher);
}

describe('GeminiService', () => {
  it('takes a call through telemetry to dispatch and back', async () => {
    const generation = generationOf([chunkFixture('a'), finishFixture()]);
    const call = callFixture({ config });
    const answer = await serviceOver(() => Promise.resolve(generation)).generate(call);
    expect((await collect(answer)).chunks).toEqual([chunkFixture('a')]);
    expect(call.record.outcome).toMatchObject({ kind: 'completed' });
  });

  it('has refusals seen by telemetry as well', async () => {
    const call = callFixture({ config });
    const error = new GatewayError('NO_TARGET', 'None.');
    await expect(serviceOver(() => Promise.reject(error)).generate(call)).rejects.toBe(error);
    expect(call.record.outcome).toMatchObject({ kind: 'failed', error });
  });
});
