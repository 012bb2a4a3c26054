import { type ArgumentsHost, Catch, type ExceptionFilter, Inject } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { PinoLogger } from 'nestjs-pino';
import { stackOf } from '../shared/stack-of.js';
import { exchangeOf } from './exchange.js';
import { httpErrorFrom } from './http-error.js';
import { HttpSurfaces } from './http-surface.js';

/** Renders whatever was thrown before the first byte of an answer, in the shape of the path's surface. */
@Catch()
export class ErrorFilter implements ExceptionFilter {
  constructor(
    @Inject(HttpSurfaces) private readonly surfaces: HttpSurfaces,
    private readonly logger: PinoLogger,
  ) {
    logger.setContext('http');
  }

  catch(thrown: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    this.answer(thrown, http.getRequest<FastifyRequest>(), http.getResponse<FastifyReply>());
  }

  /** Answers a request with the error. */
  answer(thrown: unknown, request: FastifyRequest, reply: FastifyReply): void {
    const error = httpErrorFrom(thrown);
    const exchange = exchangeOf(request);
    exchange.refusal = error.reason;
    if (error.reason === 'INTERNAL') {
      // Its cause is ours to see and holds nothing of the request's content but, at worst, in its message.
      this.logger.error(
        { request_id: exchange.id, error: stackOf(error) },
        'a request failed inside the gateway',
      );
    }
    if (reply.sent || reply.raw.headersSent || reply.raw.destroyed) return;
    const { status, contentType, body } = (exchange.surface ?? this.surfaces[0]).renderError(
      error,
      exchange.id,
    );
    if (error.retryAfterMs !== undefined) {
      reply.header('retry-after', String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))));
    }
    void reply.code(status).type(contentType).send(body);
  }
}
