import { describe, expect, it } from '@jest/globals';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import { restFraming } from '../../../../src/transport/rest/rest.framing.js';
import { problemOf, restSurface } from '../../../../src/transport/rest/rest.surface.js';
import { HttpError } from '../../../../src/transport/http/http-error.js';
import {
  callFixture,
  chunkFixture,
  finishFixture,
  generationOf,
  usageFixture,
} from '../../../helpers/calls.js';

const framing = restFraming(callFixture({ id: 'r-1' }), generationOf([]));
const dataOf = (frame: string) =>
  JSON.parse(/^data: (.*)$/m.exec(frame)?.[1] ?? '') as Record<string, unknown>;

describe('restFraming', () => {
  it('writes a delta for each piece of the answer, and no frame where there is none', () => {
    expect(framing.event(chunkFixture('a\nb'))).toBe('event: delta\ndata: {"text":"a\\nb"}\n\n');
    expect(framing.event(chunkFixture(''))).toBe('');
    const two = {
      type: 'chunk' as const,
      value: { candidates: [{ content: { parts: [{ text: 'a' }, { text: 'b' }] } }] },
    };
    expect(framing.event(two)).toBe(
      'event: delta\ndata: {"text":"a"}\n\nevent: delta\ndata: {"text":"b"}\n\n',
    );
  });

  it('ends with the answer without its text', () => {
    const frame = framing.event(finishFixture({ modelVersion: 'm' }));
    expect(frame).toMatch(/^event: done\n/);
    expect(dataOf(frame)).toMatchObject({ id: 'r-1', modelVersion: 'm', finishReason: 'STOP' });
    expect(dataOf(frame)).not.toHaveProperty('text');
  });

  it('refuses a finish that is no answer', () => {
    expect(() => framing.event(finishFixture({ verdict: 'blocked' }))).toThrow(
      expect.objectContaining({ reason: 'SAFETY_BLOCKED' }),
    );
  });

  it('ends a failure with the problem, and what was used where anything was', () => {
    const error = new GatewayError('UPSTREAM_UNAVAILABLE', 'Broken.');
    const frame = framing.failure(error);
    expect(frame).toMatch(/^event: error\n/);
    expect(dataOf(frame)).toMatchObject({ code: 'UPSTREAM_UNAVAILABLE', status: 502, requestId: 'r-1' });
    expect(dataOf(frame)).not.toHaveProperty('usage');
    expect(dataOf(framing.failure(error.withUsage(usageFixture(3, 1))))).toMatchObject({
      usage: { totalTokens: 4 },
    });
  });
});

describe('problemOf', () => {
  it('is a problem document with the reason as its code, and nothing of the cause', () => {
    const error = new GatewayError('RATE_LIMITED', 'Slow down.', {
      retryAfterMs: 1_000,
      metadata: { field: 'task', upstreamStatus: 429 },
      cause: new Error('inner secret'),
    });
    const problem = problemOf(error, 'r-1');
    expect(problem).toEqual({
      type: 'about:blank',
      title: 'rate limited',
      status: 429,
      detail: 'Slow down.',
      code: 'RATE_LIMITED',
      requestId: 'r-1',
      retryAfterMs: 1_000,
      field: 'task',
      upstreamStatus: 429,
    });
    expect(JSON.stringify(problem)).not.toContain('inner secret');
  });

  it('has the status of the failure itself where HTTP has one', () => {
    expect(problemOf(new HttpError(415, 'INVALID_REQUEST', 'x'), 'r').status).toBe(415);
  });

  it('is rendered as application/problem+json', () => {
    const rendered = restSurface.renderError(new GatewayError('NO_TARGET', 'None.'), 'r');
    expect(rendered).toMatchObject({ status: 503, contentType: 'application/problem+json' });
    expect(JSON.parse(rendered.body)).toMatchObject({ code: 'NO_TARGET' });
  });
});
