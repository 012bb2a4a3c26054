import { describe, expect, it } from '@jest/globals';
import type { FastifyRequest } from 'fastify';
import { GatewayError } from '../../../../src/core/gateway-error.js';
import { geminiApiSurface } from '../../../../src/transport/gemini-api/gemini-api.surface.js';
import { answerHeaders } from '../../../../src/transport/http/answer-headers.js';
import { bindExchange, exchangeOf, HttpExchange } from '../../../../src/transport/http/exchange.js';
import { surfaceOf, type HttpSurfaces } from '../../../../src/transport/http/http-surface.js';
import { restSurface } from '../../../../src/transport/rest/rest.surface.js';
import { generationOf } from '../../../helpers/calls.js';

describe('HttpExchange', () => {
  it('aborts once, for the first reason', () => {
    const exchange = new HttpExchange('r', undefined, 5);
    const [first, second] = [new GatewayError('CANCELLED', '1'), new GatewayError('CANCELLED', '2')];
    exchange.abort(first);
    exchange.abort(second);
    expect(exchange.signal.reason).toBe(first);
    expect(exchange.record.startedMs).toBe(5);
  });

  it('has a caller only where one was authenticated', () => {
    const exchange = new HttpExchange('r', undefined, 0);
    expect(() => exchange.caller).toThrow(expect.objectContaining({ reason: 'UNAUTHENTICATED' }));
    exchange.principal = { keyId: 'k', tenant: 't', team: 'a', scopes: [] };
    expect(exchange.caller).toBe(exchange.principal);
  });

  it('is found by its request, and by no other', () => {
    const [request, other] = [{}, {}] as [FastifyRequest, FastifyRequest];
    const exchange = new HttpExchange('r', undefined, 0);
    bindExchange(request, exchange);
    expect(exchangeOf(request)).toBe(exchange);
    expect(() => exchangeOf(other)).toThrow(expect.objectContaining({ reason: 'INTERNAL' }));
  });
});

describe('surfaceOf', () => {
  const surfaces: HttpSurfaces = [restSurface, geminiApiSurface];
  it.each([
    ['/v1/generate', restSurface],
    ['/v1beta/models', geminiApiSurface],
    ['/upload/v1beta/files', geminiApiSurface],
    ['/gemini/v1/models', geminiApiSurface],
    ['/gemini/upload/v1/files', geminiApiSurface],
    ['/health', undefined],
    ['/docs', undefined],
    ['/v10/x', undefined],
  ])('gives %s its surface', (path, surface) => {
    expect(surfaceOf(surfaces, path)).toBe(surface);
  });
});

describe('answerHeaders', () => {
  const headersFor = (project: string) =>
    answerHeaders({ ...generationOf([]).head, project, model: 'm', attempts: 2 });

  it('tell who answered, and plainly when it was the emulator', () => {
    expect(headersFor('p')).toEqual({
      'x-gateway-model': 'm',
      'x-gateway-target': 'p/m',
      'x-gateway-cache': 'bypass',
      'x-gateway-attempts': '2',
    });
    expect(headersFor('emulator')).toMatchObject({ 'x-gateway-upstream': 'emulator' });
  });
});
