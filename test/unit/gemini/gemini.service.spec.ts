import { describe, expect, it } from '@jest/globals';
import { collect } from '../../../src/core/combinators.js';
import { GatewayError } from '../../../src/core/gateway-error.js';
import type { Generation } from '../../../src/core/generation.js';
import { GeminiService } from '../../../src/gemini/gemini.service.js';
import type { Dispatcher } from '../../../src/routing/dispatcher.js';
import { callFixture, chunkFixture, finishFixture, generationOf } from '../../helpers/calls.js';
import { ManualClock } from '../../helpers/manual-clock.js';
import { telemetryPolicy } from '../../helpers/telemetry.js';

const serviceOver = (dispatch: () => Promise<Generation>) =>
  new GeminiService(telemetryPolicy(new ManualClock()), { dispatch } as unknown as Dispatcher);

describe('GeminiService', () => {
  it('takes a call through telemetry to dispatch and back', async () => {
    const generation = generationOf([chunkFixture('a'), finishFixture()]);
    const call = callFixture();
    const answer = await serviceOver(() => Promise.resolve(generation)).generate(call);
    expect((await collect(answer)).chunks).toEqual([chunkFixture('a')]);
    expect(call.record.outcome).toMatchObject({ kind: 'completed' });
  });

  it('has refusals seen by telemetry as well', async () => {
    const call = callFixture();
    const error = new GatewayError('NO_TARGET', 'None.');
    await expect(serviceOver(() => Promise.reject(error)).generate(call)).rejects.toBe(error);
    expect(call.record.outcome).toMatchObject({ kind: 'failed', error });
  });
});
