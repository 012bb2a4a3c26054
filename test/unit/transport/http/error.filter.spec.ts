import { describe, expect, it } from '@jest/globals';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { PinoLogger } from 'nestjs-pino';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import { geminiApiSurface } from '../../../../src/transport/gemini-api/gemini-api.surface.js';
import { ErrorFilter } from '../../../../src/transport/http/error.filter.js';
import { bindExchange, HttpExchange } from '../../../../src/transport/http/exchange.js';
import type { HttpSurface } from '../../../../src/transport/http/http-surface.js';
import { restSurface } from '../../../../src/transport/rest/rest.surface.js';

/** What the filter makes of something thrown. */
function answered(
  thrown: unknown,
  { surface, sent = false }: { surface?: HttpSurface; sent?: boolean } = { surface: geminiApiSurface },
) {
  const lines: unknown[] = [];
  const logger = { setContext: () => undefined, error: (line: unknown) => lines.push(line) };
  const headers: Record<string, unknown> = {};
  let [status, type, body] = [0, '', ''];
  const reply = {
    sent,
    raw: {},
    header: (name: string, value: unknown) => ((headers[name] = value), reply),
    code: (code: number) => ((status = code), reply),
    type: (value: string) => ((type = value), reply),
    send: (value: string) => ((body = value), reply),
  };
  const request = {} as FastifyRequest;
  const exchange = new HttpExchange('r-1', surface, 0);
  bindExchange(request, exchange);
  const filter = new ErrorFilter([restSurface, geminiApiSurface], logger as unknown as PinoLogger);
  filter.answer(thrown, request, reply as unknown as FastifyReply);
  return { lines, headers, status, type, body, refusal: exchange.refusal };
}

describe('ErrorFilter', () => {
  it('answers in the shape of the surface, or of the first where there is none', () => {
    const error = new GatewayError('NO_TARGET', 'None.');
    expect(answered(error)).toMatchObject({ status: 503, refusal: 'NO_TARGET', lines: [] });
    expect(answered(error).body).toContain('"error":{');
    expect(answered(error, {}).type).toBe('application/problem+json');
  });

  it.each([
    [1, '1'],
    [1_000, '1'],
    [1_001, '2'],
    [0, '1'],
  ])('says to wait %i ms in whole seconds', (retryAfterMs, seconds) => {
    const error = new GatewayError('RATE_LIMITED', 'Slow down.', { retryAfterMs });
    expect(answered(error).headers).toEqual({ 'retry-after': seconds });
    expect(answered(new GatewayError('RATE_LIMITED', 'Slow down.')).headers).toEqual({});
  });

  it('logs the place of a fault, and neither its message nor an answer’s', () => {
    const { lines, body, status } = answered(new TypeError('prompt text in a message'));
    expect(status).toBe(500);
    expect(lines).toEqual([{ request_id: 'r-1', error: expect.stringMatching(/^TypeError\n {4}at /) }]);
    expect(JSON.stringify(lines) + body).not.toContain('prompt text');
  });

  it('writes nothing once an answer was sent', () => {
    expect(answered(new GatewayError('INTERNAL', 'x'), { sent: true })).toMatchObject({
      status: 0,
      body: '',
    });
  });
});
