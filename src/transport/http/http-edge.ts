import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sectionToken } from '../../config/config.module.js';
import { Clock } from '../../core/clock.js';
import { GatewayError } from '../../core/gateway-error.js';
import { RequestLog } from '../../telemetry/request-log.js';
import { traceOf } from '../../telemetry/traceparent.js';
import { ServerConfig } from '../server.config.js';
import { cacheDirectivesOf } from '../shared/cache-directives.js';
import { saneRequestId } from '../shared/exchange.js';
import { ErrorFilter } from './error.filter.js';
import { bindExchange, exchangeOf, HttpExchange } from './exchange.js';
import { HttpAdmission } from './http-admission.js';
import { HttpError, unsupportedMediaType } from './http-error.js';
import { onUnreadableUrl } from './http-server.js';
import { HttpSurfaces, surfaceOf } from './http-surface.js';
import { parseJsonBody } from './json-body.js';

/** Status that a log line gives to a request whose caller left before an answer (as nginx does). */
const CLIENT_CLOSED_REQUEST = 499;

/**
 * What happens to every HTTP request before and after its route: an id, room for it and authentication before the body
 * is read, JSON within bounds, an abort when the caller goes away, and one log line at the end.
 */
@Injectable()
export class HttpEdge {
  readonly #open = new Set<HttpExchange>();

  constructor(
    @Inject(HttpSurfaces) private readonly surfaces: HttpSurfaces,
    private readonly admission: HttpAdmission,
    private readonly errors: ErrorFilter,
    private readonly log: RequestLog,
    @Inject(Clock) private readonly clock: Clock,
    @Inject(sectionToken(ServerConfig)) private readonly server: ServerConfig,
  ) {}

  /** Number of requests that have not been answered in full. */
  get openExchanges(): number {
    return this.#open.size;
  }

  /** Hangs the hooks into the server. Once, before it listens. */
  install(fastify: FastifyInstance): void {
    onUnreadableUrl(fastify, (request, reply, status) => {
      this.#begin(request, reply);
      this.errors.answer(new HttpError(status, 'INVALID_REQUEST', 'The URL is not valid.'), request, reply);
    });
    fastify.addHook('onRequest', (request, reply, done) => {
      try {
        this.#admit(request, this.#begin(request, reply));
        done();
      } catch (thrown) {
        done(GatewayError.from(thrown));
      }
    });
    fastify.removeAllContentTypeParsers();
    fastify.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
      try {
        const text = body as string;
        // Clients that always say what they send do so where they send nothing, too.
        if (text === '' && request.method === 'DELETE') return done(null, undefined);
        exchangeOf(request).place?.holds(text.length);
        const { maxJsonDepth: maxDepth, maxJsonValues: maxValues } = this.server;
        done(null, takesAnyBody(request) ? text : parseJsonBody(text, { maxDepth, maxValues }));
      } catch (thrown) {
        done(GatewayError.from(thrown));
      }
    });
    fastify.addContentTypeParser('*', (request, payload, done) => {
      done(takesAnyBody(request) ? null : unsupportedMediaType(), payload);
    });
  }

  /** Cuts every request that is still open. */
  abortAll(reason: GatewayError): void {
    for (const exchange of this.#open) exchange.abort(reason);
  }

  #begin(request: FastifyRequest, reply: FastifyReply): HttpExchange {
    const { url, headers } = request.raw;
    // The router also understands other spellings of a path (percent escapes, the absolute form): its word counts.
    const surface = surfaceOf(this.surfaces, request.routeOptions.url ?? url ?? '/');
    const id = saneRequestId(headers['x-request-id']) ?? randomUUID();
    const exchange = new HttpExchange(id, surface, this.clock.monotonicMs());
    exchange.trace = traceOf(headers['traceparent']);
    exchange.cache = cacheDirectivesOf(headers['x-gateway-cache-control'] ?? headers['cache-control']);
    bindExchange(request, exchange);
    reply.raw.setHeader('x-request-id', exchange.id);
    this.#open.add(exchange);
    reply.raw.once('close', () => this.#end(request, reply, exchange));
    return exchange;
  }

  #admit(request: FastifyRequest, exchange: HttpExchange): void {
    const { surface } = exchange;
    if (surface === undefined) return;
    const { url, headers } = request.raw;
    const scope = takesAnyBody(request) ? 'resources' : 'generate';
    this.admission.admit(exchange, surface, headers, url ?? '/', scope);
  }

  #end(request: FastifyRequest, reply: FastifyReply, exchange: HttpExchange): void {
    this.#open.delete(exchange);
    exchange.place?.leave();
    const finished = reply.raw.writableFinished;
    if (!finished) exchange.abort(new GatewayError('CANCELLED', 'The caller went away.'));
    exchange.whenSettled(() => {
      const status = finished || reply.raw.headersSent ? reply.raw.statusCode : CLIENT_CLOSED_REQUEST;
      const refusal = exchange.refusal ?? (finished ? undefined : 'CANCELLED');
      this.log.write(exchange.logEntry(request.routeOptions.url ?? 'unknown', status, refusal));
    });
  }
}

/** Route setting: the body passes through unread, whatever its type. */
export const ANY_BODY = { anyBody: true } as const;

function takesAnyBody(request: FastifyRequest): boolean {
  return (request.routeOptions.config as { anyBody?: boolean }).anyBody === true;
}
